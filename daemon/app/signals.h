/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signalfd: SIGINT, SIGTERM, SIGHUP and SIGUSR1 as events of the loop.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

struct signals;

/*
 * Blocks our signals in the calling thread, so that every thread made later inherits the mask and
 * only the signalfd sees them; ignores SIGPIPE. Call before any library starts a thread.
 * A SIGHUP that was ignored when we started (nohup) stays ignored. 0 or -errno.
 */
int signals_block(void);

/* Calls `on_signal` in the loop for each signal. The fd is CLOEXEC. 0 or -errno. */
int signals_new(struct signals **out, struct ev_loop *loop, void (*on_signal)(void *ctx, int signo),
		void *ctx);
void signals_free(struct signals *s);
