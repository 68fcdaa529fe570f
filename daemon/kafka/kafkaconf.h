/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka properties: what the user set, our defaults beneath, and what goes with what.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "config/config.h"

/*
 * Builds the client's configuration: our defaults for the role, then the properties of cfg in
 * order. `*topic_conf` holds the topic-level ones. The caller owns both.
 * A default of ours that the user's properties contradict (acks=1 beside idempotence,
 * reconnect.backoff.ms=1000 beside our maximum) gives way;
 * kafkaconf_warn() says so. Unknown names and bad values were refused by kafkacheck_property()
 * before. Returns 0, -EINVAL (logged) or -ENOMEM.
 */
int kafkaconf_new(rd_kafka_conf_t **conf, rd_kafka_topic_conf_t **topic_conf,
		  const struct config *cfg);

/*
 * Of a read that ends (intake.h): makes it fetch less at once of each partition, for more of them
 * than these. What the user set stays.
 */
#define KAFKACONF_FEW_PARTITIONS 8
void kafkaconf_for_many(rd_kafka_conf_t *conf, const struct config *cfg);

/*
 * Logs a warning for each default of ours that gives way, if packets may come twice by that or
 * another one changes. Apart from kafkaconf_new(), as a client may be made anew many times.
 */
void kafkaconf_warn(const struct config *cfg);

/*
 * Checks what only shows together: properties of cfg that rd_kafka_new() would refuse beside each
 * other or beside our defaults, or that lack another. A client is made for it that connects to
 * nothing; what certificates, keytabs and tokens hold is not looked at. Takes some milliseconds.
 * Returns 0, or -EINVAL or -ENOMEM with one line in `why`.
 */
int kafkaconf_check_together(const struct config *cfg, char *why, size_t size);
