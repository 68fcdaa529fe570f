/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files form a list from the oldest to the newest. Packets are numbered through it; the first
 * one that is not delivered has the number 0.
 *
 * The position says how much of the oldest file is delivered. At a start, files before that one are
 * such as were moved away and put back, could not be read or removed, or came back with the power:
 * nobody knows what became of them, so they are sent, behind the rest. The position knows its file
 * by the id, as another may have come to its name.
 *
 * A kill between the making of a file and its first write leaves it with 0 bytes. Such a file is
 * the newest there was: a run makes the next one only after it has written to the one before, or
 * removed it. So one that is not the newest held packets, and lost them; if it is older than the
 * position, they were delivered.
 */
#include "spool/spool_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "spool/spool_file.h"

struct spool_topic {
	struct spool_topic *next;
	char name[];
};

const char *spool_list_topic(struct spool_list *l, const char *name)
{
	struct spool_topic *t;
	size_t size = strlen(name) + 1;

	for (t = l->topics; t; t = t->next)
		if (!strcmp(t->name, name))
			return t->name;
	t = malloc(sizeof(*t) + size);
	if (!t)
		return NULL;
	memcpy(t->name, name, size);
	t->next = l->topics;
	l->topics = t;
	return t->name;
}

struct spool_segment *spool_list_add(struct spool_list *l, uint64_t number, uint64_t id)
{
	struct spool_segment *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->number = number;
	s->id = id;
	s->first = l->end;
	if (l->tail)
		l->tail->next = s;
	else
		l->head = s;
	l->tail = s;
	l->files++;
	return s;
}

struct spool_segment *spool_list_find(struct spool_segment *s, uint64_t packet)
{
	while (s && packet >= s->first + s->packets)
		s = s->next;
	return s;
}

uint64_t spool_list_bytes(const struct spool_list *l)
{
	uint64_t n = 0;

	for (const struct spool_segment *s = l->head; s; s = s->next)
		n += s->bytes;
	return n;
}

int spool_list_create(struct spool_list *l, uint64_t *number)
{
	int fd;

	do {
		*number = l->last_number + 1;
		if (l->position.highest < *number) {
			l->position.highest = *number;
			spool_dir_write_position(l->dir, &l->position);
		}
		fd = spool_dir_open(l->dir, *number, O_RDWR | O_CREAT | O_EXCL);
		if (fd >= 0 || fd == -EEXIST || fd == -EMEDIUMTYPE)
			l->last_number = *number;
	} while (fd == -EEXIST || fd == -EMEDIUMTYPE); /* somebody has put a file there */
	return fd;
}

void spool_list_note(struct spool_list *l, uint64_t packets)
{
	l->position.number = l->head->number;
	l->position.id = l->head->id;
	l->position.packets = l->head->skip + packets;
	spool_dir_write_position(l->dir, &l->position);
}

/* Without an id its inode tells, and of an empty one that it is so still. */
static bool is_the_same_file(int fd, const struct spool_segment *s)
{
	struct stat st;

	if (s->id)
		return spool_file_id(fd) == s->id;
	if (fstat(fd, &st) < 0)
		return false;
	return s->inode ? st.st_ino == s->inode : st.st_size == 0;
}

/* The file of this name is still the one that was read. */
static bool is_the_same(struct spool_list *l, const struct spool_segment *s)
{
	int fd = spool_dir_open(l->dir, s->number, O_RDONLY);
	bool same;

	if (fd < 0)
		return fd != -EMEDIUMTYPE;
	same = is_the_same_file(fd, s);
	close(fd);
	return same;
}

/* Removes one from the disk that is delivered. 0, also when it is another one by now; -errno. */
static int remove_delivered(struct spool_list *l, const struct spool_segment *s)
{
	if (s->gone)
		return 0;
	if (is_the_same(l, s))
		return spool_dir_remove(l->dir, s->number);
	log_warn("spool: another file was put in place of %s/%s: it is kept for the next start",
		 spool_dir_path(l->dir), spool_dir_name(l->dir, s->number));
	return 0;
}

