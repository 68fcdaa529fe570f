/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool on a real loop and a real directory. Each packet carries its number.
 */
#include <dirent.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <pcap/pcap.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool.h"

#define DEADLINE_S 20.0

struct rig {
	char dir[64];
	struct ev_loop *loop;
	ev_timer poll, deadline;
	struct spool *spool;
	struct spool_options opt;
	bool room, readable;
	/* what came out */
	uint32_t got[200000];
	unsigned int n;
	uint64_t last_number;
	const char *last_topic;
	unsigned int take; /* how many are taken before PACKET_E_FULL; 0: no limit */
};

static void on_room(void *ctx)
{
	((struct rig *)ctx)->room = true;
}

static void on_readable(void *ctx)
{
	((struct rig *)ctx)->readable = true;
}

static void on_poll(struct ev_loop *loop, ev_timer *w, int revents)
{
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	fail_msg("nothing happened for %.0f s", DEADLINE_S);
}

static void rig_open(struct rig *r)
{
	assert_int_equal(spool_new(&r->spool, &r->opt), 0);
}

static void rig_close(struct rig *r)
{
	spool_free(r->spool);
	r->spool = NULL;
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	strcpy(r->dir, "/tmp/pycapa-spool-XXXXXX");
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
					.ctx = r};
	*state = r;
	return 0;
}

static unsigned int each_file(struct rig *r, bool remove)
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

static int teardown(void **state)
{
	struct rig *r = *state;

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
static struct packet make(uint32_t i, uint32_t caplen)
{
	static const uint16_t linktypes[] = {1, 1, 1, 113, 101};

	memcpy(pattern, &i, sizeof(i));
	pattern[8] = (uint8_t)i;
	return (struct packet){.data = pattern,
			       .caplen = caplen,
			       .wirelen = caplen + i % 3 * 1000,
			       .time_us = 1700000000000000 + i,
			       .nanos = (uint16_t)(i % 1000),
			       .linktype = linktypes[i % 5]};
}

static uint32_t length_of(uint32_t i)
{
	return i == 7 ? PACKET_MAX_LEN : 12 + i % 700;
}

static int append(struct rig *r, uint32_t i)
{
	struct packet pkt = make(i, length_of(i));

	return spool_append(r->spool, &pkt);
}

static void append_all(struct rig *r, uint32_t from, uint32_t to)
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

static int take(void *ctx, const struct packet *pkt, uint64_t number, const char *topic)
{
	struct rig *r = ctx;
	struct packet want;
	uint32_t i;

	if (r->take && r->n >= r->take)
		return PACKET_E_FULL;
	memcpy(&i, pkt->data, sizeof(i));
	want = make(i, length_of(i));
	assert_int_equal(pkt->caplen, want.caplen);
	assert_memory_equal(pkt->data, want.data, want.caplen);
	assert_int_equal(pkt->wirelen, want.wirelen);
	assert_int_equal(pkt->time_us, want.time_us);
	assert_int_equal(pkt->nanos, want.nanos);
	assert_int_equal(pkt->linktype, want.linktype);
	r->last_number = number;
	r->last_topic = topic;
	r->got[r->n++] = i;
	return 0;
}

static void read_until(struct rig *r, unsigned int n)
{
	WAIT(r, spool_read(r->spool, take, r, 1000) >= 0 && r->n >= n);
	assert_int_equal(r->n, n);
}

static void assert_got(const struct rig *r, unsigned int at, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(r->got[at + i - from], i);
}

static void comes_out_as_it_went_in(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 9000); /* some 3 MB in several files */
	assert_int_equal(spool_count(r->spool), 9000);
	assert_int_equal(spool_unread(r->spool), 9000);
	read_until(r, 9000);
	assert_got(r, 0, 0, 9000);
	assert_string_equal(r->last_topic, "pcap");
	assert_int_equal(spool_unread(r->spool), 0);
	assert_int_equal(spool_count(r->spool), 9000);
	assert_true(each_file(r, false) > 2);
	spool_acknowledge(r->spool, r->last_number + 1);
	assert_int_equal(spool_count(r->spool), 0);
	WAIT(r, each_file(r, false) == 0);
}

