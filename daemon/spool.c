/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop fills a batch of packets and hands it over to the thread before it goes to sleep, or
 * when the batch is large: one lock and at most one wakeup an iteration, not one a packet. While
 * the thread is busy the batch goes on growing. The other way the thread reads ahead into batches
 * that the loop takes.
 *
 * When the disk refuses a batch the thread keeps it, tries again every while and whenever files
 * were removed, and the loop takes no more packets meanwhile.
 */
#include "spool.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "pcapng.h"
#include "pktbuf.h"
#include "spool_disk.h"

#define PENDING_MAX   (16u << 20) /* bytes that wait to be written */
#define HANDOVER_SIZE (1u << 20)  /* a batch of this many bytes goes at once */
#define AHEAD_MAX     (4u << 20)  /* bytes read ahead */
#define READ_SIZE     (1u << 20)  /* of them at a time */
#define CHUNK_SIZE    (256u << 10)
#define RETRY_MS      250

/* Packets on their way between the loop and the thread. */
struct batch {
	struct batch *next;
	struct pktbuf *packets;
	const char *topic;
	size_t bytes;    /* as counted in pending */
	bool apart;      /* begins a new file */
	uint64_t before; /* SPOOL_DISK_END, or where it is put back */
};

struct queue {
	struct batch *head, **tail;
};

struct topic {
	struct topic *next;
	char name[];
};

struct spool {
	/* the loop's */
	struct ev_loop *loop;
	ev_prepare prepare;
	ev_async async;
	void (*on_room)(void *ctx);
	void (*on_readable)(void *ctx);
	void *ctx;
	uint64_t size;
	struct topic *topics; /* the first is the present one */
	struct batch *filling;
	struct batch *reading;
	uint64_t next, read, acknowledged, damaged;
	uint64_t told; /* the acknowledged that the thread knows of */
	bool want_room, full, full_told;
	uint64_t between; /* packets that were put back */
	struct log_limit full_limit;

	/* both, by themselves */
	_Atomic uint64_t pending;   /* bytes appended and not yet written */
	_Atomic uint64_t on_disk;   /* bytes of the files */
	_Atomic bool refused;       /* the disk took nothing the last time */
	_Atomic bool want_readable; /* spool_read() found nothing */
	_Atomic bool want_signal;   /* the loop waits for room, or held a batch back */

	/* both, under the lock */
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread */
	pthread_cond_t done; /* for a loop that waits in spool_flush() or spool_put_back() */
	struct queue todo;
	struct queue ahead;
	size_t ahead_bytes;
	uint64_t below; /* to be acknowledged */
	bool more, flush, stop;
	uint64_t unwritten; /* packets, the answer to a flush */

	/* the thread's */
	pthread_t thread;
	bool started;
	struct spool_disk *disk;
	uint32_t sync_ms;
	struct queue writing;
	uint64_t sync_at, retry_at, done_below;
	struct log_limit refused_limit;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	pktbuf_free(b->packets);
	free(b);
}

static struct batch *batch_new(void)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b && pktbuf_new(&b->packets, CHUNK_SIZE) < 0) {
		free(b);
		return NULL;
	}
	if (b)
		b->before = SPOOL_DISK_END;
	return b;
}

