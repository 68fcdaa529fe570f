/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact counts. The kernel counts every packet that the socket's filter let through since the
 * socket was made, also those of the moment before our filter was in place, and those that still
 * lie unread in the ring. So: right after activation all is rejected, and what was counted till
 * then is the baseline; packets whose time is before our filter ("born") are skipped; at the end
 * all is rejected again, and the ring is read until what we saw equals what the kernel counted. A
 * device that is gone ends the same way: its last block is handed over all the same.
 *
 * The kernel's counts have 32 bits, so they are looked at (capture_sample()) before a reading, and
 * each minute without one (handover.c); ours have 64. Of losses two handles of one interface see
 * the same: each counts those from its begin to its end.
 *
 * A ring that is full loses packets until we give some of it back. So the socket's counts are taken
 * each time before it is read on: a loss then lies behind all that is in the ring, and the first
 * packet that comes after that tells it (losses.h). Its place is its number among all that we see;
 * where the kernel counts otherwise, its time.
 *
 * The reject-all filter goes straight to the socket: pcap_setfilter() on a running handle rejects
 * packets for a moment and says nothing of it. On lo the kernel shows each packet twice and counts
 * both; PACKET_IGNORE_OUTGOING leaves one.
 *
 * A block of the ring is handed over when it is full or its retire time has passed, so the last
 * packets appear one retire time after the stop.
 */
#include "capture/capture.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pcap/pcap.h>

#include "base/clock.h"
#include "base/log.h"
#include "capture/capture_impl.h"
#include "capture/kernel_counts.h"
#include "capture/kernel_filter.h"
#include "capture/pcap_handle.h"

#define BATCH        4096 /* packets a callback: about 4 ms of work */
#define STOP_POLL_S  0.005
#define STOP_SLACK_S 0.1
#define NS_PER_S     1000000000
#define CLOCK_JITTER 1000 /* ns: a smaller step of the wall clock is none */

/* ---- packets ---- */

static void park(struct capture *c, const struct packet *pkt)
{
	memcpy(c->parked_data, pkt->data, pkt->caplen);
	c->parked = *pkt;
	c->parked.data = c->parked_data;
	if (c->annotation.names) { /* else the name is that of the handle */
		memcpy(c->parked_interface, pkt->interface, pkt->interface_len);
		c->parked.interface = c->parked_interface;
	}
	c->has_parked = true;
	pcap_breakloop(c->device.pcap);
}

/*
 * Since begin was set. The two clocks go apart by steps of the wall clock alone. Here they are read
 * in the other order than there, so that an interruption in between never looks like a step.
 */
static bool clock_went_back(const struct capture *c)
{
	int64_t steady = clock_ns(CLOCK_MONOTONIC);

	return clock_ns(CLOCK_REALTIME) - steady < c->clock_ahead - CLOCK_JITTER;
}

/* A packet that is not between begin and end: true when it is not ours. */
static bool leave_out(struct capture *c, uint64_t time_us)
{
	if (time_us < c->begin && clock_went_back(c)) {
		c->begin = c->born = 0;
		c->inexact = true;
	}
	if (time_us < c->born)
		c->early++;
	else if (time_us < c->begin || (c->end && time_us >= c->end))
		c->cut++;
	else
		return false;
	return true;
}

/* Does what the kernel does elsewhere. Not inlined: it would cost those that need it not. */
static __attribute__((noinline)) bool passes_here(struct capture *c, const struct pcap_pkthdr *h,
						  struct packet *pkt)
{
	if (!pcap_handle_matches(&c->device, h, pkt->data)) {
		c->refused++;
		return false;
	}
	if (pkt->caplen > c->device.snaplen)
		pkt->caplen = c->device.snaplen;
	return true;
}

