/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture of an interface through its whole life: opened, lost, found again, handed over to
 * another handle at a reload, stopped; its counters added up over all handles.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "capture.h"
#include "config.h"

struct tap;

struct tap_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed until tap_reload() */
	bool wait;                /* wait for the interface instead of giving up */
	packet_fn sink;
	void (*on_state)(void *ctx, const char *text); /* for STATUS= */
	void (*on_failed)(void *ctx, const char *why); /* given up (not `wait`); logged */
	void (*on_error)(void *ctx, int err);          /* the sink's negative errno */
	void (*on_stopped)(void *ctx);                 /* after tap_stop() */
	void *ctx;
};

/*
 * Opens the interface of the settings, or waits for it. Nothing is read before tap_run().
 * 0; -EINVAL, -ENODEV, -EPERM, -EIO (logged) when it cannot be opened; with `wait` only faults
 * that waiting does not mend.
 */
int tap_new(struct tap **out, const struct tap_options *opt);

/* Starts, or resumes after the sink said PACKET_E_FULL. */
void tap_run(struct tap *t);

/*
 * New settings: opens a new handle, then cuts over at a moment, so that each packet is taken once.
 * 0 (also when nothing of the capture changes), or -errno with `why` and nothing changed.
 */
int tap_reload(struct tap *t, const struct config *cfg, char *why, size_t size);

/* Stops the input, hands over what the rings hold, then on_stopped, never from within. */
void tap_stop(struct tap *t);

bool tap_is_capturing(const struct tap *t); /* not waiting for its interface */
bool tap_has_parked(const struct tap *t);
void tap_read_counters(struct tap *t, struct capture_counters *out);
void tap_free(struct tap *t);