/* Takes one over that is delivered: removes it, or keeps it to try again. */
static void dispose(struct spool_list *l, struct spool_segment *s)
{
	int r = remove_delivered(l, s);

	if (r == 0) {
		free(s);
		return;
	}
	if (!l->left)
		log_warn("spool: cannot remove %s/%s, which is delivered: %s; it is tried again "
			 "later",
			 spool_dir_path(l->dir), spool_dir_name(l->dir, s->number), strerror(-r));
	s->next = l->left;
	l->left = s;
}

void spool_list_remove(struct spool_list *l)
{
	struct spool_segment *s = l->head;

	l->head = s->next;
	if (!l->head)
		l->tail = NULL;
	l->files--;
	dispose(l, s);
}

void spool_list_remove_left(struct spool_list *l)
{
	struct spool_segment *s;

	if (!l->left)
		return;
	while ((s = l->left) && remove_delivered(l, s) == 0) {
		l->left = s->next;
		free(s);
	}
	if (!l->left)
		log_info("spool: the files that could not be removed are gone");
}

/* At the start: one that holds nothing to be sent. 0 or -ENOMEM. */
static int drop_file(struct spool_list *l, uint64_t number, uint64_t id, uint64_t inode)
{
	struct spool_segment *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->number = number;
	s->id = id;
	s->inode = inode;
	dispose(l, s);
	return 0;
}

/* Says what is wrong with a file, cuts off what was not finished. */
static void mend(struct spool_list *l, uint64_t number, int fd, const struct spool_file_info *info)
{
	if (!info->torn)
		return;
	log_warn("spool: %s/%s ends in the middle of a packet: %" PRIu64 " packets are complete, "
		 "the last %" PRIu64 " bytes are removed",
		 spool_dir_path(l->dir), spool_dir_name(l->dir, number), info->packets, info->torn);
	if (ftruncate(fd, (off_t)info->bytes) < 0)
		log_warn("spool: cannot cut %s: %s", spool_dir_name(l->dir, number),
			 strerror(errno));
}

/* What a file holds, once it is mended. 0, SPOOL_FILE_E_*, or -errno. */
static int look_into(struct spool_list *l, uint64_t number, struct spool_file_info *info)
{
	int r, fd = spool_dir_open(l->dir, number, O_RDWR);

	if (fd < 0)
		return fd == -EMEDIUMTYPE ? SPOOL_FILE_E_FOREIGN : fd;
	r = spool_file_scan(fd, info);
	if (r == 0)
		mend(l, number, fd, info);
	close(fd);
	return r;
}

/* Names a file that is not taken in, and stays. */
static void leave_file(struct spool_list *l, uint64_t number, int why)
{
	const char *dir = spool_dir_path(l->dir), *name = spool_dir_name(l->dir, number);

	if (why < 0) {
		log_error("spool: cannot read %s/%s: %s; its packets are kept for a later start",
			  dir, name, strerror(-why));
		return;
	}
	l->unreadable++;
	log_error(why == SPOOL_FILE_E_CUT
			  ? "spool: %s/%s is truncated in its header: none of its packets can be "
			    "sent; move it away"
			  : "spool: %s/%s is not a spool file, or is damaged: it stays as it is; "
			    "move it away",
		  dir, name);
}

/* How many packets at the start of a file an earlier run has delivered. */
static uint64_t delivered_of(struct spool_list *l, uint64_t number,
			     const struct spool_file_info *info)
{
	const struct spool_position *pos = &l->position;

	if (number != pos->number || info->id != pos->id)
		return 0;
	return pos->packets < info->packets ? pos->packets : info->packets;
}

/* A file of 0 bytes had packets that nobody has, as far as its number tells. */
static bool has_lost_packets(const struct spool_list *l, uint64_t number)
{
	uint64_t newest = l->position.highest;

	for (const struct spool_segment *s = l->head; s; s = s->next)
		if (s->number > newest)
			newest = s->number;
	return number == l->position.number || (number > l->position.number && number < newest);
}

