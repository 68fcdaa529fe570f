/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/workarounds.h"

#include <stdlib.h>

#include "base/log.h"

void workarounds_bootstrap(rd_kafka_t *rk)
{
	const rd_kafka_conf_t *conf = rd_kafka_conf(rk);
	size_t size = 0;
	char *servers;

	if (rd_kafka_conf_get(conf, "bootstrap.servers", NULL, &size) != RD_KAFKA_CONF_OK)
		return;
	servers = malloc(size);
	if (servers &&
	    rd_kafka_conf_get(conf, "bootstrap.servers", servers, &size) == RD_KAFKA_CONF_OK) {
		log_debug("Kafka client: it has no broker left; it is given %s again", servers);
		rd_kafka_brokers_add(rk, servers);
	}
	free(servers);
}

void workarounds_drop_events(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	/* A queue that was destroyed drops what is forwarded to it. */
	rd_kafka_queue_t *nowhere = rd_kafka_queue_new(rk);

	rd_kafka_queue_forward(queue, nowhere);
	rd_kafka_queue_destroy(nowhere);
}