static void says_when_there_is_something(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	assert_int_equal(spool_read(r->spool, take, r, 10), 0);
	append_all(r, 0, 1);
	WAIT(r, r->readable);
	assert_int_equal(spool_read(r->spool, take, r, 10), 1);
	r->readable = false;
	assert_int_equal(spool_read(r->spool, take, r, 10), 0);
	append_all(r, 1, 3);
	WAIT(r, r->readable);
	assert_int_equal(spool_read(r->spool, take, r, 10), 2);
}

static void offers_again_what_was_not_taken(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 100);
	r->take = 40;
	read_until(r, 40);
	assert_int_equal(spool_read(r->spool, take, r, 10), 0);
	r->take = 0;
	read_until(r, 100);
	assert_got(r, 0, 0, 100);
}

static void clean_restart_doubles_nothing(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 6000);
	read_until(r, 6000);
	spool_acknowledge(r->spool, 2345);
	rig_close(r);
	r->n = 0;
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 6000 - 2345);
	append_all(r, 6000, 6100);
	read_until(r, 6100 - 2345);
	assert_got(r, 0, 2345, 6100);
	spool_acknowledge(r->spool, r->last_number + 1);
	WAIT(r, each_file(r, false) == 0);
	rig_close(r);
	r->n = 0;
	rig_open(r); /* the position names a file that is gone: new ones must not be taken for it */
	append_all(r, 0, 10);
	rig_close(r);
	rig_open(r);
	read_until(r, 10);
	assert_got(r, 0, 0, 10);
}

/* A child fills the spool, acknowledges 200, and is killed once that is on its way to disk. */
static void fill_and_die(struct rig *r)
{
	struct stat st;
	char path[128];

	rig_open(r);
	append_all(r, 0, 1000);
	read_until(r, 1000);
	spool_acknowledge(r->spool, 200);
	snprintf(path, sizeof(path), "%s/position", r->dir);
	WAIT(r, stat(path, &st) == 0 && st.st_size > 0);
	kill(getpid(), SIGKILL);
}

static void survives_kill_9(void **state)
{
	struct rig *r = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		ev_loop_fork(r->loop);
		fill_and_die(r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 800);
	read_until(r, 800);
	assert_got(r, 0, 200, 1000);
}

/* The only file of the spool, read whole. */
static size_t slurp(struct rig *r, char *path, size_t path_size, uint8_t *buf, size_t size)
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

static void spit(const char *path, const uint8_t *buf, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Packets are taken from the start of the file; how many are whole when it is cut at `n`. */
static void torn_at_every_byte(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[8192];
	unsigned int before = 0;
	char path[512];
	size_t size;

	r->opt.sync_ms = 0;
	rig_open(r);
	append_all(r, 0, 6);
	rig_close(r);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	for (size_t n = 0; n <= size; n++) {
		uint64_t whole;

		spit(path, buf, n);
		rig_open(r);
		whole = spool_count(r->spool);
		assert_true(whole == before || whole == before + 1);
		before = (unsigned int)whole;
		r->n = 0;
		read_until(r, before);
		assert_got(r, 0, 0, before);
		rig_close(r);
		each_file(r, whole == 0);
	}
	assert_int_equal(before, 6);
}

static void damage_in_the_middle_is_counted(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[8192];
	char path[512];
	size_t size;

	rig_open(r);
	append_all(r, 0, 6);
	rig_close(r);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	memset(buf + size / 2, 0xff, 64);
	spit(path, buf, size);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 6); /* as its last block says */
	append_all(r, 6, 12);
	WAIT(r, spool_read(r->spool, take, r, 100) >= 0 && spool_unread(r->spool) == 0);
	assert_true(spool_damaged(r->spool) > 0);
	assert_int_equal(r->n + spool_damaged(r->spool), 12);
	assert_got(r, r->n - 6, 6, 12);
	spool_acknowledge(r->spool, r->last_number + 1);
	WAIT(r, each_file(r, false) == 0);
}

