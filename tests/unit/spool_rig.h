/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the spool share: a spool on a real loop and a real directory. Each packet
 * carries its number.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "deadline.h"
#include "spool/spool.h"

struct rig {
	char dir[64];
	struct ev_loop *loop;
	ev_timer poll, deadline;
	struct spool *spool;
	struct spool_options opt;
	bool room, readable;
	uint64_t damaged; /* as it was told */
	/* what came out */
	uint32_t got[200000];
	unsigned int n;
	uint64_t last_number;
	const char *last_topic;
	unsigned int take; /* how many are taken before PACKET_E_FULL; 0: no limit */
};

static inline void on_room(void *ctx)
{
	((struct rig *)ctx)->room = true;
}

static inline void on_readable(void *ctx)
{
	((struct rig *)ctx)->readable = true;
}

static inline void on_damaged(void *ctx, uint64_t packets)
{
	((struct rig *)ctx)->damaged += packets;
}

static inline void on_poll(struct ev_loop *loop, ev_timer *w, int revents)
{
}

static inline void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	fail_msg("nothing happened for %d s", DEADLINE_S);
}

static inline void rig_open(struct rig *r)
{
	r->damaged = 0;
	assert_int_equal(spool_new(&r->spool, &r->opt), 0);
}

static inline void rig_close(struct rig *r)
{
	spool_free(r->spool);
	r->spool = NULL;
}

static inline int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	/* In memory: a sync of a loaded disk may take seconds, and there are many. */
	strcpy(r->dir, "/dev/shm/pycapa-spool-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->loop = ev_loop_new(EVFLAG_AUTO);
	ev_timer_init(&r->poll, on_poll, 0.005, 0.005);
	ev_timer_init(&r->deadline, on_deadline, DEADLINE_S, 0);
	ev_timer_start(r->loop, &r->poll);
	r->opt = (struct spool_options){.loop = r->loop,
					.directory = r->dir,
					.topic = "pcap",
					.size = 1u << 30,
					.segment_size = 1u << 20,
					.sync_ms = 50,
					.on_room = on_room,
					.on_readable = on_readable,
					.on_damaged = on_damaged,
					.ctx = r};
	*state = r;
	return 0;
}

static inline unsigned int each_file(struct rig *r, bool remove)
{
	DIR *d = opendir(r->dir);
	struct dirent *e;
	unsigned int n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		n += strstr(e->d_name, ".pcapng") != NULL;
		if (remove && e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return n;
}

static inline uint64_t bytes_on_disk(struct rig *r)
{
	DIR *d = opendir(r->dir);
	struct dirent *e;
	struct stat st;
	uint64_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".pcapng") && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			n += (uint64_t)st.st_size;
	closedir(d);
	return n;
}

/* A disk of its own for the spool, of so little room. */
static inline void small_disk(struct rig *r, const char *size)
{
	if (unshare(CLONE_NEWNS) < 0)
		assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("spool", r->dir, "tmpfs", 0, size), 0);
}

/* Others leave no room on it, until this file goes. */
static inline void fill_disk(struct rig *r, char *filler, size_t size)
{
	static const uint8_t zeros[64 << 10];
	FILE *f;

	snprintf(filler, size, "%s/.filler", r->dir);
	f = fopen(filler, "wb");
	assert_non_null(f);
	setbuf(f, NULL);
	while (fwrite(zeros, 1, sizeof(zeros), f) == sizeof(zeros))
		;
	fclose(f);
}

/* ---- a disk that takes nothing until it is let go ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t released;
	bool held;
} writes = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

/* In place of libc's: this file is for one source of a program. */
ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};

	pthread_mutex_lock(&writes.lock);
	while (writes.held)
		pthread_cond_wait(&writes.released, &writes.lock);
	pthread_mutex_unlock(&writes.lock);
	return pwritev(fd, &iov, 1, offset);
}

static inline void hold_writes(bool held)
{
	pthread_mutex_lock(&writes.lock);
	writes.held = held;
	pthread_cond_broadcast(&writes.released);
	pthread_mutex_unlock(&writes.lock);
}

/* ---- the end ---- */

static inline int teardown(void **state)
{
	struct rig *r = *state;

	hold_writes(false);
	rig_close(r);
	each_file(r, true);
	rmdir(r->dir);
	ev_loop_destroy(r->loop);
	free(r);
	return 0;
}

/* Runs the loop until the condition holds. */
#define WAIT(r, condition)                                                                         \
	do {                                                                                       \
		ev_timer_set(&(r)->deadline, DEADLINE_S, 0);                                       \
		ev_timer_start((r)->loop, &(r)->deadline);                                         \
		while (!(condition))                                                               \
			ev_run((r)->loop, EVRUN_ONCE);                                             \
		ev_timer_stop((r)->loop, &(r)->deadline);                                          \
	} while (0)

