/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a spool that somebody moves away and puts back, that a disk has changed, or that are
 * none: whatever they are, no packet is lost without a line, and nothing goes that was not read.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lines.h"
#include "spool/spool_disk.h"
#include "spool_rig.h"

static atomic_uint reads; /* how often a file was opened to be read */

/* In place of libc's. */
int openat(int dir, const char *name, int flags, ...)
{
	unsigned int mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, unsigned int);
	va_end(args);
	reads += strstr(name, ".pcapng") && (flags & O_ACCMODE) == O_RDONLY;
	return (int)syscall(SYS_openat, dir, name, flags, mode);
}

static int release_and_teardown(void **state)
{
	lines_release();
	return teardown(state);
}

static void move_file(const char *from, const char *to)
{
	assert_int_equal(access(to, F_OK), -1);
	assert_int_equal(rename(from, to), 0);
}

static void away_of(char away[PATH_MAX], const char *path)
{
	assert_true(snprintf(away, PATH_MAX, "%s.away", path) < PATH_MAX);
}

/* A run that leaves packets in a file of its own, whose name it gives. */
static void leave_packets(struct rig *r, uint32_t from, uint32_t to, char path[PATH_MAX])
{
	rig_open(r);
	append_all(r, from, to);
	rig_close(r);
	newest_file(r, path);
}

/* A file of ten packets that was moved away, and one of ten that is there. */
static void leave_two(struct rig *r, char path[PATH_MAX], char away[PATH_MAX],
		      char second[PATH_MAX])
{
	leave_packets(r, 0, 10, path);
	away_of(away, path);
	move_file(path, away);
	leave_packets(r, 10, 20, second);
}

/* Reads all that is there, and has it acknowledged. */
static void deliver_all(struct rig *r)
{
	read_all(r);
	spool_acknowledge(r->spool, spool_next(r->spool));
}

/* ---- files that come back ---- */

static void a_file_that_comes_back_is_sent(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], away[PATH_MAX], second[PATH_MAX];

	lines_catch();
	leave_two(r, path, away, second);
	rig_open(r);
	deliver_all(r);
	WAIT(r, access(second, F_OK) < 0);
	rig_close(r);
	move_file(away, path);
	assert_next_has(r, 0, 10);
	assert_int_equal(lines_with("was put back"), 1);
	assert_int_equal(lines_with(path), 1);
	deliver_all(r);
	WAIT(r, access(path, F_OK) < 0);
}

/* Else what is put back takes the place of a file that is in use. */
static void a_number_is_never_used_again(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], away[PATH_MAX], position[PATH_MAX], next[PATH_MAX];

	leave_packets(r, 0, 10, path);
	away_of(away, path);
	move_file(path, away);
	leave_packets(r, 10, 20, next);
	assert_true(strcmp(next, path) > 0);
	each_file(r, true); /* the position too */
	leave_packets(r, 20, 30, path);
	assert_true(strcmp(path, next) > 0);
	snprintf(position, sizeof(position), "%s/position", r->dir);
	assert_int_equal(truncate(position, 7), 0);
	leave_packets(r, 30, 40, next);
	assert_true(strcmp(next, path) > 0);
}

/* What the position says is of another file than the one that has its name now. */
static void a_position_counts_for_its_own_file(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], away[PATH_MAX];

	leave_packets(r, 0, 10, path);
	away_of(away, path);
	move_file(path, away);
	leave_packets(r, 100, 110, path);
	rig_open(r);
	read_until(r, 10);
	spool_acknowledge(r->spool, 5);
	rig_close(r);
	assert_int_equal(unlink(path), 0);
	move_file(away, path);
	assert_next_has(r, 0, 10);
}

static void what_takes_the_place_of_a_file_stays(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], away[PATH_MAX], second[PATH_MAX];

	lines_catch();
	leave_two(r, path, away, second);
	rig_open(r);
	read_until(r, 10);
	assert_int_equal(rename(away, second), 0);
	deliver_all(r);
	WAIT(r, lines_with("another file was put") > 0);
	rig_close(r);
	assert_int_equal(lines_with(second), 1);
	assert_next_has(r, 0, 10);
}

