/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error that comes instead of messages, for as long as none come: each is said at most once a
 * minute.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "base/log.h"

#define TROUBLE_KINDS 4 /* those beyond share the last one's line */

/* Part of a struct consumer, zeroed at first. */
struct trouble {
	rd_kafka_resp_err_t err; /* 0: none */
	struct {
		rd_kafka_resp_err_t err;
		struct log_limit limit;
	} said[TROUBLE_KINDS]; /* private */
};

/*
 * `msg` is an error of reading `topic`, or the end of a partition, where all is well. Returns
 * whether it is another than before.
 */
bool trouble_take(struct trouble *t, const char *topic, bool group, const rd_kafka_message_t *msg);

/* It is over. Returns whether there was one. */
bool trouble_clear(struct trouble *t);