static void queue_init(struct queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void queue_push(struct queue *q, struct batch *b)
{
	*q->tail = b;
	q->tail = &b->next;
}

static struct batch *queue_pop(struct queue *q)
{
	struct batch *b = q->head;

	if (b) {
		q->head = b->next;
		if (!q->head)
			q->tail = &q->head;
		b->next = NULL;
	}
	return b;
}

/* Moves all of `from` behind `to`. */
static void queue_move(struct queue *to, struct queue *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	queue_init(from);
}

static void queue_clear(struct queue *q)
{
	struct batch *b;

	while ((b = queue_pop(q)))
		batch_free(b);
}

/* ---- the thread ---- */

static void note_refusal(struct spool *s, int r)
{
	uint64_t held;

	s->retry_at = now_ms() + RETRY_MS;
	if (atomic_exchange(&s->refused, true))
		return;
	if (log_limit_pass(&s->refused_limit, 60, &held))
		log_write_event(LOG_LEVEL_WARN, LOG_EVENT_DROPPED, NULL, 0,
				"spool: cannot write: %s; new packets are dropped until it can",
				strerror(-r));
}

static void note_success(struct spool *s)
{
	if (atomic_exchange(&s->refused, false))
		log_info("spool: writing again");
}

/* Writes what there is. False: the disk takes no more for now. */
static bool write_batches(struct spool *s)
{
	struct batch *b;

	while ((b = s->writing.head)) {
		int r = spool_disk_write(s->disk, b->packets, b->topic, b->apart, b->before);

		atomic_store(&s->on_disk, spool_disk_bytes(s->disk));
		if (r < 0) {
			note_refusal(s, r);
			return false;
		}
		note_success(s);
		atomic_fetch_sub(&s->pending, b->bytes);
		batch_free(queue_pop(&s->writing));
	}
	return true;
}

/* Reads on as far as the loop may take it. */
static void read_ahead(struct spool *s)
{
	for (;;) {
		struct batch *b;
		bool room;

		pthread_mutex_lock(&s->lock);
		room = s->ahead_bytes < AHEAD_MAX && !s->stop;
		pthread_mutex_unlock(&s->lock);
		if (!room)
			return;
		b = batch_new();
		/* Without memory it goes on with what it got, or later. */
		if (b)
			spool_disk_read(s->disk, b->packets, READ_SIZE, &b->topic);
		if (!b || !pktbuf_count(b->packets)) {
			batch_free(b);
			return;
		}
		b->bytes = pktbuf_bytes(b->packets);
		pthread_mutex_lock(&s->lock);
		s->ahead_bytes += b->bytes;
		queue_push(&s->ahead, b);
		pthread_mutex_unlock(&s->lock);
		if (atomic_load(&s->want_readable))
			ev_async_send(s->loop, &s->async);
	}
}

static uint64_t count_unwritten(const struct spool *s)
{
	uint64_t n = spool_disk_unwritten(s->disk);

	for (const struct batch *b = s->writing.head; b; b = b->next)
		n += pktbuf_count(b->packets);
	return n;
}

static void sync_disk(struct spool *s, bool now)
{
	int r;

	if (!now && (!s->sync_ms || !spool_disk_dirty(s->disk) || now_ms() < s->sync_at))
		return;
	r = spool_disk_sync(s->disk);
	if (r < 0)
		log_debug("spool: cannot sync: %s", strerror(-r));
	s->sync_at = now_ms() + s->sync_ms;
}

/* One round: all that is to be done now. */
static void work(struct spool *s, uint64_t below, bool flush)
{
	if (below > s->done_below) {
		spool_disk_acknowledge(s->disk, below);
		s->done_below = below;
		s->retry_at = 0;
		atomic_store(&s->on_disk, spool_disk_bytes(s->disk));
	}
	if (flush || now_ms() >= s->retry_at)
		write_batches(s);
	if (!flush)
		read_ahead(s);
	sync_disk(s, flush);
	if ((!s->writing.head || atomic_load(&s->refused)) &&
	    atomic_exchange(&s->want_signal, false))
		ev_async_send(s->loop, &s->async);
}

/* Waits for work, under the lock. */
static void wait_for_work(struct spool *s)
{
	uint64_t until = 0;
	struct timespec ts;

	if (s->writing.head)
		until = s->retry_at;
	if (s->sync_ms && spool_disk_dirty(s->disk) && (!until || s->sync_at < until))
		until = s->sync_at;
	if (!until) {
		pthread_cond_wait(&s->work, &s->lock);
		return;
	}
	ts = (struct timespec){.tv_sec = (time_t)(until / 1000),
			       .tv_nsec = (long)(until % 1000) * 1000000};
	pthread_cond_timedwait(&s->work, &s->lock, &ts);
}

static void *run(void *arg)
{
	struct spool *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		uint64_t below = s->below;
		bool flush = s->flush;

		s->more = false;
		queue_move(&s->writing, &s->todo);
		pthread_mutex_unlock(&s->lock);
		work(s, below, flush);
		pthread_mutex_lock(&s->lock);
		s->unwritten = count_unwritten(s);
		if (flush)
			s->flush = false;
		pthread_cond_broadcast(&s->done);
		if (!s->todo.head && s->below == below && !s->more && !s->flush && !s->stop)
			wait_for_work(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- the loop ---- */

/* Gives the batch that is being filled, and what was acknowledged, to the thread. */
static void hand_over(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->filling) {
		queue_push(&s->todo, s->filling);
		s->filling = NULL;
	}
	s->below = s->told = s->acknowledged;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

/* Before the loop sleeps: unless the thread is still busy with what it got before. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct spool *s = w->data;

	if (s->filling && atomic_load(&s->pending) > s->filling->bytes &&
	    s->filling->bytes < HANDOVER_SIZE) {
		atomic_store(&s->want_signal, true);
		/* It may have finished between the two lines. */
		if (atomic_load(&s->pending) > s->filling->bytes && s->told == s->acknowledged)
			return;
	}
	if (s->filling || s->told != s->acknowledged)
		hand_over(s);
}

/* Also when the disk is full: then the caller must be told so. */
static bool has_room(struct spool *s)
{
	return atomic_load(&s->pending) < PENDING_MAX / 2 || atomic_load(&s->refused);
}

static void on_async(struct ev_loop *loop, ev_async *w, int revents)
{
	struct spool *s = w->data;
	bool readable;

	/* The second look is for what was written between the first and the flag. */
	if (s->want_room && !has_room(s))
		atomic_store(&s->want_signal, true);
	if (s->want_room && has_room(s)) {
		s->want_room = false;
		s->on_room(s->ctx);
	}
	pthread_mutex_lock(&s->lock);
	readable = s->ahead.head;
	pthread_mutex_unlock(&s->lock);
	if (readable && atomic_exchange(&s->want_readable, false))
		s->on_readable(s->ctx);
}

int spool_set_topic(struct spool *s, const char *topic)
{
	size_t size = strlen(topic) + 1;
	struct topic *t = malloc(sizeof(*t) + size);

	if (!t)
		return -ENOMEM;
	memcpy(t->name, topic, size);
	t->next = s->topics;
	s->topics = t;
	return 0;
}

static int init_lock(struct spool *s)
{
	pthread_condattr_t attr;
	int r;

	if ((r = pthread_condattr_init(&attr)))
		return -r;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_mutex_init(&s->lock, NULL);
	if (!r)
		r = pthread_cond_init(&s->work, &attr);
	if (!r)
		r = pthread_cond_init(&s->done, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

/* Signals are the loop's. */
static int start_thread(struct spool *s)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->started = r == 0;
	return -r;
}

static void start_watchers(struct spool *s, struct ev_loop *loop)
{
	s->loop = loop;
	ev_prepare_init(&s->prepare, on_prepare);
	s->prepare.data = s;
	ev_prepare_start(loop, &s->prepare);
	ev_async_init(&s->async, on_async);
	s->async.data = s;
	ev_async_start(loop, &s->async);
}

int spool_new(struct spool **out, const struct spool_options *opt)
{
	struct spool *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	queue_init(&s->todo);
	queue_init(&s->ahead);
	queue_init(&s->writing);
	s->on_room = opt->on_room;
	s->on_readable = opt->on_readable;
	s->ctx = opt->ctx;
	s->size = opt->size;
	s->sync_ms = opt->sync_ms;
	s->want_readable = true;
	start_watchers(s, opt->loop);
	r = init_lock(s);
	if (r == 0)
		r = spool_set_topic(s, opt->topic);
	if (r == 0)
		r = spool_disk_new(&s->disk, opt->directory, opt->segment_size, opt->sync_ms > 0);
	if (r == 0) {
		s->next = spool_disk_end(s->disk);
		s->read = s->acknowledged = s->told = spool_disk_first(s->disk);
		s->below = s->done_below = s->read;
		s->on_disk = spool_disk_bytes(s->disk);
		r = start_thread(s);
	}
	if (r < 0) {
		spool_free(s);
		return r;
	}
	if (s->next > s->read)
		log_info("spool: %" PRIu64 " packet(s) of an earlier run wait in %s",
			 s->next - s->read, opt->directory);
	*out = s;
	return 0;
}

/* True when the allowance is used up; one warning each time, and not too many times. */
static bool is_full(struct spool *s, size_t more)
{
	uint64_t used = atomic_load(&s->on_disk) + atomic_load(&s->pending), held;

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
				" bytes (spool-size); new packets are dropped until Kafka has "
				"taken old ones",
				used, s->size);
	}
	s->full = true;
	return true;
}

