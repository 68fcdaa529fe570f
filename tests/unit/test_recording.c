/* SPDX-License-Identifier: Apache-2.0 */
/* A capture as a set of files: which files there are, what is in them, and what is said when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "config/config_ref.h"
#include "config/file_names.h"
#include "deadline.h"
#include "lines.h"
#include "output/disk_space.h"
#include "output/output.h"
#include "output/recording.h"
#include "output/untold.h"
#include "version.h"

#if PYCAPA_ZSTD
#include "unzstd.h"
#endif

#define NOON UINT64_C(1772280000000000)

static struct {
	struct ev_loop *loop;
	struct config cfg;
	struct output *out;
	char directory[64], path[96];
	char events[256]; /* r: rotated, k: kept, s: settled, d: drained, e: ended, n: enough */
	bool full;        /* the disk */
	bool holds;       /* what on_kept() says */
	int syncs;
	int fewest; /* files of the set that there were while one was synced */
} world;

ssize_t write(int fd, const void *data, size_t len)
{
	struct stat st;

	if (world.full && fd != STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, data, len);
}

static int files_now(void)
{
	DIR *dir = opendir(world.directory);
	const struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		n += entry->d_name[0] == 'a';
	closedir(dir);
	return n;
}

int fsync(int fd)
{
	int n = files_now();

	if (n < world.fewest)
		__atomic_store_n(&world.fewest, n, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&world.syncs, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void note(char event)
{
	size_t n = strlen(world.events);

	if (n + 1 < sizeof(world.events))
		world.events[n] = event;
	ev_break(world.loop, EVBREAK_ONE);
}

static void on_drained(void *ctx)
{
	note('d');
}

static void on_ended(void *ctx, int status)
{
	note('e');
}

static void on_settled(void *ctx)
{
	note('s');
}

static void on_rotated(void *ctx)
{
	note('r');
}

static bool on_kept(void *ctx)
{
	note('k');
	return world.holds;
}

static void on_enough(void *ctx)
{
	note('n');
}

static void open_output(void)
{
	const struct output_options opt = {
		.loop = world.loop,
		.cfg = &world.cfg,
		.on_drained = on_drained,
		.on_ended = on_ended,
		.on_settled = on_settled,
		.on_rotated = on_rotated,
		.on_kept = on_kept,
		.on_enough = on_enough,
	};

	assert_int_equal(output_new(&world.out, &opt), 0);
}

static int open_world(void **state)
{
	memset(&world, 0, sizeof(world));
	world.loop = ev_loop_new(EVBACKEND_EPOLL); /* which reaps no children */
	snprintf(world.directory, sizeof(world.directory), "/tmp/test_recording.XXXXXX");
	if (!mkdtemp(world.directory))
		return -1;
	snprintf(world.path, sizeof(world.path), "%s/a.pcapng", world.directory);
	world.cfg.write_file = world.path;
	world.cfg.format = CONFIG_FORMAT_PCAPNG;
	world.cfg.ring_buffer = (char *)"packets:2";
	return 0;
}

static int close_world(void **state)
{
	char command[128];

	output_free(world.out);
	world.out = NULL;
	ev_loop_destroy(world.loop);
	world.full = false;
	snprintf(command, sizeof(command), "rm -r %s", world.directory);
	return system(command);
}

/* The loop runs until the event has come so often. */
static void wait_for(char event, int times)
{
	ev_tstamp deadline = ev_time() + DEADLINE_S;

	for (;;) {
		int n = 0;

		for (const char *e = world.events; *e; e++)
			n += *e == event;
		if (n >= times)
			return;
		if (ev_time() > deadline)
			fail_msg("no %d. %c in %s", times, event, world.events);
		ev_run(world.loop, EVRUN_ONCE);
	}
}

/* As the consumer does: a packet that has no room waits until there is. */
static void put_from(uint32_t number, const char *interface, uint64_t seconds)
{
	uint8_t data[4];
	struct packet pkt = {.data = data, .caplen = 4, .wirelen = 4, .linktype = 1};
	int r;

	bytes_put32(data, number);
	pkt.time_us = NOON + seconds * 1000000;
	pkt.interface = interface;
	pkt.interface_len = (uint8_t)strlen(interface);
	while ((r = output_put(world.out, &pkt)) == PACKET_E_FULL) {
		size_t n = strlen(world.events);

		while (strlen(world.events) == n)
			ev_run(world.loop, EVRUN_ONCE);
	}
	assert_int_equal(r, 0);
}

static void put(uint32_t number)
{
	put_from(number, "eth0", number);
}

static void finish(void)
{
	output_finish(world.out, true);
	if (output_is_settling(world.out))
		wait_for('s', 1);
	assert_false(output_is_settling(world.out));
}

/* The names in the directory that a `ls` shows, sorted, less what is the same in all. */
static const char *list(void)
{
	static char text[1024];
	struct dirent **entries;
	int n = scandir(world.directory, &entries, NULL, alphasort);

	*text = '\0';
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.7s ",
				 entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return text;
}

#if PYCAPA_ZSTD
/* libpcap reads none that is compressed: in its place one that is not. */
static void unpack(char path[512])
{
	bool whole;
	size_t len;
	uint8_t *plain = unzstd_file(path, &len, &whole);
	FILE *f;

	assert_true(whole);
	snprintf(path, 512, "%s/plain", world.directory);
	f = fopen(path, "w");
	assert_int_equal(fwrite(plain, 1, len, f), len);
	fclose(f);
	free(plain);
}
#endif

/* The packets of the file of that number, as libpcap finds them. */
static const char *packets_of(const char *number)
{
	char path[512] = "", why[PCAP_ERRBUF_SIZE];
	static char text[256];
	struct pcap_pkthdr *head;
	struct dirent *entry;
	const u_char *data;
	pcap_t *p;
	DIR *dir = opendir(world.directory);

	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, number, strlen(number)))
			snprintf(path, sizeof(path), "%s/%s", world.directory, entry->d_name);
	closedir(dir);
#if PYCAPA_ZSTD
	if (file_names_is_zstd(path))
		unpack(path);
#endif
	p = pcap_open_offline(path, why);
	if (!p)
		fail_msg("%s: %s", path, why);
	*text = '\0';
	while (pcap_next_ex(p, &head, &data) == 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ",
			 bytes_get32(data));
	pcap_close(p);
	return text;
}

