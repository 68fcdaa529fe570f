/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast we come back to a broker that refused us: a wrong password tried twice a second locks
 * accounts and fills the broker's log, while a broker that was only away is to be found fast.
 *
 * Used from librdkafka's threads and the loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct login_backoff;

/* Made with one reference: it outlives each of the clients that are made anew after a refusal. */
int login_backoff_new(struct login_backoff **out);
void login_backoff_ref(struct login_backoff *p);
void login_backoff_unref(
	struct login_backoff *p); /* any thread; the last one frees; NULL is legal */

/* A broker refused us (hints_is_refusal): connections are spaced for the next minute. */
void login_backoff_refused(struct login_backoff *p, uint64_t now_ms);

/* A broker takes us, or the settings are new ones: no more waiting. */
void login_backoff_accepted(struct login_backoff *p);

/*
 * True when a connection to this address may be tried now. After a refusal each address waits
 * 1, 2, 4 ... 30 s between two tries; the others are not held up by it.
 */
bool login_backoff_may_connect(struct login_backoff *p, const struct sockaddr *addr, socklen_t len,
			       uint64_t now_ms);