/* The time of a cut has whole microseconds: handles of either precision agree on what is before. */
static inline void put_time(const struct capture *c, const struct timeval *ts, struct packet *pkt)
{
	uint32_t part = (uint32_t)ts->tv_usec;

	if (c->device.nanoseconds) {
		pkt->nanos = (uint16_t)(part % 1000);
		part /= 1000;
	}
	pkt->time_us = (uint64_t)ts->tv_sec * 1000000 + part;
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct capture *c = (struct capture *)(void *)user;
	struct packet pkt = {
		.data = bytes,
		.caplen = h->caplen,
		.wirelen = h->len,
		.linktype = c->linktype,
		.host_len = c->annotation.host_len,
		.interface_len = c->annotation.interface_len,
		.host = c->annotation.host,
		.interface = c->annotation.interface,
	};
	int r;

	put_time(c, &h->ts, &pkt);
	if ((pkt.time_us < c->begin || (c->end && pkt.time_us >= c->end)) &&
	    leave_out(c, pkt.time_us))
		return;
	if (c->device.filter == DEVICE_FILTER_HERE && !passes_here(c, h, &pkt))
		return;
	if (c->annotation.names)
		annotation_find_interface(&c->annotation, &pkt);
	if (c->kernel.losses.n)
		pkt.dropcount = kernel_counts_take_losses(&c->kernel, capture_seen(c), pkt.time_us);
	c->received++;
	c->bytes += pkt.caplen;
	r = c->opt.sink(c->opt.ctx, &pkt);
	if (r == 0)
		return;
	if (r < 0) {
		c->received--;
		c->bytes -= pkt.caplen;
		c->sink_error = r;
		pcap_breakloop(c->device.pcap);
		return;
	}
	park(c, &pkt);
}

/* True when no packet is parked (any more). */
static bool offer_parked(struct capture *c)
{
	int r;

	if (!c->has_parked)
		return true;
	r = c->opt.sink(c->opt.ctx, &c->parked);
	if (r > 0)
		return false;
	if (r < 0) {
		c->received--;
		c->bytes -= c->parked.caplen;
		c->sink_error = r;
	}
	c->has_parked = false;
	return true;
}

/* ---- the loop ---- */

void capture_unwatch(struct capture *c)
{
	ev_io_stop(c->opt.loop, &c->io);
	ev_timer_stop(c->opt.loop, &c->timer);
	c->running = false;
}

static void watch(struct capture *c)
{
	ev_io_start(c->opt.loop, &c->io);
	if ((c->stopping || *c->fault) && !ev_is_active(&c->timer))
		ev_timer_again(c->opt.loop, &c->timer);
}

static bool is_late(const struct capture *c)
{
	return clock_ns(CLOCK_MONOTONIC) > c->stop_deadline;
}

/* Its ring is empty, or holds what came after the stop. */
static bool may_leave(const struct capture *c, int last_batch)
{
	if (capture_unseen(c) == 0)
		return true;
	if (capture_seen(c) < c->stop_at)
		return last_batch <= 0 && is_late(c);
	return is_late(c) || (last_batch > 0 && last_batch < BATCH);
}

static bool drained(struct capture *c, int last_batch)
{
	capture_sample(c);
	if (c->opt.fanout)
		return may_leave(c, last_batch);
	if (c->device.filter == DEVICE_FILTER_LIBPCAP && !c->device.packet_socket)
		return last_batch <= 0 || is_late(c);
	if (capture_unseen(c) == 0)
		return true;
	return (last_batch == 0 || last_batch == PCAP_ERROR) && is_late(c);
}

/* What takes packets is of no use any more. */
static void lose(struct capture *c, const char *text)
{
	char why[PCAP_ERRBUF_SIZE];

	snprintf(why, sizeof(why), "%s", text);
	capture_stop(c); /* which calls libpcap again */
	c->opt.on_lost(c->opt.ctx, why);
}

