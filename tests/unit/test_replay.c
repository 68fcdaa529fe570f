/* SPDX-License-Identifier: Apache-2.0 */
/* A savefile as a source of packets: the thread is a real one, the file does as a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "capture/readfile.h"
#include "capture/replay.h"
#include "deadline.h"
#include "lines.h"

#define LENGTH 100
#define MANY   100000    /* packets: far more than are read ahead */
#define AHEAD  (4 << 20) /* bytes that are read ahead */
#define BATCH  4096      /* packets at a time on the loop */

/* ---- the file, on the thread ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t n, given;      /* packets it holds, and how many were read */
	uint64_t step_us;       /* from a packet to the next */
	uint32_t quiet_at;      /* it hangs before that one; 0: it does not */
	int makes, opens, ends; /* 0 or -errno */
	bool hangs;             /* where it is: in opening, or in reading */
	bool waited;            /* the thread waited for room */
	int64_t granted_ms;     /* that the loop would have waited for one that hangs */
	int granted;            /* how often */
	struct readfile_counts counts;
	uint64_t read, size;
	bool unfit; /* for some of its packets the filter does not compile */
	int made;   /* and not freed yet */
} file = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void wait_while_it_hangs(void)
{
	pthread_mutex_lock(&file.lock);
	while (file.hangs)
		pthread_cond_wait(&file.changed, &file.lock);
	pthread_mutex_unlock(&file.lock);
}

static void hang(bool hangs)
{
	pthread_mutex_lock(&file.lock);
	file.hangs = hangs;
	pthread_cond_broadcast(&file.changed);
	pthread_mutex_unlock(&file.lock);
}

int readfile_new(struct readfile **out, const char *path, const char *filter)
{
	assert_string_equal(filter, "tcp");
	*out = NULL;
	file.made += file.makes == 0;
	return file.makes;
}

int readfile_open(struct readfile *f, char *why, size_t size)
{
	wait_while_it_hangs();
	snprintf(why, size, "x.pcap: cannot be opened");
	return file.opens;
}

int readfile_next(struct readfile *f, struct packet *pkt, char *why, size_t size)
{
	static uint8_t bytes[LENGTH]; /* borrowed until the next */
	uint32_t id = file.given;

	if (file.quiet_at && id == file.quiet_at)
		hang(true);
	wait_while_it_hangs();
	if (id == file.n) {
		snprintf(why, size, "x.pcap: cut off");
		return file.ends;
	}
	pthread_mutex_lock(&file.lock);
	file.given++;
	pthread_mutex_unlock(&file.lock);
	memcpy(bytes, &id, sizeof(id));
	*pkt = (struct packet){.data = bytes,
			       .caplen = LENGTH,
			       .wirelen = LENGTH + id,
			       .time_us = 1000 + id * file.step_us,
			       .linktype = 1};
	return 1;
}

const struct readfile_counts *readfile_counts(const struct readfile *f)
{
	return &file.counts;
}

void readfile_position(const struct readfile *f, uint64_t *read, uint64_t *size)
{
	*read = file.read;
	*size = file.size;
}

bool readfile_say_unfit(const struct readfile *f, char *buf, size_t size)
{
	snprintf(buf, size, "x.pcap: 5 packet(s) left out");
	return file.unfit;
}

const char *readfile_name(const struct readfile *f)
{
	return "x.pcap";
}

void readfile_free(struct readfile *f)
{
	file.made -= file.makes == 0;
}

/* In place of libc's: tells that the thread waits for the loop. */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	int (*wait)(pthread_cond_t *, pthread_mutex_t *);

	*(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
	if (lock != &file.lock) {
		pthread_mutex_lock(&file.lock);
		file.waited = true;
		pthread_cond_broadcast(&file.changed);
		pthread_mutex_unlock(&file.lock);
	}
	return wait(cond, lock);
}