/* Back before it would go. It is far behind what is read ahead. */
static void a_file_that_was_away_at_its_turn_is_not_removed(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], away[PATH_MAX];

	lines_catch();
	leave_packets(r, 0, 30000, path);
	away_of(away, path);
	rig_open(r);
	read_until(r, 1000);
	move_file(path, away);
	read_all(r);
	assert_true(spool_damaged(r->spool) > 0);
	assert_int_equal(r->n + spool_damaged(r->spool), 30000);
	assert_int_equal(lines_with(path), 1);
	move_file(away, path);
	spool_acknowledge(r->spool, spool_next(r->spool));
	WAIT(r, each_file(r, false) == 1);
	rig_close(r);
	assert_int_equal(access(path, F_OK), 0);
}

static void somebody_elses_file_at_the_next_number_is_passed(void **state)
{
	static const char text[] = "somebody else's";
	struct rig *r = *state;
	char path[PATH_MAX], next[PATH_MAX], back[sizeof(text)] = "";
	unsigned long long number;
	FILE *f;

	lines_catch();
	rig_open(r);
	append_all(r, 0, 10);
	WAIT(r, each_file(r, false) == 1);
	newest_file(r, path);
	assert_int_equal(sscanf(strrchr(path, '-'), "-%16llx", &number), 1);
	snprintf(next, sizeof(next), "%s/spool-%016llx.pcapng", r->dir, number + 1);
	spit(next, (const uint8_t *)text, sizeof(text) - 1);
	assert_int_equal(spool_set_topic(r->spool, "other"), 0);
	append_all(r, 10, 20);
	assert_int_equal(spool_flush(r->spool), 0);
	assert_int_equal(each_file(r, false), 3);
	assert_int_equal(lines_with("cannot write"), 0);
	f = fopen(next, "r");
	assert_non_null(f);
	assert_non_null(fgets(back, sizeof(back), f));
	fclose(f);
	assert_string_equal(back, text);
}

/* ---- what an earlier version has left ---- */

static int take_old(void *ctx, const struct packet *pkt, uint64_t number, const char *topic)
{
	static const uint16_t linktypes[] = {1, 101, 113, 147};
	struct rig *r = ctx;
	uint32_t i = (uint32_t)(pkt->time_us - 1700000000000000);

	assert_int_equal(pkt->caplen, 20 + i);
	assert_int_equal(pkt->linktype, linktypes[i % 4]);
	assert_string_equal(topic, "pcap");
	r->got[r->n++] = i;
	return 0;
}

static void leave_old_file(struct rig *r)
{
	char command[PATH_MAX * 2];

	snprintf(command, sizeof(command),
		 "cp %s/spool-without-checksums.pcapng %s/spool-0000000000000005.pcapng",
		 getenv("UNIT_DATA"), r->dir);
	assert_int_equal(system(command), 0);
}

/* Neither has an id. */
static void what_takes_the_place_of_an_old_file_stays(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], other[PATH_MAX];

	leave_old_file(r);
	oldest_file(r, path);
	away_of(other, path);
	spit(other, (const uint8_t *)"somebody else's", 15);
	lines_catch();
	rig_open(r);
	WAIT(r, spool_read(r->spool, take_old, r, 100) >= 0 && r->n == 8);
	assert_int_equal(rename(other, path), 0);
	spool_acknowledge(r->spool, spool_next(r->spool));
	WAIT(r, lines_with("another file was put") > 0 || access(path, F_OK) < 0);
	assert_int_equal(access(path, F_OK), 0);
}

static void a_spool_of_an_earlier_version_is_read(void **state)
{
	struct rig *r = *state;
	char command[PATH_MAX * 2], line[80];

	leave_old_file(r);
	snprintf(line, sizeof(line), "%016x %016x ", 5, 3);
	snprintf(line + 34, sizeof(line) - 34, "%016llx\n",
		 (unsigned long long)XXH3_64bits(line, 34));
	snprintf(command, sizeof(command), "%s/position", r->dir);
	spit(command, (const uint8_t *)line, 51);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 5);
	WAIT(r, spool_read(r->spool, take_old, r, 100) >= 0 && r->n == 5);
	assert_got(r, 0, 3, 8);
	append_all(r, 8, 9);
	r->n = 0;
	read_until(r, 1);
	spool_acknowledge(r->spool, spool_next(r->spool));
	WAIT(r, each_file(r, false) == 0);
	assert_int_equal(spool_damaged(r->spool), 0);
}

/* ---- damage ---- */