static void work(struct capture *c)
{
	int n, err;

	if (!offer_parked(c)) {
		capture_unwatch(c);
		return;
	}
	kernel_counts_take(&c->kernel, &c->device);
	n = pcap_dispatch(c->device.pcap, BATCH, on_packet, (u_char *)c);
	err = c->sink_error;
	c->sink_error = 0; /* it may be run again */
	if (err) {
		capture_unwatch(c);
		c->opt.on_error(c->opt.ctx, err);
	} else if (c->has_parked) {
		capture_unwatch(c);
	} else if ((n == PCAP_ERROR || *c->fault) && !c->stopping) {
		lose(c, *c->fault ? c->fault : pcap_geterr(c->device.pcap));
	} else if (c->stopping && drained(c, n)) {
		capture_unwatch(c);
		c->opt.on_stopped(c->opt.ctx);
	} else {
		watch(c);
	}
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	work(w->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	work(w->data);
}

void capture_run(struct capture *c)
{
	if (c->running)
		return;
	c->running = true;
	if (offer_parked(c))
		watch(c);
	else
		c->running = false;
}

/* ---- opening and stopping ---- */

/* What comes after the end is not ours, and has no place in the ring. */
static void refuse_more(struct capture *c)
{
	int r = 0;

	if (c->device.packet_socket)
		r = kernel_filter_reject_all(pcap_fileno(c->device.pcap));
	else if (c->end == 0)
		c->end = (uint64_t)clock_ns(CLOCK_REALTIME) / 1000;
	if (r < 0)
		log_warn("%s: cannot stop the capture's input: %s", c->device.name, strerror(-r));
}

void capture_stop(struct capture *c)
{
	if (c->stopping)
		return;
	capture_sample(c);
	c->stop_at = c->kernel.passed - c->kernel.dropped;
	if (!c->opt.fanout)
		refuse_more(c);
	c->stopping = true;
	c->stop_deadline = clock_ns(CLOCK_MONOTONIC) +
			   (int64_t)((2e-3 * c->opt.buffer_timeout_ms + STOP_SLACK_S) * NS_PER_S);
	if (c->running)
		watch(c);
}

void capture_set_begin(struct capture *c, uint64_t time_us)
{
	c->begin = time_us;
	c->clock_ahead = clock_ns(CLOCK_REALTIME);
	c->clock_ahead -= clock_ns(CLOCK_MONOTONIC);
}

int capture_begin(struct capture *c, char *why, size_t size)
{
	int r;

	kernel_counts_begin(&c->kernel, &c->device);
	c->born = c->device.own_clock ? 0 : (uint64_t)clock_ns(CLOCK_REALTIME) / 1000;
	capture_set_begin(c, c->born);
	r = pcap_handle_begin(&c->device, why, size);
	/* On `any` the kernel counts what lo carries twice. */
	c->kernel.timed = c->device.any || c->device.filter == DEVICE_FILTER_LIBPCAP;
	c->inexact = c->kernel.timed || c->device.own_clock;
	return r;
}

int capture_new(struct capture **out, const struct capture_options *opt, char *why, size_t size)
{
	struct capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->opt = *opt;
	c->parked_data = malloc(PACKET_MAX_LEN);
	r = c->parked_data ? pcap_handle_open(&c->device, opt, why, size) : -ENOMEM;
	if (r == 0)
		r = capture_file_linktype(c->device.pcap, &c->linktype);
	if (r == 0)
		r = opt->stand_by ? capture_stand_by(c) : capture_begin(c, why, size);
	if (r != 0) {
		capture_free(c);
		return r;
	}
	c->opt.interface = c->opt.filter = NULL;
	ev_io_init(&c->io, on_io, pcap_get_selectable_fd(c->device.pcap), EV_READ);
	ev_timer_init(&c->timer, on_timer, 0., STOP_POLL_S);
	c->io.data = c;
	c->timer.data = c;
	*out = c;
	return 0;
}

void capture_annotate(struct capture *c, const struct annotation_options *opt)
{
	annotation_set(&c->annotation, opt, c->device.name, c->linktype);
}

void capture_hand_over(struct capture *older, struct capture *newer)
{
	/* In between both count what is lost, rather than none. */
	capture_sample(newer);
	kernel_counts_forget_losses(&newer->kernel);
	older->end = (uint64_t)clock_ns(CLOCK_REALTIME) / 1000;
	capture_set_begin(newer, older->end);
	kernel_counts_sample(&older->kernel, &older->device, true);
	older->kernel.over = true;
}

uint64_t capture_take_losses(struct capture *c)
{
	return losses_take(&c->kernel.losses, UINT64_MAX);
}

void capture_add_losses(struct capture *c, uint64_t packets)
{
	losses_put_first(&c->kernel.losses, packets);
}

enum capture_link capture_look(const struct capture *c)
{
	return pcap_handle_look(&c->device);
}

int capture_index(const struct capture *c)
{
	return c->device.index;
}

bool capture_has_parked(const struct capture *c)
{
	return c->has_parked;
}

bool capture_is_empty(struct capture *c)
{
	if (!c->stopping || c->inexact || c->has_parked)
		return false;
	capture_sample(c);
	return capture_unseen(c) == 0 && clock_ns(CLOCK_MONOTONIC) > c->stop_deadline;
}

int capture_dlt(const struct capture *c)
{
	return pcap_datalink(c->device.pcap);
}

const char *capture_link_name(const struct capture *c)
{
	return pcap_handle_link_name(&c->device);
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	ev_io_stop(c->opt.loop, &c->io);
	ev_timer_stop(c->opt.loop, &c->timer);
	pcap_handle_close(&c->device);
	free(c->parked_data);
	free(c);
}