static int grant(const struct timespec *until)
{
	file.granted++;
	file.granted_ms +=
		until->tv_sec * 1000 + until->tv_nsec / 1000000 - (int64_t)thread_now_ms();
	return ETIMEDOUT;
}

/*
 * In place of libc's, as the next: nothing comes of a file that hangs, so all time is over; what
 * does not hang is waited for, however long a busy machine takes.
 */
int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
			   const struct timespec *until)
{
	int (*wait)(pthread_cond_t *, pthread_mutex_t *);

	*(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
	return file.hangs ? grant(until) : wait(cond, lock);
}

int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
			 const struct timespec *until)
{
	return file.hangs ? grant(until) : pthread_join(thread, result);
}

/* How many packets were read when the thread first waited for room. */
static uint32_t wait_until_it_waits(void)
{
	uint32_t given;

	pthread_mutex_lock(&file.lock);
	while (!file.waited)
		pthread_cond_wait(&file.changed, &file.lock);
	given = file.given;
	pthread_mutex_unlock(&file.lock);
	return given;
}

/* ---- who takes the packets, on the loop ---- */

static struct {
	struct ev_loop *loop;
	struct replay *replay;
	uint32_t pace;
	uint32_t taken, full_at, error_at; /* full before that packet; 0: never */
	unsigned int offered;              /* how often */
	unsigned int iteration, at_once, most_at_once;
	int ended, error;
	char why[64]; /* of the end; "": none */
} world;

static int take(void *ctx, const struct packet *pkt)
{
	uint32_t id;

	world.offered++;
	memcpy(&id, pkt->data, sizeof(id));
	assert_int_equal(id, world.taken);
	assert_int_equal(pkt->caplen, LENGTH);
	assert_int_equal(pkt->wirelen, LENGTH + id);
	assert_int_equal(pkt->time_us, 1000 + id * file.step_us);
	assert_int_equal(world.ended, 0);
	world.at_once = world.iteration == ev_iteration(world.loop) ? world.at_once + 1 : 1;
	world.iteration = ev_iteration(world.loop);
	if (world.at_once > world.most_at_once)
		world.most_at_once = world.at_once;
	if (world.error_at && id == world.error_at)
		return -ENOMEM;
	if (world.full_at && id == world.full_at) {
		ev_break(world.loop, EVBREAK_ALL);
		return PACKET_E_FULL;
	}
	world.taken++;
	return 0;
}

static void on_end(void *ctx, const char *why)
{
	snprintf(world.why, sizeof(world.why), "%s", why ? why : "");
	world.ended++;
	ev_break(world.loop, EVBREAK_ALL);
}

static void on_error(void *ctx, int err)
{
	world.error = err;
	ev_break(world.loop, EVBREAK_ALL);
}

static int open_world(void **state)
{
	alarm(DEADLINE_S);
	file.n = file.given = file.quiet_at = 0;
	file.step_us = 1;
	file.makes = file.opens = file.ends = file.made = 0;
	file.hangs = file.waited = false;
	file.read = file.size = 0;
	file.granted_ms = file.granted = 0;
	file.counts = (struct readfile_counts){.packets = 0};
	memset(&world, 0, sizeof(world));
	world.loop = ev_loop_new(EVFLAG_AUTO);
	lines_catch();
	return 0;
}

static int close_world(void **state)
{
	hang(false);
	replay_free(world.replay);
	lines_release();
	ev_loop_destroy(world.loop);
	alarm(0);
	return file.made;
}

static int open_replay(const char *path)
{
	const struct replay_options opt = {.loop = world.loop,
					   .path = path,
					   .filter = "tcp",
					   .pace = world.pace,
					   .sink = take,
					   .on_end = on_end,
					   .on_error = on_error};

	return replay_new(&world.replay, &opt);
}

#define A_FILE "/proc/self/exe"
#define A_PIPE "/dev/null" /* which may go on for ever, as a terminal does */

static void run(void)
{
	replay_run(world.replay);
	ev_run(world.loop, 0);
}

