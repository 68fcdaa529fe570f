/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop fills a batch of packets and hands it over to the thread before it goes to sleep, or
 * when the batch is large: one lock and at most one wakeup an iteration, not one a packet. While
 * the thread is busy the batch goes on growing. The other way the thread reads ahead into batches
 * that the loop takes.
 */
#include "spool/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/spool_format.h"
#include "spool/spool_marks.h"
#include "spool/spool_thread.h"

#define PENDING_MAX   (16u << 20) /* bytes that wait to be written */
#define HANDOVER_SIZE (1u << 20)  /* a batch of this many bytes goes at once */

struct topic {
	struct topic *next;
	char name[];
};

struct spool {
	struct ev_loop *loop;
	ev_prepare prepare;
	ev_async async;
	void (*on_room)(void *ctx);
	void (*on_readable)(void *ctx);
	void (*on_damaged)(void *ctx, uint64_t packets);
	void *ctx;
	uint64_t size;
	struct topic *topics; /* the first is the present one */

	struct spool_disk *disk; /* the thread's, once there is one */
	unsigned int unreadable; /* files */
	struct spool_thread *thread;
	struct spool_batch *filling;
	struct spool_batch *reading;

	uint64_t next, read, acknowledged; /* numbers of packets */
	uint64_t told;                     /* below it all is done with: the thread knows */
	uint64_t damaged;                  /* packets that cannot be read */
	uint64_t lost_from, lost_to;       /* the last of them */
	struct spool_marks marks;          /* when packets were captured that this run appended */
	uint64_t read_us;                  /* when the last that was read was; 0: none was */
	bool want_room;                    /* PACKET_E_FULL was said */
	bool wait_readable;                /* spool_read() found nothing */
	bool full, full_told, hang_told;
	struct log_limit full_limit;
};

/* Up to where the files may go: what is not read yet is still to be passed. */
static uint64_t done(const struct spool *s)
{
	return s->acknowledged < s->read ? s->acknowledged : s->read;
}

/* Gives the batch that is being filled, and up to where all is done with, to the thread. */
static void hand_over(struct spool *s, uint64_t below)
{
	s->told = below;
	spool_thread_give(s->thread, s->filling, s->told);
	s->filling = NULL;
}

/* True while the thread has not finished what it was given. */
static bool is_busy(const struct spool *s)
{
	return spool_thread_pending(s->thread) > (s->filling ? s->filling->bytes : 0);
}

static bool is_in_filling(const struct spool *s, uint64_t number)
{
	return s->filling && number >= s->filling->first && number < s->next;
}

/* True when spool_read() would find something. */
static bool has_more(const struct spool *s)
{
	return spool_thread_has(s->thread, s->read) || is_in_filling(s, s->read);
}

/* Before the loop sleeps: unless the thread is still busy with what it got before. */
static void give(struct spool *s)
{
	if (s->filling && s->told == done(s) && is_busy(s)) {
		spool_thread_ask(s->thread);
		if (is_busy(s)) /* it may have finished between the two lines */
			return;
	}
	if (s->filling || s->told != done(s))
		hand_over(s, done(s));
}

static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct spool *s = w->data;

	/* What was appended can be read at once, from memory. */
	if (s->wait_readable && s->read < s->next && has_more(s))
		ev_async_send(s->loop, &s->async);
	give(s);
}

/* Also when the disk is full: then the caller must be told so. */
static bool has_room(const struct spool *s)
{
	return spool_thread_pending(s->thread) < PENDING_MAX / 2 || spool_thread_refused(s->thread);
}

static void on_async(struct ev_loop *loop, ev_async *w, int revents)
{
	struct spool *s = w->data;

	/* The second look is for what was written between the first and the question. */
	if (s->want_room && !has_room(s))
		spool_thread_ask(s->thread);
	if (s->want_room && has_room(s)) {
		s->want_room = false;
		s->on_room(s->ctx);
	}
	if (s->wait_readable && has_more(s)) {
		s->wait_readable = false;
		s->on_readable(s->ctx);
	}
}

/* From the thread. */
static void on_event(void *ctx)
{
	struct spool *s = ctx;

	ev_async_send(s->loop, &s->async);
}

/* Takes one that was there out of the list; NULL: it was not. */
static struct topic *take_topic(struct spool *s, const char *name)
{
	for (struct topic **at = &s->topics, *t; (t = *at); at = &t->next) {
		if (!strcmp(t->name, name)) {
			*at = t->next;
			return t;
		}
	}
	return NULL;
}

int spool_set_topic(struct spool *s, const char *topic)
{
	size_t size = strlen(topic) + 1;
	struct topic *t;

	if (s->topics && !strcmp(s->topics->name, topic))
		return 0;
	t = take_topic(s, topic);
	if (!t) {
		t = malloc(sizeof(*t) + size);
		if (!t)
			return -ENOMEM;
		memcpy(t->name, topic, size);
	}
	t->next = s->topics;
	s->topics = t;
	return 0;
}

