/* SPDX-License-Identifier: Apache-2.0 */
/* The program that is run on each file: how often, with what, and what holds up what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deadline.h"
#include "lines.h"
#include "output/file_program.h"

static struct {
	struct ev_loop *loop;
	struct file_program *program;
	char directory[64], script[96], command[128];
	int idle;
} world;

static void on_idle(void *ctx)
{
	world.idle++;
	ev_break(world.loop, EVBREAK_ALL);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_break(loop, EVBREAK_ALL);
}

static void run_until_idle(void)
{
	ev_timer deadline;

	ev_timer_init(&deadline, on_deadline, DEADLINE_S, 0);
	ev_timer_start(world.loop, &deadline);
	ev_run(world.loop, 0);
	ev_timer_stop(world.loop, &deadline);
	assert_int_equal(world.idle, 1);
}

static int open_world(void **state)
{
	memset(&world, 0, sizeof(world));
	world.loop = ev_loop_new(EVBACKEND_EPOLL);
	strcpy(world.directory, "/tmp/test_file_program.XXXXXX");
	if (!mkdtemp(world.directory))
		return -1;
	snprintf(world.script, sizeof(world.script), "%s/script", world.directory);
	return chdir(world.directory);
}

static int close_world(void **state)
{
	char command[128];

	file_program_free(world.program);
	ev_loop_destroy(world.loop);
	snprintf(command, sizeof(command), "rm -r %s", world.directory);
	return system(command) || chdir("/");
}

/* A shell script of that text, with `words` behind its name. */
static void make(const char *text, const char *words)
{
	struct file_program_options opt = {.loop = world.loop, .on_idle = on_idle};
	FILE *f = fopen(world.script, "w");

	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	chmod(world.script, 0755);
	snprintf(world.command, sizeof(world.command), "%s %s", world.script, words);
	opt.command = world.command;
	assert_int_equal(file_program_new(&world.program, &opt), 0);
}

static const char *content(const char *name)
{
	static char text[512];
	FILE *f = fopen(name, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void each_file_once_in_their_order(void **state)
{
	make("read line; echo \"$# $1 $2 $3$line\" >>seen", " -x  y");
	for (int i = 0; i < 3; i++) {
		char path[] = {'f', ' ', (char)('0' + i), '\0'};

		file_program_add(world.program, path);
	}
	assert_true(file_program_is_busy(world.program));
	run_until_idle();
	assert_false(file_program_is_busy(world.program));
	assert_string_equal(content("seen"), "3 -x y f 0\n3 -x y f 1\n3 -x y f 2\n");
}

/* The service manager sends one to all when it stops the service, and the end waits for it. */
static void a_sigterm_does_not_end_it(void **state)
{
	make("kill -TERM $$; echo $1 >>seen", "");
	file_program_add(world.program, "a");
	run_until_idle();
	assert_string_equal(content("seen"), "a\n");
}

static void a_failure_is_one_line_and_the_next_file_has_its_turn(void **state)
{
	lines_catch();
	make("echo $1 >>seen; case $1 in a) exit 3;; b) kill -9 $$;; esac", "");
	file_program_add(world.program, "a");
	file_program_add(world.program, "b");
	file_program_add(world.program, "c");
	run_until_idle();
	assert_string_equal(content("seen"), "a\nb\nc\n");
	assert_int_equal(lines_with(" a: exit status 3"), 1);
	assert_int_equal(lines_with(" b: killed by signal 9"), 1);
	assert_int_equal(lines_with(" c"), 0);
	lines_release();
}

static void what_is_not_there_is_told_at_the_start(void **state)
{
	struct file_program_options opt = {.loop = world.loop, .command = "no-such-program -x"};

	lines_catch();
	assert_int_equal(file_program_new(&world.program, &opt), -ENOENT);
	assert_int_equal(lines_with("postrotate: cannot run no-such-program -x: No such f"), 1);
	opt.command = "/etc/passwd";
	assert_int_equal(file_program_new(&world.program, &opt), -EACCES);
	opt.command = " ";
	assert_int_equal(file_program_new(&world.program, &opt), -ENOENT);
	lines_release();
	opt.command = "true"; /* of $PATH */
	assert_int_equal(file_program_new(&world.program, &opt), 0);
}

/* What is removed after the start is told for each file, and waits for nothing. */
static void what_goes_away_holds_up_nothing(void **state)
{
	lines_catch();
	make("exit 0", "");
	unlink(world.script);
	file_program_add(world.program, "a");
	assert_false(file_program_is_busy(world.program));
	assert_int_equal(lines_with("cannot run"), 1);
	file_program_log_left_out(world.program);
	assert_int_equal(lines_with("was not run on 1 file(s)"), 1);
	lines_release();
}

/* A program that waits for us, and more files than may wait for it. */
static void too_many_files_are_left_out_and_counted(void **state)
{
	int fds[2];

	lines_catch();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(dup2(fds[0], 9), 9); /* the child has this one alone */
	make("read line <&9", "");
	for (int i = 0; i < FILE_PROGRAM_QUEUE + 2; i++)
		file_program_add(world.program, "a");
	assert_int_equal(lines_with("is not run on a: 1000 files wait"), 1);
	assert_true(file_program_is_busy(world.program));
	file_program_abandon(world.program);
	assert_false(file_program_is_busy(world.program));
	assert_int_equal(lines_with("still runs, killed"), 1);
	file_program_log_left_out(world.program);
	assert_int_equal(lines_with("was not run on 1001 file(s)"), 1);
	lines_release();
	close(9);
	close(fds[0]);
	close(fds[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_file_once_in_their_order),
		TEST(a_sigterm_does_not_end_it),
		TEST(a_failure_is_one_line_and_the_next_file_has_its_turn),
		TEST(what_is_not_there_is_told_at_the_start),
		TEST(what_goes_away_holds_up_nothing),
		TEST(too_many_files_are_left_out_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
