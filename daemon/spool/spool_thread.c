/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread works in rounds: takes what was given, removes what is delivered, writes, reads
 * ahead, and sleeps until there is more. When the disk refuses a batch it keeps it, and
 * tries again every while and whenever files were removed. What cannot be read is tried again too.
 *
 * What is not on the disk yet the loop reads from memory, whatever the thread waits for: a batch
 * that was given does not change until it is written, and goes under the lock. What is delivered
 * meanwhile is not written at all.
 */
#include "spool/spool_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "spool/spool_patience.h"

#define AHEAD_MAX (4u << 20) /* bytes read ahead */
#define READ_SIZE (1u << 20) /* of them at a time */
#define RETRY_MS  250
#define REREAD_MS 1000

struct spool_thread {
	void (*on_event)(void *ctx);
	void *ctx;
	struct spool_patience patience; /* with it */

	/* by themselves */
	_Atomic uint64_t pending;   /* bytes given or about to be, and not yet written */
	_Atomic uint64_t on_disk;   /* bytes of the files */
	_Atomic bool refused;       /* the disk took nothing the last time */
	_Atomic bool want_readable; /* the loop found nothing to take */
	_Atomic bool want_signal;   /* the loop wants to know when all is written */

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t work;     /* for the thread */
	struct spool_queue todo; /* given; the thread alone takes batches out */
	uint64_t passed;         /* the loop has read all below, some of it from memory */
	struct spool_queue ahead;
	size_t ahead_bytes;
	uint64_t read_to; /* all packets below are in `ahead`, or were, or are lost */
	uint64_t told_to; /* what the loop knows of that */
	uint64_t below;   /* all packets below are delivered */
	bool news;        /* something to do has come since the thread last looked */
	bool flush, stop, new_limits;
	void (*release)(void *ctx);
	void *release_ctx;
	uint32_t new_sync_ms;
	uint64_t new_segment_size;
	uint64_t discarded; /* packets, the answer to a flush */

	/* the thread's own */
	struct spool_disk *disk;
	uint64_t retry_at, done_below;
	uint64_t reread_at; /* 0: nothing to be tried again */
	bool refused_told;
	struct log_limit refused_limit;
};

/* Under the lock: the thread has something to do. */
static void wake(struct spool_thread *t)
{
	t->news = true;
	pthread_cond_signal(&t->work);
}

static void note_refusal(struct spool_thread *t, int r)
{
	uint64_t held;

	t->retry_at = thread_now_ms() + RETRY_MS;
	if (atomic_exchange(&t->refused, true) || !log_limit_pass(&t->refused_limit, 60, &held))
		return;
	t->refused_told = true;
	log_write_event(LOG_LEVEL_WARN, LOG_EVENT_DROPPED, NULL, 0,
			"spool: cannot write: %s; packets wait in memory until it can",
			strerror(-r));
}

static void note_success(struct spool_thread *t)
{
	atomic_store(&t->refused, false);
	if (t->refused_told)
		log_info("spool: writing again");
	t->refused_told = false;
}

/* Under the lock, as the loop may be gone once the thread is left to itself. */
static void tell(struct spool_thread *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->on_event)
		t->on_event(t->ctx);
	pthread_mutex_unlock(&t->lock);
}

static struct spool_batch *first_to_write(struct spool_thread *t)
{
	struct spool_batch *b;

	pthread_mutex_lock(&t->lock);
	b = t->todo.head;
	pthread_mutex_unlock(&t->lock);
	return b;
}

/* The first one is written, or need not be. */
static void drop_first(struct spool_thread *t)
{
	struct spool_batch *b;

	pthread_mutex_lock(&t->lock);
	b = spool_queue_pop(&t->todo);
	pthread_mutex_unlock(&t->lock);
	atomic_fetch_sub(&t->pending, b->bytes);
	spool_batch_free(b);
}

static void take_limits(struct spool_thread *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->new_limits)
		spool_disk_set_limits(t->disk, t->new_segment_size, t->new_sync_ms);
	t->new_limits = false;
	pthread_mutex_unlock(&t->lock);
}

/* Writes what there is, as far as the disk takes it. */
static void write_batches(struct spool_thread *t)
{
	struct spool_batch *b;

	while ((b = first_to_write(t))) {
		int r;

		take_limits(t); /* those of before do not hold for what came after */
		r = spool_disk_write(t->disk, b);
		atomic_store(&t->on_disk, spool_disk_bytes(t->disk));
		if (r < 0) {
			note_refusal(t, r);
			return;
		}
		note_success(t);
		drop_first(t);
		spool_patience_step(&t->patience);
	}
}

/* What is delivered needs no disk. With nothing left to write, the next try may go well. */
static void skip_delivered(struct spool_thread *t, uint64_t below)
{
	struct spool_batch *b;

	while ((b = first_to_write(t)) && b->first < below) {
		spool_disk_skip(t->disk, b, below);
		if (b->left)
			return;
		drop_first(t);
	}
	if (!b)
		atomic_store(&t->refused, false);
}