void spool_set_limits(struct spool *s, uint64_t size, uint64_t segment_size, unsigned int sync_ms)
{
	s->size = size;
	spool_thread_set_limits(s->thread, segment_size, sync_ms);
}

static void init_watchers(struct spool *s, struct ev_loop *loop)
{
	s->loop = loop;
	ev_prepare_init(&s->prepare, on_prepare);
	s->prepare.data = s;
	ev_async_init(&s->async, on_async);
	s->async.data = s;
	ev_async_start(loop, &s->async);
}

/* Takes in what earlier runs left, starts the thread. */
static int open_disk(struct spool *s, const struct spool_options *opt)
{
	struct spool_thread_options thread = {.on_event = on_event, .ctx = s};
	int r = spool_disk_new(&s->disk, opt->directory, opt->segment_size, opt->sync_ms);

	if (r < 0)
		return r;
	s->unreadable = spool_disk_unreadable(s->disk);
	s->next = spool_disk_end(s->disk);
	s->read = s->acknowledged = s->told = spool_disk_first(s->disk);
	thread.disk = s->disk;
	return spool_thread_new(&s->thread, &thread);
}

int spool_new(struct spool **out, const struct spool_options *opt)
{
	struct spool *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->on_room = opt->on_room;
	s->on_readable = opt->on_readable;
	s->on_damaged = opt->on_damaged;
	s->ctx = opt->ctx;
	s->size = opt->size;
	s->wait_readable = true;
	init_watchers(s, opt->loop);
	r = spool_set_topic(s, opt->topic);
	if (r == 0)
		r = open_disk(s, opt);
	if (r < 0) {
		spool_free(s);
		return r;
	}
	ev_prepare_start(s->loop, &s->prepare);
	if (s->next > s->read)
		log_info("spool: %" PRIu64 " packet(s) of an earlier run wait in %s",
			 s->next - s->read, opt->directory);
	*out = s;
	return 0;
}

/* True when the allowance is used up; one warning each time, and not too many times. */
static bool is_full(struct spool *s, size_t more)
{
	uint64_t used = spool_thread_on_disk(s->thread) + spool_thread_pending(s->thread), held;

	if (used + more <= s->size) {
		if (s->full_told)
			log_info("spool: there is room again");
		s->full = s->full_told = false;
		return false;
	}
	if (!s->full && log_limit_pass(&s->full_limit, 60, &held)) {
		s->full_told = true;
		log_write_event(LOG_LEVEL_WARN, LOG_EVENT_DROPPED, NULL, 0,
				"spool: full, %" PRIu64 " of %" PRIu64
				" bytes (spool-size); new packets wait in memory until Kafka "
				"has taken old ones",
				used, s->size);
	}
	s->full = true;
	return true;
}

/* The batch to fill, one of the present topic. NULL: no memory. */
static struct spool_batch *batch_to_fill(struct spool *s)
{
	struct spool_batch *b = s->filling;

	if (b && b->topic != s->topics->name) {
		hand_over(s, done(s));
		b = NULL;
	}
	if (!b) {
		b = s->filling = spool_batch_new();
		if (!b)
			return NULL;
		b->topic = s->topics->name;
		b->first = s->next;
	}
	return b;
}

static int put(struct spool *s, const struct packet *pkt)
{
	size_t bytes = spool_format_packet_size(pkt);
	struct spool_batch *b = batch_to_fill(s);
	int r = b ? pktbuf_push(b->packets, pkt, s->next) : -ENOMEM;

	if (r < 0)
		return r;
	spool_marks_note(&s->marks, s->next, pkt->time_us, s->acknowledged);
	s->next++;
	b->bytes += bytes;
	spool_thread_add(s->thread, bytes);
	if (b->bytes >= HANDOVER_SIZE)
		hand_over(s, done(s));
	return 0;
}

int spool_append(struct spool *s, const struct packet *pkt)
{
	if (spool_thread_refused(s->thread) || is_full(s, spool_format_packet_size(pkt)))
		return SPOOL_E_NOSPACE;
	if (spool_thread_pending(s->thread) >= PENDING_MAX) {
		s->want_room = true;
		spool_thread_ask(s->thread);
		if (has_room(s)) /* it was written just now: nobody else would say so */
			on_event(s);
		return PACKET_E_FULL;
	}
	return put(s, pkt);
}

int spool_append_waiting(struct spool *s, const struct packet *pkt)
{
	if (spool_thread_refused(s->thread))
		return SPOOL_E_NOSPACE;
	if (spool_thread_pending(s->thread) >= PENDING_MAX) {
		hand_over(s, done(s));
		if (!spool_thread_wait(s->thread, PENDING_MAX / 2))
			return SPOOL_E_NOSPACE;
	}
	return put(s, pkt);
}

