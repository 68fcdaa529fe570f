/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A librdkafka client of a configuration, with an on_new interceptor, or none and nothing leaked.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

struct client_create_options {
	rd_kafka_type_t type;
	/* As rd_kafka_conf_interceptor_add_on_new(): where a client's own interceptors are added.
	 * NULL: none. */
	rd_kafka_interceptor_f_on_new_t *on_new;
	void *ctx;
	char *why; /* librdkafka's reason when there is none */
	size_t why_size;
};

/*
 * rd_kafka_new(). `conf` is gone afterwards, whatever comes of it. NULL: see rd_kafka_last_error().
 * It takes the time of two: files that it names are read twice.
 */
rd_kafka_t *client_create_client(rd_kafka_conf_t *conf, const struct client_create_options *opt);

/*
 * Whether there could be such a client. It connects to nothing and runs nothing; on_new is not
 * called. `conf` is gone afterwards. Returns 0 or -EINVAL.
 */
int client_create_try(rd_kafka_conf_t *conf, const struct client_create_options *opt);