/* The batch to fill, one that goes to this place. NULL: no memory. */
static struct batch *batch_for(struct spool *s, uint64_t before, bool apart)
{
	struct batch *b = s->filling;

	if (b && (b->before != before || b->topic != s->topics->name || apart)) {
		hand_over(s);
		b = NULL;
	}
	if (!b) {
		b = s->filling = batch_new();
		if (!b)
			return NULL;
		b->before = before;
		b->topic = s->topics->name;
		b->apart = apart;
	}
	return b;
}

static int put(struct spool *s, const struct packet *pkt, uint64_t before, bool apart)
{
	size_t bytes = pcapng_packet_size(pkt->caplen);
	struct batch *b = batch_for(s, before, apart);
	int r = b ? pktbuf_push(b->packets, pkt, 0) : -ENOMEM;

	if (r < 0)
		return r;
	b->bytes += bytes;
	atomic_fetch_add(&s->pending, bytes);
	if (b->bytes >= HANDOVER_SIZE)
		hand_over(s);
	return 0;
}

int spool_append(struct spool *s, const struct packet *pkt)
{
	int r;

	if (atomic_load(&s->refused) || is_full(s, pcapng_packet_size(pkt->caplen)))
		return SPOOL_E_NOSPACE;
	if (atomic_load(&s->pending) >= PENDING_MAX) {
		s->want_room = true;
		atomic_store(&s->want_signal, true);
		return PACKET_E_FULL;
	}
	r = put(s, pkt, SPOOL_DISK_END, s->read == s->next);
	if (r == 0)
		s->next++;
	return r;
}

