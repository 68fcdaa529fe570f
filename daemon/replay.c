/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "capture.h"
#include "log.h"
#include "pktbuf.h"

#define CHUNK     (256 * 1024)
#define MAX_AHEAD (4 * 1024 * 1024) /* bytes read but not taken yet */
#define BATCH     4096

struct replay {
	struct replay_options opt; /* its strings are not used */
	char *path, *filter;
	pthread_t thread;
	bool started;
	ev_async async;
	ev_timer again; /* more than a batch is left */
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t room;
	struct pktbuf *filling; /* shared, under the lock; also ended, status, quit */
	bool ended, quit;
	int status;

	struct pktbuf *taking; /* the loop's */
	pcap_t *pcap;          /* the thread's, until it is joined */
};

/* ---- the thread ---- */

static const char *display_name(const struct replay *r)
{
	return strcmp(r->path, "-") ? r->path : "stdin";
}

static int open_file(struct replay *r, uint16_t *linktype)
{
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	struct bpf_program prog;
	int err;

	/* The opening of a FIFO waits for its writer. */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	r->pcap = pcap_open_offline(r->path, errbuf);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (!r->pcap) {
		/* libpcap names the file in some messages, not in others. */
		bool named = !strncmp(errbuf, r->path, strlen(r->path));

		log_error("%s%s%s", named ? "" : display_name(r), named ? "" : ": ", errbuf);
		return -EIO;
	}
	if (!*r->filter)
		return capture_file_linktype(r->pcap, linktype);
	if (pcap_compile(r->pcap, &prog, r->filter, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		log_error("%s: filter '%s': %s", display_name(r), r->filter, pcap_geterr(r->pcap));
		return -EINVAL;
	}
	err = pcap_setfilter(r->pcap, &prog);
	pcap_freecode(&prog);
	return err < 0 ? -EIO : capture_file_linktype(r->pcap, linktype);
}

/* Waits while too much lies there. False: quit. */
static bool put(struct replay *r, const struct packet *pkt, int *err)
{
	bool go_on;

	pthread_mutex_lock(&r->lock);
	while (!r->quit && pktbuf_bytes(r->filling) > MAX_AHEAD)
		pthread_cond_wait(&r->room, &r->lock);
	*err = pktbuf_push(r->filling, pkt, 0);
	go_on = !r->quit && *err == 0;
	pthread_mutex_unlock(&r->lock);
	ev_async_send(r->opt.loop, &r->async);
	return go_on;
}

/* A read that waits for a FIFO's writer can be cancelled, as its opening; nothing else here can. */
static int next_packet(struct replay *r, struct pcap_pkthdr **h, const u_char **data)
{
	int n;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	n = pcap_next_ex(r->pcap, h, data);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return n;
}

/* libpcap reads the unsigned seconds of a classic file as signed: they turn negative in 2038. */
static uint64_t seconds(const struct pcap_pkthdr *h)
{
	return h->ts.tv_sec < 0 ? (uint32_t)h->ts.tv_sec : (uint64_t)h->ts.tv_sec;
}

/* libpcap takes longer ones for a few link types (D-Bus, USB), and nothing else here does. */
static uint32_t cut(const struct replay *r, uint32_t caplen, bool *told)
{
	if (caplen <= PACKET_MAX_LEN)
		return caplen;
	if (!*told)
		log_warn("%s: packets of more than %u bytes are cut to that", display_name(r),
			 PACKET_MAX_LEN);
	*told = true;
	return PACKET_MAX_LEN;
}

static int read_packets(struct replay *r, uint16_t linktype)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	uint64_t count = 0;
	bool told = false;
	int n, err = 0;

	while ((n = next_packet(r, &h, &data)) == 1) {
		struct packet pkt = {
			.data = data,
			.caplen = cut(r, h->caplen, &told),
			.wirelen = h->len,
			.time_us = seconds(h) * 1000000 + (uint64_t)h->ts.tv_usec,
			.linktype = linktype,
		};

		count++;
		if (!put(r, &pkt, &err))
			return err;
	}
	if (n == PCAP_ERROR_BREAK)
		return 0;
	log_error("%s: after %" PRIu64 " packet(s): %s; those before it are sent", display_name(r),
		  count, pcap_geterr(r->pcap));
	return -EIO;
}

