/* SPDX-License-Identifier: Apache-2.0 */
#include "app/metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "base/worker.h"

#define INTERVAL_S 15.
#define TRIAL_MS   500  /* so long a start and a reload wait for the disk */
#define HANG_MS    1000 /* and the end */

/* What is done on the disk by a thread, which owns all of it. */
struct writing {
	char *path, *beside;
	char *text;
	size_t len;
	int err; /* 0, or why it is not written */
	void (*run)(void *w);
	atomic_bool left; /* by the loop */
};

struct metrics_file {
	struct metrics_file_options opt;
	char *path;
	struct worker *worker;
	ev_timer timer;
	bool failing; /* that was logged */
};

/* ---- the disk ---- */

static void free_writing(void *arg)
{
	struct writing *w = arg;

	if (!w)
		return;
	free(w->path);
	free(w->beside);
	free(w->text);
	free(w);
}

/* What is there under that name, of an instance that was killed or of anybody, is not used. */
static int open_beside(const struct writing *w)
{
	int fd;

	if (unlink(w->beside) < 0 && errno != ENOENT)
		return -errno;
	fd = open(w->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	/* Whatever the umask: the collector has a user of its own. */
	return fchmod(fd, 0644) < 0 ? -errno : 0;
}

static void run_writing(void *arg)
{
	struct writing *w = arg;
	int fd = open_beside(w), r = fd;

	if (fd >= 0) {
		r = write_all(fd, w->text, w->len);
		if (close(fd) < 0 && r == 0)
			r = -errno;
		if (r == 0 && rename(w->beside, w->path) < 0)
			r = -errno;
		if (r < 0)
			unlink(w->beside);
	}
	w->err = r;
}

/* What is made beside it is called so with `suffix`: a trial that hung may go on beside a writing.
 */
static struct writing *new_writing(const char *path, const char *suffix)
{
	struct writing *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->path = strdup(path);
	if (!w->path || asprintf(&w->beside, "%s%s", path, suffix) < 0) {
		w->beside = NULL;
		free_writing(w);
		return NULL;
	}
	return w;
}

/* What is not a file would be replaced by one. */
static int check_place(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0; /* whether one can be made there is tried */
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -EEXIST;
}

/* Nothing is left of it. */
static void run_trial(void *arg)
{
	struct writing *w = arg;
	int fd = check_place(w->path);

	if (fd == 0)
		fd = open_beside(w);
	if (fd >= 0) {
		close(fd);
		unlink(w->beside);
	}
	w->err = fd < 0 ? fd : 0;
}

static void run_removal(void *arg)
{
	struct writing *w = arg;

	w->err = unlink(w->path) < 0 ? -errno : 0;
}

static void *run_in_thread(void *arg)
{
	struct writing *w = arg;

	w->run(w);
	if (thread_leave(&w->left))
		free_writing(w);
	return NULL;
}

/* Takes it over; NULL is -ENOMEM. What takes longer goes on by itself, and is -ETIMEDOUT. */
static int run_within(struct writing *w, void (*run)(void *w), unsigned int ms)
{
	pthread_t thread;
	int r = w ? 0 : -ENOMEM;

	if (w) {
		w->run = run;
		r = thread_start(&thread, run_in_thread, w);
	}
	if (r == 0) {
		if (!thread_join_or_leave(thread, ms, &w->left))
			return -ETIMEDOUT;
		r = w->err;
	}
	free_writing(w);
	return r;
}

/* ---- the loop ---- */

static void tell(struct metrics_file *f, int err)
{
	if (err < 0 && !f->failing)
		log_warn("metrics-textfile %s: %s; it is tried again", f->path,
			 err == -ETIMEDOUT ? "the disk does not answer" : strerror(-err));
	if (err == 0 && f->failing)
		log_info("metrics-textfile %s: written again", f->path);
	f->failing = err < 0;
}

static void on_written(void *ctx, void *arg)
{
	const struct writing *w = arg;

	tell(ctx, w->err);
}

/* With the text of now. NULL: no memory. */
static struct writing *render(const struct metrics_file *f)
{
	struct writing *w = new_writing(f->path, ".new");

	if (!w)
		return NULL;
	w->text = f->opt.render(f->opt.ctx, &w->len);
	if (!w->text) {
		free_writing(w);
		return NULL;
	}
	return w;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct metrics_file *f = timer->data;
	struct worker_job job = {run_writing, on_written, free_writing, NULL};

	if (worker_pending(f->worker) > 0) {
		tell(f, -ETIMEDOUT);
		return;
	}
	job.arg = render(f);
	if (job.arg)
		worker_add(f->worker, &job);
}

/* ---- life ---- */

int metrics_file_new(struct metrics_file **out, const struct metrics_file_options *opt)
{
	struct metrics_file *f;
	int r = run_within(new_writing(opt->path, ".try"), run_trial, TRIAL_MS);

	if (r < 0 && r != -ETIMEDOUT)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->opt = *opt;
	ev_timer_init(&f->timer, on_timer, 0., INTERVAL_S);
	f->timer.data = f;
	f->path = strdup(opt->path);
	if (!f->path || worker_new(&f->worker, opt->loop, f) < 0) {
		metrics_file_free(f, true);
		return -ENOMEM;
	}
	f->opt.path = f->path;
	if (r < 0)
		tell(f, r);
	*out = f;
	return 0;
}

void metrics_file_start(struct metrics_file *f)
{
	ev_timer_start(f->opt.loop, &f->timer);
}

void metrics_file_free(struct metrics_file *f, bool keep)
{
	uint64_t until = thread_now_ms() + HANG_MS, now;
	bool started;

	if (!f)
		return;
	started = ev_is_active(&f->timer);
	ev_timer_stop(f->opt.loop, &f->timer);
	if (worker_free(f->worker, HANG_MS) && started) {
		now = thread_now_ms();
		run_within(keep ? render(f) : new_writing(f->path, ".new"),
			   keep ? run_writing : run_removal,
			   now < until ? (unsigned int)(until - now) : 0);
	}
	free(f->path);
	free(f);
}
