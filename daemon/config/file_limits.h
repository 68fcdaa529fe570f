/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a file is full, and when all of them are, as dumpcap's -b and -a say it: one or several
 * NAME:VALUE, apart by spaces or commas. Pure.
 *
 *	duration:60	seconds, 0.5 too
 *	interval:3600	-b alone: at each multiple of so many seconds since midnight, up to a day
 *	filesize:10000	kB, of 1000 bytes
 *	packets:100000
 *	files:24	-b: how many are kept; -a: how many are written
 *	nametimenum:2	-b alone: the time stands before the number in a name
 *	printname:FILE	-b alone: where the name of each file is printed when it is complete
 *
 * Of the same name twice the last counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_limits {
	uint64_t duration_us; /* 0: no limit, as all that follow */
	uint64_t interval_s;
	uint64_t bytes;
	uint64_t packets;
	uint64_t files;
	bool time_first;
	const char *print_name; /* a part of the text that is not ended there; NULL: none */
	size_t print_len;
};

/* Of --ring-buffer. NULL has no limits. 0, or -EINVAL with one line in `why`. */
int file_limits_parse_ring(struct file_limits *out, const char *text, char *why, size_t size);
/* Of --autostop, likewise. */
int file_limits_parse_stop(struct file_limits *out, const char *text, char *why, size_t size);

/* Limits of a text that was checked, of either. */
struct file_limits file_limits_of(const char *text);