/* The spool of a file like this: every packet that comes out is good, and what does not is told. */
static void judge_changed(struct rig *r, const char *path, const uint8_t *buf, size_t n, size_t at)
{
	unsigned int told;

	each_file(r, true); /* the position too */
	spit(path, buf, n);
	lines_catch();
	rig_open(r);
	told = spool_unreadable(r->spool);
	r->n = 0;
	read_all(r);
	told += (unsigned int)spool_damaged(r->spool);
	for (unsigned int i = 1; i < r->n; i++)
		assert_true(r->got[i] > r->got[i - 1]);
	rig_close(r);
	if (told && !lines_with("ERROR"))
		told = 0;
	lines_release();
	if (r->n < 4 && !told)
		fail_msg("%u of 4 packets with byte %zu changed, and not a word\n%s", r->n, at,
			 lines.text);
}

static void no_changed_byte_goes_unnoticed(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[8192];
	char path[PATH_MAX];
	size_t size;

	r->opt.sync_ms = 0;
	leave_packets(r, 10, 14, path);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	for (int tail = 0; tail < 2; tail++, size -= 48) { /* then as kill -9 leaves it */
		for (size_t at = 0; at < size; at++) {
			buf[at] ^= 1u << at % 8;
			judge_changed(r, path, buf, size, at);
			buf[at] ^= 1u << at % 8;
		}
		judge_changed(r, path, buf, size, size);
		assert_int_equal(r->n, 4);
	}
}

/* The rest of the file is good. */
static void damage_costs_what_it_hits(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[8u << 20];
	char path[PATH_MAX];
	size_t size;

	r->opt.segment_size = 8u << 20;
	lines_catch();
	leave_packets(r, 10, 9010, path);
	size = slurp(r, path, sizeof(path), buf, sizeof(buf));
	for (size_t at = size / 8; at < size - 2000; at += size / 8)
		memset(buf + at, 0xa5, 3); /* across a few blocks, in data or in a length */
	spit(path, buf, size);
	rig_open(r);
	assert_int_equal(spool_count(r->spool), 9000);
	read_all(r);
	assert_true(r->n >= 9000 - 14 && r->n < 9000);
	assert_int_equal(spool_damaged(r->spool), 9000 - r->n);
	spool_acknowledge(r->spool, spool_next(r->spool));
	WAIT(r, each_file(r, false) == 0);
	assert_int_equal(lines_with("is damaged"), 1);
}

/* ---- what only has such a name ---- */

static void what_is_no_file_of_a_spool_is_named_and_stays(void **state)
{
	static const char *const names[] = {"01", "02", "03", "04", "05"};
	struct rig *r = *state;
	static uint8_t zeros[4096];
	char path[5][PATH_MAX];

	for (unsigned int i = 0; i < 5; i++)
		snprintf(path[i], PATH_MAX, "%s/spool-00000000000000%s.pcapng", r->dir, names[i]);
	spit(path[0], zeros, 10);
	spit(path[1], zeros, sizeof(zeros));
	assert_int_equal(mkfifo(path[2], 0600), 0);
	assert_int_equal(symlink("/dev/zero", path[3]), 0);
	assert_int_equal(mkdir(path[4], 0700), 0);
	lines_catch();
	rig_open(r);
	assert_int_equal(spool_unreadable(r->spool), 5);
	append_all(r, 0, 10);
	read_until(r, 10);
	spool_acknowledge(r->spool, 10);
	WAIT(r, each_file(r, false) == 5);
	rig_close(r);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(lines_with(path[i]), 1);
	lines_release();
	assert_int_equal(rmdir(path[4]), 0);
}

/* A number after that of this file, or before it. */
static void beside(char out[PATH_MAX], struct rig *r, const char *path, int by)
{
	unsigned long long number;

	assert_int_equal(sscanf(strrchr(path, '-'), "-%16llx", &number), 1);
	snprintf(out, PATH_MAX, "%s/spool-%016llx.pcapng", r->dir, number + (unsigned long long)by);
}

/* A start with this file of 0 bytes: how many such it calls a loss. In any case it goes. */
static unsigned int open_with_empty(struct rig *r, const char *path)
{
	unsigned int lost;

	spit(path, (const uint8_t *)"", 0);
	lines_catch();
	rig_open(r);
	lost = spool_unreadable(r->spool);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(lines_with(path), 1);
	assert_int_equal(lines_with("ERROR"), lost);
	lines_release();
	return lost;
}

