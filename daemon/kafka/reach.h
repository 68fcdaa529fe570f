/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether Kafka can be reached, as one client sees it, and what is said of that.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kafkalog;
struct login_backoff;

struct reach_options {
	struct ev_loop *loop;
	struct kafkalog *log; /* borrowed, as is the next one */
	struct login_backoff *pace;
	/* The connection to Kafka was lost or is there (again); logged already. May be NULL. */
	void (*on_change)(void *ctx, bool connected);
	void *ctx;
};

/* Embedded in its owner; fields are private. */
struct reach {
	struct reach_options opt;
	ev_async answered, broke;
	ev_timer release; /* an error is held back in the log until then */
	ev_timer confirm; /* runs: somebody answers, perhaps not those that matter */
	char brokers[256];
	atomic_bool connected;
	atomic_bool succeeded;      /* since the last error; the log knows */
	atomic_bool doubted;        /* all connections are closed, perhaps as they were idle */
	_Atomic uint64_t broken_ms; /* when a request failed last; CLOCK_MONOTONIC */
	bool lost;                  /* and that was said */
	bool refused;               /* it could not connect, and nothing answered since */
	uint64_t closed_ms;         /* when the connection closed of which the log holds an error */
	char reason[512];           /* of the doubt */
};

void reach_start(struct reach *r, const struct reach_options *opt, const char *brokers);
/* The loop may go afterwards. What is seen on librdkafka's threads has no effect any more. */
void reach_stop(struct reach *r);

/* True from the first answer of a broker until all are out of reach. */
bool reach_is_connected(const struct reach *r);

/* On any thread: rd_kafka_interceptor_f_on_response_received_t. */
void reach_saw_response(struct reach *r, int16_t api_key, rd_kafka_resp_err_t err);

/* On the loop: any error event. */
void reach_failed(struct reach *r);
/* One that is not fatal; librdkafka has no connection any more. */
void reach_error(struct reach *r, rd_kafka_resp_err_t err, const char *text);
void reach_all_down(struct reach *r, const char *reason);