/* The others are known by now. 0 or -ENOMEM. */
static int drop_empty_file(struct spool_list *l, uint64_t number)
{
	const char *dir = spool_dir_path(l->dir), *name = spool_dir_name(l->dir, number);

	if (has_lost_packets(l, number)) {
		l->unreadable++;
		log_error("spool: %s/%s is empty, though it held packets: those that were not "
			  "sent are lost; removing the file",
			  dir, name);
	} else {
		log_warn("spool: %s/%s is empty, as a kill can leave a file that was just created: "
			 "removing it",
			 dir, name);
	}
	return drop_file(l, number, 0, 0);
}

/* Takes one file of an earlier run in, unless it is empty. 0 or -ENOMEM. */
static int take_file(struct spool_list *l, uint64_t number)
{
	struct spool_file_info info;
	struct spool_segment *s;
	uint64_t skip;
	int r;

	if (spool_dir_is_empty(l->dir, number))
		return 0;
	r = look_into(l, number, &info);
	if (r == -ENOMEM)
		return r;
	if (r) {
		leave_file(l, number, r);
		return 0;
	}
	skip = delivered_of(l, number, &info);
	if (info.packets == skip)
		return drop_file(l, number, info.id, info.inode);
	s = spool_list_add(l, number, info.id);
	if (!s || !(s->topic = spool_list_topic(l, info.topic)))
		return -ENOMEM;
	s->inode = info.inode;
	s->skip = skip;
	s->packets = s->usable = info.packets - skip;
	s->bytes = info.bytes;
	l->end += s->packets;
	if (number < l->position.number)
		log_warn("spool: %s/%s is older than what was delivered, so it was put back, or "
			 "not removed: its %" PRIu64 " packet(s) are sent after the others",
			 spool_dir_path(l->dir), spool_dir_name(l->dir, number), info.packets);
	return 0;
}

/* Those from the position on, then those before; those that are empty last. */
static int take_files(struct spool_list *l)
{
	uint64_t *numbers;
	size_t n, first = 0;
	int r = spool_dir_list(l->dir, &numbers, &n);

	if (r < 0)
		return r;
	while (first < n && numbers[first] < l->position.number)
		first++;
	for (size_t i = 0; i < n && r == 0; i++)
		r = take_file(l, numbers[(first + i) % n]);
	for (size_t i = 0; i < n && r == 0; i++)
		if (spool_dir_is_empty(l->dir, numbers[i]))
			r = drop_empty_file(l, numbers[i]);
	if (n && numbers[n - 1] > l->last_number)
		l->last_number = numbers[n - 1];
	free(numbers);
	return r;
}

static void read_position(struct spool_list *l)
{
	const struct spool_position *pos = &l->position;

	spool_dir_read_position(l->dir, &l->position);
	l->last_number = pos->highest ? pos->highest : spool_dir_fresh_number();
	if (pos->number > l->last_number)
		l->last_number = pos->number;
}

int spool_list_open(struct spool_list *l, const char *directory)
{
	int r = spool_dir_new(&l->dir, directory);

	if (r < 0)
		return r;
	read_position(l);
	return take_files(l);
}

static void free_segments(struct spool_segment *s)
{
	for (struct spool_segment *next; s; s = next) {
		next = s->next;
		free(s);
	}
}

/* The last try, and what it has not removed. */
static void end_removal(struct spool_list *l)
{
	unsigned int n = 0;

	spool_list_remove_left(l);
	for (const struct spool_segment *s = l->left; s; s = s->next)
		n++;
	if (n)
		log_error(
			"spool: %u file(s) in %s are delivered but could not be removed: the next "
			"start sends their packets again",
			n, spool_dir_path(l->dir));
}

void spool_list_close(struct spool_list *l)
{
	end_removal(l);
	free_segments(l->left);
	free_segments(l->head);
	for (struct spool_topic *t = l->topics, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	spool_dir_free(l->dir);
}
