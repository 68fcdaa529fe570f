/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What app needs of the two things an instance can be: a producer (producer_role.c) or a
 * consumer (consumer_role.c). app owns the loop, signals, timers and the service state;
 * a role owns everything that packets pass through.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/metrics.h"
#include "app/progress.h"
#include "config/config.h"

struct role; /* each role's own; opaque to app */

/* The answer of new() and reload() comes later, by an event. */
#define ROLE_E_PENDING 1

/* on_done()'s status when the settings are wrong: starting again is of no use until they are
 * mended. */
#define ROLE_STATUS_SETTINGS 2

/* on_done()'s status when the reader of the output is gone: nothing is worth waiting for. */
#define ROLE_STATUS_NO_READER (-1)

/* How a role tells app of itself. All are called from the loop, on_state also from within new. */
struct role_events {
	/* It captures or reads, or waits until it can (after ROLE_E_PENDING of new). */
	void (*on_started)(void *ctx);
	/* How a reload ended (after ROLE_E_PENDING of it): 0, or -errno with one line. */
	void (*on_reloaded)(void *ctx, int err, const char *why);
	/* The role has reached its end by itself (limit, end of input or topic, reader gone, or
	 * a runtime failure, then status = 1): app begins the shutdown. */
	void (*on_done)(void *ctx, int status);
	/* Everything is drained after stop(), or given up after abandon(): app leaves the loop. */
	void (*on_stopped)(void *ctx);
	/* The state text for STATUS= changed ("capturing on eth0", "waiting for interface eth0").
	 */
	void (*on_state)(void *ctx, const char *text);
	void *ctx;
};

struct role_options {
	struct ev_loop *loop;
	const struct config *cfg; /* kept until reload() */
	struct role_events events;
};

struct role_ops {
	/*
	 * Creates and starts the role. 0; ROLE_E_PENDING: on_started() follows, or on_done();
	 * -ENOPROTOOPT: the settings are wrong; -errno. Logged.
	 */
	int (*new)(struct role **out, const struct role_options *opt);
	/* What was taken is all that the run was to take: its time is over. stop() follows. */
	void (*complete)(struct role *s);
	/* Stops the input and drains what is inside; ends in on_stopped. Called once. */
	void (*stop)(struct role *s);
	/* After stop(), again and again: true when abandon() would lose nothing. NULL: never. */
	bool (*may_leave)(struct role *s);
	/* Gives up waiting (deadline or second signal); counts what is left; on_stopped follows. */
	void (*abandon)(struct role *s);
	/*
	 * Applies new settings in full or not at all. 0; -errno with one line in `why`; or
	 * ROLE_E_PENDING: on_reloaded() follows, and both configs must live until then. On success
	 * a role keeps the old config only by a reference of its own.
	 */
	int (*reload)(struct role *s, const struct config *cfg, char *why, size_t size);
	/* A reload that is pending is no more, and nothing was changed. NULL: none ever is. */
	void (*cancel_reload)(struct role *s);
	/*
	 * A number that changes when progress is made, or while none is due (nothing to send, a
	 * quiet topic): what stands still for the stall timeout ends a bounded run.
	 */
	uint64_t (*progress)(const struct role *s);
	/*
	 * All that a bounded run was to take was taken: when it then stalls it has failed only if
	 * finish() says so. NULL: it never is.
	 */
	bool (*is_done)(const struct role *s);
	/* What a stalled run waits for, in words ("broker localhost:9092", "topic pcap"). */
	void (*waiting_for)(const struct role *s, char *buf, size_t size);
	/* How far a run that has an end has come, for the terminal. */
	void (*measure)(struct role *s, struct progress *out);
	/* Logs the stats line: totals, and rates since the last call. */
	void (*log_stats)(struct role *s);
	/*
	 * Fills in its part of the metrics: the state, what is wrong, the counters, Kafka's.
	 * Reading them changes nothing.
	 */
	void (*metrics)(struct role *s, struct metrics *out);
	/* One short line of rates for STATUS=; rates since the last call of this function. */
	void (*summary)(struct role *s, char *buf, size_t size);
	/*
	 * Logs the closing lines. Returns the exit status, 0 or 1, of the account as it stands;
	 * with 1 the last line was the reason. `interrupted`: a signal stopped it.
	 */
	int (*finish)(struct role *s, bool interrupted);
	void (*free)(struct role *s);
};

extern const struct role_ops producer_role_ops;
extern const struct role_ops consumer_role_ops;
