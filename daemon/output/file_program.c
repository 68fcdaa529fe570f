/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a child is seen by its pidfd: signals are for app alone, and other children (kinit)
 * for those that made them.
 */
#include "output/file_program.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define BLANKS         " \t"
#define LOG_INTERVAL_S 60

struct job {
	STAILQ_ENTRY(job) next;
	char *path;
};

struct file_program {
	struct file_program_options opt;
	char *words;
	char **argv; /* of them, the path, NULL */
	size_t n_words;
	STAILQ_HEAD(job_list, job) jobs; /* the first is the one that runs, while `pid` */
	size_t n;
	uint64_t left_out;
	pid_t pid; /* 0: none runs */
	struct ev_io ended;
	struct ev_timer limit;
	struct log_limit full;
};

/* ---- one run ---- */

/*
 * As a shell would start it, but that SIGTERM is blocked: a service manager that stops us sends it
 * to all. Returns 0 or an errno.
 */
static int spawn(struct file_program *fp, char *path, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t blocked, all;
	int r;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &blocked);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	fp->argv[fp->n_words] = path;
	r = posix_spawnp(pid, fp->argv[0], &actions, &attr, fp->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return r;
}

static void log_end(const struct file_program *fp, const struct job *job, int status)
{
	if (WIFSIGNALED(status))
		log_warn("%s %s: killed by signal %d", fp->opt.command, job->path,
			 WTERMSIG(status));
	else if (WEXITSTATUS(status))
		log_warn("%s %s: exit status %d", fp->opt.command, job->path, WEXITSTATUS(status));
	else
		log_debug("%s %s: done", fp->opt.command, job->path);
}

static void remove_first(struct file_program *fp)
{
	struct job *job = STAILQ_FIRST(&fp->jobs);

	STAILQ_REMOVE_HEAD(&fp->jobs, next);
	fp->n--;
	free(job->path);
	free(job);
}

static void watch(struct file_program *fp, int fd)
{
	ev_io_set(&fp->ended, fd, EV_READ);
	ev_io_start(fp->opt.loop, &fp->ended);
	ev_timer_again(fp->opt.loop, &fp->limit);
}

static void stop_watching(struct file_program *fp)
{
	ev_timer_stop(fp->opt.loop, &fp->limit);
	ev_io_stop(fp->opt.loop, &fp->ended);
	close(fp->ended.fd);
}

/* Nothing would tell of its end. */
static void end_unwatched(pid_t pid)
{
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Returns whether it runs. */
static bool start(struct file_program *fp)
{
	const struct job *job = STAILQ_FIRST(&fp->jobs);
	int fd = -1, r = spawn(fp, job->path, &fp->pid);

	if (r == 0) {
		fd = pidfd_open(fp->pid, 0);
		r = fd < 0 ? errno : 0;
		if (r)
			end_unwatched(fp->pid);
	}
	if (r) {
		log_error("cannot run %s %s: %s", fp->opt.command, job->path, strerror(r));
		fp->left_out++;
		fp->pid = 0;
		return false;
	}
	watch(fp, fd);
	return true;
}

/* Those that cannot be run are left out, one by one. */
static void run_next(struct file_program *fp)
{
	while (!fp->pid && fp->n && !start(fp))
		remove_first(fp);
}

static void on_ended(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct file_program *fp = w->data;
	int status = 0;

	if (waitpid(fp->pid, &status, WNOHANG) == 0)
		return;
	stop_watching(fp);
	fp->pid = 0;
	log_end(fp, STAILQ_FIRST(&fp->jobs), status);
	remove_first(fp);
	run_next(fp);
	if (!fp->n)
		fp->opt.on_idle(fp->opt.ctx);
}

static void on_limit(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	const struct file_program *fp = w->data;

	log_warn("%s %s: still runs after %d s, killed", fp->opt.command,
		 STAILQ_FIRST(&fp->jobs)->path, FILE_PROGRAM_SEC);
	kill(-fp->pid, SIGKILL);
}

/* ---- files ---- */

static int append(struct file_program *fp, const char *path)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->path = strdup(path);
	if (!job->path) {
		free(job);
		return -ENOMEM;
	}
	STAILQ_INSERT_TAIL(&fp->jobs, job, next);
	fp->n++;
	return 0;
}

