/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "deadline.h"
#include "join_wait.h"

#define LINES  3000 /* of LENGTH: more than a pipe and all that may wait */
#define LENGTH 600

struct fixture {
	int stderr_fd; /* the test program's own */
	int reader;
	char *text; /* what was read */
	size_t len;
};

/* A pipe takes the place of descriptor 2. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	alarm(DEADLINE_S);
	signal(SIGPIPE, SIG_IGN);
	if (!f || pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	f->text = malloc(2 << 20);
	f->reader = fds[0];
	f->stderr_fd = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	setenv("TERM", "xterm", 1);
	log_init();
	log_set_format(LOG_FORMAT_TEXT, false);
	*state = f;
	return f->text ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	log_free();
	dup2(f->stderr_fd, STDERR_FILENO);
	close(f->stderr_fd);
	close(f->reader);
	free(f->text);
	free(f);
	return 0;
}

/* Reads until `last` has come. */
static void read_until(struct fixture *f, const char *last)
{
	do {
		ssize_t n = read(f->reader, f->text + f->len, (2 << 20) - f->len - 1);

		assert_true(n > 0);
		f->len += (size_t)n;
		f->text[f->len] = '\0';
	} while (!strstr(f->text, last));
}

static bool is_readable(const struct fixture *f)
{
	struct pollfd pfd = {.fd = f->reader, .events = POLLIN};

	return poll(&pfd, 1, 0) > 0;
}

static void test_a_line_is_written_at_once_before_the_start(void **state)
{
	struct fixture *f = *state;

	log_error("wrong %s", "usage");
	assert_true(is_readable(f));
	read_until(f, "ERROR:root:wrong usage\n");
}

static void test_foreign_text_steers_no_terminal(void **state)
{
	struct fixture *f = *state;

	log_warn("broker %s", "\x1b[2J\xc2\x9b\nERROR:root:forged\xff\n");
	read_until(f, "WARNING:root:broker ?[2J? ERROR:root:forged?\n");
}

/* The time that a line begins with, behind `before`; it must be now. Returns what comes after it.
 */
static const char *after_time(const char *line, const char *before)
{
	time_t now = time(NULL);
	struct tm tm = {0};
	const char *rest;
	int us = -1, len = 0;

	assert_memory_equal(line, before, strlen(before));
	rest = strptime(line + strlen(before), "%Y-%m-%dT%H:%M:%S", &tm);
	assert_non_null(rest);
	assert_int_equal(sscanf(rest, ".%6dZ%n", &us, &len), 1);
	assert_int_equal(len, 8);
	/* time() can be a tick behind the clock of the log. */
	assert_in_range(timegm(&tm), now - DEADLINE_S, now + 1);
	return rest + len;
}

static void test_a_line_of_text_has_the_time_when_asked(void **state)
{
	struct fixture *f = *state;

	setenv("TZ", "Asia/Tokyo", 1);
	log_set_format(LOG_FORMAT_TEXT, true);
	log_info("now");
	unsetenv("TZ");
	read_until(f, "\n");
	assert_string_equal(after_time(f->text, ""), " INFO:root:now\n");
}

static void test_json_has_what_the_journal_has(void **state)
{
	const struct log_identity id = {.mode = "producer", .topic = "a \"b\" \xff"};
	const struct log_field fields[] = {
		{"PYCAPA_RECEIVED", 0},
		{"PYCAPA_BYTES", UINT64_MAX},
	};
	struct fixture *f = *state;

	log_set_format(LOG_FORMAT_JSON, true);
	assert_int_equal(log_set_identity(&id), 0);
	log_write_event(LOG_LEVEL_WARN, LOG_EVENT_DROPPED, fields, 2, "c:\\ \"x\" \xfe\n");
	read_until(f, "\n");
	assert_string_equal(after_time(f->text, "{\"time\":\""),
			    "\",\"level\":\"WARNING\",\"message\":\"c:\\\\ \\\"x\\\" ?\","
			    "\"MESSAGE_ID\":\"8651ddec04e547e39e3c4551478d3956\","
			    "\"PYCAPA_RECEIVED\":0,\"PYCAPA_BYTES\":18446744073709551615,"
			    "\"PYCAPA_MODE\":\"producer\","
			    "\"PYCAPA_TOPIC\":\"a \\\"b\\\" \\ufffd\"}\n");
}

