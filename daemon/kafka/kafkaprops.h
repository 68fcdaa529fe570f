/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the linked librdkafka says of its own properties: names, roles, ranges, defaults.
 *
 * There is no call that tells these; rd_kafka_conf_properties_show() prints them, and that table
 * is read here. So the list is always the one of the library at run time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

struct kafkaprop {
	const char *name;
	const char *role; /* "C", "P" or "*" */
	const char *range;
	const char *initial;
	const char *text;
	const char *type;  /* "integer", "float", "boolean", "string", "enum value", ... */
	const char *alias; /* the property's real name when it is an alias; else NULL */
	bool topic;        /* a topic-level property */
	bool settable;     /* false: set by the program's code only (callbacks, opaque) */
};

struct kafkaprops;

/* Reads the table. NULL without memory. */
struct kafkaprops *kafkaprops_new(void);
void kafkaprops_free(struct kafkaprops *props);

/* All of them, global ones first; a name may occur once at each level. */
const struct kafkaprop *kafkaprops_table(const struct kafkaprops *props, size_t *n);

/* The property of that name at a level; NULL when there is none. */
const struct kafkaprop *kafkaprops_find(const struct kafkaprops *props, const char *name,
					bool topic);

/* The same at whatever level it exists, the global one first. */
const struct kafkaprop *kafkaprops_find_any(const struct kafkaprops *props, const char *name);

/* The real name of a property that may be an alias ("acks" → "request.required.acks"). */
const char *kafkaprops_real_name(const struct kafkaprops *props, const char *name);

/* True when the property has no effect in this mode (a consumer's in a producer, ...). */
bool kafkaprops_wrong_role(const struct kafkaprops *props, const char *name, enum config_mode mode);

/* True when the property's value must never be shown (passwords, keys, sasl.jaas, ...). */
bool kafkaprops_is_secret(const char *name);
