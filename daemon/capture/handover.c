/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/handover.h"

#include <string.h>
#include <unistd.h>

#include "capture/ifnames.h"

#define GRACE_S  0.02 /* from a cut to the older one's end */
#define SAMPLE_S 60.  /* the kernel's counts have 32 bits, whether or not anybody reads them */

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

static void read_handle(struct capture *handle, struct capture_counters *sum)
{
	struct capture_counters c;

	capture_sample(handle);
	capture_read_counters(handle, &c);
	add_counters(sum, &c);
}

/* What no packet of the handles before it has told. */
static void pass_losses(struct handover *h, struct capture *next)
{
	capture_add_losses(next, h->untold);
	h->untold = 0;
}

static void close_handle(struct handover *h, size_t i)
{
	capture_leave(h->handles[i], i + 1 < h->n ? h->handles[i + 1] : NULL);
	read_handle(h->handles[i], &h->closed);
	h->untold += capture_take_losses(h->handles[i]);
	capture_free(h->handles[i]);
	h->n--;
	if (h->n == 0)
		ev_timer_stop(h->loop, &h->sample);
	memmove(h->handles + i, h->handles + i + 1, (h->n - i) * sizeof(h->handles[0]));
	if (i < h->n)
		pass_losses(h, h->handles[i]);
}

/* All but the newest have an end, and take nothing that comes after it. */
static void on_grace(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct handover *h = w->data;

	for (size_t i = 0; i + 1 < h->n; i++)
		capture_stop(h->handles[i]);
}

static void on_sample(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct handover *h = w->data;

	for (size_t i = 0; i < h->n; i++)
		capture_sample(h->handles[i]);
}

static void start_grace(struct handover *h)
{
	/* A reload has taken a while since the loop last looked: the grace begins now. */
	ev_now_update(h->loop);
	ev_timer_stop(h->loop, &h->grace);
	ev_timer_set(&h->grace, GRACE_S, 0.);
	ev_timer_start(h->loop, &h->grace);
}

void handover_init(struct handover *h, struct ev_loop *loop)
{
	*h = (struct handover){.loop = loop};
	ev_timer_init(&h->grace, on_grace, GRACE_S, 0.);
	ev_timer_init(&h->sample, on_sample, 0., SAMPLE_S);
	h->grace.data = h->sample.data = h;
}

struct capture *handover_newest(const struct handover *h)
{
	return h->handles[h->n - 1];
}

bool handover_has_room(struct handover *h, bool lost)
{
	if (h->n == HANDOVER_MAX && lost && capture_is_empty(handover_newest(h)))
		close_handle(h, h->n - 1);
	return h->n < HANDOVER_MAX;
}

static const struct annotation_options *origin_of(const struct handover *h)
{
	return h->origin.host ? &h->origin : NULL;
}

void handover_annotate(struct handover *h, bool on)
{
	h->origin.host = on && gethostname(h->host, sizeof(h->host) - 1) == 0 ? h->host : NULL;
	if (on && !h->origin.names && ifnames_new(&h->origin.names) < 0)
		h->origin.names = NULL;
	for (size_t i = 0; i < h->n; i++)
		capture_annotate(h->handles[i], origin_of(h));
}

void handover_interface_changed(struct handover *h, int index)
{
	if (h->origin.names)
		ifnames_changed(h->origin.names, index);
}

/* The first of two leaves its group as soon as it is read; there is no moment to cut at. */
static void follow(struct handover *h, struct capture *fresh)
{
	if (h->n == 1)
		capture_take_turn(fresh);
	else
		capture_stop(h->handles[h->n - 2]);
}

void handover_add(struct handover *h, struct capture *fresh, bool cut)
{
	bool waits = capture_stands_by(fresh);

	if (cut && waits && capture_adopt(handover_newest(h), fresh)) {
		capture_free(fresh);
		return;
	}
	if (cut && !waits)
		capture_hand_over(handover_newest(h), fresh);
	pass_losses(h, fresh);
	capture_annotate(fresh, origin_of(h));
	h->handles[h->n++] = fresh;
	if (h->n == 1)
		ev_timer_again(h->loop, &h->sample);
	if (waits)
		follow(h, fresh);
	else if (h->n > 1)
		start_grace(h);
	if (h->n == 1 && h->running)
		capture_run(fresh);
}

void handover_run(struct handover *h)
{
	h->running = true;
	if (h->n)
		capture_run(h->handles[0]);
}

void handover_pause(struct handover *h)
{
	h->running = false;
}

void handover_next(struct handover *h)
{
	close_handle(h, 0);
	if (h->n && h->running)
		capture_run(h->handles[0]);
}

void handover_stop(struct handover *h)
{
	for (size_t i = 0; i < h->n; i++)
		capture_stop(h->handles[i]);
}

void handover_read_counters(const struct handover *h, struct capture_counters *out)
{
	*out = h->closed;
	for (size_t i = 0; i < h->n; i++)
		read_handle(h->handles[i], out);
}

void handover_clear(struct handover *h)
{
	ev_timer_stop(h->loop, &h->grace);
	while (h->n)
		close_handle(h, 0);
	ifnames_free(h->origin.names);
	h->origin.names = NULL;
}
