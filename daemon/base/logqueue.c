/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where lines are missing is told in their place: while the queue is full none gets in, and the
 * line that tells it goes out before the first that gets in again. Lines that a sink refused (a
 * full disk) are told behind the next that it takes.
 */
#include "base/logqueue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/footer.h"
#include "base/thread.h"

#define MISSING_MAX 4096

struct entry {
	struct entry *next;
	size_t len;
	char line[];
};

struct logqueue {
	struct logqueue_options opt;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct entry *first, **last;
	size_t bytes; /* of the lines that wait, and of the one that is being written */
	char footer[FOOTER_MAX];
	bool draws;       /* the footer is new, or a line was written in its place */
	uint64_t missing; /* not told yet */
	bool full;        /* until all that waits is written */
	bool broken;      /* the last write failed: only another line tries again */
	bool ending;
	bool ended;     /* the thread touches nothing any more */
	bool abandoned; /* nobody waits for it: what is left is the thread's to free */
};

static void release(struct logqueue *q)
{
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static struct entry *take(struct logqueue *q)
{
	struct entry *entry = q->first;

	q->first = entry->next;
	if (!q->first)
		q->last = &q->first;
	return entry;
}

/* Called with the lock held, which is given up meanwhile. */
static void write_first(struct logqueue *q)
{
	struct entry *entry = take(q);
	int r;

	pthread_mutex_unlock(&q->lock);
	r = q->opt.write(entry->line, entry->len);
	pthread_mutex_lock(&q->lock);
	q->bytes -= entry->len;
	q->broken = r < 0;
	if (q->broken)
		q->missing++;
	q->draws = *q->footer;
	free(entry);
}

/* As write_first(). Lines get in again, behind this one. */
static void tell_missing(struct logqueue *q)
{
	uint64_t n = q->missing;
	char line[MISSING_MAX];
	int r;

	q->missing = 0;
	q->full = false;
	pthread_mutex_unlock(&q->lock);
	r = q->opt.write(line, q->opt.missing(n, line, sizeof(line)));
	pthread_mutex_lock(&q->lock);
	q->broken = r < 0;
	if (q->broken)
		q->missing += n;
	q->draws = *q->footer;
}

/* As write_first(). */
static void draw_footer(struct logqueue *q)
{
	char text[FOOTER_MAX];

	memcpy(text, q->footer, sizeof(text));
	q->draws = false;
	pthread_mutex_unlock(&q->lock);
	q->opt.draw(text, strlen(text));
	pthread_mutex_lock(&q->lock);
}

static void *run(void *arg)
{
	struct logqueue *q = arg;
	bool abandoned;

	pthread_mutex_lock(&q->lock);
	while (true) {
		if (q->first)
			write_first(q);
		else if (q->missing && !q->broken)
			tell_missing(q);
		else if (q->ending)
			break;
		else if (q->draws)
			draw_footer(q);
		else
			thread_cond_wait(&q->wake, &q->lock, UINT64_MAX);
		if (!q->first && q->broken)
			q->full = false;
	}
	q->ended = true;
	abandoned = q->abandoned;
	pthread_mutex_unlock(&q->lock);
	if (abandoned)
		release(q);
	return NULL;
}

int logqueue_new(struct logqueue **out, const struct logqueue_options *opt)
{
	struct logqueue *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->opt = *opt;
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
	r = thread_cond_init(&q->wake);
	if (r == 0)
		r = thread_start(&q->thread, run, q);
	if (r < 0) {
		release(q);
		return r;
	}
	*out = q;
	return 0;
}

static struct entry *new_entry(const char *line, size_t len)
{
	struct entry *entry = malloc(sizeof(*entry) + len);

	if (!entry)
		return NULL;
	entry->next = NULL;
	entry->len = len;
	memcpy(entry->line, line, len);
	return entry;
}

void logqueue_put(struct logqueue *q, const char *line, size_t len)
{
	struct entry *entry = NULL;

	pthread_mutex_lock(&q->lock);
	if (!q->full && q->bytes + len <= q->opt.max_bytes)
		entry = new_entry(line, len);
	if (entry) {
		*q->last = entry;
		q->last = &entry->next;
		q->bytes += len;
	} else {
		q->full = true;
		q->missing++;
	}
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
}

void logqueue_set_footer(struct logqueue *q, const char *text)
{
	pthread_mutex_lock(&q->lock);
	snprintf(q->footer, sizeof(q->footer), "%s", text);
	q->draws = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
}

/* Returns false when the thread has ended after all, and is to be joined. */
static bool abandon(struct logqueue *q)
{
	bool abandoned;

	pthread_mutex_lock(&q->lock);
	abandoned = q->abandoned = !q->ended;
	pthread_mutex_unlock(&q->lock);
	return abandoned;
}

bool logqueue_free(struct logqueue *q, unsigned int ms)
{
	pthread_t thread;

	if (!q)
		return true;
	thread = q->thread;
	pthread_mutex_lock(&q->lock);
	q->ending = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
	if (!thread_join_within(thread, ms)) {
		if (abandon(q)) {
			thread_abandon(thread);
			return false;
		}
		pthread_join(thread, NULL);
	}
	release(q);
	return true;
}