int spool_put_back(struct spool *s, const struct packet *pkt, uint64_t before)
{
	int r;

	if (atomic_load(&s->refused))
		return SPOOL_E_NOSPACE;
	if (atomic_load(&s->pending) >= PENDING_MAX) {
		hand_over(s);
		pthread_mutex_lock(&s->lock);
		while (atomic_load(&s->pending) >= PENDING_MAX / 2 && !atomic_load(&s->refused))
			pthread_cond_wait(&s->done, &s->lock);
		pthread_mutex_unlock(&s->lock);
	}
	if (before >= s->next)
		before = SPOOL_DISK_END;
	r = put(s, pkt, before, false);
	if (r == 0)
		*(before == SPOOL_DISK_END ? &s->next : &s->between) += 1;
	return r;
}

/* The batch to read from; NULL when the thread has none ready. */
static struct batch *batch_to_read(struct spool *s)
{
	bool low;

	if (s->reading && pktbuf_count(s->reading->packets))
		return s->reading;
	batch_free(s->reading);
	pthread_mutex_lock(&s->lock);
	s->reading = queue_pop(&s->ahead);
	if (s->reading)
		s->ahead_bytes -= s->reading->bytes;
	else
		atomic_store(&s->want_readable, true);
	low = s->ahead_bytes < AHEAD_MAX / 2;
	if (low && s->next > s->read) {
		s->more = true;
		pthread_cond_signal(&s->work);
	}
	pthread_mutex_unlock(&s->lock);
	return s->reading;
}

int spool_read(struct spool *s, spool_fn fn, void *ctx, unsigned int max)
{
	unsigned int n = 0;
	struct batch *b;

	while (n < max && (b = batch_to_read(s))) {
		struct packet pkt;
		uint64_t number;
		int r;

		pktbuf_peek(b->packets, &pkt, &number);
		r = fn(ctx, &pkt, number, b->topic);
		if (r < 0)
			return r;
		if (r)
			break;
		s->damaged += number - s->read;
		s->read = number + 1;
		pktbuf_pop(b->packets);
		n++;
	}
	return (int)n;
}

void spool_acknowledge(struct spool *s, uint64_t below)
{
	if (below > s->acknowledged)
		s->acknowledged = below;
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
	return s->next - s->acknowledged + s->between;
}

uint64_t spool_damaged(const struct spool *s)
{
	return s->damaged;
}

uint64_t spool_flush(struct spool *s)
{
	uint64_t unwritten;

	hand_over(s);
	pthread_mutex_lock(&s->lock);
	s->flush = true;
	pthread_cond_signal(&s->work);
	while (s->flush)
		pthread_cond_wait(&s->done, &s->lock);
	unwritten = s->unwritten;
	pthread_mutex_unlock(&s->lock);
	return unwritten;
}

static void stop_thread(struct spool *s)
{
	if (!s->started)
		return;
	spool_flush(s);
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	stop_thread(s);
	spool_disk_free(s->disk);
	ev_async_stop(s->loop, &s->async);
	ev_prepare_stop(s->loop, &s->prepare);
	batch_free(s->filling);
	batch_free(s->reading);
	queue_clear(&s->todo);
	queue_clear(&s->ahead);
	queue_clear(&s->writing);
	for (struct topic *t = s->topics, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	pthread_cond_destroy(&s->done);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
