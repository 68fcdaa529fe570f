/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening of a capture on a thread of its own: its filter may have to wait for the name
 * service, a device for the kernel. One at a time; the loop is told of its end.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#include "capture/capture.h"
#include "capture/netdev.h"

struct opening;

struct opening_result {
	int r;                   /* of capture_new() */
	struct capture *capture; /* r = 0: whoever takes it sets this to NULL */
	char why[320];           /* r != 0: one line */
	struct netdev tried;     /* the interface as it was before that */
	/* The interface is missing or down: what is wrong with the filter all the same; "" nothing.
	 */
	char filter_fault[320];
};

typedef void (*opening_fn)(void *ctx, struct opening_result *result);

/* Returns 0 or -ENOMEM. */
int opening_new(struct opening **out, struct ev_loop *loop, opening_fn on_opened, void *ctx);

/* Two that were to be forgotten still run, and each may hold a ring: try again later. */
#define OPENING_E_BUSY 1

/*
 * Begins; one that has not ended is forgotten. `dlt`: the link type that the filter is checked for
 * when the interface is not there. Returns 0; OPENING_E_BUSY, and nothing changed; or -errno
 * (logged).
 */
int opening_start(struct opening *o, const struct capture_options *opt, int dlt);

bool opening_is_pending(const struct opening *o);

/* Nobody is told of it any more. It is not waited for either: its thread ends by itself. */
void opening_forget(struct opening *o);

/* Not from within on_opened. NULL is legal. */
void opening_free(struct opening *o);