static void an_empty_file_is_removed(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], next[PATH_MAX];

	/* As a kill leaves it: alone, the newest there was, behind others, behind what is
	 * delivered. */
	snprintf(path, sizeof(path), "%s/spool-0000000000000001.pcapng", r->dir);
	assert_int_equal(open_with_empty(r, path), 0);
	rig_close(r);
	leave_packets(r, 0, 10, path);
	assert_int_equal(open_with_empty(r, path), 0);
	rig_close(r);
	leave_packets(r, 0, 10, path);
	beside(next, r, path, 1);
	assert_int_equal(open_with_empty(r, next), 0);
	read_until(r, 10);
	assert_got(r, 0, 0, 10);
	deliver_all(r);
	WAIT(r, access(path, F_OK) < 0);
	rig_close(r);
	assert_int_equal(open_with_empty(r, next), 0);
	rig_close(r);
	/* Before the position: it was delivered. */
	beside(next, r, path, -1);
	assert_int_equal(open_with_empty(r, next), 0);
}

static void an_empty_file_that_held_packets_is_a_loss(void **state)
{
	struct rig *r = *state;
	char path[PATH_MAX], newer[PATH_MAX];

	/* A newer one has packets, or had them and is away. */
	leave_packets(r, 0, 10, path);
	leave_packets(r, 10, 20, newer);
	assert_int_equal(open_with_empty(r, path), 1);
	read_until(r, 10);
	assert_got(r, 0, 10, 20);
	rig_close(r);
	assert_int_equal(unlink(newer), 0);
	assert_int_equal(open_with_empty(r, path), 1);
	rig_close(r);
	/* Of which some are delivered. */
	r->n = 0;
	leave_packets(r, 20, 30, path);
	rig_open(r);
	read_until(r, 10);
	spool_acknowledge(r->spool, 5);
	rig_close(r);
	assert_int_equal(open_with_empty(r, path), 1);
	rig_close(r);
	rig_open(r); /* it is told once */
	assert_int_equal(spool_unreadable(r->spool), 0);
}

static void write_packets(struct spool_disk *d, uint64_t n)
{
	static const uint8_t bytes[100];
	const struct packet pkt = {.data = bytes,
				   .caplen = sizeof(bytes),
				   .wirelen = sizeof(bytes),
				   .linktype = 1};
	struct spool_batch *b = spool_batch_new();

	assert_non_null(b);
	b->topic = "pcap";
	for (; b->left < n; b->left++)
		assert_int_equal(pktbuf_push(b->packets, &pkt, b->left), 0);
	assert_int_equal(spool_disk_write(d, b), 0);
	spool_batch_free(b);
}

/* Reads one packet, which must have this number. */
static void read_number(struct spool_disk *d, uint64_t number)
{
	struct packet pkt;
	struct pktbuf *out;
	const char *topic;
	uint64_t tag;

	assert_int_equal(pktbuf_new(&out, 4096), 0);
	assert_int_equal(spool_disk_read(d, out, 1, &topic), 0);
	assert_true(pktbuf_peek(out, &pkt, &tag));
	assert_int_equal(tag, number);
	assert_int_equal(pktbuf_count(out), 1);
	pktbuf_free(out);
}

/* The file is not opened and read from its start for it: with each batch it would take longer. */
static void what_was_read_from_memory_is_read_over(void **state)
{
	struct rig *r = *state;
	struct spool_disk *d;

	assert_int_equal(spool_disk_new(&d, r->dir, 1u << 20, 0), 0);
	write_packets(d, 100);
	reads = 0;
	read_number(d, 0);
	spool_disk_pass(d, 50);
	read_number(d, 50);
	spool_disk_pass(d, 40);
	read_number(d, 51);
	spool_disk_pass(d, 99);
	read_number(d, 99);
	assert_int_equal(reads, 1);
	spool_disk_free(d);
}

#define FILES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, release_and_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILES_TEST(a_file_that_comes_back_is_sent),
		FILES_TEST(a_number_is_never_used_again),
		FILES_TEST(a_position_counts_for_its_own_file),
		FILES_TEST(what_takes_the_place_of_a_file_stays),
		FILES_TEST(a_file_that_was_away_at_its_turn_is_not_removed),
		FILES_TEST(somebody_elses_file_at_the_next_number_is_passed),
		FILES_TEST(what_takes_the_place_of_an_old_file_stays),
		FILES_TEST(a_spool_of_an_earlier_version_is_read),
		FILES_TEST(no_changed_byte_goes_unnoticed),
		FILES_TEST(damage_costs_what_it_hits),
		FILES_TEST(what_is_no_file_of_a_spool_is_named_and_stays),
		FILES_TEST(what_was_read_from_memory_is_read_over),
		FILES_TEST(an_empty_file_is_removed),
		FILES_TEST(an_empty_file_that_held_packets_is_a_loss),
	};

	return cmocka_run_group_tests_name("spool_files", tests, NULL, NULL);
}
