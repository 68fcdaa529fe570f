/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a disk that is full. Where space is waited for, the next write that succeeds is
 * the end of it. Where the oldest files make room, nearly every file fills the disk again: that is
 * said once, until DISK_SPACE_CALM files in a row had space all along.
 */
#pragma once

#include <stdbool.h>

#define DISK_SPACE_CALM 8

struct disk_space {
	const char *path; /* of the files, as it was given; borrowed */
	bool removes;     /* the oldest files make room */
	bool lacks;       /* the last write found none */
	bool told;        /* that it is full */
	unsigned int calm;
};

/* A write has found no space. */
void disk_space_lack(struct disk_space *d);
/* One has found some. */
void disk_space_find(struct disk_space *d);
/* A file is written whole. */
void disk_space_count_file(struct disk_space *d);
