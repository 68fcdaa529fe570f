/* SPDX-License-Identifier: Apache-2.0 */
/* What is served, and where, before and after reloads; the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app/metrics_server.h"
#include "base/thread.h"
#include "deadline.h"
#include "lines.h"

#define WAIT_S DEADLINE_S

/* A disk that hangs: the next file that is removed waits until the test lets it go. */
static struct {
	bool slow; /* it hangs, or did: else a thread is waited for as long as it takes */
	atomic_bool hangs, gave_up;
	atomic_bool lost; /* what was to be renamed */
	atomic_int removed;
	atomic_bool
		late; /* it is let go when the next file is renamed: before that, and to its end */
	sem_t go;
} disk;

/* In place of libc's. */
int unlink(const char *path)
{
	struct timespec until;
	int r;

	if (atomic_exchange(&disk.hangs, false)) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += WAIT_S;
		disk.gave_up = sem_timedwait(&disk.go, &until) < 0;
	}
	r = (int)syscall(SYS_unlink, path);
	atomic_fetch_add(&disk.removed, 1);
	return r;
}

/* What hung removes two files from then on. */
int rename(const char *from, const char *to)
{
	double began = ev_time();
	int r;

	if (atomic_exchange(&disk.late, false)) {
		disk.removed = 0;
		sem_post(&disk.go);
		while (disk.removed < 2 && ev_time() - began < WAIT_S)
			usleep(1000);
	}
	r = (int)syscall(SYS_rename, from, to);
	disk.lost |= r < 0;
	return r;
}

/* In place of libc's: a machine that gives a thread no time is no disk that hangs. */
int pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock,
			 const struct timespec *until)
{
	int (*join)(pthread_t thread, void **value, clockid_t clock, const struct timespec *until) =
		NULL;

	*(void **)&join = dlsym(RTLD_NEXT, "pthread_clockjoin_np");
	return disk.slow ? join(thread, value, clock, until) : pthread_join(thread, value);
}

/* In place of libev's, which it calls: the timer by which the file is written. */
static ev_timer *due;

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	void (*start)(struct ev_loop * loop, ev_timer * w) = NULL;

	*(void **)&start = dlsym(RTLD_NEXT, "ev_timer_start");
	start(loop, w);
	if (w->repeat == 15.)
		due = w;
}

static struct {
	struct ev_loop *loop;
	struct metrics_server *server;
	struct config cfg;
	struct metrics values;
	char dir[32], paths[4][64]; /* socket, another, file, another */
} world;

enum { SOCKET, SOCKET2, TEXT, TEXT2 };

static char topic[] = "pcap", eth0[] = "eth0";

static void read_values(void *ctx, struct metrics *out)
{
	*out = world.values;
	out->cfg = &world.cfg;
}

