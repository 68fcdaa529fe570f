/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool as it is meant to be used, its ends and restarts among it.
 */
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/thread.h"
#include "join_wait.h"
#include "spool/spool_format.h"
#include "spool_rig.h"

/* ---- tests ---- */

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
	WAIT(r, each_file(r, false) > 2);
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

/* So many packets of the oldest file are noted as delivered. */
static bool is_noted(struct rig *r, unsigned int packets)
{
	char path[128], line[128] = "";
	unsigned int noted = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/position", r->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	if (!fgets(line, sizeof(line), f) || sscanf(line, "%*16x %16x", &noted) != 1)
		noted = 0;
	fclose(f);
	return noted == packets;
}

/* What packet i takes of the disk. */
static uint64_t size_of(uint32_t i)
{
	struct packet pkt = make(i, length_of(i));

	return spool_format_packet_size(&pkt);
}

/* A child fills the spool, acknowledges 200, and is killed once that is on its way to disk. */
static void fill_and_die(struct rig *r)
{
	uint64_t bytes = 0;

	rig_open(r);
	append_all(r, 0, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		bytes += size_of(i);
	WAIT(r, bytes_on_disk(r) >= bytes);
	read_until(r, 1000);
	spool_acknowledge(r->spool, 200);
	WAIT(r, is_noted(r, 200));
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
	uint64_t bytes = 0;

	r->opt.size = 1u << 20;
	r->opt.segment_size = 256u << 10;
	rig_open(r);
	for (; append(r, n + 10) == 0; n++)
		bytes += size_of(n + 10);
	assert_int_equal(append(r, n + 10), SPOOL_E_NOSPACE);
	WAIT(r, bytes_on_disk(r) > bytes); /* and what begins a file */
	assert_true(bytes_on_disk(r) <= r->opt.size + SPOOL_FORMAT_SECTION_MAX);
	assert_true(bytes_on_disk(r) + size_of(n + 10) > r->opt.size);
	read_until(r, n);
	spool_acknowledge(r->spool, r->last_number + 1);
	WAIT(r, append(r, n + 10) == 0);
	more = n + 1;
	append_all(r, more + 10, more + 20);
	read_until(r, more + 10);
	assert_got(r, 0, 10, more + 20);
}

/* The loop does not run meanwhile. */
static void full_queue_says_when_it_has_room(void **state)
{
	struct rig *r = *state;
	unsigned int n = 0;

	hold_writes(true);
	rig_open(r);
	while (append(r, 7) == 0)
		n++;
	assert_int_equal(append(r, 7), PACKET_E_FULL);
	hold_writes(false);
	WAIT(r, r->room);
	assert_int_equal(append(r, 7), 0);
	read_until(r, n + 1);
	assert_int_equal(spool_unread(r->spool), 0);
}

/* What the disk does not take is read all the same, and is not written once it is delivered. */
static void a_disk_that_hangs_holds_up_no_reading(void **state)
{
	struct rig *r = *state;

	hold_writes(true);
	rig_open(r);
	for (uint32_t n = 100; n <= 5000; n += 100) {
		append_all(r, n - 100, n);
		read_until(r, n);
	}
	assert_int_equal(spool_unread(r->spool), 0);
	assert_got(r, 0, 0, 5000);
	spool_acknowledge(r->spool, 4990);
	hold_writes(false);
	assert_next_has(r, 4990, 5000);
}

/* At the end of a run, though the thread is behind and the allowance used up. */
static void waiting_append_takes_all(void **state)
{
	struct rig *r = *state;
	unsigned int n = 0;

	hold_writes(true);
	rig_open(r);
	while (append(r, 7) == 0)
		n++;
	spool_set_limits(r->spool, 1, r->opt.segment_size, r->opt.sync_ms);
	hold_writes(false);
	for (uint32_t i = 10; i < 110; i++) {
		struct packet pkt = make(i, length_of(i));

		assert_int_equal(spool_append_waiting(r->spool, &pkt), 0);
	}
	assert_int_equal(append(r, 7), SPOOL_E_NOSPACE);
	assert_int_equal(spool_next(r->spool), n + 100);
	assert_int_equal(spool_flush(r->spool), 0);
	rig_close(r);
	rig_open(r);
	read_until(r, n + 100);
	assert_got(r, n, 10, 110);
}

/* As a file system that is frozen. What is not on it is told, and given up. */
static void a_disk_that_hangs_holds_up_no_end(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 1000);
	assert_int_equal(spool_flush(r->spool), 0);
	hold_writes(true);
	append_all(r, 1000, 1500);
	assert_int_equal(spool_flush(r->spool), 500);
	granted_ms = granted = 0;
	rig_close(r);
	/* The flush has waited for it: it is not waited for again. */
	assert_true(granted > 0 && granted_ms <= 0);
	assert_false(thread_may_exit());
	hold_writes(false);
	WAIT(r, thread_may_exit());
	rig_open(r);
	read_all(r);
	assert_true(r->n >= 1000); /* and what was on its way */
	assert_got(r, 0, 0, r->n);
}

/* The numbers of files may have gaps, and be odd or even. */
static void files_are_read_by_their_numbers(void **state)
{
	static const unsigned int numbers[] = {0x10, 0x7, 0x6, 0x2};
	struct rig *r = *state;
	char from[PATH_MAX], to[PATH_MAX];

	for (unsigned int i = 0; i < 4; i++) {
		rig_open(r);
		append_all(r, 30 - i * 10, 40 - i * 10);
		rig_close(r);
		newest_file(r, from);
		snprintf(to, sizeof(to), "%s/spool-%016x.pcapng", r->dir, numbers[i]);
		assert_int_equal(rename(from, to), 0);
	}
	rig_open(r);
	append_all(r, 40, 50);
	read_until(r, 50);
	assert_got(r, 0, 0, 50);
}

static void topics_are_kept(void **state)
{
	struct rig *r = *state;

	rig_open(r);
	append_all(r, 0, 5);
	assert_int_equal(spool_set_topic(r->spool, "pcap"), 0); /* the same: no new file */
	append_all(r, 5, 10);
	assert_int_equal(spool_set_topic(r->spool, "other"), 0);
	append_all(r, 10, 20);
	rig_close(r);
	assert_int_equal(each_file(r, false), 2);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(comes_out_as_it_went_in),
		SPOOL_TEST(says_when_there_is_something),
		SPOOL_TEST(offers_again_what_was_not_taken),
		SPOOL_TEST(clean_restart_doubles_nothing),
		SPOOL_TEST(survives_kill_9),
		SPOOL_TEST(directory_is_locked),
		SPOOL_TEST(allowance_is_kept),
		SPOOL_TEST(full_queue_says_when_it_has_room),
		SPOOL_TEST(a_disk_that_hangs_holds_up_no_reading),
		SPOOL_TEST(waiting_append_takes_all),
		SPOOL_TEST(a_disk_that_hangs_holds_up_no_end),
		SPOOL_TEST(files_are_read_by_their_numbers),
		SPOOL_TEST(topics_are_kept),
		SPOOL_TEST(libpcap_reads_the_files),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