static uint8_t pattern[PACKET_MAX_LEN];

/* A packet that differs from the next in every respect. */
static inline struct packet make(uint32_t i, uint32_t caplen)
{
	static const uint16_t linktypes[] = {1, 1, 1, 113, 101};

	memcpy(pattern, &i, sizeof(i));
	pattern[8] = (uint8_t)i;
	return (struct packet){.data = pattern,
			       .caplen = caplen,
			       .wirelen = caplen + i % 3 * 1000,
			       .time_us = 1700000000000000 + i,
			       .nanos = (uint16_t)(i % 1000),
			       .linktype = linktypes[i % 5],
			       .dropcount = i % 11 ? 0 : i,
			       .host = i % 3 ? NULL : "sensor-1",
			       .host_len = i % 3 ? 0 : 8,
			       .interface = i % 2 ? NULL : "eth0.1",
			       .interface_len = i % 2 ? 0 : 6};
}

static inline uint32_t length_of(uint32_t i)
{
	return i == 7 ? PACKET_MAX_LEN : 12 + i % 700;
}

static inline int append(struct rig *r, uint32_t i)
{
	struct packet pkt = make(i, length_of(i));

	return spool_append(r->spool, &pkt);
}

static inline void append_all(struct rig *r, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		int n = append(r, i);

		if (n == PACKET_E_FULL) {
			r->room = false;
			WAIT(r, r->room);
			n = append(r, i);
		}
		assert_int_equal(n, 0);
	}
}

static inline int take(void *ctx, const struct packet *pkt, uint64_t number, const char *topic)
{
	struct rig *r = ctx;
	struct packet want;
	uint32_t i;

	if (r->take && r->n >= r->take)
		return PACKET_E_FULL;
	assert_int_equal(r->damaged, spool_damaged(r->spool)); /* told before the next packet */
	memcpy(&i, pkt->data, sizeof(i));
	want = make(i, length_of(i));
	assert_int_equal(pkt->caplen, want.caplen);
	assert_memory_equal(pkt->data, want.data, want.caplen);
	assert_int_equal(pkt->wirelen, want.wirelen);
	assert_int_equal(pkt->time_us, want.time_us);
	assert_int_equal(pkt->nanos, want.nanos);
	assert_int_equal(pkt->linktype, want.linktype);
	assert_int_equal(pkt->dropcount, want.dropcount);
	assert_int_equal(pkt->host_len, want.host_len);
	assert_int_equal(pkt->interface_len, want.interface_len);
	if (want.host)
		assert_memory_equal(pkt->host, want.host, want.host_len);
	if (want.interface)
		assert_memory_equal(pkt->interface, want.interface, want.interface_len);
	r->last_number = number;
	r->last_topic = topic;
	r->got[r->n++] = i;
	return 0;
}

static inline void read_until(struct rig *r, unsigned int n)
{
	WAIT(r, spool_read(r->spool, take, r, 1000) >= 0 && r->n >= n);
	assert_int_equal(r->n, n);
}

/* All that there is, whatever it is. */
static inline void read_all(struct rig *r)
{
	WAIT(r, spool_read(r->spool, take, r, 1000) >= 0 && spool_unread(r->spool) == 0);
}

static inline void assert_got(const struct rig *r, unsigned int at, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(r->got[at + i - from], i);
}

/* The next run finds these, and no others. */
static inline void assert_next_has(struct rig *r, uint32_t from, uint32_t to)
{
	rig_close(r);
	r->n = 0;
	rig_open(r);
	assert_int_equal(spool_count(r->spool), to - from);
	read_until(r, to - from);
	assert_got(r, 0, from, to);
}

static inline void find_file(struct rig *r, bool newest, char path[PATH_MAX])
{
	DIR *d = opendir(r->dir);
	char name[NAME_MAX + 1] = "";
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".pcapng") &&
		    (!*name || (strcmp(e->d_name, name) > 0) == newest))
			strcpy(name, e->d_name);
	closedir(d);
	assert_true(*name);
	snprintf(path, PATH_MAX, "%s/%s", r->dir, name);
}

static inline void newest_file(struct rig *r, char path[PATH_MAX])
{
	find_file(r, true, path);
}

static inline void oldest_file(struct rig *r, char path[PATH_MAX])
{
	find_file(r, false, path);
}

/* The only file of the spool, read whole. */
static inline size_t slurp(struct rig *r, char *path, size_t path_size, uint8_t *buf, size_t size)
{
	DIR *d = opendir(r->dir);
	struct dirent *e;
	size_t n = 0;
	FILE *f;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".pcapng"))
			snprintf(path, path_size, "%s/%s", r->dir, e->d_name);
	closedir(d);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

static inline void spit(const char *path, const uint8_t *buf, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