static void foreign_files_stay(void **state)
{
	struct rig *r = *state;
	char path[512];

	snprintf(path, sizeof(path), "%s/spool-0000000000000004.pcapng", r->dir);
	spit(path, (const uint8_t *)"this is not ours, whatever it is", 32);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 0);
	append_all(r, 0, 5);
	read_until(r, 5);
	spool_acknowledge(r->spool, 5);
	WAIT(r, each_file(r, false) == 1);
	assert_int_equal(access(path, F_OK), 0);
}

static void directory_is_locked(void **state)
{
	struct rig *r = *state;
	struct spool *second = NULL;

	rig_open(r);
	assert_int_equal(spool_new(&second, &r->opt), -EBUSY);
	rig_close(r);
	assert_int_equal(spool_new(&second, &r->opt), 0);
	spool_free(second);
}

static void allowance_is_kept(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0, more;

	r->opt.size = 1u << 20;
	r->opt.segment_size = 256u << 10;
	rig_open(r);
	while (append(r, n + 10) == 0)
		n++;
	assert_int_equal(append(r, n + 10), SPOOL_E_NOSPACE);
	assert_true(n > 1500 && n < 4000);
	read_until(r, n);
	spool_acknowledge(r->spool, r->last_number + 1);
	WAIT(r, append(r, n + 10) == 0);
	more = n + 1;
	append_all(r, more + 10, more + 20);
	read_until(r, more + 10);
	assert_got(r, 0, 10, more + 20);
}

/* At most `max` packets in one iteration; true once there is no space. */
static bool append_until_refused(struct rig *r, uint32_t *n, unsigned int max)
{
	while (max--) {
		int e = append(r, *n + 10);

		if (e)
			return e == SPOOL_E_NOSPACE;
		(*n)++;
	}
	return false;
}

static void full_disk_drops_the_newest_and_recovers(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0;

	if (unshare(CLONE_NEWNS) < 0)
		assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("spool", r->dir, "tmpfs", 0, "size=2m"), 0);
	r->opt.segment_size = 512u << 10;
	rig_open(r);
	WAIT(r, append_until_refused(r, &n, 200));
	assert_int_equal(spool_count(r->spool), n);
	/* All that was taken comes out, though not all of it fits on the disk at first. */
	WAIT(r, spool_read(r->spool, take, r, 1000) >= 0 &&
			(spool_acknowledge(r->spool, r->last_number + 1), r->n == n));
	assert_got(r, 0, 10, n + 10);
	WAIT(r, append(r, n + 10) == 0);
	read_until(r, n + 1);
	rig_close(r);
	assert_int_equal(umount(r->dir), 0);
}

static void unwritten_packets_are_told(void **state)
{
	struct rig *r = *state;
	uint32_t n = 0;
	uint64_t lost;

	if (unshare(CLONE_NEWNS) < 0)
		assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("spool", r->dir, "tmpfs", 0, "size=1m"), 0);
	rig_open(r);
	while (append(r, n + 10) == 0)
		n++;
	lost = spool_flush(r->spool);
	assert_true(lost > 0 && lost < n);
	rig_close(r);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), n - lost);
	read_until(r, n - (uint32_t)lost);
	assert_got(r, 0, 10, n - (uint32_t)lost + 10);
	rig_close(r);
	assert_int_equal(umount(r->dir), 0);
}

/*
 * The longest packets, which take longer to write than to append, and one processor for both: the
 * thread falls behind. The loop does not run meanwhile.
 */
