/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture of an interface through its whole life: opened, lost, found again, handed over to
 * another handle at a reload, stopped; its counters added up over all handles.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "capture/capture.h"
#include "config/config.h"

struct live_capture;

struct live_capture_options {
	struct ev_loop *loop;
	const struct config *cfg; /* kept until a reload has put another in its place */
	bool wait;                /* wait for the interface instead of giving up */
	packet_fn sink;
	/*
	 * Once, after live_capture_new(): 0 it captures, or waits; or (logged) -EINVAL, -ENODEV,
	 * -EPERM, -EIO when it cannot be opened, with `wait` only for faults that waiting does not
	 * mend.
	 */
	void (*on_opened)(void *ctx, int err);
	void (*on_reloaded)(void *ctx, int err, const char *why); /* after LIVE_CAPTURE_E_PENDING */
	void (*on_state)(void *ctx, const char *text);            /* for STATUS= */
	void (*on_failed)(void *ctx, const char *why); /* given up later (not `wait`); logged */
	void (*on_error)(void *ctx, int err);          /* the sink's negative errno */
	void (*on_stopped)(void *ctx);                 /* after live_capture_stop() */
	void *ctx;
};

/* The answer comes by on_reloaded(). */
#define LIVE_CAPTURE_E_PENDING 1

/*
 * Begins to open the interface of the settings (opening.h); on_opened() follows, never from within.
 * Nothing is read before live_capture_run(). 0 or -errno (logged).
 */
int live_capture_new(struct live_capture **out, const struct live_capture_options *opt);

/* Starts, or resumes after the sink said PACKET_E_FULL. */
void live_capture_run(struct live_capture *t);

/*
 * New settings, after on_opened(): opens a new handle while the old one captures, then cuts over at
 * a moment, so that each packet is taken once. 0: nothing of the capture changes, and it is done;
 * LIVE_CAPTURE_E_PENDING: on_reloaded() will say; -errno with `why`, and nothing changed. Both
 * settings must live until then.
 */
int live_capture_reload(struct live_capture *t, const struct config *cfg, char *why, size_t size);

/* A reload that is pending is no more, and nothing changes. */
void live_capture_cancel_reload(struct live_capture *t);

/* Stops the input, hands over what the rings hold, then on_stopped, never from within. */
void live_capture_stop(struct live_capture *t);

bool live_capture_is_capturing(const struct live_capture *t); /* not waiting for its interface */
bool live_capture_has_parked(const struct live_capture *t);
void live_capture_read_counters(struct live_capture *t, struct capture_counters *out);
void live_capture_free(struct live_capture *t);
