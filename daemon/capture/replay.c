/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "capture/pace.h"
#include "capture/readfile.h"
#include "packet/pktbuf.h"

#define CHUNK        (256 * 1024)
#define MAX_AHEAD    (4 * 1024 * 1024) /* bytes read but not taken yet */
#define BATCH        4096
#define OPEN_WAIT_MS 2000 /* for a file, at the start */
#define JOIN_MS      1000
#define LONG_WAIT_S  60 /* for a packet at its pace: worth a line */

struct replay {
	struct replay_options opt; /* its strings are not used */
	pthread_t thread;
	bool started, has_end;
	ev_async async;
	ev_timer again; /* more than a batch is left, or the next packet is not due yet */
	struct pace pace;
	uint64_t told; /* the time of the packet that a line said is waited for */
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t room, opening;
	struct pktbuf *filling; /* shared, under the lock; also filled_to, opened, ended, quit */
	uint64_t filled_to;     /* of the file */
	bool opened, ended, quit;
	int status;
	char why[512]; /* of status; not changed after `ended` */

	struct pktbuf *taking; /* the loop's */
	uint64_t from, to;     /* of the file, what it held when it was full */
	uint64_t held;         /* packets, then */
	uint64_t done;         /* of the file, as was told last */
	struct readfile *file; /* the thread's, until it is joined */
};

/* ---- the thread ---- */

/* Under the lock. Who is not waited for any more may outlive the loop. */
static void wake(struct replay *r)
{
	if (!r->quit)
		ev_async_send(r->opt.loop, &r->async);
}

/* Waits while too much lies there. False: quit. */
static bool put(struct replay *r, const struct packet *pkt, int *err)
{
	uint64_t size;
	bool go_on;

	pthread_mutex_lock(&r->lock);
	while (!r->quit && pktbuf_bytes(r->filling) > MAX_AHEAD)
		pthread_cond_wait(&r->room, &r->lock);
	*err = pktbuf_push(r->filling, pkt, 0);
	readfile_position(r->file, &r->filled_to, &size);
	go_on = !r->quit && *err == 0;
	wake(r);
	pthread_mutex_unlock(&r->lock);
	return go_on;
}

static int read_packets(struct replay *r)
{
	struct packet pkt;
	int n, err = 0;

	while ((n = readfile_next(r->file, &pkt, r->why, sizeof(r->why))) == 1) {
		if (put(r, &pkt, &err))
			continue;
		if (err < 0)
			snprintf(r->why, sizeof(r->why), "%s: out of memory",
				 readfile_name(r->file));
		return err;
	}
	return n;
}

static void tell(struct replay *r, bool opened, bool ended, int status)
{
	pthread_mutex_lock(&r->lock);
	r->opened = opened;
	r->ended = ended;
	r->status = status;
	pthread_cond_signal(&r->opening);
	wake(r);
	pthread_mutex_unlock(&r->lock);
}

static void *run(void *arg)
{
	struct replay *r = arg;
	int err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	err = readfile_open(r->file, r->why, sizeof(r->why));
	tell(r, err == 0, err < 0, err);
	if (err == 0) {
		err = read_packets(r);
		tell(r, true, true, err);
	}
	return NULL;
}

/* ---- the loop ---- */

/* Takes all that was read so far, in exchange for the empty store. True at the end. */
static bool swap(struct replay *r)
{
	struct pktbuf *full;
	bool ended;

	pthread_mutex_lock(&r->lock);
	full = r->filling;
	r->filling = r->taking;
	r->taking = full;
	r->held = pktbuf_count(full);
	r->from = r->to;
	r->to = r->filled_to;
	ended = r->ended && pktbuf_count(full) == 0;
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	return ended;
}

static void come_again(struct replay *r, double after)
{
	ev_timer_set(&r->again, after, 0.);
	ev_timer_start(r->opt.loop, &r->again);
}

static bool wait_until_due(struct replay *r, const struct packet *pkt)
{
	double wait = pace_wait(&r->pace, pkt, clock_ns(CLOCK_MONOTONIC));

	if (wait <= 0)
		return false;
	if (wait >= LONG_WAIT_S && r->told != pkt->time_us) {
		log_info("%s: the next packet is due in %.0f s (--pace)", readfile_name(r->file),
			 wait);
		r->told = pkt->time_us;
	}
	/* From now on, not from when the loop last looked. */
	ev_now_update(r->opt.loop);
	come_again(r, wait);
	return true;
}

static void work(struct replay *r)
{
	struct packet pkt;
	int err, n;

	if (!r->running)
		return;
	if (pktbuf_count(r->taking) == 0 && swap(r)) {
		r->running = false;
		r->opt.on_end(r->opt.ctx, r->status < 0 ? r->why : NULL);
		return;
	}
	for (n = 0; n < BATCH && pktbuf_peek(r->taking, &pkt, NULL); n++) {
		if (r->pace.factor && wait_until_due(r, &pkt))
			return;
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
		come_again(r, 0.);
	else if (n > 0)
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

/* ---- life ---- */

/* A pipe may have no writer for long, and a terminal no input. */
static bool may_wait_for_long(const char *path)
{
	struct stat st;
	int r = strcmp(path, "-") != 0 ? stat(path, &st) : fstat(STDIN_FILENO, &st);

	return r == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode));
}

