/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a run that has an end has come, as one line:
 *	1,234,567 packets read  37%  2018-12-23 10:50:05  81.2k packets/s  0:12 left
 * and, once it is over,
 *	3,336,262 packets read  100%  2018-12-23 11:02:17  79.4k packets/s  in 0:42
 * What is not known is left out, and so is what a narrow terminal has no room for. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A moment of the run, as its role knows it. */
struct progress {
	uint64_t packets; /* read: a consumer has not written all of them yet */
	uint64_t time_us; /* capture time of the last one; 0: there was none */
	uint64_t done;    /* of the whole, in records, bytes or packets */
	int64_t left;     /* of the same; -1: not known */
};

/* Puts `done` and `left` of another limit where the run reaches that one first. */
void progress_limit(struct progress *p, uint64_t done, int64_t left);

#define PROGRESS_SAMPLES 16 /* rates are those since the oldest one */

/* Remembers what the rates are made of. Zeroed at first. */
struct progress_meter {
	struct progress now;
	double started, at;
	struct progress_sample {
		double at;
		uint64_t packets, done;
	} samples[PROGRESS_SAMPLES];
	unsigned int n;
};

/* At equal intervals, and at the start of the run; `at` in seconds. */
void progress_take(struct progress_meter *m, const struct progress *now, double at);

/*
 * The line, in at most `columns` printable ASCII characters; `over`: the run has ended. "" when
 * nothing is known yet.
 */
void progress_format(const struct progress_meter *m, bool over, size_t columns, char *buf,
		     size_t size);
