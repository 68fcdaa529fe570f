/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handles form a queue. The first is read; each later one was opened by a reload and fills
 * its ring meanwhile. Neighbours share a cut: the older takes packets from before it, the newer
 * those from then on. A moment after the cut (a packet may have been stamped, but not be in the
 * ring yet) the older rejects all, is read empty and closed, and the next one's turn comes.
 *
 * The newest handle stands for the interface. When that goes away the handle is only read empty,
 * and a new one is opened behind it as soon as there is something to open, whether or not Kafka
 * takes packets meanwhile.
 */
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "linkwatch.h"
#include "log.h"

#define MAX_HANDLES  4
#define CUT_GRACE_S  0.02
#define SETTLE_S     0.5 /* a handle that did not live as long is not replaced at once */
#define DLT_ETHERNET 1

struct tap {
	struct tap_options opt;
	const struct config *cfg;
	struct capture *handles[MAX_HANDLES];
	size_t n;
	bool running; /* tap_run() was called, and the sink has not said "full" since */
	bool stopping;
	bool waiting;   /* for the interface: what handles there are, are only read empty */
	bool said_lost; /* the interface's absence was logged */
	int dlt;        /* of the newest handle there was; -1 none yet */
	double opened;  /* when that was */
	struct linkwatch *links;
	ev_timer timer;                 /* the grace after a cut; also "stopped" */
	ev_timer reopen;                /* looks whether the interface is there again already */
	struct capture_counters closed; /* of the handles that are gone */
};

static void add_counters(struct capture_counters *sum, const struct capture_counters *c)
{
	sum->received += c->received;
	sum->bytes += c->bytes;
	sum->dropped_kernel += c->dropped_kernel;
	sum->dropped_interface += c->dropped_interface;
	sum->passed += c->passed;
	sum->unread += c->unread;
	sum->inexact |= c->inexact;
}

static double steady_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static struct capture *newest(const struct tap *t)
{
	return t->handles[t->n - 1];
}

static void close_first(struct tap *t)
{
	struct capture_counters c;

	capture_read_counters(t->handles[0], &c);
	add_counters(&t->closed, &c);
	capture_free(t->handles[0]);
	t->n--;
	memmove(t->handles, t->handles + 1, t->n * sizeof(t->handles[0]));
}

static void tell_state(struct tap *t, const char *state)
{
	char buf[160];

	snprintf(buf, sizeof(buf), "%s %s", state, t->cfg->interface);
	t->opt.on_state(t->opt.ctx, buf);
}

static void say_lost(struct tap *t, const char *why)
{
	if (t->said_lost)
		return;
	t->said_lost = true;
	log_write_event(LOG_LEVEL_WARN, LOG_EVENT_INTERFACE_LOST, NULL, 0,
			"%s; waiting for the interface", why);
}

static void tell_waiting(struct tap *t, int r)
{
	tell_state(t, r == CAPTURE_E_DOWN ? "waiting, as it is down, for interface"
					  : "waiting for interface");
}

/* The newest handle captures. */
static void say_back(struct tap *t)
{
	int dlt = capture_dlt(newest(t));
	bool changed = t->dlt >= 0 && t->dlt != dlt;

	if (t->said_lost)
		log_write_event(LOG_LEVEL_INFO, LOG_EVENT_INTERFACE_BACK, NULL, 0,
				"%s: the interface is back, capturing%s%s", t->cfg->interface,
				changed ? "; its link type is now " : "",
				changed ? capture_link_name(newest(t)) : "");
	t->said_lost = false;
	t->dlt = dlt;
	tell_state(t, "capturing on");
}

/* ---- handles ---- */

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tap *t = w->data;

	if (t->n > 1)
		capture_stop(t->handles[0]);
	else if (t->n == 0 && t->stopping)
		t->opt.on_stopped(t->opt.ctx);
}

static void start_timer(struct tap *t, ev_timer *timer, double after)
{
	/* A reload has taken a while since the loop last looked: the grace begins now. */
	ev_now_update(t->opt.loop);
	ev_timer_stop(t->opt.loop, timer);
	ev_timer_set(timer, after, 0.);
	ev_timer_start(t->opt.loop, timer);
}

/* The interface may be there again, and nothing may tell of it any more. */
static void look_soon(struct tap *t)
{
	start_timer(t, &t->reopen, steady_now() - t->opened < SETTLE_S ? SETTLE_S : 0.);
}

/* The first handle is done with: the next one's turn. */
static void on_handle_stopped(void *ctx)
{
	struct tap *t = ctx;

	close_first(t);
	if (t->waiting && !t->stopping && t->opt.wait)
		look_soon(t);
	if (t->n == 0) {
		start_timer(t, &t->timer, 0.);
		return;
	}
	if (t->n > 1)
		start_timer(t, &t->timer, CUT_GRACE_S);
	if (t->running)
		capture_run(t->handles[0]);
}

