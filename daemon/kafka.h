/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A librdkafka client on the event loop: its events, logs, errors, statistics and its bounded end.
 *
 * librdkafka writes an eventfd when a queue of its fills (rd_kafka_queue_io_event_enable); the
 * loop reads the eventfd, then drains the queue in bounded batches. No callback here blocks; what
 * must (flush, destroy) runs on one helper thread that the loop waits for with a deadline.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

struct kafka;
struct own;

struct kafka_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed for the call */
	struct own *own;          /* registry of our sockets; NULL: none is kept; borrowed */

	/* Last words on the configuration (e.g. a rebalance_cb); may be NULL. 0 or -errno. */
	int (*configure)(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf);
	/* Delivery reports: one event with many messages, valid for the call unless the callee
	 * returns true: then it owns the event. Producers only. */
	bool (*on_delivery)(void *ctx, rd_kafka_event_t *event);
	/* The client can do nothing more (rd_kafka_fatal_error); logged already. May be NULL. */
	void (*on_fatal)(void *ctx, rd_kafka_resp_err_t err, const char *reason);
	/* A statistics event, JSON of `len` bytes. May be NULL. */
	void (*on_stats)(void *ctx, const char *json, size_t len);
	void *ctx; /* of the four above */
};

/*
 * Makes the client (rd_kafka_new) and starts its watchers. No broker need be there.
 * Returns 0; -EINVAL when librdkafka refuses the configuration (logged); -errno.
 */
int kafka_new(struct kafka **out, const struct kafka_options *opt);

rd_kafka_t *kafka_client(const struct kafka *k);

/* True while at least one broker connection is up, as far as librdkafka's errors tell. */
bool kafka_connected(const struct kafka *k);
/* The last error librdkafka reported (static lifetime of k, "" when none); for STATUS and exit. */
const char *kafka_last_error(const struct kafka *k);

/*
 * Bridges one more queue to the loop: `on_ready` is called when the queue has something, and
 * again by itself (without a new wakeup) as long as it returns true ("more is left"). The queue
 * is borrowed until kafka_free(). For a consumer queue. kafka_watch_pause() stops the calls.
 */
int kafka_watch_queue(struct kafka *k, rd_kafka_queue_t *queue, bool (*on_ready)(void *ctx),
		      void *ctx);
void kafka_watch_pause(struct kafka *k, bool paused);

/*
 * Producers: starts rd_kafka_flush() on the helper thread so that lingering batches go at once;
 * the loop goes on serving delivery reports meanwhile. Idempotent.
 */
void kafka_flush_start(struct kafka *k, uint32_t timeout_ms);

/* Stops the watchers and destroys the client within about 2 s whatever hangs. NULL is legal. */
void kafka_free(struct kafka *k);
