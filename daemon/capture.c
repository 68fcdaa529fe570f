/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact counts. The kernel counts every packet that the socket's filter let through since the
 * socket was made, also those of the moment before our filter was in place, and those that still
 * lie unread in the ring. So: right after activation all is rejected, and what was counted till
 * then is the baseline; packets whose time is before our filter ("born") are skipped; at the end
 * all is rejected again, and the ring is read until what we saw equals what the kernel counted. A
 * device that is gone ends the same way: its last block is handed over all the same.
 *
 * The reject-all filter goes straight to the socket: pcap_setfilter() on a running handle rejects
 * packets for a moment and says nothing of it. On lo the kernel shows each packet twice and counts
 * both; PACKET_IGNORE_OUTGOING leaves one.
 *
 * A block of the ring is handed over when it is full or its retire time has passed, so the last
 * packets appear one retire time after the stop.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "log.h"
#include "netdev.h"

#define BATCH        4096 /* packets a callback: about 4 ms of work */
#define STOP_POLL_S  0.005
#define STOP_SLACK_S 0.1
#define NS_PER_S     1000000000
#define CLOCK_JITTER 1000 /* ns: a smaller step of the wall clock is none */

struct capture {
	struct capture_options opt;
	char interface[64];
	pcap_t *pcap;
	uint16_t linktype;
	bool any;          /* the pseudo-device of all interfaces */
	int index;         /* of the interface; 0 of `any` */
	int hardware_type; /* as it was when we opened */
	ev_io io;
	ev_timer timer;      /* polls while stopping */
	uint64_t begin, end; /* µs; end 0 = none */
	uint64_t born;
	int64_t clock_ahead; /* ns, of the wall clock to the steady one, when begin was set */
	bool running, stopping;
	int64_t stop_deadline; /* ns, CLOCK_MONOTONIC */

	struct packet parked; /* not taken by the sink; data points at parked_data */
	uint8_t *parked_data;
	bool has_parked;
	int sink_error;