/* The newest handle is of no use any more. */
static void lose(struct tap *t, const char *why)
{
	char text[320];

	t->waiting = true;
	capture_stop(newest(t));
	snprintf(text, sizeof(text), "%s: %s", t->cfg->interface, why);
	if (!t->opt.wait) {
		log_error("%s", text);
		t->opt.on_failed(t->opt.ctx, text);
		return;
	}
	say_lost(t, text);
	tell_waiting(t, CAPTURE_E_MISSING);
	look_soon(t);
}

static void on_handle_lost(void *ctx, const char *why)
{
	struct tap *t = ctx;

	/* Of more than one the first is on its way out anyhow. */
	if (!t->stopping && !t->waiting && t->n == 1)
		lose(t, why);
}

static void on_handle_error(void *ctx, int err)
{
	struct tap *t = ctx;

	t->opt.on_error(t->opt.ctx, err);
}

static int sink(void *ctx, const struct packet *pkt)
{
	struct tap *t = ctx;
	int r = t->opt.sink(t->opt.ctx, pkt);

	if (r > 0)
		t->running = false;
	return r;
}

static int open_handle(struct tap *t, const struct config *cfg, struct capture **out, char *why,
		       size_t size)
{
	const struct capture_options opt = {
		.loop = t->opt.loop,
		.interface = cfg->interface,
		.filter = cfg->filter,
		.snaplen = cfg->snaplen,
		.buffer_size = cfg->buffer_size,
		.buffer_timeout_ms = cfg->buffer_timeout_ms,
		.promiscuous = cfg->promiscuous,
		.sink = sink,
		.on_lost = on_handle_lost,
		.on_stopped = on_handle_stopped,
		.on_error = on_handle_error,
		.ctx = t,
	};

	return capture_new(out, &opt, why, size);
}

static bool can_wait(int r)
{
	return r == CAPTURE_E_MISSING || r == CAPTURE_E_DOWN;
}

static int errno_of(int r)
{
	switch (r) {
	case CAPTURE_E_MISSING:
	case CAPTURE_E_DOWN:
		return -ENODEV;
	case CAPTURE_E_PERMISSION:
		return -EPERM;
	case CAPTURE_E_FILTER:
		return -EINVAL;
	default:
		return r < 0 ? r : -EIO;
	}
}

static void append_handle(struct tap *t, struct capture *fresh)
{
	/* One that we waited for follows on a handle that takes nothing any more. */
	if (t->n && !t->waiting)
		capture_hand_over(newest(t), fresh);
	t->handles[t->n++] = fresh;
	t->waiting = false;
	t->opened = steady_now();
	if (t->n == 1 && t->running)
		capture_run(fresh);
	if (t->n == 2)
		start_timer(t, &t->timer, CUT_GRACE_S);
	say_back(t);
}

/* Tries to open while waiting. Positive: it has to wait, `why` says for what. */
static int try_open(struct tap *t, char *why, size_t size)
{
	struct capture *fresh = NULL;
	int r = open_handle(t, t->cfg, &fresh, why, size);

	if (r == 0)
		append_handle(t, fresh);
	else if (r < 0)
		snprintf(why, size, "%s: %s", t->cfg->interface, strerror(-r));
	return r;
}

/* ---- the interface ---- */

static void reopen(struct tap *t)
{
	char why[320];
	int r;

	/* With that many to be read empty, the first that is closed leads here again. */
	if (t->n == MAX_HANDLES)
		return;
	r = try_open(t, why, sizeof(why));
	if (can_wait(r))
		tell_waiting(t, r);
	else if (r != 0) /* perhaps half made: the kernel tells when it changes again */
		log_warn("%s", why);
}

static void on_reopen(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tap *t = w->data;

	if (t->waiting && !t->stopping)
		reopen(t);
}

/* The handle outlives a link that is down; only what is new is told. */
static void look(struct tap *t)
{
	char why[160];

	switch (capture_look(newest(t))) {
	case CAPTURE_LINK_UP:
		if (t->said_lost)
			say_back(t);
		break;
	case CAPTURE_LINK_DOWN:
		snprintf(why, sizeof(why), "%s: the interface is down", t->cfg->interface);
		say_lost(t, why);
		tell_waiting(t, CAPTURE_E_DOWN);
		break;
	case CAPTURE_LINK_GONE:
		lose(t, "The interface disappeared");
		break;
	case CAPTURE_LINK_CHANGED:
		lose(t, "The interface changed its link type");
		break;
	}
}