static void *run(void *arg)
{
	struct replay *r = arg;
	uint16_t linktype = 0;
	int err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	err = open_file(r, &linktype);
	if (err == 0)
		err = read_packets(r, linktype);
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	r->status = err;
	pthread_mutex_unlock(&r->lock);
	ev_async_send(r->opt.loop, &r->async);
	return NULL;
}

/* ---- the loop ---- */

/* Takes all that was read so far, in exchange for the empty store. True at the end. */
static bool swap(struct replay *r, int *status)
{
	struct pktbuf *full;
	bool ended;

	pthread_mutex_lock(&r->lock);
	full = r->filling;
	r->filling = r->taking;
	r->taking = full;
	ended = r->ended && pktbuf_count(full) == 0;
	*status = r->status;
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	return ended;
}

static void work(struct replay *r)
{
	struct packet pkt;
	int status, err;

	if (!r->running)
		return;
	if (pktbuf_count(r->taking) == 0 && swap(r, &status)) {
		r->running = false;
		r->opt.on_end(r->opt.ctx, status);
		return;
	}
	for (int i = 0; i < BATCH && pktbuf_peek(r->taking, &pkt, NULL); i++) {
		err = r->opt.sink(r->opt.ctx, &pkt);
		if (err != 0) {
			r->running = false;
			if (err < 0)
				r->opt.on_error(r->opt.ctx, err);
			return;
		}
		pktbuf_pop(r->taking);
	}
	/* More may lie in either store; an empty swap leaves it to the thread's next signal. */
	if (pktbuf_count(r->taking) > 0)
		ev_timer_start(r->opt.loop, &r->again);
	else
		ev_async_send(r->opt.loop, &r->async);
}

static void on_async(struct ev_loop *loop, ev_async *w, int revents)
{
	struct replay *r = w->data;

	if (!ev_is_active(&r->again))
		work(r);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	work(w->data);
}

int replay_new(struct replay **out, const struct replay_options *opt)
{
	struct replay *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->opt = *opt;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->room, NULL);
	ev_async_init(&r->async, on_async);
	ev_timer_init(&r->again, on_again, 0., 0.);
	r->async.data = r->again.data = r;
	/* The thread outlives the settings that a reload replaces. */
	r->path = strdup(opt->path);
	r->filter = strdup(opt->filter ? opt->filter : "");
	err = r->path && r->filter ? 0 : -ENOMEM;
	if (err == 0)
		err = pktbuf_new(&r->filling, CHUNK);
	if (err == 0)
		err = pktbuf_new(&r->taking, CHUNK);
	if (err == 0) {
		ev_async_start(opt->loop, &r->async);
		err = -pthread_create(&r->thread, NULL, run, r);
		r->started = err == 0;
	}
	if (err < 0) {
		replay_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void replay_run(struct replay *r)
{
	r->running = true;
	ev_timer_start(r->opt.loop, &r->again);
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	if (r->started) {
		pthread_mutex_lock(&r->lock);
		r->quit = true;
		pthread_cond_signal(&r->room);
		pthread_mutex_unlock(&r->lock);
		pthread_cancel(r->thread);
		pthread_join(r->thread, NULL);
	}
	ev_async_stop(r->opt.loop, &r->async);
	ev_timer_stop(r->opt.loop, &r->again);
	if (r->pcap)
		pcap_close(r->pcap);
	pktbuf_free(r->filling);
	pktbuf_free(r->taking);
	pthread_cond_destroy(&r->room);
	pthread_mutex_destroy(&r->lock);
	free(r->path);
	free(r->filter);
	free(r);
}