void spool_acknowledge(struct spool *s, uint64_t below)
{
	if (below >= s->lost_from && below < s->lost_to)
		below = s->lost_to;
	if (below > s->acknowledged)
		s->acknowledged = below;
}

/* What comes before this packet and was not read is damaged, and lost if it is not delivered. */
static void skip_lost(struct spool *s, uint64_t number)
{
	uint64_t from = s->acknowledged > s->read ? s->acknowledged : s->read;

	if (number <= s->read)
		return;
	if (number > from) {
		s->damaged += number - from;
		s->on_damaged(s->ctx, number - from);
	}
	if (s->lost_to != s->read)
		s->lost_from = s->read;
	s->lost_to = s->read = number;
	spool_acknowledge(s, s->acknowledged);
}

/* One from the thread; NULL: none yet. */
static struct spool_batch *take_batch(struct spool *s)
{
	uint64_t read_to = 0;
	struct spool_batch *b = spool_thread_take(s->thread, s->read, &read_to);

	if (b || read_to <= s->read)
		return b;
	skip_lost(s, read_to);
	return spool_thread_take(s->thread, s->read, &read_to);
}

/* What was read from memory meanwhile. */
static void drop_read(struct spool *s, struct spool_batch *b)
{
	struct packet pkt;
	uint64_t number;

	while (pktbuf_peek(b->packets, &pkt, &number) && number < s->read)
		pktbuf_pop(b->packets);
}

/* The batch to read from; NULL when nothing is ready. */
static struct spool_batch *batch_to_read(struct spool *s)
{
	while (!s->reading || !pktbuf_count(s->reading->packets)) {
		spool_batch_free(s->reading);
		s->reading = take_batch(s);
		if (!s->reading && is_in_filling(s, s->read))
			s->reading = spool_batch_copy(s->filling, s->read, HANDOVER_SIZE);
		s->wait_readable = !s->reading;
		if (!s->reading)
			return NULL;
		drop_read(s, s->reading);
	}
	return s->reading;
}

int spool_read(struct spool *s, spool_fn fn, void *ctx, unsigned int max)
{
	unsigned int n = 0;
	struct spool_batch *b;

	while (n < max && (b = batch_to_read(s))) {
		struct packet pkt;
		uint64_t number;
		int r;

		pktbuf_peek(b->packets, &pkt, &number);
		skip_lost(s, number); /* told before the packet behind it is handed on */
		r = fn(ctx, &pkt, number, b->topic);
		if (r < 0)
			return r;
		if (r)
			break;
		s->read = number + 1;
		s->read_us = pkt.time_us;
		pktbuf_pop(b->packets);
		n++;
	}
	return (int)n;
}

bool spool_is_written(const struct spool *s)
{
	return spool_thread_pending(s->thread) == 0;
}

uint64_t spool_next(const struct spool *s)
{
	return s->next;
}

uint64_t spool_unread(const struct spool *s)
{
	return s->next - s->read;
}

uint64_t spool_count(const struct spool *s)
{
	return s->next - s->acknowledged;
}

uint64_t spool_damaged(const struct spool *s)
{
	return s->damaged;
}

void spool_measure(const struct spool *s, struct spool_usage *out)
{
	uint64_t oldest = spool_marks_find(&s->marks, s->acknowledged);

	*out = (struct spool_usage){.packets = spool_count(s)};
	/* Of those of earlier runs only what was read tells its time. */
	if (out->packets)
		out->oldest_us = oldest ? oldest : s->read_us;
	out->bytes = spool_thread_on_disk(s->thread);
	out->files = spool_disk_files(s->disk);
	out->full = spool_thread_refused(s->thread) || s->full;
}

unsigned int spool_unreadable(const struct spool *s)
{
	return s->unreadable;
}

uint64_t spool_flush(struct spool *s)
{
	uint64_t lost;

	hand_over(s, s->acknowledged);
	lost = spool_thread_flush(s->thread, s->next);
	if (spool_thread_hangs(s->thread) && !s->hang_told)
		log_error("spool: the disk hangs: %" PRIu64 " packet(s) are not on it, and those "
			  "that are may not survive a power failure; not waiting any longer",
			  lost);
	s->hang_told = spool_thread_hangs(s->thread);
	return lost;
}

static void free_memory(void *ctx)
{
	struct spool *s = ctx;

	spool_batch_free(s->filling);
	spool_batch_free(s->reading);
	for (struct topic *t = s->topics, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	free(s);
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	if (s->thread)
		spool_flush(s);
	else
		spool_disk_free(s->disk);
	ev_async_stop(s->loop, &s->async);
	ev_prepare_stop(s->loop, &s->prepare);
	spool_thread_free(s->thread, free_memory, s); /* it has the names of topics */
}
