/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of an interface: STATUS= tells how it is now; the log tells once that it is away,
 * and once that it is back.
 */
#pragma once

#include <stdbool.h>

#include "capture/capture.h"

struct interface_state {
	void (*on_state)(void *ctx, const char *text);
	void *ctx;
	bool said_lost; /* its absence was logged */
	int dlt;        /* of the last handle there was; -1 none yet */
};

/* "capturing on eth0", for STATUS=. */
void interface_state_tell(const struct interface_state *s, const char *state, const char *name);

/* It is away. `why` names it. */
void interface_state_lost(struct interface_state *s, const char *why);

/* It is waited for; `r`: CAPTURE_E_DOWN, or whatever else it cannot be opened for. */
void interface_state_waiting(const struct interface_state *s, const char *name, int r);

/* The handle captures from it. */
void interface_state_capturing(struct interface_state *s, const char *name,
			       const struct capture *handle);