static int open_world(void **state)
{
	static const char *const names[] = {"a", "b", "a.prom", "b.prom"};
	struct metrics_server_options opt = {.read = read_values};

	memset(&world, 0, sizeof(world));
	umask(077);
	world.loop = opt.loop = ev_loop_new(0);
	snprintf(world.dir, sizeof(world.dir), "/tmp/pycapa-metrics-XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	for (int i = 0; i < 4; i++)
		snprintf(world.paths[i], sizeof(world.paths[i]), "%s/%s", world.dir, names[i]);
	world.cfg =
		(struct config){.mode = CONFIG_MODE_PRODUCER, .topic = topic, .interface = eth0};
	world.values.counters = (struct counters){.received = 7, .passed = COUNTER_UNKNOWN};
	world.values.counted = true;
	world.values.state = METRICS_CAPTURING;
	return metrics_server_new(&world.server, &opt);
}

static int close_world(void **state)
{
	lines_release();
	metrics_server_free(world.server);
	for (int i = 0; i < 4; i++)
		unlink(world.paths[i]);
	assert_int_equal(rmdir(world.dir), 0); /* nothing else is left there */
	ev_loop_destroy(world.loop);
	return 0;
}

static char why[512];

static int prepare(char *listen, char *textfile)
{
	world.cfg.metrics_listen = listen;
	world.cfg.metrics_textfile = textfile;
	return metrics_server_prepare(world.server, &world.cfg, why, sizeof(why));
}

static void set(char *listen, char *textfile)
{
	assert_int_equal(prepare(listen, textfile), 0);
	metrics_server_commit(world.server);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
}

/* GET of a path by a socket. Returns whether somebody listens there. */
static bool get(const char *socket_path, const char *what, char *text, size_t size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double began = ev_time();
	size_t len = 0;
	ssize_t n = -1;
	ev_timer tick;

	memcpy(addr.sun_path, socket_path, strlen(socket_path) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return false;
	}
	dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", what);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ev_timer_init(&tick, on_tick, 0.002, 0.002);
	ev_timer_start(world.loop, &tick);
	while (n != 0) {
		ev_run(world.loop, EVRUN_ONCE);
		n = recv(fd, text + len, size - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
		assert_true(ev_time() - began < WAIT_S);
	}
	ev_timer_stop(world.loop, &tick);
	close(fd);
	text[len] = '\0';
	return true;
}

static void the_metrics_and_the_health_are_answered(void **state)
{
	char text[32768];

	set(world.paths[SOCKET], NULL);
	assert_true(get(world.paths[SOCKET], "/metrics", text, sizeof(text)));
	assert_non_null(strstr(text, "\npycapa_received_packets_total 7\n"));
	assert_non_null(strstr(text, "\npycapa_state{state=\"capturing\"} 1\n"));
	assert_non_null(strstr(text, "\npycapa_state{state=\"waiting_for_broker\"} 0\n"));
	assert_non_null(strstr(text, "\npycapa_instance_info{mode=\"producer\",interface=\"eth0\","
				     "topic=\"pcap\"} 1\n"));
	assert_null(strstr(text, "pycapa_passed")); /* is not known */
	assert_true(get(world.paths[SOCKET], "/healthz", text, sizeof(text)));
	assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
	snprintf(world.values.trouble, sizeof(world.values.trouble), "waiting for the moon");
	assert_true(get(world.paths[SOCKET], "/healthz", text, sizeof(text)));
	assert_int_equal(strncmp(text, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(text, "\r\n\r\nwaiting for the moon\n"));
	assert_true(get(world.paths[SOCKET], "/", text, sizeof(text)));
	assert_int_equal(strncmp(text, "HTTP/1.1 404 ", 13), 0);
}

static void a_reload_moves_it(void **state)
{
	char text[32768];

	set(world.paths[SOCKET], NULL);
	set(world.paths[SOCKET2], NULL);
	assert_false(get(world.paths[SOCKET], "/metrics", text, sizeof(text)));
	assert_true(get(world.paths[SOCKET2], "/metrics", text, sizeof(text)));
	set(NULL, NULL);
	assert_false(get(world.paths[SOCKET2], "/metrics", text, sizeof(text)));
}

/* The second of the two settings cannot be had: neither is changed. */
static void a_reload_that_is_refused_changes_nothing(void **state)
{
	static char nowhere[] = "/nowhere/x.prom";
	char text[32768];

	set(world.paths[SOCKET], NULL);
	assert_int_equal(prepare(world.paths[SOCKET2], nowhere), -ENOENT);
	assert_true(get(world.paths[SOCKET], "/metrics", text, sizeof(text)));
	assert_false(get(world.paths[SOCKET2], "/metrics", text, sizeof(text)));
	assert_int_equal(prepare(world.paths[SOCKET2], world.paths[TEXT]), 0);
	metrics_server_cancel(world.server);
	assert_true(get(world.paths[SOCKET], "/metrics", text, sizeof(text)));
	assert_false(get(world.paths[SOCKET2], "/metrics", text, sizeof(text)));
	assert_int_equal(access(world.paths[TEXT], F_OK), -1);
}

static void wait_file(const char *path)
{
	double began = ev_time();
	ev_timer tick;

	ev_timer_init(&tick, on_tick, 0.002, 0.002);
	ev_timer_start(world.loop, &tick);
	while (access(path, F_OK) < 0) {
		ev_run(world.loop, EVRUN_ONCE);
		assert_true(ev_time() - began < WAIT_S);
	}
	ev_timer_stop(world.loop, &tick);
}

static void assert_file_has(const char *path, const char *line)
{
	char text[32768];
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_non_null(strstr(text, line));
}

static void the_file_is_written_for_everybody_and_a_last_time_at_the_end(void **state)
{
	struct metrics_server_options opt = {.loop = world.loop, .read = read_values};
	struct stat st;

	set(NULL, world.paths[TEXT]);
	wait_file(world.paths[TEXT]);
	assert_file_has(world.paths[TEXT], "\npycapa_received_packets_total 7\n");
	assert_int_equal(stat(world.paths[TEXT], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	world.values.counters.received = 8;
	metrics_server_free(world.server);
	assert_file_has(world.paths[TEXT], "\npycapa_received_packets_total 8\n");
	assert_int_equal(metrics_server_new(&world.server, &opt), 0);
}

/* What Wireshark captures with the file of an instance is not that instance. */
static void of_somebody_at_a_window_nothing_is_served(void **state)
{
	world.cfg.attended = true;
	set(world.paths[SOCKET], world.paths[TEXT]);
	assert_int_equal(access(world.paths[SOCKET], F_OK), -1);
	metrics_server_free(world.server);
	world.server = NULL;
	assert_int_equal(access(world.paths[TEXT], F_OK), -1);
}

/* A pipe that nobody reads is waited for, when it is opened. */
static void what_is_in_its_way_is_removed(void **state)
{
	char beside[80];

	snprintf(beside, sizeof(beside), "%s.new", world.paths[TEXT]);
	assert_int_equal(mkfifo(beside, 0666), 0);
	alarm(10);
	set(NULL, world.paths[TEXT]);
	alarm(0);
	wait_file(world.paths[TEXT]);
	assert_int_not_equal(access(beside, F_OK), 0);
}

static void a_file_that_is_not_wanted_any_more_is_removed(void **state)
{
	set(NULL, world.paths[TEXT]);
	wait_file(world.paths[TEXT]);
	set(NULL, world.paths[TEXT2]);
	assert_int_equal(access(world.paths[TEXT], F_OK), -1);
	wait_file(world.paths[TEXT2]);
}

static void a_folder_in_its_place_is_refused(void **state)
{
	static char pipe[64];

	assert_int_equal(prepare(NULL, world.dir), -EISDIR);
	snprintf(pipe, sizeof(pipe), "%s/pipe", world.dir);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(prepare(NULL, pipe), -EEXIST);
	unlink(pipe);
}

/* And what to do about it. */
static void a_place_that_is_not_to_be_had_is_explained(void **state)
{
	const struct {
		char *listen, *textfile;
		int err;
		const char *words;
	} cases[] = {
		{world.paths[SOCKET], NULL, -EADDRINUSE, "a: Address already in use: another"},
		{(char[]){"192.0.2.1:1"}, NULL, -EADDRNOTAVAIL, "this host has no such address"},
		{(char[]){"/nowhere/x"}, NULL, -ENOENT, "its directory does not exist"},
		{NULL, (char[]){"/nowhere/x"}, -ENOENT, "its directory does not exist"},
		{NULL, world.dir, -EISDIR, "Is a directory: name a file in it"},
	};
	struct metrics_server_options opt = {.loop = world.loop, .read = read_values};
	struct metrics_server *first = world.server;

	set(world.paths[SOCKET], NULL);
	assert_int_equal(metrics_server_new(&world.server, &opt), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(prepare(cases[i].listen, cases[i].textfile), cases[i].err);
		if (!strstr(why, cases[i].words))
			fail_msg("%s", why);
	}
	metrics_server_free(world.server);
	world.server = first;
}

static void hang(void)
{
	sem_init(&disk.go, 0, 0);
	disk.gave_up = false;
	disk.slow = true;
	disk.hangs = true;
}

static void let_go(void)
{
	double began = ev_time();

	assert_false(disk.gave_up);
	disk.slow = false;
	sem_post(&disk.go);
	while (!thread_may_exit()) {
		usleep(1000);
		assert_true(ev_time() - began < WAIT_S);
	}
}

static void a_disk_that_hangs_holds_up_nobody(void **state)
{
	lines_catch();
	hang();
	assert_int_equal(prepare(NULL, world.paths[TEXT]), 0);
	assert_int_equal(lines_with("the disk does not answer; it is tried again"), 1);
	let_go();
	metrics_server_commit(world.server);
	wait_file(world.paths[TEXT]);
	hang();
	set(NULL, NULL);
	let_go();
	assert_int_not_equal(access(world.paths[TEXT], F_OK), 0);
}

static void wait_line(const char *text)
{
	double began = ev_time();

	while (lines_with(text) == 0) {
		ev_run(world.loop, EVRUN_NOWAIT);
		usleep(1000);
		assert_true(ev_time() - began < WAIT_S);
	}
}

/* When its next turn comes. */
static void a_disk_that_hangs_later_is_told_of_once(void **state)
{
	lines_catch();
	set(NULL, world.paths[TEXT]);
	hang();
	while (disk.hangs) {
		ev_run(world.loop, EVRUN_NOWAIT);
		usleep(1000);
	}
	assert_int_equal(lines_with("metrics-textfile"), 0);
	for (int i = 0; i < 2; i++)
		due->cb(world.loop, due, EV_TIMER);
	assert_int_equal(lines_with("a.prom: the disk does not answer; it is tried again"), 1);
	let_go();
	wait_line("a.prom: written again");
	assert_file_has(world.paths[TEXT], "\npycapa_received_packets_total 7\n");
	assert_int_equal(lines_with("metrics-textfile"), 2);
}

/* It goes on when the disk does, and may meet a file in the making. */
static void a_trial_that_hung_harms_no_file(void **state)
{
	lines_catch();
	hang();
	assert_int_equal(prepare(NULL, world.paths[TEXT]), 0);
	disk.late = true;
	disk.slow = false;
	disk.lost = false;
	metrics_server_commit(world.server);
	wait_file(world.paths[TEXT]);
	assert_false(disk.lost);
	assert_file_has(world.paths[TEXT], "\npycapa_received_packets_total 7\n");
	wait_line("a.prom: written again");
	assert_int_equal(lines_with("metrics-textfile"), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_metrics_and_the_health_are_answered),
		CASE(a_reload_moves_it),
		CASE(a_reload_that_is_refused_changes_nothing),
		CASE(the_file_is_written_for_everybody_and_a_last_time_at_the_end),
		CASE(of_somebody_at_a_window_nothing_is_served),
		CASE(what_is_in_its_way_is_removed),
		CASE(a_file_that_is_not_wanted_any_more_is_removed),
		CASE(a_folder_in_its_place_is_refused),
		CASE(a_place_that_is_not_to_be_had_is_explained),
		CASE(a_disk_that_hangs_holds_up_nobody),
		CASE(a_disk_that_hangs_later_is_told_of_once),
		CASE(a_trial_that_hung_harms_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
