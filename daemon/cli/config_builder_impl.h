/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a configuration in the making, for its own files: config_builder.c is its life,
 * input_rules.c what settles what a producer reads, start_rules.c where a consumer starts and ends,
 * output_rules.c what it writes, stop_rules.c when it stops; effect_rules.c says what all of that
 * leaves without effect.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/config_faults.h"
#include "config/config.h"
#include "config/settings.h"

/* Who set a setting; a higher one wins. */
enum config_builder_source {
	CONFIG_BUILDER_DEFAULT,
	CONFIG_BUILDER_FILE,
	CONFIG_BUILDER_OPTION,
};

struct config_builder {
	struct config *cfg;    /* ours until config_builder_take() */
	struct faults *faults; /* borrowed */
	int64_t now_ms;        /* what relative times count from, milliseconds since the epoch */
	enum config_builder_source source[CONFIG_SETTINGS_MAX];
	bool checking; /* only to be checked: a credential need not be there */
	bool unknown;  /* one was not: what goes together cannot be told */
};

/* Frees what the field points at; it is NULL then. */
void config_builder_forget(char **field);
/* Back to its default; out of memory is a fault. */
void config_builder_reset(struct config_builder *builder, const struct setting *setting);