static void each_file_is_whole_by_itself(void **state)
{
	open_output();
	put_from(1, "eth0", 1);
	put_from(2, "eth1", 2);
	put_from(3, "eth1", 3);
	put_from(4, "eth0", 4);
	put_from(5, "eth1", 5);
	finish();
	assert_string_equal(list(), "a_00001 a_00002 a_00003 ");
	assert_string_equal(packets_of("a_00001"), "1 2 ");
	assert_string_equal(packets_of("a_00002"), "3 4 ");
	assert_string_equal(packets_of("a_00003"), "5 ");
	assert_int_equal(output_written(world.out), 5);
	assert_int_equal(world.syncs, 6); /* each file, and its directory */
}

static void a_classic_pcap_rotates_too(void **state)
{
	world.cfg.format = CONFIG_FORMAT_PCAP;
	open_output();
	for (uint32_t i = 1; i <= 3; i++)
		put(i);
	finish();
	assert_string_equal(packets_of("a_00001"), "1 2 ");
	assert_string_equal(packets_of("a_00002"), "3 ");
}

static struct config *settings(void)
{
	struct config *cfg;

	assert_int_equal(config_new(&cfg), 0);
	cfg->write_file = strdup(world.path);
	cfg->ring_buffer = strdup("packets:2");
	cfg->format = CONFIG_FORMAT_PCAPNG;
	return cfg;
}

/* The settings that it was made with are let go by all others. */
static void a_set_goes_on_after_a_reload(void **state)
{
	struct config *first = settings(), *next = settings();
	const struct output_options opt = {.loop = world.loop,
					   .cfg = first,
					   .on_drained = on_drained,
					   .on_ended = on_ended,
					   .on_settled = on_settled,
					   .on_rotated = on_rotated,
					   .on_kept = on_kept};
	char why[256];

	assert_int_equal(output_new(&world.out, &opt), 0);
	put(1);
	assert_int_equal(output_reload(world.out, next, why, sizeof(why)), 0);
	config_unref(first);
	config_unref(next);
	put(2);
	put(3);
	finish();
	assert_string_equal(list(), "a_00001 a_00002 ");
	assert_string_equal(packets_of("a_00002"), "3 ");
}