/* ---- tests ---- */

static void test_all_packets_come_in_order_and_then_the_end(void **state)
{
	file.n = MANY;
	assert_int_equal(open_replay(A_FILE), 0);
	assert_true(replay_has_end(world.replay));
	wait_until_it_waits();
	run();
	assert_int_equal(world.taken, MANY);
	assert_int_equal(world.ended, 1);
	assert_string_equal(world.why, "");
	assert_in_range(world.most_at_once, BATCH, 2 * BATCH); /* its timer and the thread's wake */
	ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(world.ended, 1);
}

static void assert_position(uint64_t done, int64_t left)
{
	uint64_t d;
	int64_t l;

	replay_position(world.replay, &d, &l);
	assert_int_equal(d, done);
	assert_int_equal(l, left);
}

/* What was read ahead and not taken is not done. */
static void test_how_far_it_has_come(void **state)
{
	file.n = MANY;
	file.read = 1000;
	assert_int_equal(open_replay(A_FILE), 0);
	wait_until_it_waits();
	assert_position(0, -1);
	file.size = 10 * AHEAD;
	assert_position(0, 10 * AHEAD);
	run();
	assert_position(1000, 10 * AHEAD - 1000);
	file.read = file.size;
	assert_position(10 * AHEAD, 0);
	file.read++; /* it has grown */
	assert_position(10 * AHEAD + 1, 0);
}

/* Packets that were read ahead count as they are taken, whatever they take up in the file. */
static void test_how_far_it_has_come_in_what_was_read_ahead(void **state)
{
	uint32_t ahead;
	uint64_t done;
	int64_t left;

	file.n = MANY;
	file.read = 1000;
	file.size = 1000;
	assert_int_equal(open_replay(A_FILE), 0);
	ahead = wait_until_it_waits();
	world.full_at = ahead / 4;
	run();
	replay_position(world.replay, &done, &left);
	assert_in_range(done, 240, 260);
	assert_int_equal(done + (uint64_t)left, 1000);
	world.full_at = 0;
	run();
	assert_position(1000, 0);
}

static void test_an_empty_file_ends(void **state)
{
	assert_int_equal(open_replay(A_FILE), 0);
	run();
	assert_int_equal(world.offered, 0);
	assert_int_equal(world.ended, 1);
	assert_string_equal(world.why, "");
}

/* It is read ahead, to a limit, and nothing is handed over. */
static void test_nothing_comes_before_it_runs(void **state)
{
	uint32_t ahead;

	file.n = MANY;
	assert_int_equal(open_replay(A_FILE), 0);
	ahead = wait_until_it_waits();
	assert_in_range(ahead, AHEAD / (LENGTH + 300), AHEAD / LENGTH + 300);
	ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(world.offered, 0);
	run();
	assert_int_equal(world.taken, MANY);
}

static void test_who_is_full_is_offered_the_same_again(void **state)
{
	file.n = 100;
	world.full_at = 40;
	assert_int_equal(open_replay(A_FILE), 0);
	run();
	assert_int_equal(world.taken, 40);
	assert_int_equal(world.offered, 41);
	for (int i = 0; i < 5; i++)
		ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(world.offered, 41); /* not until it is told to */
	run();
	assert_int_equal(world.taken, 40);
	assert_int_equal(world.offered, 42);
	world.full_at = 0;
	run();
	assert_int_equal(world.taken, 100);
	assert_int_equal(world.ended, 1);
}

/* At its pace it waits for a timer, and the loop does not turn meanwhile. */
static void test_a_replay_at_its_pace_waits_for_each_packet(void **state)
{
	uint64_t began = thread_now_ms();

	file.n = 5;
	file.step_us = 200000;
	world.pace = 10;
	assert_int_equal(open_replay(A_FILE), 0);
	run();
	assert_int_equal(world.taken, 5);
	assert_int_equal(world.ended, 1);
	assert_true(thread_now_ms() - began >= 80);
	assert_in_range(ev_iteration(world.loop), 1, 30); /* a late loop takes several at once */
}