/* Every character of it takes two bytes or more, and the fields need what a line has not. */
static void test_json_without_room_leaves_fields_out(void **state)
{
	struct fixture *f = *state;
	char quotes[2048], topic[2500];

	memset(quotes, '"', sizeof(quotes));
	memset(topic, 0xff, sizeof(topic));
	quotes[sizeof(quotes) - 1] = topic[sizeof(topic) - 1] = '\0';
	log_set_format(LOG_FORMAT_JSON, false);
	assert_int_equal(log_set_identity(&(struct log_identity){.mode = topic, .topic = "t"}), 0);
	log_error("%s", quotes);
	read_until(f, "\n");
	assert_null(strstr(f->text, "PYCAPA_MODE"));
	assert_non_null(strstr(f->text, "\\\"\",\"PYCAPA_TOPIC\":\"t\"}\n"));
}

static void flood(void)
{
	for (int i = 0; i < LINES; i++)
		log_info("%0*d", LENGTH, i);
}

/* Reads the numbers up to the line that tells how many are missing. Returns how many came. */
static int count_up_to_gap(const char *text, int *missing)
{
	char line[LENGTH + 32];
	int n = 0;

	for (;; n++) {
		snprintf(line, sizeof(line), "INFO:root:%0*d\n", LENGTH, n);
		if (strncmp(text, line, strlen(line)) != 0)
			break;
		text += strlen(line);
	}
	assert_int_equal(sscanf(text, "WARNING:root:%d log line(s) are missing here", missing), 1);
	return n;
}

static void test_what_nobody_reads_holds_nobody_up_and_is_counted(void **state)
{
	struct fixture *f = *state;
	int came, missing = 0;

	assert_int_equal(log_start(), 0);
	flood();
	read_until(f, "missing here");
	log_info("the end");
	read_until(f, "INFO:root:the end\n");
	came = count_up_to_gap(f->text, &missing);
	assert_int_equal(came + missing, LINES);
	assert_true(came > 1000 && missing > 0);
}

static void test_the_end_writes_what_waits(void **state)
{
	struct fixture *f = *state;
	char all[50 * 32];
	size_t len = 0;

	assert_int_equal(log_start(), 0);
	for (int i = 0; i < 50; i++) {
		log_info("line %d", i);
		len += (size_t)snprintf(all + len, sizeof(all) - len, "INFO:root:line %d\n", i);
	}
	log_free();
	assert_true(is_readable(f));
	read_until(f, "INFO:root:line 49\n");
	assert_string_equal(f->text, all);
}

static void test_the_end_does_not_wait_for_who_never_reads(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(log_start(), 0);
	flood();
	granted_ms = granted = 0;
	log_free();
	assert_int_equal(granted, 1);
	assert_true(granted_ms <= 1000);
	assert_false(thread_may_exit());
	close(f->reader); /* lets the thread go */
	f->reader = -1;
	while (!thread_may_exit())
		usleep(1000);
}

static void test_a_line_stands_below_the_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(log_start(), 0);
	log_set_footer("50%");
	read_until(f, "50%\033[K");
	log_info("one");
	read_until(f, "one\n\r50%\033[K");
	log_end_footer("100%");
	log_info("two");
	read_until(f, "two\n");
	log_free();
	assert_string_equal(f->text, "\r50%\033[K"
				     "\r\033[KINFO:root:one\n\r50%\033[K"
				     "\r\033[K100%\nINFO:root:two\n");
}

static void test_a_line_below_is_taken_away(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(log_start(), 0);
	log_set_footer("50%");
	read_until(f, "50%\033[K");
	log_set_footer("");
	read_until(f, "\033[K\r\033[K");
	log_info("one");
	read_until(f, "one\n");
	assert_string_equal(f->text, "\r50%\033[K\r\033[KINFO:root:one\n");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_line_is_written_at_once_before_the_start),
		CASE(test_foreign_text_steers_no_terminal),
		CASE(test_a_line_of_text_has_the_time_when_asked),
		CASE(test_json_has_what_the_journal_has),
		CASE(test_json_without_room_leaves_fields_out),
		CASE(test_what_nobody_reads_holds_nobody_up_and_is_counted),
		CASE(test_the_end_writes_what_waits),
		CASE(test_the_end_does_not_wait_for_who_never_reads),
		CASE(test_a_line_stands_below_the_others),
		CASE(test_a_line_below_is_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