/* What is committed is what is under its name and synced: in this order, one by one. */
static void a_file_is_told_of_when_it_is_kept(void **state)
{
	open_output();
	put(1);
	put(2);
	assert_string_equal(world.events, "");
	put(3);
	assert_string_equal(world.events, "r");
	assert_string_equal(list(), "");
	wait_for('k', 1);
	assert_string_equal(list(), "a_00001 ");
	finish();
	assert_string_equal(world.events, "rkrks");
}

/* A commit is on its way: a kill has one file written again at most, beside the one that is open.
 */
static void the_next_file_ends_when_the_commit_is_answered(void **state)
{
	const struct packet pkt = {.time_us = NOON, .linktype = 1};

	world.holds = true;
	open_output();
	for (uint32_t i = 1; i <= 4; i++)
		put(i);
	wait_for('k', 1);
	assert_int_equal(output_put(world.out, &pkt), PACKET_E_FULL);
	assert_false(output_flush(world.out));
	assert_string_equal(world.events, "rk");
	recording_go_on(output_recording(world.out));
	assert_string_equal(world.events, "rkrd");
	assert_int_equal(output_put(world.out, &pkt), 0);
	wait_for('k', 2);
	/* Nobody is left to say so, and one commit is for both. */
	finish();
	assert_string_equal(list(), "a_00001 a_00002 a_00003 ");
}

/* The group takes partitions: what was taken of them is to be on the disk first. */
static void a_file_ends_when_somebody_waits_for_it(void **state)
{
	struct recording *rec;

	open_output();
	rec = output_recording(world.out);
	assert_true(recording_is_safe(rec));
	assert_false(recording_rotate(rec));
	put(1);
	assert_false(recording_is_safe(rec));
	assert_true(recording_rotate(rec));
	assert_false(recording_is_safe(rec));
	put(2);
	assert_true(recording_rotate(rec)); /* both */
	wait_for('k', 2);
	assert_true(recording_is_safe(rec));
	assert_string_equal(list(), "a_00001 a_00002 ");
	put(3);
	world.full = true;
	assert_false(recording_rotate(rec));
	assert_false(recording_is_safe(rec));
	world.full = false;
	wait_for('k', 3);
	assert_true(recording_is_safe(rec));
}

static void the_oldest_files_go(void **state)
{
	world.cfg.ring_buffer = (char *)"packets:1 files:3";
	open_output();
	for (uint32_t i = 1; i <= 6; i++)
		put(i);
	finish();
	assert_string_equal(list(), "a_00004 a_00005 a_00006 ");
	output_free(world.out);
	/* Of an earlier run too; numbers go on. */
	memset(world.events, 0, sizeof(world.events));
	open_output();
	put(7);
	finish();
	assert_string_equal(list(), "a_00005 a_00006 a_00007 ");
}

/* Who has room for one file has one at any time. */
static void a_file_goes_after_the_next_one_is_kept(void **state)
{
	world.cfg.ring_buffer = (char *)"packets:1 files:1";
	open_output();
	put(1);
	put(2);
	wait_for('k', 1);
	world.fewest = 9;
	put(3);
	put(4);
	finish();
	assert_int_equal(world.fewest, 1);
	assert_string_equal(list(), "a_00004 ");
}

static void a_link_that_was_planted_is_not_followed(void **state)
{
	const struct file_names names = {.path = world.path};
	char victim[128], *path = file_names_make(&names, 1, NOON + 1000000);
	struct stat st;

	snprintf(victim, sizeof(victim), "%s/victim", world.directory);
	close(open(victim, O_CREAT | O_WRONLY, 0600));
	open_output();
	assert_int_equal(symlink(victim, path), 0);
	put(1);
	finish();
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_string_equal(packets_of("a_00001"), "1 ");
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 0);
	free(path);
}

static void what_was_cut_counts_while_its_file_settles(void **state)
{
	struct packet pkt = {.data = (const uint8_t *)"nano",
			     .caplen = 4,
			     .wirelen = 4,
			     .linktype = 1,
			     .time_us = NOON,
			     .nanos = 7};

	world.cfg.format = CONFIG_FORMAT_PCAP;
	open_output();
	put(1);
	output_flush(world.out);
	assert_int_equal(output_put(world.out, &pkt), 0);
	put(2); /* in the next file */
	assert_int_equal(files_now(), 0);
	lines_catch();
	output_log_cut(world.out);
	assert_int_equal(lines_with("1 packet(s) were written without their nanoseconds"), 1);
	lines_release();
	finish();
}