static void full_queue_says_when_it_has_room(void **state)
{
	struct rig *r = *state;
	unsigned int n = 0;
	cpu_set_t all, one;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	rig_open(r);
	while (append(r, 7) == 0)
		n++;
	assert_int_equal(append(r, 7), PACKET_E_FULL);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	WAIT(r, r->room);
	assert_int_equal(append(r, 7), 0);
	read_until(r, n + 1);
	assert_int_equal(spool_unread(r->spool), 0);
}

/* Sent past the spool between two runs of it, and not delivered. */
static void put_back_in_between(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 10);
	read_until(r, 10);
	append_all(r, 20, 30); /* 10 to 19 went past */
	read_until(r, 20);
	append_all(r, 40, 50); /* 30 to 39 went past */
	spool_acknowledge(r->spool, 4);
	for (uint32_t i = 10; i < 20; i++) {
		struct packet pkt = make(i, length_of(i));

		assert_int_equal(spool_put_back(r->spool, &pkt, 10), 0);
	}
	for (uint32_t i = 30; i < 40; i++) {
		struct packet pkt = make(i, length_of(i));

		assert_int_equal(spool_put_back(r->spool, &pkt, 20), 0);
	}
	for (uint32_t i = 50; i < 60; i++) {
		struct packet pkt = make(i, length_of(i));

		assert_int_equal(spool_put_back(r->spool, &pkt, spool_next(r->spool)), 0);
	}
	assert_int_equal(spool_count(r->spool), 56);
	assert_int_equal(spool_flush(r->spool), 0);
	rig_close(r);
	r->n = 0;
	rig_open(r);
	read_until(r, 56);
	assert_got(r, 0, 4, 60);
}

static void topics_are_kept(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 10);
	assert_int_equal(spool_set_topic(r->spool, "other"), 0);
	append_all(r, 10, 20);
	rig_close(r);
	rig_open(r);
	r->take = 10;
	read_until(r, 10);
	assert_string_equal(r->last_topic, "pcap");
	r->take = 0;
	read_until(r, 20);
	assert_string_equal(r->last_topic, "other");
}

/* Somebody else's reader. */
static void libpcap_reads_the_files(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[65536];
	char path[512], errbuf[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const uint8_t *data;
	unsigned int n = 0;
	pcap_t *p;

	rig_open(r);
	for (uint32_t i = 0; i < 500; i += 5) /* Ethernet */
		assert_int_equal(append(r, i), 0);
	rig_close(r);
	slurp(r, path, sizeof(path), buf, sizeof(buf));
	p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, errbuf);
	assert_non_null(p);
	while (pcap_next_ex(p, &h, &data) == 1) {
		uint32_t i = n++ * 5;
		struct packet want = make(i, length_of(i));

		assert_int_equal(h->caplen, want.caplen);
		assert_int_equal(h->len, want.wirelen);
		assert_memory_equal(data, want.data, want.caplen);
		assert_int_equal((uint64_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec,
				 want.time_us * 1000 + want.nanos);
	}
	pcap_close(p);
	assert_int_equal(n, 100);
}

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(comes_out_as_it_went_in),
		SPOOL_TEST(says_when_there_is_something),
		SPOOL_TEST(offers_again_what_was_not_taken),
		SPOOL_TEST(clean_restart_doubles_nothing),
		SPOOL_TEST(survives_kill_9),
		SPOOL_TEST(torn_at_every_byte),
		SPOOL_TEST(damage_in_the_middle_is_counted),
		SPOOL_TEST(foreign_files_stay),
		SPOOL_TEST(directory_is_locked),
		SPOOL_TEST(allowance_is_kept),
		SPOOL_TEST(full_queue_says_when_it_has_room),
		SPOOL_TEST(put_back_in_between),
		SPOOL_TEST(topics_are_kept),
		SPOOL_TEST(libpcap_reads_the_files),
		SPOOL_TEST(full_disk_drops_the_newest_and_recovers),
		SPOOL_TEST(unwritten_packets_are_told),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