/* Gives the loop what was read (taken over; may be NULL). False: that was nothing. */
static bool offer(struct spool_thread *t, struct spool_batch *b)
{
	uint64_t read_to = spool_disk_read_to(t->disk);
	bool any = b && pktbuf_count(b->packets), news;

	if (any)
		b->bytes = pktbuf_bytes(b->packets);
	pthread_mutex_lock(&t->lock);
	if (any) {
		t->ahead_bytes += b->bytes;
		spool_queue_push(&t->ahead, b);
	}
	news = read_to != t->read_to;
	t->read_to = read_to;
	pthread_mutex_unlock(&t->lock);
	if (!any)
		spool_batch_free(b);
	if (news && atomic_load(&t->want_readable))
		tell(t);
	return any;
}

/* Reads on as far as the loop may take it. */
static void read_ahead(struct spool_thread *t)
{
	bool any = true;

	t->reread_at = 0;
	while (any && !t->reread_at) {
		struct spool_batch *b;
		bool room;

		pthread_mutex_lock(&t->lock);
		room = t->ahead_bytes < AHEAD_MAX && !t->stop;
		pthread_mutex_unlock(&t->lock);
		if (!room)
			return;
		b = spool_batch_new();
		if (!b || spool_disk_read(t->disk, b->packets, READ_SIZE, &b->topic) < 0)
			t->reread_at = thread_now_ms() + REREAD_MS;
		any = offer(t, b);
	}
}

/* The end of a flush: gives up what the disk has not taken. */
static void end_flush(struct spool_thread *t)
{
	uint64_t n = 0;
	struct spool_batch *b;

	spool_disk_sync(t->disk);
	while ((b = first_to_write(t))) {
		n += b->left;
		drop_first(t);
	}
	atomic_store(&t->refused, false); /* there is nothing left that could show it */
	pthread_mutex_lock(&t->lock);
	t->discarded = n;
	t->flush = false;
	pthread_mutex_unlock(&t->lock);
}

/* One round: all that is to be done now. */
static void work(struct spool_thread *t, uint64_t below, uint64_t passed, bool flush)
{
	spool_disk_pass(t->disk, passed);
	if (below > t->done_below) {
		spool_disk_acknowledge(t->disk, below);
		t->done_below = below;
		t->retry_at = 0;
		skip_delivered(t, below);
		atomic_store(&t->on_disk, spool_disk_bytes(t->disk));
	}
	if (flush || thread_now_ms() >= t->retry_at)
		write_batches(t);
	if (!flush && thread_now_ms() >= t->reread_at)
		read_ahead(t);
	if (flush)
		end_flush(t);
	if ((!first_to_write(t) || atomic_load(&t->refused)) &&
	    atomic_exchange(&t->want_signal, false))
		tell(t);
}

/* Waits for work, under the lock. Without any it sleeps and does not tick. */
static void wait_for_work(struct spool_thread *t)
{
	uint64_t until = UINT64_MAX;

	if (t->todo.head)
		until = t->retry_at;
	if (t->reread_at && t->reread_at < until)
		until = t->reread_at;
	thread_cond_wait(&t->work, &t->lock, until);
}

static void destroy(struct spool_thread *t)
{
	spool_queue_clear(&t->todo);
	spool_queue_clear(&t->ahead);
	spool_patience_clear(&t->patience);
	pthread_cond_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	if (t->release)
		t->release(t->release_ctx);
	free(t);
}

static void *run(void *arg)
{
	struct spool_thread *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		uint64_t below = t->below, passed = t->passed;
		bool flush = t->flush;

		t->news = false;
		pthread_mutex_unlock(&t->lock);
		take_limits(t);
		work(t, below, passed, flush);
		pthread_mutex_lock(&t->lock);
		spool_patience_step(&t->patience);
		if (!t->news)
			wait_for_work(t);
	}
	pthread_mutex_unlock(&t->lock);
	spool_disk_free(t->disk);
	if (spool_patience_end(&t->patience))
		destroy(t);
	return NULL;
}

int spool_thread_new(struct spool_thread **out, const struct spool_thread_options *opt)
{
	struct spool_thread *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	spool_queue_init(&t->todo);
	spool_queue_init(&t->ahead);
	t->disk = opt->disk;
	t->on_event = opt->on_event;
	t->ctx = opt->ctx;
	t->below = t->done_below = spool_disk_first(opt->disk);
	t->read_to = t->told_to = spool_disk_first(opt->disk);
	t->on_disk = spool_disk_bytes(opt->disk);
	t->want_readable = true;
	r = -pthread_mutex_init(&t->lock, NULL);
	if (r == 0)
		r = thread_cond_init(&t->work);
	if (r == 0)
		r = spool_patience_start(&t->patience, &t->lock, run, t);
	if (r < 0) {
		destroy(t);
		return r;
	}
	*out = t;
	return 0;
}