/* The end waits for it. */
static void a_program_is_run_on_each_file(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "mv -t %s/done", world.directory);
	world.cfg.postrotate = command;
	assert_int_equal(mkdir(command + strlen("mv -t "), 0700), 0);
	open_output();
	for (uint32_t i = 1; i <= 5; i++)
		put(i);
	finish();
	assert_string_equal(list(), "done ");
	snprintf(world.directory + strlen(world.directory), 6, "/done");
	assert_string_equal(list(), "a_00001 a_00002 a_00003 ");
	assert_string_equal(packets_of("a_00003"), "5 ");
	*strrchr(world.directory, '/') = '\0';
}

/* Whether there is a file of such a name. */
static bool has(const char *begin, const char *end)
{
	DIR *dir = opendir(world.directory);
	const struct dirent *entry;
	bool found = false;

	while ((entry = readdir(dir))) {
		const char *at = strstr(entry->d_name, end);

		found |= !strncmp(entry->d_name, begin, strlen(begin)) && at && !at[strlen(end)];
	}
	closedir(dir);
	return found;
}

static void wait_until_packed(const char *number)
{
	while (!has(number, ".pcapng.gz") || has(number, ".pcapng"))
		ev_run(world.loop, EVRUN_ONCE);
}

static void what_is_compressed_is_still_of_the_set(void **state)
{
	world.cfg.ring_buffer = (char *)"packets:1 files:1";
	world.cfg.postrotate = (char *)"gzip";
	open_output();
	put(1);
	put(2);
	wait_until_packed("a_00001");
	put(3);
	wait_until_packed("a_00002");
	finish();
	assert_string_equal(list(), "a_00003 ");
	assert_true(has("a_00003", ".pcapng.gz"));
	output_free(world.out);
	memset(world.events, 0, sizeof(world.events));
	world.cfg.postrotate = (char *)"true";
	open_output();
	put(4);
	finish();
	assert_string_equal(list(), "a_00004 ");
}

static int unfinished(const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", world.directory, name);
	f = fopen(path, "w");
	return f ? fclose(f) : -1;
}

/* As by a program that is slower than the files come: it removes what it packs when it is done. */
static void what_is_being_compressed_goes_with_its_file(void **state)
{
	char name[NAME_MAX + 1] = "";
	const struct dirent *entry;
	DIR *dir;

	world.cfg.ring_buffer = (char *)"packets:1 files:1";
	world.cfg.postrotate = (char *)"true";
	open_output();
	put(1);
	put(2);
	wait_for('k', 1);
	dir = opendir(world.directory);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] == 'a')
			snprintf(name, sizeof(name), "%.200s.gz", entry->d_name);
	closedir(dir);
	assert_int_equal(unfinished(name), 0);
	put(3);
	finish();
	assert_string_equal(list(), "a_00003 ");
}

/* When each is complete. */
static void the_names_of_files_are_printed(void **state)
{
	char ring[160], path[96], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/.names", world.directory);
	snprintf(ring, sizeof(ring), "packets:2 printname:%s", path);
	world.cfg.ring_buffer = ring;
	open_output();
	put(1);
	put(2);
	f = fopen(path, "r");
	assert_null(fgets(line, sizeof(line), f));
	put(3);
	wait_for('k', 1);
	clearerr(f);
	assert_non_null(fgets(line, sizeof(line), f));
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(access(line, R_OK), 0);
	assert_non_null(strstr(line, "/a_00001_"));
	finish();
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "/a_00002_"));
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	world.cfg.ring_buffer = NULL;
}

/* With the packet that fills the last one: not with the next, which may never come. */
static void so_many_files_are_enough(void **state)
{
	const struct packet pkt = {.data = (const uint8_t *)"five", .caplen = 4, .wirelen = 4};

	world.cfg.autostop = (char *)"files:2";
	open_output();
	for (uint32_t i = 1; i <= 3; i++)
		put(i);
	assert_null(strchr(world.events, 'n'));
	put(4);
	wait_for('n', 1);
	assert_int_equal(output_put(world.out, &pkt), PACKET_E_FULL);
	finish();
	assert_string_equal(packets_of("a_00001"), "1 2 ");
	assert_string_equal(packets_of("a_00002"), "3 4 ");
	assert_string_equal(list(), "a_00001 a_00002 ");
	assert_ptr_equal(strchr(world.events, 'n'), strrchr(world.events, 'n'));
}

