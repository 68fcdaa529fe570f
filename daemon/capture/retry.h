/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How soon the opening of an interface that failed is tried again: at once when the kernel tells of
 * another state than it was tried in, else after a delay that grows. And whether its reason is
 * worth a line.
 */
#pragma once

#include <stdbool.h>

#include "capture/netdev.h"

#define RETRY_MAX_S 15 /* docs/pycapa.8.scd says so too */

/* All zero: nothing has failed yet. */
struct retry {
	double delay_s;      /* before the last try; 0: there was none */
	char said[320];      /* the reason that was said last */
	struct netdev tried; /* the interface at the last try */
	struct netdev now;   /* as the kernel told since that began, */
	bool told;           /* if it did; */
	bool uncertain;      /* or what it told was lost */
};

/* A try begins. */
void retry_begin(struct retry *r);

/* The kernel tells of the interface; NULL: what it told is lost. True: it is another now. */
bool retry_tell(struct retry *r, const struct netdev *now);

/*
 * It failed, with the interface in that state. The seconds until the next: 0 when it is another by
 * now, else 1, 2, 4, 8, then RETRY_MAX_S each time.
 */
double retry_fail(struct retry *r, const struct netdev *tried);

/* The same, of a try that could not begin. */
double retry_delay(struct retry *r);

/* True when this is another reason than the last: it is to be said. */
bool retry_is_news(struct retry *r, const char *why);

/* It works: whatever fails next is news, and is tried again soon. */
void retry_clear(struct retry *r);
