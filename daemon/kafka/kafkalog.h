/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What librdkafka says, as log lines: at our levels, and never as a flood.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct kafkalog;

/* Made with one reference: what was told is remembered when a client is made anew. */
int kafkalog_new(struct kafkalog **out);
void kafkalog_ref(struct kafkalog *l);
void kafkalog_unref(struct kafkalog *l); /* any thread; the last one frees; NULL is legal */

/*
 * For who asks Kafka something once, and says itself why that failed: all but what a kinit reports
 * is logged at DEBUG from now on.
 */
void kafkalog_set_quiet(struct kafkalog *l);

/* All brokers were lost, and none has answered since. */
bool kafkalog_is_lost(const struct kafkalog *l);

/*
 * What the kinits of the clients report into (kinitcmd_wrap()), an end of a pipe that programs
 * inherit, as long as the log lives; it is logged before the next line or error. Or -errno.
 */
int kafkalog_kinit_fd(struct kafkalog *l);

/* A log line of librdkafka (syslog level). */
void kafkalog_write(struct kafkalog *l, const char *fac, const char *text, int level);

/*
 * An error event: the first of a kind at once, then one a minute with how many there were. True:
 * it is held back; kafkalog_release() is to follow about a second later, and tells it unless
 * kafkalog_connection() has.
 */
bool kafkalog_error(struct kafkalog *l, rd_kafka_resp_err_t err, const char *text, bool fatal);
void kafkalog_release(struct kafkalog *l);
/* Or nobody tells it: the client that it is about is no more. */
void kafkalog_drop(struct kafkalog *l);

/*
 * librdkafka makes no client of these settings. Where there is a `why` the reason goes there; else
 * it is logged, as an error event is: made anew, a client may be refused for long (a certificate is
 * gone).
 */
void kafkalog_refused(struct kafkalog *l, const char *text, char *why, size_t size);

/* All brokers are lost, or one answers: told once per change, up to some a minute. */
void kafkalog_connection(struct kafkalog *l, const char *brokers, bool connected,
			 const char *reason);

/* A broker took or gave packets: all is well, not only reachable. */
void kafkalog_success(struct kafkalog *l);

/* The last error's text, "" when there was none since all was well. */
const char *kafkalog_last_error(const struct kafkalog *l);

/* Blanks out what a text of librdkafka tells of secrets; `fac` is its facility, or "". */
void kafkalog_hide(const char *fac, char *text);
