/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A librdkafka client on the event loop: its events, logs, errors, statistics and its bounded end.
 *
 * librdkafka writes an eventfd when a queue of its fills (rd_kafka_queue_io_event_enable); the
 * loop reads the eventfd, then drains the queue in bounded batches. No callback here blocks; what
 * must (flush, destroy) runs on a helper thread.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct kafka;
struct own;

struct kafka_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed for the call */
	struct own *own;          /* registry of our sockets; NULL: none is kept; shared */

	/* Last words on the configuration (e.g. a rebalance_cb); may be NULL. 0 or -errno. */
	int (*configure)(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf);
	/* Delivery reports: one event with many messages, valid for the call. Producers only. */
	void (*on_delivery)(void *ctx, rd_kafka_event_t *event);
	/* After each batch of events, when their memory and queue slots are free again. */
	void (*on_served)(void *ctx);
	/* The client can do nothing more (rd_kafka_fatal_error); logged already. May be NULL. */
	void (*on_fatal)(void *ctx, rd_kafka_resp_err_t err, const char *reason);
	/* A statistics event, JSON of `len` bytes. May be NULL. */
	void (*on_stats)(void *ctx, const char *json, size_t len);
	/* The connection to Kafka was lost or is there (again); logged already. May be NULL. */
	void (*on_connection)(void *ctx, bool connected);
	/* A group gains or loses partitions (rd_kafka_conf_set_rebalance_cb); the callee assigns
	 * them. Called from within the polling of the consumer queue. NULL: librdkafka assigns. */
	void (*on_rebalance)(void *ctx, rd_kafka_resp_err_t err,
			     rd_kafka_topic_partition_list_t *list);
	void *ctx; /* of the callbacks above; they must not free the client */
};

/*
 * Makes the client (rd_kafka_new) and starts its watchers. No broker need be there.
 * Returns 0; -EINVAL when librdkafka refuses the configuration (logged); -errno.
 */
int kafka_new(struct kafka **out, const struct kafka_options *opt);

rd_kafka_t *kafka_client(const struct kafka *k);

/* True from the first answer of a broker until librdkafka says that all brokers are down. */
bool kafka_connected(const struct kafka *k);
/* The last error librdkafka reported ("" when none since the last answer of a broker). */
const char *kafka_last_error(const struct kafka *k);

/*
 * The longest time a broker took to answer a Produce, Fetch or Metadata request since the last
 * call, microseconds; 0: none answered.
 */
int64_t kafka_take_rtt(struct kafka *k);

/*
 * Bridges one more queue to the loop: `on_ready` is called when the queue has something, and
 * again as long as it returns true ("more is left"). The queue is borrowed until kafka_free().
 * For a consumer queue. kafka_watch_pause() stops the calls.
 */
int kafka_watch_queue(struct kafka *k, rd_kafka_queue_t *queue, bool (*on_ready)(void *ctx),
		      void *ctx);
void kafka_watch_pause(struct kafka *k, bool paused);

/*
 * Producers: has rd_kafka_flush() running on a helper thread until the client is freed, so that
 * lingering batches go at once; the loop goes on serving delivery reports. Idempotent.
 */
void kafka_flush_start(struct kafka *k);

/*
 * Stops the watchers and destroys the client on a helper thread, for which it waits at most
 * `wait_ms` (a hung kinit can hold rd_kafka_destroy() for long); then it goes when it can.
 * NULL is legal.
 */
void kafka_free(struct kafka *k, unsigned int wait_ms);

/* The version of librdkafka in use now, "2.0.2". */
const char *kafka_library_version(void);