#define DUE "INFO:root:x.pcap: the next packet is due in 1" /* 1800 s, or what is left of them */

/* Who has no room is not offered the next one before its time either. */
static void test_room_makes_no_packet_due(void **state)
{
	file.n = 3;
	file.step_us = 3600000000;
	world.pace = 2;
	assert_int_equal(open_replay(A_FILE), 0);
	replay_run(world.replay);
	while (lines_with(DUE) == 0)
		ev_run(world.loop, EVRUN_ONCE);
	for (int i = 0; i < 5; i++) {
		replay_run(world.replay);
		ev_run(world.loop, EVRUN_NOWAIT);
	}
	assert_int_equal(world.taken, 1);
	assert_int_equal(lines_with(DUE), 1);
}

static void test_an_error_downstream_ends_it(void **state)
{
	file.n = 100;
	world.error_at = 40;
	assert_int_equal(open_replay(A_FILE), 0);
	run();
	assert_int_equal(world.error, -ENOMEM);
	assert_int_equal(world.taken, 40);
	for (int i = 0; i < 5; i++)
		ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(world.offered, 41);
	assert_int_equal(world.ended, 0);
}

/* What came before a fault is handed over first. */
static void test_a_fault_in_the_middle(void **state)
{
	file.n = 100;
	file.ends = -EIO;
	assert_int_equal(open_replay(A_FILE), 0);
	run();
	assert_int_equal(world.taken, 100);
	assert_int_equal(world.ended, 1);
	assert_string_equal(world.why, "x.pcap: cut off");
	assert_int_equal(lines_with("cut off"), 0); /* whoever is told logs it */
}

static void test_a_file_that_cannot_be_opened(void **state)
{
	file.opens = -EINVAL;
	assert_int_equal(open_replay(A_FILE), -EINVAL);
	assert_int_equal(lines_with("ERROR:root:x.pcap: cannot be opened"), 1);
	assert_null(world.replay);
}

/* Then there is no thread to end. */
static void test_without_memory_nothing_starts(void **state)
{
	file.makes = -ENOMEM;
	assert_int_equal(open_replay(A_FILE), -ENOMEM);
	assert_null(world.replay);
}

