/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where librdkafka does not do what one would expect of it, and what helps. From any thread.
 */
#pragma once

#include <librdkafka/rdkafka.h>

/*
 * For a client whose statistics know no broker: it gets those of bootstrap.servers again. A broker
 * that was fenced (it hung, or is just starting) may answer that the topic is there, but no broker.
 * librdkafka 2.10 to 2.13 then lets go of all it has, and may never ask anybody again
 * (github.com/confluentinc/librdkafka/issues/5301). Its queue and what is on its way are kept.
 */
void workarounds_bootstrap(rd_kafka_t *rk);

/*
 * For a queue that nobody polls any more: what comes is dropped. Else statistics, logs and errors
 * would pile up in it for as long as we run.
 */
void workarounds_drop_events(rd_kafka_t *rk, rd_kafka_queue_t *queue);