/* A rename is told with the new name, so that the index counts too. */
static bool concerns(const struct tap *t, const struct linkwatch_event *event)
{
	return !event->name || !strcmp(event->name, t->cfg->interface) ||
	       (!t->waiting && event->index == capture_index(newest(t)));
}

static void on_link(void *ctx, const struct linkwatch_event *event)
{
	struct tap *t = ctx;

	if (t->stopping || !concerns(t, event))
		return;
	if (!t->waiting)
		look(t);
	else if (t->opt.wait)
		reopen(t);
}

/* ---- the tap ---- */

static int start(struct tap *t)
{
	char why[320];
	int r = linkwatch_new(&t->links, t->opt.loop, on_link, t);

	if (r < 0) {
		log_error("Cannot watch the network interfaces: %s", strerror(-r));
		return r;
	}
	r = try_open(t, why, sizeof(why));
	if (r == 0)
		return 0;
	if (t->opt.wait && can_wait(r)) {
		say_lost(t, why);
		tell_waiting(t, r);
		return 0;
	}
	log_error("%s", why);
	return errno_of(r);
}

int tap_new(struct tap **out, const struct tap_options *opt)
{
	struct tap *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->opt = *opt;
	t->cfg = opt->cfg;
	t->waiting = true;
	t->dlt = -1;
	ev_timer_init(&t->timer, on_timer, 0., 0.);
	ev_timer_init(&t->reopen, on_reopen, 0., 0.);
	t->timer.data = t->reopen.data = t;
	r = start(t);
	if (r < 0) {
		tap_free(t);
		return r;
	}
	*out = t;
	return 0;
}

void tap_run(struct tap *t)
{
	t->running = true;
	if (t->n)
		capture_run(t->handles[0]);
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool same_capture(const struct config *a, const struct config *b)
{
	return same_text(a->interface, b->interface) && same_text(a->filter, b->filter) &&
	       a->snaplen == b->snaplen && a->buffer_size == b->buffer_size &&
	       a->buffer_timeout_ms == b->buffer_timeout_ms && a->promiscuous == b->promiscuous;
}

/* The interface cannot be opened now: what can be checked without it is. */
static int reload_waiting(struct tap *t, const struct config *cfg, int r, char *why, size_t size)
{
	int dlt = t->dlt < 0 ? DLT_ETHERNET : t->dlt;
	char text[320];

	if (cfg->filter && capture_check_filter(cfg->filter, dlt, text, sizeof(text)) < 0) {
		snprintf(why, size, "filter '%s': %s", cfg->filter, text);
		return -EINVAL;
	}
	t->cfg = cfg;
	if (!t->waiting)
		capture_stop(newest(t));
	t->waiting = true;
	say_lost(t, why);
	tell_waiting(t, r);
	return 0;
}

int tap_reload(struct tap *t, const struct config *cfg, char *why, size_t size)
{
	struct capture *fresh = NULL;
	bool same_interface = same_text(t->cfg->interface, cfg->interface);
	int r;

	if (same_capture(t->cfg, cfg)) {
		t->cfg = cfg;
		return 0;
	}
	if (t->n == MAX_HANDLES) {
		snprintf(why, size, "earlier reloads are not done yet: Kafka takes no packets");
		return -EBUSY;
	}
	r = open_handle(t, cfg, &fresh, why, size);
	if (t->opt.wait && same_interface && can_wait(r))
		return reload_waiting(t, cfg, r, why, size);
	if (r < 0)
		snprintf(why, size, "%s: %s", cfg->interface, strerror(-r));
	if (r != 0)
		return errno_of(r);
	t->cfg = cfg;
	append_handle(t, fresh);
	return 0;
}

void tap_stop(struct tap *t)
{
	if (t->stopping)
		return;
	t->stopping = true;
	ev_timer_stop(t->opt.loop, &t->reopen);
	for (size_t i = 0; i < t->n; i++)
		capture_stop(t->handles[i]);
	if (t->n == 0)
		start_timer(t, &t->timer, 0.);
	else if (!t->running)
		tap_run(t); /* a parked packet, or one that was never run */
}

bool tap_is_capturing(const struct tap *t)
{
	return !t->waiting;
}

bool tap_has_parked(const struct tap *t)
{
	return t->n && capture_has_parked(t->handles[0]);
}

void tap_read_counters(struct tap *t, struct capture_counters *out)
{
	*out = t->closed;
	for (size_t i = 0; i < t->n; i++) {
		struct capture_counters c;

		capture_read_counters(t->handles[i], &c);
		add_counters(out, &c);
	}
}

void tap_free(struct tap *t)
{
	if (!t)
		return;
	ev_timer_stop(t->opt.loop, &t->timer);
	ev_timer_stop(t->opt.loop, &t->reopen);
	while (t->n)
		close_first(t);
	linkwatch_free(t->links);
	free(t);
}