	uint64_t received, bytes, cut;     /* cut: belongs to the other handle of a hand-over */
	uint64_t early;                    /* from before our filter */
	bool inexact;                      /* the kernel's count and ours cannot be compared */
	struct pcap_stat last;             /* as last read: 32 bits that wrap */
	uint64_t k_recv, k_drop, k_ifdrop; /* since the baseline */
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* ---- counters ---- */

static void read_kernel(struct capture *c)
{
	struct pcap_stat st;
	int32_t ifdrop;

	if (pcap_stats(c->pcap, &st) < 0)
		return;
	c->k_recv += (uint32_t)(st.ps_recv - c->last.ps_recv);
	c->k_drop += (uint32_t)(st.ps_drop - c->last.ps_drop);
	/* It falls when the device goes: libpcap takes a counter that is not there for 0. */
	ifdrop = (int32_t)(st.ps_ifdrop - c->last.ps_ifdrop);
	if (ifdrop > 0)
		c->k_ifdrop += (uint32_t)ifdrop;
	c->last = st;
}

/* What the kernel put into the ring for us and we have not seen. */
static uint64_t count_unseen(const struct capture *c)
{
	uint64_t filled = c->k_recv - c->k_drop, seen = c->received + c->cut;

	return filled > seen ? filled - seen : 0;
}

void capture_read_counters(struct capture *c, struct capture_counters *out)
{
	uint64_t unseen, early;

	read_kernel(c);
	/* A packet on its way while the filters changed is counted, and yet from before ours. */
	unseen = count_unseen(c);
	early = unseen < c->early ? unseen : c->early;
	*out = (struct capture_counters){
		.received = c->received,
		.bytes = c->bytes,
		.dropped_kernel = c->k_drop,
		.dropped_interface = c->k_ifdrop,
		.passed = c->k_recv - c->cut - early,
		.unread = c->stopping && !c->inexact ? unseen - early : 0,
		.inexact = c->inexact,
	};
}

/* ---- packets ---- */

static void park(struct capture *c, const struct packet *pkt)
{
	memcpy(c->parked_data, pkt->data, pkt->caplen);
	c->parked = *pkt;
	c->parked.data = c->parked_data;
	c->has_parked = true;
	pcap_breakloop(c->pcap);
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

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct capture *c = (struct capture *)(void *)user;
	struct packet pkt = {
		.data = bytes,
		.caplen = h->caplen,
		.wirelen = h->len,
		.time_us = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec,
		.linktype = c->linktype,
	};
	int r;

	if ((pkt.time_us < c->begin || (c->end && pkt.time_us >= c->end)) &&
	    leave_out(c, pkt.time_us))
		return;
	c->received++;
	c->bytes += pkt.caplen;
	r = c->opt.sink(c->opt.ctx, &pkt);
	if (r == 0)
		return;
	if (r < 0) {
		c->received--;
		c->bytes -= pkt.caplen;
		c->sink_error = r;
		pcap_breakloop(c->pcap);
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

static void unwatch(struct capture *c)
{
	ev_io_stop(c->opt.loop, &c->io);
	ev_timer_stop(c->opt.loop, &c->timer);
	c->running = false;
}

static void watch(struct capture *c)
{
	ev_io_start(c->opt.loop, &c->io);
	if (c->stopping && !ev_is_active(&c->timer))
		ev_timer_again(c->opt.loop, &c->timer);
}

static bool drained(struct capture *c, int last_batch)
{
	read_kernel(c);
	if (count_unseen(c) == 0)
		return true;
	return (last_batch == 0 || last_batch == PCAP_ERROR) &&
	       clock_ns(CLOCK_MONOTONIC) > c->stop_deadline;
}

static void work(struct capture *c)
{
	int n;

	if (!offer_parked(c)) {
		unwatch(c);
		return;
	}
	n = pcap_dispatch(c->pcap, BATCH, on_packet, (u_char *)c);
	if (c->sink_error) {
		unwatch(c);
		c->opt.on_error(c->opt.ctx, c->sink_error);
	} else if (c->has_parked) {
		unwatch(c);
	} else if (n == PCAP_ERROR && !c->stopping) {
		capture_stop(c);
		c->opt.on_lost(c->opt.ctx, pcap_geterr(c->pcap));
	} else if (c->stopping && drained(c, n)) {
		unwatch(c);
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

/* ---- opening ---- */

static int attach_reject_all(struct capture *c)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = {.len = 1, .filter = &insn};

	if (setsockopt(pcap_fileno(c->pcap), SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return -errno;
	return 0;
}

void capture_stop(struct capture *c)
{
	if (c->stopping)
		return;
	if (attach_reject_all(c) < 0)
		log_warn("%s: cannot stop the capture's input: %s", c->interface, strerror(errno));
	c->stopping = true;
	c->stop_deadline = clock_ns(CLOCK_MONOTONIC) +
			   (int64_t)((2e-3 * c->opt.buffer_timeout_ms + STOP_SLACK_S) * NS_PER_S);
	if (c->running)
		watch(c);
}

static int failed(char *why, size_t size, const char *interface, int err, const char *text)
{
	switch (err) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		snprintf(why, size, "%s: no such interface; 'pycapa -D' lists those there are",
			 interface);
		return CAPTURE_E_MISSING;
	case PCAP_ERROR_IFACE_NOT_UP:
		snprintf(why, size, "%s: the interface is down; 'ip link set %s up' starts it",
			 interface, interface);
		return CAPTURE_E_DOWN;
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		snprintf(why, size,
			 "%s: no permission to capture; run as root or with CAP_NET_RAW "
			 "(setcap cap_net_raw+ep on the binary)",
			 interface);
		return CAPTURE_E_PERMISSION;
	default:
		snprintf(why, size, "%s: %s", interface, *text ? text : pcap_statustostr(err));
		return CAPTURE_E_OTHER;
	}
}

static int activate(struct capture *c, char *why, size_t size)
{
	const struct capture_options *o = &c->opt;
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	int r;

	c->pcap = pcap_create(c->interface, errbuf);
	if (!c->pcap)
		return failed(why, size, c->interface, PCAP_ERROR, errbuf);
	pcap_set_snaplen(c->pcap, (int)o->snaplen);
	pcap_set_promisc(c->pcap, o->promiscuous && !c->any);
	pcap_set_timeout(c->pcap, (int)o->buffer_timeout_ms);
	pcap_set_buffer_size(c->pcap, (int)o->buffer_size);
	r = pcap_activate(c->pcap);
	if (r < 0)
		return failed(why, size, c->interface, r, pcap_geterr(c->pcap));
	if (r > 0)
		log_warn("%s: %s %s", c->interface, pcap_statustostr(r), pcap_geterr(c->pcap));
	if (pcap_setnonblock(c->pcap, 1, errbuf) < 0)
		return failed(why, size, c->interface, PCAP_ERROR, errbuf);
	/* Or a kinit that librdkafka starts would inherit the packet socket. */
	if (fcntl(pcap_fileno(c->pcap), F_SETFD, FD_CLOEXEC) < 0)
		return failed(why, size, c->interface, PCAP_ERROR, strerror(errno));
	return 0;
}

static int set_filter(struct capture *c, char *why, size_t size)
{
	const char *text = c->opt.filter ? c->opt.filter : "";
	struct bpf_program prog;
	int r;

	if (pcap_compile(c->pcap, &prog, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(why, size, "%s: filter '%s': %s (link type %s)", c->interface, text,
			 pcap_geterr(c->pcap), capture_link_name(c));
		return CAPTURE_E_FILTER;
	}
	/* Also an empty one: without a filter the kernel does not cut packets to the snaplen. */
	r = pcap_setfilter(c->pcap, &prog);
	pcap_freecode(&prog);
	if (r < 0)
		return failed(why, size, c->interface, PCAP_ERROR, pcap_geterr(c->pcap));
	return 0;
}

/*
 * The kernel stamps a received packet once, on its way in, only while some socket wants that; else
 * each capture of the interface stamps it anew, microseconds apart (measured: 28 % differ). One
 * stamp for all is what a hand-over between two handles is cut by.
 */
static void share_stamps(struct capture *c)
{
	int one = 1;

	if (setsockopt(pcap_fileno(c->pcap), SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0)
		log_debug("%s: SO_TIMESTAMPNS: %s", c->interface, strerror(errno));
}

static void set_begin(struct capture *c, uint64_t time_us)
{
	c->begin = time_us;
	c->clock_ahead = clock_ns(CLOCK_REALTIME);
	c->clock_ahead -= clock_ns(CLOCK_MONOTONIC);
}

static int begin_counting(struct capture *c, char *why, size_t size)
{
	int one = 1;

	share_stamps(c);
	if (attach_reject_all(c) < 0)
		return failed(why, size, c->interface, PCAP_ERROR, strerror(errno));
	if (netdev_flags(pcap_fileno(c->pcap), c->interface) & IFF_LOOPBACK)
		setsockopt(pcap_fileno(c->pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
			   sizeof(one));
	read_kernel(c);
	c->k_recv = c->k_drop = c->k_ifdrop = 0;
	c->born = (uint64_t)clock_ns(CLOCK_REALTIME) / 1000;
	set_begin(c, c->born);
	return set_filter(c, why, size);
}

int capture_new(struct capture **out, const struct capture_options *opt, char *why, size_t size)
{
	struct capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->opt = *opt;
	snprintf(c->interface, sizeof(c->interface), "%s", opt->interface);
	/* On `any` the kernel counts what lo carries twice. */
	c->any = c->inexact = !strcmp(c->interface, "any");
	c->parked_data = malloc(PACKET_MAX_LEN);
	r = c->parked_data ? activate(c, why, size) : -ENOMEM;
	if (r == 0)
		r = begin_counting(c, why, size);
	if (r == 0)
		r = capture_file_linktype(c->pcap, &c->linktype);
	if (r != 0) {
		capture_free(c);
		return r;
	}
	c->index = netdev_bound_index(pcap_fileno(c->pcap));
	c->hardware_type = netdev_hardware_type(pcap_fileno(c->pcap), c->interface);
	c->opt.interface = c->interface;
	c->opt.filter = NULL;
	ev_io_init(&c->io, on_io, pcap_get_selectable_fd(c->pcap), EV_READ);
	ev_timer_init(&c->timer, on_timer, 0., STOP_POLL_S);
	c->io.data = c;
	c->timer.data = c;
	*out = c;
	return 0;
}

void capture_hand_over(struct capture *older, struct capture *newer)
{
	older->end = (uint64_t)clock_ns(CLOCK_REALTIME) / 1000;
	set_begin(newer, older->end);
}

enum capture_link capture_look(const struct capture *c)
{
	int fd = pcap_fileno(c->pcap);

	if (c->any)
		return CAPTURE_LINK_UP;
	if (netdev_index(fd, c->interface) != netdev_bound_index(fd))
		return CAPTURE_LINK_GONE;
	if (netdev_hardware_type(fd, c->interface) != c->hardware_type)
		return CAPTURE_LINK_CHANGED;
	return netdev_flags(fd, c->interface) & IFF_UP ? CAPTURE_LINK_UP : CAPTURE_LINK_DOWN;
}

int capture_index(const struct capture *c)
{
	return c->index;
}

bool capture_has_parked(const struct capture *c)
{
	return c->has_parked;
}

int capture_dlt(const struct capture *c)
{
	return pcap_datalink(c->pcap);
}

const char *capture_link_name(const struct capture *c)
{
	const char *name = pcap_datalink_val_to_description(pcap_datalink(c->pcap));

	return name ? name : "unknown";
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	ev_io_stop(c->opt.loop, &c->io);
	ev_timer_stop(c->opt.loop, &c->timer);
	if (c->pcap)
		pcap_close(c->pcap);
	free(c->parked_data);
	free(c);
}