void file_program_add(struct file_program *fp, const char *path)
{
	uint64_t more;

	if (!fp)
		return;
	if (fp->n < FILE_PROGRAM_QUEUE && append(fp, path) == 0) {
		run_next(fp);
		return;
	}
	fp->left_out++;
	if (log_limit_pass(&fp->full, LOG_INTERVAL_S, &more))
		log_warn("%s is not run on %s: %zu files wait for it already (%" PRIu64
			 " left out so far)",
			 fp->opt.command, path, fp->n, fp->left_out);
}

bool file_program_is_busy(const struct file_program *fp)
{
	return fp && fp->n > 0;
}

void file_program_abandon(struct file_program *fp)
{
	if (!fp)
		return;
	if (fp->pid) {
		stop_watching(fp);
		kill(-fp->pid, SIGKILL);
		fp->pid = 0;
		log_warn("%s %s: still runs, killed", fp->opt.command,
			 STAILQ_FIRST(&fp->jobs)->path);
		remove_first(fp);
	}
	fp->left_out += fp->n;
	while (fp->n)
		remove_first(fp);
}

void file_program_log_left_out(const struct file_program *fp)
{
	if (fp && fp->left_out)
		log_warn("%s was not run on %" PRIu64 " file(s)", fp->opt.command, fp->left_out);
}

/* ---- life ---- */

static int split(struct file_program *fp)
{
	const char *command = fp->opt.command;
	char *rest, *word;

	fp->words = strdup(command);
	fp->argv = calloc(strlen(command) / 2 + 3, sizeof(*fp->argv));
	if (!fp->words || !fp->argv)
		return -ENOMEM;
	for (word = strtok_r(fp->words, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest))
		fp->argv[fp->n_words++] = word;
	return 0;
}

/* Whether a directory of $PATH, of `len` bytes, has the program. */
static bool is_in(const char *directory, size_t len, const char *program)
{
	char *path;
	bool is;

	if (asprintf(&path, "%.*s/%s", (int)len, directory, program) < 0)
		return true; /* it will be seen */
	is = access(path, X_OK) == 0;
	free(path);
	return is;
}

/* As posix_spawnp() will look for it: what is not there is told at the start. */
static int find(const char *program)
{
	const char *path = getenv("PATH");

	if (!program)
		return -ENOENT;
	if (strchr(program, '/'))
		return access(program, X_OK) ? -errno : 0;
	for (path = path ? path : "/bin:/usr/bin"; *path;) {
		size_t len = strcspn(path, ":");

		if (is_in(len ? path : ".", len ? len : 1, program))
			return 0;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}

int file_program_new(struct file_program **out, const struct file_program_options *opt)
{
	struct file_program *fp;
	int r;

	*out = NULL;
	if (!opt->command)
		return 0;
	fp = calloc(1, sizeof(*fp));
	if (!fp)
		return -ENOMEM;
	fp->opt = *opt;
	STAILQ_INIT(&fp->jobs);
	ev_init(&fp->ended, on_ended);
	ev_timer_init(&fp->limit, on_limit, 0, FILE_PROGRAM_SEC);
	fp->ended.data = fp->limit.data = fp;
	r = split(fp);
	if (r == 0)
		r = find(fp->argv[0]);
	if (r < 0) {
		log_error("postrotate: cannot run %s: %s", opt->command, strerror(-r));
		file_program_free(fp);
		return r;
	}
	*out = fp;
	return 0;
}

void file_program_free(struct file_program *fp)
{
	if (!fp)
		return;
	if (fp->pid)
		stop_watching(fp);
	while (fp->n)
		remove_first(fp);
	free(fp->argv);
	free(fp->words);
	free(fp);
}