/* Its first packet did not fit, and then somebody waited for it to be safe. */
static void a_file_without_a_packet_is_not_one_of_them(void **state)
{
	struct packet pkt = {.data = (const uint8_t *)"late",
			     .caplen = 4,
			     .wirelen = 4,
			     .linktype = 1,
			     .time_us = UINT64_C(5000000000000000)};

	world.cfg.format = CONFIG_FORMAT_PCAP;
	world.cfg.autostop = (char *)"files:1";
	open_output();
	assert_int_equal(output_put(world.out, &pkt), OUTPUT_E_LEFT_OUT);
	assert_false(recording_rotate(output_recording(world.out)));
	pkt.time_us = NOON;
	assert_int_equal(output_put(world.out, &pkt), 0);
	put(2);
	wait_for('n', 1);
	finish();
	assert_string_equal(list(), "a_00001 ");
}

static void the_clock_ends_the_last_file_too(void **state)
{
	world.cfg.ring_buffer = (char *)"duration:1";
	world.cfg.autostop = (char *)"files:1";
	open_output();
	put(1);
	wait_for('n', 1);
	finish();
	assert_string_equal(packets_of("a_00001"), "1 ");
}

static void a_file_alone_has_its_size(void **state)
{
	world.cfg.ring_buffer = NULL;
	world.cfg.autostop = (char *)"filesize:1";
	open_output();
	for (uint32_t i = 1; !strchr(world.events, 'n'); i++)
		put(i);
	assert_in_range(output_taken(world.out), 15, 30); /* of 36 bytes and more */
	finish();
	assert_string_equal(list(), "a.pcapn ");
}

static void without_a_packet_there_is_no_file(void **state)
{
	open_output();
	finish();
	assert_string_equal(list(), "");
	assert_string_equal(world.events, "");
}

static void a_quiet_topic_ends_a_file(void **state)
{
	world.cfg.ring_buffer = (char *)"duration:1";
	open_output();
	put(1); /* long ago */
	wait_for('k', 1);
	assert_string_equal(packets_of("a_00001"), "1 ");
}

static void what_a_dead_process_left_is_kept_or_dropped(void **state)
{
	unfinished(".a_00009_20260228120000.pcapng.0123abcd");
	unfinished(".b_00009_20260228120000.pcapng.0123abcd");
	open_output();
	put(1);
	finish();
	assert_string_equal(list(), "a_00009 a_00010 "); /* .part */
	output_free(world.out);
	unfinished(".a_00011_20260228120000.pcapng.0123abcd");
	world.cfg.start.offset = CONFIG_OFFSET_STORED;
	lines_catch();
	open_output();
	assert_int_equal(lines_with("a_00011"), 1);
	assert_int_equal(lines_with("read again"), 1);
	lines_release();
	assert_string_equal(list(), "a_00009 a_00010 ");
}

/* A packet that is left out, before which so many were lost. */
static void lose(uint64_t n, const char *interface)
{
	struct packet pkt = {.left_out = true,
			     .dropcount = n,
			     .time_us = NOON,
			     .linktype = 1,
			     .interface = interface,
			     .interface_len = (uint8_t)strlen(interface)};

	output_note_losses(world.out, &pkt);
}

/* Whether a block of the file of that number has this option: 4 before a packet, 5 at the end. */
static bool tells(const char *number, uint16_t code, uint64_t lost)
{
	static uint8_t text[8192];
	uint8_t option[12] = {(uint8_t)code, 0, 8};
	char path[512] = "";
	struct dirent *entry;
	DIR *dir = opendir(world.directory);
	size_t n;
	FILE *f;

	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, number, strlen(number)))
			snprintf(path, sizeof(path), "%s/%s", world.directory, entry->d_name);
	closedir(dir);
	memcpy(option + 4, &lost, sizeof(lost));
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return memmem(text, n, option, sizeof(option)) != NULL;
}

static void what_was_lost_between_files_is_in_the_next(void **state)
{
	struct packet next = {.data = (const uint8_t *)"\0\0\0\5", .caplen = 4, .linktype = 1};

	open_output();
	lines_catch();
	lose(1000, "eth0");
	lose(11, "eth0");
	lose(77, "eth7");
	world.holds = true;
	for (uint32_t i = 1; i <= 4; i++)
		put(i);
	wait_for('k', 1);
	assert_int_equal(output_put(world.out, &next), PACKET_E_FULL); /* the second is ending */
	lose(2000, "eth0");
	recording_go_on(output_recording(world.out));
	put(5);
	finish();
	lose(3000, "eth0");
	output_log_left_out(world.out);
	assert_int_equal(lines_with("3000 lost packet(s), told after the last file"), 1);
	lines_release();
	assert_true(tells("a_00001", 4, 1011) && tells("a_00001", 5, 1011));
	assert_true(tells("a_00001", 5, 77));
	assert_false(tells("a_00002", 4, 2000) || tells("a_00002", 5, 2000));
	assert_true(tells("a_00003", 4, 2000) && tells("a_00003", 5, 2000));
}

