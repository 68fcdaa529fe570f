/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a set of files, out of that of --write-file. Pure.
 *
 *	dir/name.pcapng			dir/name_00001_20261130124500.pcapng, as dumpcap's
 *	the same, nametimenum:2		dir/name_20261130124500_00001.pcapng
 *	dir/name-%Y-%m-%dT%H.pcapng	dir/name-2026-11-30T12_00001.pcapng, by strftime(3)
 *	dir/name.pcapng.zst		dir/name_00001_20261130124500.pcapng.zst
 *
 * The time is the local one of a file's first packet. The number goes up by one from file to file;
 * it has five digits, or more when they do not suffice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_names {
	const char *path; /* borrowed */
	bool time_first;
	bool packed; /* a file that was compressed is still one of the set */
};

/* Whether there can be a set of that name: 0, or -EINVAL with one line in `why`. */
int file_names_check(const char *path, char *why, size_t size);

/* Whether a name asks for compression by zstd (.zst); and for which format, before that. */
bool file_names_is_zstd(const char *path);
/* The suffix of another compression, which pycapa does not write; NULL: it has none. */
const char *file_names_other_packed(const char *path);
bool file_names_is_pcapng(const char *path);
bool file_names_is_pcap(const char *path);

/* The path of a file; malloc()ed, NULL: out of memory, or too long a name. */
char *file_names_make(const struct file_names *names, uint64_t number, uint64_t time_us);

/* What a program that compresses a file appends to its name, one by one; NULL: no more. */
const char *file_names_packed(size_t i);

/* The number of a file by its name, without the directory; 0: it is none of the set. */
uint64_t file_names_number(const struct file_names *names, const char *name);

/* How long the directory's part of the path is, with the slash; 0: the working directory. */
size_t file_names_directory(const char *path);
