/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's word on network interfaces (rtnetlink(7), RTMGRP_LINK) as events of the loop.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "capture/netdev.h"

struct linkwatch;

struct linkwatch_event {
	const void *message; /* of rtnetlink; NULL: events were lost, anything may have changed */
	int index;
	struct netdev now; /* without the name, as the event tells it; the index is 0 when the link
			      is gone */
};

/* True when the link has that name: its own, another one (altname), or an address label of it. */
bool linkwatch_is(const struct linkwatch_event *event, const char *name);

/* Calls `on_link` for each change of any interface. 0 or -errno. */
int linkwatch_new(struct linkwatch **out, struct ev_loop *loop,
		  void (*on_link)(void *ctx, const struct linkwatch_event *event), void *ctx);

/* Not from within on_link. NULL is legal. */
void linkwatch_free(struct linkwatch *w);