bool replay_has_end(const struct replay *r)
{
	return r->has_end;
}

/* What is wrong with a file is told before anything else is made. A disk that hangs is not awaited.
 */
static int wait_opened(struct replay *r)
{
	const struct timespec until = clock_timespec(thread_now_ms() + OPEN_WAIT_MS);
	int err = 0;

	pthread_mutex_lock(&r->lock);
	while (!r->opened && !r->ended && err == 0)
		err = pthread_cond_clockwait(&r->opening, &r->lock, CLOCK_MONOTONIC, &until);
	err = r->opened || !r->ended ? 0 : r->status;
	pthread_mutex_unlock(&r->lock);
	if (err < 0)
		log_error("%s", r->why);
	return err;
}

static int start(struct replay *r)
{
	int err = thread_start(&r->thread, run, r);

	r->started = err == 0;
	r->has_end = !may_wait_for_long(r->opt.path);
	if (err < 0) {
		log_error("Cannot start a thread to read %s: %s", r->opt.path, strerror(-err));
		return err;
	}
	return r->has_end ? wait_opened(r) : 0;
}

int replay_new(struct replay **out, const struct replay_options *opt)
{
	struct replay *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->opt = *opt;
	r->pace.factor = opt->pace;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->room, NULL);
	pthread_cond_init(&r->opening, NULL);
	ev_async_init(&r->async, on_async);
	ev_timer_init(&r->again, on_again, 0., 0.);
	r->async.data = r->again.data = r;
	ev_async_start(opt->loop, &r->async);
	err = readfile_new(&r->file, opt->path, opt->filter);
	if (err == 0)
		err = pktbuf_new(&r->filling, CHUNK);
	if (err == 0)
		err = pktbuf_new(&r->taking, CHUNK);
	if (err == 0)
		err = start(r);
	if (err < 0) {
		replay_free(r);
		return err;
	}
	*out = r;
	return 0;
}

/* Each packet that was read ahead counts alike: their bytes in the file, compressed, are not known.
 */
void replay_position(struct replay *r, uint64_t *done, int64_t *left)
{
	uint64_t place, size, waiting = pktbuf_count(r->taking);
	bool ahead;

	readfile_position(r->file, &place, &size);
	pthread_mutex_lock(&r->lock);
	ahead = pktbuf_count(r->filling) > 0;
	pthread_mutex_unlock(&r->lock);
	if (waiting > 0)
		*done = r->to -
			(uint64_t)((double)(r->to - r->from) * (double)waiting / (double)r->held);
	else
		*done = ahead ? r->to : place;
	if (*done < r->done) /* the filter left out all up to there */
		*done = r->done;
	r->done = *done;
	*left = size == 0 ? -1 : size > *done ? (int64_t)(size - *done) : 0;
}

void replay_run(struct replay *r)
{
	r->running = true;
	if (!ev_is_active(&r->again))
		come_again(r, 0.);
}

static void say_made_1970(const struct readfile *f, uint64_t packets, const char *which)
{
	if (packets)
		log_warn("%s: %" PRIu64 " packet(s) %s are sent with the time 1970-01-01T00:00:00Z",
			 readfile_name(f), packets, which);
}

/* What was not sent as it is in the file. */
static void say_changed(const struct readfile *f)
{
	const struct readfile_counts *c = readfile_counts(f);
	char unfit[READFILE_UNFIT_SIZE];

	if (c->cut)
		log_warn("%s: %" PRIu64 " packet(s) of more than %d bytes were cut to that length",
			 readfile_name(f), c->cut, PACKET_MAX_LEN);
	say_made_1970(f, c->misdated, "from before 1970, which a record cannot hold,");
	say_made_1970(f, c->beyond, "of a time after the year 294246, which a record cannot hold,");
	say_made_1970(f, c->undated, "without a time (of simple packet blocks)");
	if (c->untold)
		log_info("%s: %" PRIu64
			 " packet(s) were lost, as packets say that did not match the "
			 "filter; no record tells that, as none follows",
			 readfile_name(f), c->untold);
	if (readfile_say_unfit(f, unfit, sizeof(unfit)))
		log_warn("%s", unfit);
}

/* False: it goes on, and what it uses must stay: the compiling of a filter cannot be cut short. */
static bool join(struct replay *r)
{
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	pthread_cancel(r->thread);
	if (!thread_join_within(r->thread, JOIN_MS)) {
		thread_abandon(r->thread);
		return false;
	}
	say_changed(r->file);
	return true;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	ev_async_stop(r->opt.loop, &r->async);
	ev_timer_stop(r->opt.loop, &r->again);
	if (r->started && !join(r))
		return;
	readfile_free(r->file);
	pktbuf_free(r->filling);
	pktbuf_free(r->taking);
	pthread_cond_destroy(&r->opening);
	pthread_cond_destroy(&r->room);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
