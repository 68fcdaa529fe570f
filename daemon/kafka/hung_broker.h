/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends the spinning of librdkafka's thread for a broker that hangs with its connection open (a
 * stopped process, a cut wire).
 *
 * With idempotence, librdkafka (2.0.2 and 2.12.1) asks to be woken at once for messages that an
 * unanswered request before them holds back, and so polls without a pause until that request times
 * out, after socket.timeout.ms. It does not while another request waits for its turn on that
 * connection, and one does when as many are in flight as may be, which is five at most. So a broker
 * that owes us answers for some seconds is asked as many small things, which it answers when it is
 * back: nothing has to be taken back then, and no message is touched.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdint.h>

struct hung_broker;

/* NULL: out of memory, as it is legal below. */
struct hung_broker *hung_broker_new(void);
/* After the end of the client that it watches. */
void hung_broker_free(struct hung_broker *b);

/*
 * Counts what the brokers of this client owe; to be called from on_new(). Does nothing to one
 * without idempotence, which does not spin.
 */
void hung_broker_watch(struct hung_broker *b, rd_kafka_t *rk);

/*
 * To be called every few seconds, and has no effect but on brokers that hang: they are asked for
 * one setting of `topic`. Answers go to `answers`, where they are of no use.
 */
void hung_broker_apply(struct hung_broker *b, rd_kafka_t *rk, const char *topic,
		       rd_kafka_queue_t *answers);

/* ---- its decisions; milliseconds of a clock that does not jump ---- */

/* A request with messages went to a broker, or came to its end. On that broker's thread. */
void hung_broker_sent(struct hung_broker *b, int32_t broker, uint64_t now_ms);
void hung_broker_ended(struct hung_broker *b, int32_t broker, uint64_t now_ms);

/* A broker that hangs, once each time it does; -1: no more. */
int32_t hung_broker_next(struct hung_broker *b, uint64_t now_ms);