/* Nobody may have opened its other end. */
static void test_a_pipe_is_not_waited_for(void **state)
{
	hang(true);
	assert_int_equal(open_replay(A_PIPE), 0);
	assert_int_equal(file.granted, 0);
	assert_false(replay_has_end(world.replay));
	replay_run(world.replay);
	ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(world.offered, 0);
	file.n = 10;
	hang(false);
	ev_run(world.loop, 0);
	assert_int_equal(world.taken, 10);
	assert_int_equal(world.ended, 1);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

/* Until then nobody wakes for it. */
static void test_a_pipe_that_is_quiet_goes_on_later(void **state)
{
	ev_timer timer;

	file.n = 10;
	file.quiet_at = 5;
	assert_int_equal(open_replay(A_PIPE), 0);
	replay_run(world.replay);
	while (world.taken < 5)
		ev_run(world.loop, EVRUN_ONCE);
	world.iteration = ev_iteration(world.loop);
	ev_timer_init(&timer, on_timer, 0.1, 0.);
	ev_timer_start(world.loop, &timer);
	ev_run(world.loop, 0);
	assert_in_range(ev_iteration(world.loop) - world.iteration, 1, 5);
	file.quiet_at = 0;
	hang(false);
	ev_run(world.loop, 0);
	assert_int_equal(world.taken, 10);
	assert_int_equal(world.ended, 1);
}

static void test_a_fault_of_a_pipe_ends_it(void **state)
{
	hang(true);
	file.opens = -EINVAL;
	assert_int_equal(open_replay(A_PIPE), 0);
	hang(false);
	run();
	assert_int_equal(world.ended, 1);
	assert_string_equal(world.why, "x.pcap: cannot be opened");
	assert_int_equal(world.offered, 0);
}

/* A disk is waited for, but not for long. */
static void test_a_disk_that_hangs_is_not_waited_for(void **state)
{
	hang(true);
	assert_int_equal(open_replay(A_FILE), 0);
	assert_true(file.granted > 0 && file.granted_ms <= 2000);
	assert_true(replay_has_end(world.replay));
	file.n = 10;
	hang(false);
	run();
	assert_int_equal(world.taken, 10);
	assert_int_equal(world.ended, 1);
}

static void test_it_ends_while_its_thread_waits_for_room(void **state)
{
	file.n = MANY;
	assert_int_equal(open_replay(A_FILE), 0);
	wait_until_it_waits();
	replay_free(world.replay);
	world.replay = NULL;
	assert_int_equal(file.made, 0);
	assert_true(thread_may_exit());
	assert_int_equal(world.ended, 0);
}

/* What its thread uses stays, for as long as that is. */
static void test_it_ends_while_its_thread_hangs(void **state)
{
	static struct replay *left; /* AddressSanitizer's leak check finds it here */

	hang(true);
	assert_int_equal(open_replay(A_PIPE), 0);
	left = world.replay;
	replay_free(world.replay);
	world.replay = NULL;
	assert_non_null(left);
	assert_int_equal(file.granted, 1);
	assert_true(file.granted_ms <= 1000);
	assert_int_equal(file.made, 1);
	assert_false(thread_may_exit());
	hang(false);
	while (!thread_may_exit())
		usleep(1000);
	assert_int_equal(world.ended, 0);
	file.made = 0;
}

static void test_what_is_not_sent_as_it_is_is_told(void **state)
{
	file.counts = (struct readfile_counts){
		.packets = 9, .cut = 2, .misdated = 3, .undated = 4, .beyond = 7, .untold = 6};
	file.unfit = true;
	assert_int_equal(open_replay(A_FILE), 0);
	run();
	assert_int_equal(lines_with("packet(s)"), 0);
	replay_free(world.replay);
	world.replay = NULL;
	assert_int_equal(lines_with("x.pcap: 2 packet(s) of more than 262144 bytes were cut"), 1);
	assert_int_equal(lines_with("x.pcap: 3 packet(s) from before 1970"), 1);
	assert_int_equal(lines_with("x.pcap: 4 packet(s) without a time"), 1);
	assert_int_equal(lines_with("x.pcap: 7 packet(s) of a time after the year 294246"), 1);
	assert_int_equal(lines_with("x.pcap: 5 packet(s) left out"), 1);
	assert_int_equal(lines_with("x.pcap: 6 packet(s) were lost"), 1);
	file.unfit = false;
	replay_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_all_packets_come_in_order_and_then_the_end),
		CASE(test_how_far_it_has_come),
		CASE(test_how_far_it_has_come_in_what_was_read_ahead),
		CASE(test_an_empty_file_ends),
		CASE(test_nothing_comes_before_it_runs),
		CASE(test_who_is_full_is_offered_the_same_again),
		CASE(test_a_replay_at_its_pace_waits_for_each_packet),
		CASE(test_room_makes_no_packet_due),
		CASE(test_an_error_downstream_ends_it),
		CASE(test_a_fault_in_the_middle),
		CASE(test_a_file_that_cannot_be_opened),
		CASE(test_without_memory_nothing_starts),
		CASE(test_a_pipe_is_not_waited_for),
		CASE(test_a_pipe_that_is_quiet_goes_on_later),
		CASE(test_a_fault_of_a_pipe_ends_it),
		CASE(test_a_disk_that_hangs_is_not_waited_for),
		CASE(test_it_ends_while_its_thread_waits_for_room),
		CASE(test_it_ends_while_its_thread_hangs),
		CASE(test_what_is_not_sent_as_it_is_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
