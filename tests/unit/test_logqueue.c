/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/logqueue.h"
#include "base/thread.h"
#include "deadline.h"

#define ROOM    10 /* bytes of lines that may wait */
#define LONG_MS (DEADLINE_S * 1000)

/* A sink that takes a line when it is told to, or refuses it. */
static struct {
	sem_t entered, go, idle; /* idle: the thread waits for lines */
	int answer;
	char taken[256]; /* the lines, each with a blank behind it */
} sink;

static int take(const char *line, size_t len)
{
	sem_post(&sink.entered);
	sem_wait(&sink.go);
	if (sink.answer == 0)
		snprintf(sink.taken + strlen(sink.taken), sizeof(sink.taken) - strlen(sink.taken),
			 "%.*s ", (int)len, line);
	return sink.answer;
}

/* In place of libc's. */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	int (*wait)(pthread_cond_t *, pthread_mutex_t *);

	*(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
	sem_post(&sink.idle);
	return wait(cond, lock);
}

/* As take() a line. */
static void draw(const char *text, size_t len)
{
	char drawn[32];

	take(drawn, (size_t)snprintf(drawn, sizeof(drawn), "<%.*s>", (int)len, text));
}

static size_t missing(uint64_t n, char *buf, size_t size)
{
	return (size_t)snprintf(buf, size, "[%" PRIu64 "]", n);
}

static int set_up(void **state)
{
	const struct logqueue_options opt = {ROOM, take, missing, draw};

	alarm(DEADLINE_S);
	memset(&sink, 0, sizeof(sink));
	sem_init(&sink.entered, 0, 0);
	sem_init(&sink.go, 0, 0);
	sem_init(&sink.idle, 0, 0);
	return logqueue_new((struct logqueue **)state, &opt);
}

static void say(struct logqueue *q, const char *line)
{
	logqueue_put(q, line, strlen(line));
}

/* Lets the sink take `n` lines, and waits until it is asked to take one more, or not. */
static void let(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		sem_post(&sink.go);
		sem_wait(&sink.entered);
	}
}

static void end(struct logqueue *q, const char *taken)
{
	for (int i = 0; i < ROOM; i++)
		sem_post(&sink.go);
	assert_true(logqueue_free(q, LONG_MS));
	assert_string_equal(sink.taken, taken);
}

static void test_lines_keep_their_order_and_are_all_written_at_the_end(void **state)
{
	say(*state, "one");
	say(*state, "two");
	say(*state, "six");
	end(*state, "one two six ");
}

static void test_what_finds_no_room_is_told_in_its_place(void **state)
{
	say(*state, "first");
	sem_wait(&sink.entered);
	say(*state, "waits");
	say(*state, "lost");
	say(*state, "");
	let(2); /* both; the sink has been given what tells of the others */
	say(*state, "after");
	end(*state, "first waits [2] after ");
}

/* Until all that waited is written: else every other line would be one that tells. */
static void test_none_gets_in_while_what_filled_it_is_written(void **state)
{
	say(*state, "first");
	sem_wait(&sink.entered);
	say(*state, "waits");
	say(*state, "lost");
	let(1);
	say(*state, "lost");
	end(*state, "first waits [2] ");
}

static void test_what_a_sink_refused_is_told_behind_the_next_it_takes(void **state)
{
	sink.answer = -ENOSPC;
	say(*state, "one");
	say(*state, "two");
	sem_wait(&sink.entered);
	let(1);
	while (sem_trywait(&sink.idle) == 0)
		;
	sem_post(&sink.go);
	sem_wait(&sink.idle); /* not again and again: the next line tries */
	say(*state, "six");
	sem_wait(&sink.entered);
	sink.answer = 0;
	end(*state, "six [2] ");
}

static void test_none_gets_in_while_a_sink_refuses_what_filled_it(void **state)
{
	sink.answer = -ENOSPC;
	say(*state, "first");
	sem_wait(&sink.entered);
	say(*state, "waits");
	say(*state, "lost");
	let(1);
	say(*state, "lost");
	sink.answer = 0;
	end(*state, "waits [3] ");
}

static void test_a_sink_that_takes_nothing_is_given_up(void **state)
{
	struct logqueue *q = *state;

	say(q, "one");
	sem_wait(&sink.entered);
	say(q, "two");
	assert_false(logqueue_free(q, 10));
	assert_false(thread_may_exit());
	let(1);
	sem_post(&sink.go);
	while (!thread_may_exit())
		usleep(100);
	assert_string_equal(sink.taken, "one two ");
}

static void test_a_footer_is_drawn_below_the_lines(void **state)
{
	logqueue_set_footer(*state, "50%");
	sem_wait(&sink.entered);
	/* While it is being drawn, so that both are there. */
	say(*state, "one");
	say(*state, "two");
	let(3);
	sem_post(&sink.go);
	while (strcmp(sink.taken, "<50%> one two <50%> ") != 0)
		sem_wait(&sink.idle);
	logqueue_set_footer(*state, "");
	sem_wait(&sink.entered);
	end(*state, "<50%> one two <50%> <> ");
}

/* One that comes while the sink takes none takes the place of the one before it. */
static void test_only_the_last_footer_is_drawn(void **state)
{
	say(*state, "one");
	sem_wait(&sink.entered);
	logqueue_set_footer(*state, "1%");
	logqueue_set_footer(*state, "2%");
	let(1);
	sem_post(&sink.go);
	while (strcmp(sink.taken, "one <2%> ") != 0)
		sem_wait(&sink.idle);
	end(*state, "one <2%> ");
}

static void test_no_footer_is_drawn_at_the_end(void **state)
{
	say(*state, "one");
	sem_wait(&sink.entered);
	logqueue_set_footer(*state, "1%");
	assert_false(logqueue_free(*state, 10));
	sem_post(&sink.go);
	while (!thread_may_exit())
		usleep(100);
	assert_string_equal(sink.taken, "one ");
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lines_keep_their_order_and_are_all_written_at_the_end),
		CASE(test_what_finds_no_room_is_told_in_its_place),
		CASE(test_none_gets_in_while_what_filled_it_is_written),
		CASE(test_what_a_sink_refused_is_told_behind_the_next_it_takes),
		CASE(test_none_gets_in_while_a_sink_refuses_what_filled_it),
		CASE(test_a_sink_that_takes_nothing_is_given_up),
		CASE(test_a_footer_is_drawn_below_the_lines),
		CASE(test_only_the_last_footer_is_drawn),
		CASE(test_no_footer_is_drawn_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
