/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration in the making: every value with the place it came from, until all of it is
 * checked together.
 */
#pragma once

#include <stdint.h>

#include "cli/config_builder_impl.h"
#include "cli/config_faults.h"
#include "config/config.h"
#include "config/settings.h"

/* Starts with the defaults. Returns 0 or -ENOMEM (a fault is added, there is no cfg). */
int config_builder_start(struct config_builder *builder, struct faults *faults, int64_t now_ms);

/* Sets one setting from text; what is wrong with it becomes a fault. Not for actions. */
void config_builder_set(struct config_builder *builder, const struct setting *setting,
			const char *text, const char *where, enum config_builder_source source);

/* Adds one Kafka property, `NAME=VALUE`; @FILE counts from `directory` (NULL: here). */
void config_builder_add_property(struct config_builder *builder, const char *text,
				 const char *where, const char *directory,
				 enum config_builder_source source);

/* Checks what belongs together and fills in what follows from the rest. Faults are added. */
void config_builder_finish(struct config_builder *builder);

/*
 * Compiles the filter, after config_builder_finish(): a fault when it is right for no link type at
 * all. May ask the name service, so it is none for the loop; names that nobody knows (yet) are no
 * fault. A run does not wait for more than 5 s: it is compiled again, on a thread, for the capture
 * or for what a topic holds. A consumer without a file is there for a question: it waits for as
 * long as it takes, and an unknown name is a fault.
 */
void config_builder_check_filter(struct config_builder *builder);

/*
 * Ends it: hands the configuration over, immutable from now on, with its reference. NULL when there
 * is a fault.
 */
const struct config *config_builder_take(struct config_builder *builder);
