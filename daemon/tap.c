/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handles form a queue. The first is read; each later one was opened by a reload and fills
 * its ring meanwhile. Neighbours share a cut: the older takes packets from before it, the newer
 * those from then on. A moment after the cut (a packet may have been stamped, but not be in the
 * ring yet) the older rejects all, is read empty and closed, and the next one's turn comes.
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
#define DLT_ETHERNET 1

struct tap {
	struct tap_options opt;
	const struct config *cfg;
	struct capture *handles[MAX_HANDLES];
	size_t n;
	bool running; /* tap_run() was called, and the sink has not said "full" since */
	bool stopping;
	bool said_lost; /* the interface's absence was logged */
	struct linkwatch *links;
	ev_timer timer;                 /* the grace after a cut; also "stopped" */
	struct capture_counters closed; /* of the handles that are gone */
};

static void add_counters(struct capture_counters *sum, const struct capture_counters *c)
{
	sum->received += c->received;
	sum->bytes += c->bytes;
	sum->dropped_kernel += c->dropped_kernel;
	sum->dropped_interface += c->dropped_interface;
	sum->passed += c->passed;
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

static void say_back(struct tap *t)
{
	if (t->said_lost)
		log_write_event(LOG_LEVEL_INFO, LOG_EVENT_INTERFACE_BACK, NULL, 0,
				"%s: the interface is back, capturing", t->cfg->interface);
	t->said_lost = false;
	tell_state(t, "capturing on");
}

/* ---- handles ---- */

static void on_grace_over(struct tap *t)
{
	if (t->n == 0) {
		if (t->stopping)
			t->opt.on_stopped(t->opt.ctx);
	} else if (t->n > 1) {
		capture_stop(t->handles[0]);
	}
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	on_grace_over(w->data);
}

static void schedule(struct tap *t, double after)
{
	ev_timer_stop(t->opt.loop, &t->timer);
	ev_timer_set(&t->timer, after, 0.);
	ev_timer_start(t->opt.loop, &t->timer);
}

/* The first handle is done with: the next one's turn. */
static void next_handle(struct tap *t)
{
	close_first(t);
	if (t->n == 0) {
		schedule(t, 0.);
		return;
	}
	if (t->n > 1)
		schedule(t, CUT_GRACE_S);
	if (t->running)
		capture_run(t->handles[0]);
}

static void on_handle_stopped(void *ctx)
{
	next_handle(ctx);
}

static void on_handle_lost(void *ctx, const char *why)
{
	struct tap *t = ctx;
	char text[320];

	snprintf(text, sizeof(text), "%s: %s", t->cfg->interface, why);
	if (t->stopping || t->n > 1) {
		next_handle(t);
		return;
	}
	close_first(t);
	if (t->opt.wait) {
		say_lost(t, text);
		tell_state(t, "waiting for interface");
	} else {
		log_error("%s", text);
		t->opt.on_failed(t->opt.ctx);
	}
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

/* Tries to open while there is no handle. Positive: it has to wait, `why` says for what. */
static int try_open(struct tap *t, char *why, size_t size)
{
	int r = open_handle(t, t->cfg, &t->handles[0], why, size);

	if (r != 0)
		return r;
	t->n = 1;
	say_back(t);
	if (t->running)
		capture_run(t->handles[0]);
	return 0;
}

/* ---- the interface ---- */

/* The handle outlives a link that is down; only what is new is told. */
static void check_up(struct tap *t)
{
	char why[160];

	if (capture_is_up(t->handles[0])) {
		if (t->said_lost)
			say_back(t);
		return;
	}
	snprintf(why, sizeof(why), "%s: the interface is down", t->cfg->interface);
	say_lost(t, why);
	tell_state(t, "waiting, as it is down, for interface");
}

static void on_link(void *ctx, const struct linkwatch_event *event)
{
	struct tap *t = ctx;
	char why[320];
	int r;

	if (t->stopping || (event->name && strcmp(event->name, t->cfg->interface) != 0))
		return;
	if (t->n)
		capture_poke(t->handles[0]);
	if (t->n) {
		check_up(t);
		return;
	}
	r = try_open(t, why, sizeof(why));
	if (r == 0 || can_wait(r))
		return;
	/* It may be renamed or half made: the kernel tells when it changes again. */
	log_warn("%s", why);
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
		tell_state(t, "waiting for interface");
		return 0;
	}
	log_error("%s", r < 0 ? strerror(-r) : why);
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
	ev_timer_init(&t->timer, on_timer, 0., 0.);
	t->timer.data = t;
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

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void append_handle(struct tap *t, struct capture *fresh)
{
	if (t->n) {
		uint64_t cut = now_us();

		capture_set_end(t->handles[t->n - 1], cut);
		capture_set_begin(fresh, cut);
	}
	t->handles[t->n++] = fresh;
	if (t->n == 1 && t->running)
		capture_run(fresh);
	if (t->n == 2)
		schedule(t, CUT_GRACE_S);
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
	if (r == CAPTURE_E_MISSING && same_interface && t->n == 0) {
		/* Still waiting, for the same one: what can be checked without it is. */
		if (cfg->filter && capture_check_filter(cfg->filter, DLT_ETHERNET, why, size) < 0)
			return -EINVAL;
		t->cfg = cfg;
		return 0;
	}
	if (r != 0)
		return errno_of(r);
	t->cfg = cfg;
	append_handle(t, fresh);
	say_back(t);
	return 0;
}

void tap_stop(struct tap *t)
{
	if (t->stopping)
		return;
	t->stopping = true;
	for (size_t i = 0; i < t->n; i++)
		capture_stop(t->handles[i]);
	if (t->n == 0)
		schedule(t, 0.);
	else if (!t->running)
		tap_run(t); /* a parked packet, or one that was never run */
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
	while (t->n)
		close_first(t);
	linkwatch_free(t->links);
	free(t);
}
