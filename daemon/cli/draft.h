/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration in the making: every value with the place it came from, until all of it is
 * checked together.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/fault.h"
#include "config/config.h"
#include "config/settings.h"

/* Who set a setting; a higher one wins. */
enum draft_source {
	DRAFT_DEFAULT,
	DRAFT_FILE,
	DRAFT_OPTION,
};

struct draft {
	struct config *cfg;    /* borrowed; filled in */
	struct faults *faults; /* borrowed */
	int64_t now_ms;        /* what relative times count from, milliseconds since the epoch */
	enum draft_source source[SETTINGS_MAX];
	char *where[SETTINGS_MAX]; /* "-s/--snaplen", "eth0.cfg:12"; NULL: default */
	bool checking;             /* only to be checked: a credential need not be there */
	bool unknown;              /* one was not: what goes together cannot be told */
};

/* Starts with the defaults. Returns 0 or -ENOMEM (a fault is added). */
int draft_start(struct draft *draft, struct config *cfg, struct faults *faults, int64_t now_ms);

/* Sets one setting from text; what is wrong with it becomes a fault. Not for actions. */
void draft_set(struct draft *draft, const struct setting *setting, const char *text,
	       const char *where, enum draft_source source);

/* Adds one Kafka property, `NAME=VALUE`; @FILE counts from `directory` (NULL: here). */
void draft_add_property(struct draft *draft, const char *text, const char *where,
			const char *directory, enum draft_source source);

/* Checks what belongs together and fills in what follows from the rest. Faults are added. */
void draft_finish(struct draft *draft);

/*
 * Compiles the filter, after draft_finish(): a fault when it is right for no link type at all. May
 * ask the name service, so it is none for the loop; names that nobody knows (yet) are no fault. A
 * run does not wait for more than 5 s: the opening of the capture compiles it again, on its
 * thread.
 */
void draft_check_filter(struct draft *draft);

/* Frees what the draft owns itself; the config stays. */
void draft_clear(struct draft *draft);
