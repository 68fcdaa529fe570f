/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file is open, which grows while it is synced; those that have ended wait in a row for their
 * sync and close. Older ones go first, so that there is no gap in what was synced. As only the
 * thread closes, an fd that it works on stays what it is, also when the file is removed meanwhile.
 *
 * Between the syncs the thread starts the writing out, so that they find little left to wait for.
 * That may block as well, which is why it is done here.
 */
#include "spool/spool_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"

#define ENDED_MAX     32         /* files that wait, that is fds */
#define ENDED_BYTES   (1u << 30) /* of them; a stop waits until all are on the disk */
#define NAMES_EVERY   8          /* files */
#define WRITEOUT_SIZE (1u << 20) /* bytes of the open file, at a time */
#define STEP_SIZE     (4u << 20) /* of a file that is synced: a sign of life */

struct ended {
	int fd;
	bool sync;
	uint64_t bytes;
};

struct spool_sync {
	struct spool_dir *dir;
	pthread_t thread;
	bool started; /* the caller's */

	pthread_mutex_t lock; /* guards all up to `stop` */
	pthread_cond_t work;  /* for the thread */
	pthread_cond_t done;  /* for a caller that waits */
	struct ended ended[ENDED_MAX];
	unsigned int first, n; /* of those; each stays until it is closed */
	uint64_t ended_bytes;
	int fd;                  /* the open file; -1: none */
	uint64_t written, begun; /* bytes of it: all, and those whose writing out has begun */
	bool dirty;              /* it, the names or the position changed since their sync */
	uint64_t sync_at;        /* the next one, if dirty */
	uint32_t interval_ms;
	bool now, stop;

	_Atomic uint64_t steps; /* by itself: see spool_sync_steps() */
	struct log_limit limit; /* the thread's own */
};

/* What is not synced is lost with the power alone: it is said, and tried again. */
static void note_unsynced(struct spool_sync *s, int r)
{
	uint64_t held;

	if (log_limit_pass(&s->limit, 60, &held))
		log_warn("spool: cannot force %s to the disk: %s; a power failure may lose packets "
			 "in it",
			 spool_dir_path(s->dir), strerror(-r));
}

/* A file system, or a kernel's sandbox, without sync_file_range(2); anything else is the disk's. */
static bool has_no_such_call(int err)
{
	return err == ENOSYS || err == EINVAL || err == ESPIPE || err == EPERM;
}

/*
 * Has what is in a file written out, step by step: one fdatasync of all that a slow disk has not
 * written yet would take as long as one of a disk that hangs. What goes wrong here fdatasync does
 * not tell again.
 */
static int write_out(struct spool_sync *s, int fd)
{
	struct stat st = {0};

	if (fstat(fd, &st) < 0)
		return -errno;
	for (off_t at = 0; at < st.st_size; at += STEP_SIZE) {
		if (sync_file_range(fd, at, STEP_SIZE,
				    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					    SYNC_FILE_RANGE_WAIT_AFTER) < 0)
			return has_no_such_call(errno) ? 0 : -errno;
		atomic_fetch_add(&s->steps, 1);
	}
	return 0;
}

/* Forces a file (-1: none), then the names and the position to the disk. False: not all of it. */
static bool force(struct spool_sync *s, int fd, bool names)
{
	int r = fd >= 0 ? write_out(s, fd) : 0;

	if (r == 0 && fd >= 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0 && names)
		r = spool_dir_sync(s->dir);
	if (r < 0)
		note_unsynced(s, r);
	else
		atomic_fetch_add(&s->steps, 1);
	return r == 0;
}

/* Then nothing of it needs to reach the disk any more, and its close makes room. */
static bool is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* The next three are the thread's, called under the lock, which they release meanwhile. */

/* The names are synced once for many files when many wait. */
static void end_first(struct spool_sync *s)
{
	const struct ended e = s->ended[s->first];
	bool names = s->n == 1 || s->first % NAMES_EVERY == 0, ok;

	pthread_mutex_unlock(&s->lock);
	ok = !e.sync || force(s, is_removed(e.fd) ? -1 : e.fd, names);
	if (close(e.fd) < 0)
		note_unsynced(s, -errno);
	pthread_mutex_lock(&s->lock);
	s->dirty |= !ok || (e.sync && !names);
	s->ended_bytes -= e.bytes;
	s->first = (s->first + 1) % ENDED_MAX;
	s->n--;
}

