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

#include "config/config.h"
#include "kafka/topic_limits.h"

struct kafka;
struct kafkalog;
struct kafkastats;
struct own_traffic;
struct login_backoff;

struct kafka_options {
	struct ev_loop *loop;
	const struct config *cfg; /* borrowed for the call */
	struct own_traffic *own;  /* registry of our sockets; NULL: none is kept; shared */
	/* What a client of the same settings before this one was told and refused; shared. NULL:
	 * it is the first and has its own. */
	struct kafkalog *log;
	struct login_backoff *pace;
	/* So long it takes messages and does not connect. */
	unsigned int hold_ms;
	/* Where the reason goes when librdkafka refuses the settings; NULL: it is logged. */
	char *why;
	size_t why_size;

	/* Last words on the configuration (e.g. a rebalance_cb); may be NULL. 0 or -errno. */
	int (*configure)(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf);
	/* Delivery reports: one event with many messages, valid for the call. Producers only. */
	void (*on_delivery)(void *ctx, rd_kafka_event_t *event);
	/* A message is made (rd_kafka_interceptor_add_on_send), on the thread that sends. May be
	 * NULL. */
	void (*on_send)(void *ctx, const rd_kafka_message_t *m);
	/* After each batch of events, when their memory and queue slots are free again. */
	void (*on_served)(void *ctx);
	/*
	 * The client can do nothing more (rd_kafka_fatal_error); logged already. Not for what
	 * enable.gapless.guarantee stops: reports of refused packets come.
	 */
	void (*on_fatal)(void *ctx, rd_kafka_resp_err_t err, const char *reason);
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
 * Returns 0; -ENOPROTOOPT when librdkafka refuses the settings, or a file that they name (logged,
 * or told in `why`); -errno.
 */
int kafka_new(struct kafka **out, const struct kafka_options *opt);

rd_kafka_t *kafka_client(const struct kafka *k);

/*
 * Zeroed memory for what librdkafka's threads use: it goes with the client, which may outlive
 * kafka_free(). NULL: there is none.
 */
void *kafka_alloc(struct kafka *k, size_t size);

/* Whether hold_ms still lasts; ends it. */
bool kafka_is_held(const struct kafka *k);
void kafka_connect_now(struct kafka *k);

/* True from the first answer of a broker until librdkafka says that all brokers are down. */
bool kafka_connected(const struct kafka *k);
/* The last error librdkafka reported ("" when none since the last answer of a broker). */
const char *kafka_last_error(const struct kafka *k);

/*
 * The last statistics; of a consumer with the partitions of its topic. Empty until some came, and
 * when the user turned them off. The round trip is the longest since the last kafka_begin_rtt(), or
 * of the last interval when none has ended since.
 */
const struct kafkastats *kafka_stats(const struct kafka *k);
void kafka_begin_rtt(struct kafka *k);

/*
 * Bridges one more queue to the loop: `on_ready` is called when the queue has something, and
 * again as long as it returns true ("more is left"). The queue is borrowed until kafka_free().
 * For a consumer queue. kafka_watch_pause() stops the calls.
 */
int kafka_watch_queue(struct kafka *k, rd_kafka_queue_t *queue, bool (*on_ready)(void *ctx),
		      void *ctx);
void kafka_watch_pause(struct kafka *k, bool paused);
/* The same for one more queue (queuewatch_add()). */
void kafka_watch_also(struct kafka *k, rd_kafka_queue_t *queue);

/* Producers: the next reports are waited for. Without it they are taken with the packets, or 40
 * times a second. */
void kafka_hurry(struct kafka *k);

/* Which times the topic takes and keeps: `fn` has the answer, unless the client ends before. 0 or
 * -ENOMEM. */
int kafka_ask_limits(struct kafka *k, const char *topic, topic_limits_fn fn, void *ctx);

/*
 * Producers: has rd_kafka_flush() running on a helper thread until the client is freed, so that
 * lingering batches go at once; the loop goes on serving delivery reports. Idempotent.
 */
void kafka_flush_start(struct kafka *k);

/* Producers: see hung_broker_apply(); to be called every few seconds. */
void kafka_brake(struct kafka *k, const char *topic);

/*
 * Stops the watchers and destroys the client on a helper thread, for which it waits at most
 * `wait_ms` (a hung kinit can hold rd_kafka_destroy() for long); then it goes when it can.
 * NULL is legal.
 */
void kafka_free(struct kafka *k, unsigned int wait_ms);

/*
 * Before kafka_free(), while another thread still uses the client: stops the watchers, so that the
 * loop may go. NULL is legal.
 */
void kafka_abandon(struct kafka *k);

/* After kafka_abandon(), instead of kafka_free(), on any thread: destroys the client, and waits. */
void kafka_free_abandoned(struct kafka *k);
