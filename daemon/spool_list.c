/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files form a list from the oldest to the newest. Packets are numbered through it; the first
 * packet of the oldest file has the number 0, of which some may be delivered already.
 *
 * The position says that all files before the one it names are delivered. With a file that was
 * skipped it may not go past that one; then packets are sent twice after the next start.
 */
#include "spool_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "spool_file.h"

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

struct spool_segment *spool_list_add(struct spool_list *l, uint64_t number)
{
	struct spool_segment *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->number = number;
	s->first = l->end;
	if (l->tail)
		l->tail->next = s;
	else
		l->head = s;
	l->tail = s;
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

void spool_list_note(struct spool_list *l, uint64_t packets)
{
	if (l->head->number > l->skipped)
		return;
	spool_dir_write_position(l->dir, &(struct spool_position){.number = l->head->number,
								  .packets = packets});
}

void spool_list_remove(struct spool_list *l)
{
	struct spool_segment *s = l->head;

	spool_dir_remove(l->dir, s->number);
	l->head = s->next;
	if (!l->head)
		l->tail = NULL;
	free(s);
}

/* Says what is wrong with a file, cuts off what was not finished. */
static void mend(struct spool_list *l, uint64_t number, int fd, const struct spool_file_info *info)
{
	if (!info->torn)
		return;
	log_warn("spool: %s/%s ends within a packet: %" PRIu64 " packets are whole, the last "
		 "%" PRIu64 " bytes are cut off",
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
		return fd;
	r = spool_file_scan(fd, info);
	if (r == 0)
		mend(l, number, fd, info);
	close(fd);
	return r;
}

/* Takes one file of an earlier run in. 0 or -ENOMEM. */
static int take_file(struct spool_list *l, uint64_t number)
{
	struct spool_file_info info;
	struct spool_segment *s;
	int r = look_into(l, number, &info);

	if (r == -ENOMEM)
		return r;
	if (r == SPOOL_FILE_E_FOREIGN) {
		log_error("spool: %s/%s is not a file of a spool, or damaged: it stays as it is",
			  spool_dir_path(l->dir), spool_dir_name(l->dir, number));
		return 0;
	}
	if (r < 0) {
		log_error("spool: cannot read %s/%s: %s; its packets stay there for a later start",
			  spool_dir_path(l->dir), spool_dir_name(l->dir, number), strerror(-r));
		if (number < l->skipped)
			l->skipped = number;
		return 0;
	}
	if (r == SPOOL_FILE_E_EMPTY || info.packets == 0) {
		spool_dir_remove(l->dir, number);
		return 0;
	}
	s = spool_list_add(l, number);
	if (!s || !(s->topic = spool_list_topic(l, info.topic)))
		return -ENOMEM;
	s->packets = s->usable = info.packets;
	s->bytes = info.bytes;
	l->end += info.packets;
	return 0;
}

/* The position of the last run may say that the oldest file is delivered in part or whole. */
static void apply_position(struct spool_list *l)
{
	struct spool_position pos;

	spool_dir_read_position(l->dir, &pos);
	if (pos.number > l->last_number)
		l->last_number = pos.number;
	while (l->head && l->head->number < pos.number)
		spool_list_remove(l); /* a removal that did not last */
	l->first = l->head ? l->head->first : l->end;
	if (l->head && l->head->number == pos.number)
		l->first += pos.packets < l->head->packets ? pos.packets : l->head->packets;
}

static int take_files(struct spool_list *l)
{
	uint64_t *numbers;
	size_t n;
	int r = spool_dir_list(l->dir, &numbers, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++) {
		l->last_number = numbers[i];
		r = take_file(l, numbers[i]);
	}
	free(numbers);
	return r;
}

int spool_list_open(struct spool_list *l, const char *directory)
{
	int r = spool_dir_new(&l->dir, directory);

	l->skipped = UINT64_MAX;
	if (r == 0)
		r = take_files(l);
	if (r == 0)
		apply_position(l);
	return r;
}

void spool_list_close(struct spool_list *l)
{
	for (struct spool_segment *s = l->head, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	for (struct spool_topic *t = l->topics, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	spool_dir_free(l->dir);
}
