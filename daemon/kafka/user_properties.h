/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties that the user gave, as librdkafka understands them: `1`, `t` and `TRUE` are
 * `true`, `all` is `-1`, `0x10` is `16`, `acks` is `request.required.acks`, the last one counts.
 * Whoever looks at a value asks here, and never compares the user's text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

struct user_properties;
struct kafkaprops;

/* cfg is borrowed until it is freed. NULL without memory. */
struct user_properties *user_properties_new(const struct config *cfg);
void user_properties_free(struct user_properties *g); /* NULL is legal */

const struct kafkaprops *user_properties_props(const struct user_properties *g);

/* The user's last word on a property under any of its names; NULL: none. */
const struct config_property *user_properties_find(const struct user_properties *g,
						   const char *name);

/*
 * The value in force of a property that was given, as librdkafka shows it; "" when none was given
 * or `size` is too small.
 */
const char *user_properties_text(const struct user_properties *g, const char *name, char *buf,
				 size_t size);
bool user_properties_is(const struct user_properties *g, const char *name, const char *value);
long long user_properties_number(const struct user_properties *g, const char *name);