/* They are not without bound, and none is left out of the sum. */
static void losses_of_many_names_are_counted_without_them(void **state)
{
	char name[16];

	open_output();
	for (uint64_t i = 0; i < 3 * UNTOLD_MAX; i++) {
		snprintf(name, sizeof(name), "if%d", (int)i);
		lose(1, name);
	}
	put(1);
	finish();
	assert_true(tells("a_00001", 5, UINT64_C(2) * UNTOLD_MAX));
}

static void a_set_is_of_one_process(void **state)
{
	const struct output_options opt = {.loop = world.loop, .cfg = &world.cfg};
	struct output *other = NULL;

	open_output();
	assert_true(output_new(&other, &opt) < 0);
	assert_null(other);
}

static void a_full_disk_is_waited_for(void **state)
{
	open_output();
	put(1);
	world.full = true;
	assert_false(output_flush(world.out));
	for (int i = 0; i < 3; i++) {
		ev_run(world.loop, EVRUN_ONCE); /* it is tried again */
		assert_false(output_flush(world.out));
	}
	world.full = false;
	wait_for('d', 1);
	put(2);
	put(3);
	finish();
	assert_string_equal(packets_of("a_00001"), "1 2 ");
	assert_string_equal(packets_of("a_00002"), "3 ");
	assert_null(strchr(world.events, 'e'));
}

#if PYCAPA_ZSTD
/* Each file is a frame of its own, also when its end had to wait for space. */
static void a_set_is_compressed(void **state)
{
	snprintf(world.path, sizeof(world.path), "%s/a.pcapng.zst", world.directory);
	open_output();
	for (uint32_t i = 1; i <= 3; i++)
		put(i);
	wait_for('k', 1);
	assert_true(output_flush(world.out));
	world.full = true;
	output_finish(world.out, true);
	assert_true(output_is_settling(world.out));
	ev_run(world.loop, EVRUN_ONCE); /* it is tried again */
	assert_string_equal(list(), "a_00001 ");
	world.full = false;
	wait_for('s', 1);
	assert_string_equal(packets_of("a_00001"), "1 2 ");
	assert_string_equal(packets_of("a_00002"), "3 ");
}

/* The first packet decides, though the topic is read for ever, and what is packed is final. */
static void a_compressed_pcap_waits_for_its_first_packet(void **state)
{
	struct packet pkt = {.data = (const uint8_t *)"\0\0\0\5",
			     .caplen = 4,
			     .wirelen = 4,
			     .linktype = 113};
	char why[PCAP_ERRBUF_SIZE], path[512];
	pcap_t *p;

	world.cfg.ring_buffer = NULL;
	world.cfg.format = CONFIG_FORMAT_PCAP;
	snprintf(world.path, sizeof(world.path), "%s/a.pcap.zst", world.directory);
	open_output();
	output_flush(world.out);
	assert_int_equal(output_put(world.out, &pkt), 0);
	finish();
	assert_true(output_flush(world.out));
	snprintf(path, sizeof(path), "%s", world.path);
	unpack(path);
	p = pcap_open_offline(path, why);
	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), 113);
	pcap_close(p);
}
#endif

static void a_full_disk_has_the_oldest_removed_if_asked(void **state)
{
	world.cfg.disk_full = CONFIG_DISK_FULL_REMOVE;
	open_output();
	for (uint32_t i = 1; i <= 5; i++)
		put(i);
	wait_for('k', 2);
	assert_string_equal(list(), "a_00001 a_00002 ");
	world.full = true;
	output_flush(world.out);
	while (strstr(list(), "a_00001 ")) /* on a busy machine the next one goes too */
		ev_run(world.loop, EVRUN_ONCE);
	world.full = false;
	put(6);
	finish();
	assert_string_equal(packets_of("a_00003"), "5 6 ");
}

