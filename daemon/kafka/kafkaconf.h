/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka properties: what the user set, our defaults beneath, and what goes with what.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

/*
 * Builds the client's configuration: our defaults for the role, then the properties of cfg in
 * order. `*topic_conf` holds the topic-level ones. The caller owns both.
 * A default of ours that the user's properties contradict (acks=1 beside idempotence,
 * reconnect.backoff.ms=1000 beside our maximum) gives way;
 * kafkaconf_warn() says so. Unknown names and bad values were refused by kafkaconf_check() before.
 * Returns 0, -EINVAL (logged) or -ENOMEM.
 */
int kafkaconf_new(rd_kafka_conf_t **conf, rd_kafka_topic_conf_t **topic_conf,
		  const struct config *cfg);

/*
 * Logs a warning for each property that has no effect in this mode, and for each default of ours
 * that gives way. Apart from kafkaconf_new(), as a client may be made anew many times.
 */
void kafkaconf_warn(const struct config *cfg);

/*
 * Checks one property as librdkafka would; `value` NULL: only whether there is such a one. Returns
 * 0, or -EINVAL with one line in `why` that says what is wrong and names the closest valid property
 * or the valid values.
 */
int kafkaconf_check(const char *name, const char *value, char *why, size_t size);

/*
 * Checks what only shows together: properties of cfg that rd_kafka_new() would refuse beside each
 * other or beside our defaults, or that lack another. A client is made for it that connects to
 * nothing; what certificates, keytabs and tokens hold is not looked at. Takes some milliseconds.
 * Returns 0, or -EINVAL or -ENOMEM with one line in `why`.
 */
int kafkaconf_check_together(const struct config *cfg, char *why, size_t size);

/* True when the property's value must never be shown (passwords, keys, sasl.jaas, ...). */
bool kafkaconf_is_secret(const char *name);

/* True when the property has no effect in this mode (a consumer's in a producer, ...). */
bool kafkaconf_wrong_role(const char *name, enum config_mode mode);

/* `-X list`: every property of the linked librdkafka with its role, range, default and text. */
void kafkaconf_print_list(FILE *out);
/* `-X dump`: the properties in force for cfg, secrets masked. Returns 0 or -errno. */
int kafkaconf_dump(FILE *out, const struct config *cfg);

/* `{'name': 'value', ...}` as the old tool printed what it connects with; secrets masked. */
void kafkaconf_describe(char *buf, size_t size, const struct config *cfg);
