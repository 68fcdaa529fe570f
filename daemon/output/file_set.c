/* SPDX-License-Identifier: Apache-2.0 */
#include "output/file_set.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/worker.h"
#include "config/file_names.h"

#define RANDOM_LEN 9 /* .XXXXXXXX */

struct member {
	uint64_t number;
	char *path;
};

struct file_set {
	struct file_set_options opt;
	struct file_names names;
	struct worker *worker;
	int lock;
	int directory;      /* length of its part of the path */
	uint64_t last;      /* the highest number there is, or was */
	struct member *all; /* by number; those before `first` are removed */
	size_t first, n, room;
};

static uint64_t count(const struct file_set *s)
{
	return s->n - s->first;
}

struct worker *file_set_worker(const struct file_set *s)
{
	return s->worker;
}

char *file_set_next(struct file_set *s, uint64_t first_us)
{
	return file_names_make(&s->names, ++s->last, first_us);
}

/* ---- how many are kept ---- */

struct removal {
	char *path;
	bool packed; /* it may be there under another name, too */
	int err;
};

/* What a program has compressed meanwhile, or is at: both files are there then. */
static void remove_packed(const char *path)
{
	const char *suffix;
	char *packed;

	for (size_t i = 0; (suffix = file_names_packed(i)); i++) {
		if (asprintf(&packed, "%s%s", path, suffix) < 0)
			return;
		unlink(packed);
		free(packed);
	}
}

static void run_removal(void *arg)
{
	struct removal *removal = arg;

	if (unlink(removal->path) < 0 && errno != ENOENT)
		removal->err = errno;
	if (removal->packed)
		remove_packed(removal->path);
}

static void on_removed(void *ctx, void *arg)
{
	const struct file_set *s = ctx;
	const struct removal *removal = arg;

	if (removal->err)
		log_error("cannot remove %s: %s", removal->path, strerror(removal->err));
	s->opt.on_removed(s->opt.ctx);
}

static void drop_removal(void *arg)
{
	struct removal *removal = arg;

	free(removal->path);
	free(removal);
}

bool file_set_remove_oldest(struct file_set *s)
{
	struct removal *removal;
	const struct worker_job job = {.run = run_removal,
				       .done = on_removed,
				       .drop = drop_removal,
				       .arg = removal = calloc(1, sizeof(*removal))};

	if (!removal || s->first == s->n) {
		free(removal);
		return false;
	}
	removal->path = s->all[s->first++].path;
	removal->packed = s->opt.packed;
	log_debug("removing %s", removal->path);
	return worker_add(s->worker, &job) == 0;
}

/* Takes `path` over. */
static int add(struct file_set *s, uint64_t number, char *path)
{
	if (s->n == s->room && s->first) {
		memmove(s->all, s->all + s->first, (s->n - s->first) * sizeof(*s->all));
		s->n -= s->first;
		s->first = 0;
	}
	if (s->n == s->room) {
		struct member *all = reallocarray(s->all, 2 * s->room + 16, sizeof(*all));

		if (!all) {
			free(path);
			return -ENOMEM;
		}
		s->all = all;
		s->room = 2 * s->room + 16;
	}
	s->all[s->n++] = (struct member){number, path};
	return 0;
}

static void trim(struct file_set *s)
{
	while (s->opt.limits->files && count(s) > s->opt.limits->files && file_set_remove_oldest(s))
		;
}

void file_set_add(struct file_set *s, const char *path)
{
	uint64_t number = file_names_number(&s->names, path + s->directory);
	char *copy = strdup(path);

	if (!copy || add(s, number, copy) < 0)
		log_warn("out of memory: %s will not be removed", path);
	trim(s);
}

/* ---- what there is ---- */

static char *path_of(const struct file_set *s, const char *name)
{
	char *path;

	return asprintf(&path, "%.*s%s", s->directory, s->opt.path, name) < 0 ? NULL : path;
}

/* The number of the file that an unfinished one was to be; 0: it is no such file. */
static uint64_t unfinished(const struct file_set *s, const char *name)
{
	size_t len = strlen(name);
	char whole[NAME_MAX + 1];

	if (name[0] != '.' || len <= 1 + RANDOM_LEN || len > NAME_MAX ||
	    name[len - RANDOM_LEN] != '.')
		return 0;
	for (size_t i = len - RANDOM_LEN + 1; i < len; i++)
		if (!isxdigit((unsigned char)name[i]))
			return 0;
	snprintf(whole, sizeof(whole), "%.*s", (int)(len - 1 - RANDOM_LEN), name + 1);
	return file_names_number(&s->names, whole);
}

static void clear_away(const struct file_set *s, const char *name)
{
	int len = (int)strlen(name) - 1 - RANDOM_LEN;
	char *path = path_of(s, name), *part;

	if (!path || asprintf(&part, "%.*s%.*s.part", s->directory, s->opt.path, len, name + 1) < 0)
		part = NULL;
	if (path && part && s->opt.again) {
		if (unlink(path) == 0)
			log_warn("removed %s, which a process that died had not finished: its "
				 "packets are read again",
				 path);
	} else if (path && part && rename(path, part) == 0) {
		log_warn("kept as %s what a process that died had not finished", part);
	}
	free(part);
	free(path);
}

static int take_entry(struct file_set *s, const char *name)
{
	uint64_t number = file_names_number(&s->names, name), left = 0;
	char *path;
	int r = 0;

	if (number) {
		path = path_of(s, name);
		r = path ? add(s, number, path) : -ENOMEM;
	} else {
		left = unfinished(s, name);
		if (left)
			clear_away(s, name);
	}
	if (number + left > s->last)
		s->last = number + left;
	return r;
}

static int by_number(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static char *directory_of(const struct file_set *s)
{
	char *path;

	return asprintf(&path, "%.*s", s->directory ? s->directory : 1,
			s->directory ? s->opt.path : ".") < 0
		       ? NULL
		       : path;
}

static int scan(struct file_set *s)
{
	char *path = directory_of(s);
	DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *entry;
	int r = path ? -errno : -ENOMEM;

	free(path);
	if (!dir)
		return r;
	r = 0;
	while (r == 0 && (entry = readdir(dir)))
		r = take_entry(s, entry->d_name);
	closedir(dir);
	if (s->n)
		qsort(s->all, s->n, sizeof(*s->all), by_number);
	return r;
}

/* ---- life ---- */

static int take_lock(struct file_set *s)
{
	char *path;
	int r = 0;

	if (asprintf(&path, "%.*s.%s.lock", s->directory, s->opt.path, s->opt.path + s->directory) <
	    0)
		return -ENOMEM;
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB))
		r = -errno;
	free(path);
	return r;
}

int file_set_new(struct file_set **out, const struct file_set_options *opt)
{
	struct file_set *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->names = (struct file_names){opt->path, opt->limits->time_first, opt->packed};
	s->directory = (int)file_names_directory(opt->path);
	s->lock = -1;
	r = worker_new(&s->worker, opt->loop, s);
	if (r == 0)
		r = take_lock(s);
	if (r == 0)
		r = scan(s);
	if (r == -EWOULDBLOCK)
		log_error("%s: another pycapa writes these files; give each a name of its own",
			  opt->path);
	else if (r < 0)
		log_error("cannot write %s: %s", opt->path, strerror(-r));
	if (r < 0) {
		file_set_free(s);
		return r;
	}
	trim(s);
	*out = s;
	return 0;
}

void file_set_free(struct file_set *s)
{
	if (!s)
		return;
	worker_free(s->worker, 0);
	while (s->n > s->first)
		free(s->all[--s->n].path);
	free(s->all);
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}