static void sync_open(struct spool_sync *s)
{
	bool now = s->now, dirty = s->dirty, ok;
	int fd = s->fd;

	s->dirty = false;
	s->begun = s->written;
	s->sync_at = thread_now_ms() + s->interval_ms;
	pthread_mutex_unlock(&s->lock);
	ok = !dirty || force(s, fd, true);
	pthread_mutex_lock(&s->lock);
	s->dirty |= !ok;
	if (now)
		s->now = false;
}

static void begin_writeout(struct spool_sync *s)
{
	off_t from = (off_t)s->begun, n = (off_t)(s->written - s->begun);
	int fd = s->fd;

	s->begun = s->written;
	pthread_mutex_unlock(&s->lock);
	sync_file_range(fd, from, n, SYNC_FILE_RANGE_WRITE);
	pthread_mutex_lock(&s->lock);
}

static void *run(void *arg)
{
	struct spool_sync *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop || s->n) {
		bool timed = s->dirty && s->interval_ms;

		if (s->n)
			end_first(s);
		else if (s->now || (timed && thread_now_ms() >= s->sync_at))
			sync_open(s);
		else if (timed && s->written - s->begun >= WRITEOUT_SIZE)
			begin_writeout(s);
		else
			thread_cond_wait(&s->work, &s->lock, timed ? s->sync_at : UINT64_MAX);
		pthread_cond_broadcast(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int start(struct spool_sync *s)
{
	int r = -pthread_mutex_init(&s->lock, NULL);

	if (r == 0)
		r = thread_cond_init(&s->work);
	if (r == 0)
		r = thread_cond_init(&s->done);
	if (r == 0)
		r = thread_start(&s->thread, run, s);
	s->started = r == 0;
	return r;
}

int spool_sync_new(struct spool_sync **out, struct spool_dir *dir, uint32_t interval_ms)
{
	struct spool_sync *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->dir = dir;
	s->fd = -1;
	s->interval_ms = interval_ms;
	r = start(s);
	if (r < 0) {
		spool_sync_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void spool_sync_free(struct spool_sync *s)
{
	if (!s)
		return;
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		if (s->dirty)
			force(s, -1, true);
	}
	pthread_cond_destroy(&s->done);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void spool_sync_set_interval(struct spool_sync *s, uint32_t interval_ms)
{
	pthread_mutex_lock(&s->lock);
	s->interval_ms = interval_ms;
	s->sync_at = 0;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static void mark_dirty(struct spool_sync *s)
{
	if (!s->dirty || s->written - s->begun >= WRITEOUT_SIZE)
		pthread_cond_signal(&s->work);
	s->dirty = true;
}

void spool_sync_written(struct spool_sync *s, int fd, uint64_t bytes)
{
	pthread_mutex_lock(&s->lock);
	s->fd = fd;
	s->written = bytes;
	mark_dirty(s);
	pthread_mutex_unlock(&s->lock);
}

void spool_sync_noted(struct spool_sync *s)
{
	pthread_mutex_lock(&s->lock);
	mark_dirty(s);
	pthread_mutex_unlock(&s->lock);
}

void spool_sync_close(struct spool_sync *s, int fd, bool sync)
{
	pthread_mutex_lock(&s->lock);
	while (s->n == ENDED_MAX || (s->n && s->ended_bytes + s->written > ENDED_BYTES))
		pthread_cond_wait(&s->done, &s->lock);
	s->ended[(s->first + s->n++) % ENDED_MAX] =
		(struct ended){.fd = fd, .sync = sync, .bytes = s->written};
	s->ended_bytes += s->written;
	s->dirty &= !sync; /* else its sync is that of the rest too */
	s->fd = -1;
	s->written = s->begun = 0;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void spool_sync_all(struct spool_sync *s)
{
	pthread_mutex_lock(&s->lock);
	s->now = true;
	pthread_cond_signal(&s->work);
	while (s->now || s->n)
		pthread_cond_wait(&s->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

uint64_t spool_sync_steps(const struct spool_sync *s)
{
	return atomic_load(&s->steps);
}
