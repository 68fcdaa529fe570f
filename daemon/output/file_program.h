/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is run on each file that is complete (--postrotate): its words, then the path of
 * the file; one file after the other, in their order. Nobody is held up: files wait while it runs.
 * Those beyond FILE_PROGRAM_QUEUE are left out, and counted; one that runs for longer than
 * FILE_PROGRAM_SEC is killed, with its children. Its standard input is empty; what it prints goes
 * to standard error.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>

#define FILE_PROGRAM_QUEUE 1000
#define FILE_PROGRAM_SEC   3600

struct file_program;

struct file_program_options {
	struct ev_loop *loop;
	const char *command; /* borrowed; words between blanks, no shell; NULL: there is none */
	/* It has ended, and no file waits for it. */
	void (*on_idle)(void *ctx);
	void *ctx;
};

/*
 * `*out` is NULL without a command, which is legal everywhere: nothing is run. Returns 0 or -errno
 * (logged), also when there is no such program.
 */
int file_program_new(struct file_program **out, const struct file_program_options *opt);

/* A file is complete. on_idle() follows where file_program_is_busy() then. */
void file_program_add(struct file_program *fp, const char *path);
/* It runs, or files wait for it. */
bool file_program_is_busy(const struct file_program *fp);
/* Nothing is waited for any longer: what runs is killed, what waits is left out. */
void file_program_abandon(struct file_program *fp);
/* Logs how many files it was not run on, if there are any. */
void file_program_log_left_out(const struct file_program *fp);

void file_program_free(struct file_program *fp);
