/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns the configuration when rd_kafka_new() fails (2.0.2 to 2.12.1, read and measured): the
 * caller. But from where it has called the on_new interceptors on it frees the list of them on its
 * way out, to which the caller's configuration still points: rd_kafka_conf_destroy() would free it
 * again. So only a configuration without interceptors can be freed after any failure. What fails
 * that late is what files, SASL and partition assignors have to do with.
 *
 * Hence a client is first tried with a copy that has none (rd_kafka_conf_dup() leaves them out).
 * What is left is a file that goes bad between the two: then some 15 KB are.
 */
#include "kafka/client_create.h"

#include <errno.h>
#include <stdbool.h>

/* Plugins add interceptors of their own. */
static bool has_plugins(const rd_kafka_conf_t *conf)
{
	size_t size = 0;

	return rd_kafka_conf_get(conf, "plugin.library.paths", NULL, &size) == RD_KAFKA_CONF_OK &&
	       size > 1;
}

int client_create_try(rd_kafka_conf_t *conf, const struct client_create_options *opt)
{
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", NULL, NULL, 0);
	rd_kafka_conf_set(conf, "test.mock.num.brokers", "0", NULL, 0);
	/* A kinit, or a token that is fetched by HTTP, would be waited for. */
	rd_kafka_conf_set(conf, "sasl.kerberos.min.time.before.relogin", "0", NULL, 0);
	rd_kafka_conf_set(conf, "sasl.oauthbearer.method", "default", NULL, 0);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(opt->type, conf, opt->why, opt->why_size);
	if (rk == NULL) {
		if (!has_plugins(conf))
			rd_kafka_conf_destroy(conf);
		return -EINVAL;
	}
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return 0;
}

/* What on_new is called with. */
struct making {
	const struct client_create_options *opt;
	bool reached;
};

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
				  char *errstr, size_t size)
{
	struct making *making = opaque;

	making->reached = true;
	return making->opt->on_new(rk, conf, making->opt->ctx, errstr, size);
}

rd_kafka_t *client_create_client(rd_kafka_conf_t *conf, const struct client_create_options *opt)
{
	struct making making = {.opt = opt};
	rd_kafka_t *rk;

	if (client_create_try(rd_kafka_conf_dup(conf), opt) < 0) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	if (opt->on_new != NULL)
		rd_kafka_conf_interceptor_add_on_new(conf, "pycapa", on_new, &making);
	rk = rd_kafka_new(opt->type, conf, opt->why, opt->why_size);
	if (rk == NULL && !making.reached && !has_plugins(conf))
		rd_kafka_conf_destroy(conf);
	return rk;
}