/* Full, until the oldest file is gone. */
static void fill_the_disk(void)
{
	int n = files_now();

	world.full = true;
	output_flush(world.out);
	while (files_now() == n)
		ev_run(world.loop, EVRUN_ONCE);
	world.full = false;
}

static void a_disk_that_stays_full_is_told_once(void **state)
{
	world.cfg.disk_full = CONFIG_DISK_FULL_REMOVE;
	world.cfg.ring_buffer = (char *)"packets:1";
	open_output();
	lines_catch();
	for (uint32_t i = 1; i <= 5; i++)
		put(i);
	for (uint32_t i = 6; i <= 7; i++) {
		wait_for('k', (int)i - 2); /* and none becomes one meanwhile */
		fill_the_disk();
		put(i);
	}
	finish();
	assert_int_equal(lines_with("removing the oldest files"), 1);
	assert_int_equal(lines_with("space again"), 0);
	lines_release();
}

static void a_disk_that_has_space_for_some_files_has_recovered(void **state)
{
	struct disk_space waits = {.path = "x"}, removes = {.path = "y", .removes = true};

	lines_catch();
	for (int i = 0; i < 2; i++) {
		disk_space_lack(&waits);
		disk_space_lack(&waits);
		disk_space_find(&waits);
		disk_space_count_file(&waits);
		disk_space_lack(&removes);
		disk_space_find(&removes);
		disk_space_count_file(&removes);
	}
	assert_int_equal(lines_with("disk of x: waiting for some"), 2);
	assert_int_equal(lines_with("space again on the disk of x"), 2);
	assert_int_equal(lines_with("disk of y: removing the oldest files"), 1);
	for (int i = 1; i < DISK_SPACE_CALM; i++)
		disk_space_count_file(&removes);
	assert_int_equal(lines_with("space again on the disk of y"), 0);
	disk_space_count_file(&removes);
	disk_space_count_file(&removes);
	assert_int_equal(lines_with("space again on the disk of y"), 1);
	disk_space_lack(&removes);
	assert_int_equal(lines_with("disk of y: removing the oldest files"), 2);
	lines_release();
}

/* Nobody may take a file for whole that is not. */
static void a_run_that_is_given_up_leaves_no_file_of_the_set(void **state)
{
	world.cfg.start.offset = CONFIG_OFFSET_STORED;
	open_output();
	put(1);
	world.full = true;
	output_finish(world.out, true);
	assert_true(output_is_settling(world.out));
	output_abandon(world.out);
	assert_false(output_is_settling(world.out));
	output_free(world.out);
	world.out = NULL;
	assert_string_equal(list(), "");
	assert_null(strchr(world.events, 'k'));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_file_is_whole_by_itself),
		TEST(a_classic_pcap_rotates_too),
		TEST(a_set_goes_on_after_a_reload),
		TEST(a_file_is_told_of_when_it_is_kept),
		TEST(the_next_file_ends_when_the_commit_is_answered),
		TEST(a_file_ends_when_somebody_waits_for_it),
		TEST(the_oldest_files_go),
		TEST(a_program_is_run_on_each_file),
		TEST(what_is_compressed_is_still_of_the_set),
		TEST(what_is_being_compressed_goes_with_its_file),
		TEST(the_names_of_files_are_printed),
		TEST(a_file_goes_after_the_next_one_is_kept),
		TEST(a_link_that_was_planted_is_not_followed),
		TEST(what_was_cut_counts_while_its_file_settles),
		TEST(so_many_files_are_enough),
		TEST(a_file_without_a_packet_is_not_one_of_them),
		TEST(the_clock_ends_the_last_file_too),
		TEST(a_file_alone_has_its_size),
		TEST(without_a_packet_there_is_no_file),
		TEST(a_quiet_topic_ends_a_file),
		TEST(what_a_dead_process_left_is_kept_or_dropped),
		TEST(what_was_lost_between_files_is_in_the_next),
		TEST(losses_of_many_names_are_counted_without_them),
		TEST(a_set_is_of_one_process),
		TEST(a_full_disk_is_waited_for),
#if PYCAPA_ZSTD
		TEST(a_set_is_compressed),
		TEST(a_compressed_pcap_waits_for_its_first_packet),
#endif
		TEST(a_full_disk_has_the_oldest_removed_if_asked),
		TEST(a_disk_that_stays_full_is_told_once),
		TEST(a_disk_that_has_space_for_some_files_has_recovered),
		TEST(a_run_that_is_given_up_leaves_no_file_of_the_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