void spool_thread_free(struct spool_thread *t, void (*release)(void *ctx), void *ctx)
{
	if (!t) {
		release(ctx);
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->release = release;
	t->release_ctx = ctx;
	t->stop = true;
	t->on_event = NULL;
	wake(t);
	pthread_mutex_unlock(&t->lock);
	if (spool_patience_join(&t->patience))
		destroy(t);
}

void spool_thread_give(struct spool_thread *t, struct spool_batch *b, uint64_t below)
{
	pthread_mutex_lock(&t->lock);
	if (b) {
		b->left = pktbuf_count(b->packets);
		spool_queue_push(&t->todo, b);
	}
	t->below = below;
	wake(t);
	pthread_mutex_unlock(&t->lock);
}

/* Under the lock: the batch of this packet, when that is still to be written. */
static const struct spool_batch *find_unwritten(const struct spool_thread *t, uint64_t packet)
{
	const struct spool_batch *b = t->todo.head;

	if (!b || packet < b->first)
		return NULL;
	while (b && packet >= spool_batch_end(b))
		b = b->next;
	return b;
}

/* Under the lock: a copy of what is still to be written, when nothing unread is before it. */
static struct spool_batch *copy_unwritten(struct spool_thread *t, uint64_t from)
{
	const struct spool_batch *b = find_unwritten(t, from);
	struct spool_batch *copy = b ? spool_batch_copy(b, from, READ_SIZE) : NULL;

	if (copy)
		t->passed = spool_batch_end(copy);
	return copy;
}

/* Under the lock: one that was read ahead. */
static struct spool_batch *take_ahead(struct spool_thread *t)
{
	struct spool_batch *b = spool_queue_pop(&t->ahead);

	if (!b)
		return NULL;
	t->ahead_bytes -= b->bytes;
	if (t->ahead_bytes < AHEAD_MAX / 2)
		wake(t);
	return b;
}

struct spool_batch *spool_thread_take(struct spool_thread *t, uint64_t from, uint64_t *read_to)
{
	struct spool_batch *b;

	pthread_mutex_lock(&t->lock);
	t->passed = from;
	b = take_ahead(t);
	if (!b)
		b = copy_unwritten(t, from);
	if (!b) {
		atomic_store(&t->want_readable, true);
		*read_to = t->told_to = t->read_to;
	}
	pthread_mutex_unlock(&t->lock);
	return b;
}

bool spool_thread_has(struct spool_thread *t, uint64_t from)
{
	bool has;

	pthread_mutex_lock(&t->lock);
	has = t->ahead.head || t->read_to != t->told_to || find_unwritten(t, from);
	if (has)
		atomic_store(&t->want_readable, false);
	pthread_mutex_unlock(&t->lock);
	return has;
}

uint64_t spool_thread_pending(const struct spool_thread *t)
{
	return atomic_load(&t->pending);
}

void spool_thread_add(struct spool_thread *t, uint64_t bytes)
{
	atomic_fetch_add(&t->pending, bytes);
}

uint64_t spool_thread_on_disk(const struct spool_thread *t)
{
	return atomic_load(&t->on_disk);
}

bool spool_thread_refused(const struct spool_thread *t)
{
	return atomic_load(&t->refused);
}

void spool_thread_ask(struct spool_thread *t)
{
	atomic_store(&t->want_signal, true);
}

bool spool_thread_wait(struct spool_thread *t, uint64_t pending)
{
	struct spool_waiting w = {0};
	bool goes_on = true;

	pthread_mutex_lock(&t->lock);
	while (goes_on && atomic_load(&t->pending) > pending && !atomic_load(&t->refused))
		goes_on = spool_patience_wait(&t->patience, &w, spool_disk_sync_steps(t->disk));
	pthread_mutex_unlock(&t->lock);
	return goes_on;
}

uint64_t spool_thread_flush(struct spool_thread *t, uint64_t end)
{
	struct spool_waiting w = {0};
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	t->flush = true;
	wake(t);
	while (t->flush)
		if (!spool_patience_wait(&t->patience, &w, spool_disk_sync_steps(t->disk)))
			break;
	n = t->patience.hangs ? end - spool_disk_end(t->disk) : t->discarded;
	pthread_mutex_unlock(&t->lock);
	return n;
}

bool spool_thread_hangs(const struct spool_thread *t)
{
	return t->patience.hangs;
}

void spool_thread_set_limits(struct spool_thread *t, uint64_t segment_size, uint32_t sync_ms)
{
	pthread_mutex_lock(&t->lock);
	t->new_limits = true;
	t->new_segment_size = segment_size;
	t->new_sync_ms = sync_ms;
	wake(t);
	pthread_mutex_unlock(&t->lock);
}
