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

struct kafkagiven;
struct kafkaprops;

/* cfg is borrowed until it is freed. NULL without memory. */
struct kafkagiven *kafkagiven_new(const struct config *cfg);
void kafkagiven_free(struct kafkagiven *g); /* NULL is legal */

const struct kafkaprops *kafkagiven_props(const struct kafkagiven *g);

/* The user's last word on a property under any of its names; NULL: none. */
const struct config_property *kafkagiven_find(const struct kafkagiven *g, const char *name);

/*
 * The value in force of a property that was given, as librdkafka shows it; "" when none was given
 * or `size` is too small.
 */
const char *kafkagiven_text(const struct kafkagiven *g, const char *name, char *buf, size_t size);
bool kafkagiven_is(const struct kafkagiven *g, const char *name, const char *value);
long long kafkagiven_number(const struct kafkagiven *g, const char *name);
