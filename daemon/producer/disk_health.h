/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether it is worth giving the spool a packet: a disk that is full, or that hangs, must not be
 * asked for each one.
 */
#pragma once

#include <stdbool.h>

/* All zero: it is. */
struct disk_health {
	bool refused;       /* no space: until the next look */
	bool behind;        /* the spool's thread is: since it took something last */
	bool behind_before; /* and was at the last look */
	bool hangs;         /* and has been from one look to the next: until there is room */
};

/* False: it would not be taken. */
bool disk_health_is_good(const struct disk_health *d);

/* What spool_append() answered. */
void disk_health_note(struct disk_health *d, int err);

/* From time to time: a full disk is tried again; one that was behind at two looks hangs. */
void disk_health_look(struct disk_health *d);

/* The spool has room again. */
void disk_health_recover(struct disk_health *d);
