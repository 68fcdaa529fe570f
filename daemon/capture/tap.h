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

struct tap;

struct tap_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until tap_reload() is done with it */
	bool wait;                /* wait for the interface instead of giving up */
	packet_fn sink;
	/*
	 * Once, after tap_new(): 0 it captures, or waits; or (logged) -EINVAL, -ENODEV, -EPERM,
	 * -EIO when it cannot be opened, with `wait` only for faults that waiting does not mend.
	 */
	void (*on_opened)(void *ctx, int err);
	void (*on_reloaded)(void *ctx, int err, const char *why); /* after TAP_E_PENDING */
	void (*on_state)(void *ctx, const char *text);            /* for STATUS= */
	void (*on_failed)(void *ctx, const char *why); /* given up later (not `wait`); logged */
	void (*on_error)(void *ctx, int err);          /* the sink's negative errno */
	void (*on_stopped)(void *ctx);                 /* after tap_stop() */
	void *ctx;
};

/* The answer comes by on_reloaded(). */
#define TAP_E_PENDING 1

/*
 * Begins to open the interface of the settings (opening.h); on_opened() follows, never from within.
 * Nothing is read before tap_run(). 0 or -errno (logged).
 */
int tap_new(struct tap **out, const struct tap_options *opt);

/* Starts, or resumes after the sink said PACKET_E_FULL. */
void tap_run(struct tap *t);

/*
 * New settings, after on_opened(): opens a new handle while the old one captures, then cuts over at
 * a moment, so that each packet is taken once. 0: nothing of the capture changes, and it is done;
 * TAP_E_PENDING: on_reloaded() will say; -errno with `why`, and nothing changed. Both settings must
 * live until then.
 */
int tap_reload(struct tap *t, const struct config *cfg, char *why, size_t size);

/* A reload that is pending is no more, and nothing changes. */
void tap_cancel_reload(struct tap *t);

/* Stops the input, hands over what the rings hold, then on_stopped, never from within. */
void tap_stop(struct tap *t);

bool tap_is_capturing(const struct tap *t); /* not waiting for its interface */
bool tap_has_parked(const struct tap *t);
void tap_read_counters(struct tap *t, struct capture_counters *out);
void tap_free(struct tap *t);
