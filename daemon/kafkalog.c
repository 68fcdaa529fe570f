/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka reports one fault many ways: a log line, an error event, and "all brokers down"; and
 * again at each reconnect, twice a second. What an operator needs is one line when it begins, one
 * a minute while it lasts, one when it ends. The error event carries the best text; the log line
 * of the same fault (facilities FAIL, ERROR, FATAL and LIBSASL) shows at DEBUG. A refused
 * certificate is the other way round: only the log line of certcheck.c (SSLCERTVRFY) knows the
 * reason. A failed kinit has told of itself (kinit.c).
 */
#include "kafkalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "advice.h"
#include "log.h"

#define KINDS      16
#define INTERVAL_S 60

struct kind {
	rd_kafka_resp_err_t err;
	char fac[16];
	struct log_limit limit;
};

struct kafkalog {
	char brokers[256];
	struct kind kinds[KINDS];
	size_t n_kinds;
	bool lost; /* said so */
	char last_error[512];
};

int kafkalog_new(struct kafkalog **out, const char *brokers)
{
	struct kafkalog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	snprintf(l->brokers, sizeof(l->brokers), "%s", brokers);
	*out = l;
	return 0;
}

void kafkalog_free(struct kafkalog *l)
{
	free(l);
}

/* When there are more kinds than rows the last row is shared. */
static struct log_limit *limit_of(struct kafkalog *l, rd_kafka_resp_err_t err, const char *fac)
{
	struct kind *k;

	for (size_t i = 0; i < l->n_kinds; i++)
		if (l->kinds[i].err == err && !strncmp(l->kinds[i].fac, fac, sizeof(k->fac) - 1))
			return &l->kinds[i].limit;
	if (l->n_kinds == KINDS)
		return &l->kinds[KINDS - 1].limit;
	k = &l->kinds[l->n_kinds++];
	k->err = err;
	snprintf(k->fac, sizeof(k->fac), "%s", fac);
	return &k->limit;
}

static void write_limited(struct log_limit *limit, enum log_level level, const char *text)
{
	uint64_t held;

	if (!log_enabled(level) || !log_limit_pass(limit, INTERVAL_S, &held))
		return;
	if (held)
		log_write(level, "%s (%" PRIu64 " more like it since)", text, held);
	else
		log_write(level, "%s", text);
}

static enum log_level our_level(int level)
{
	if (level <= LOG_ERR)
		return LOG_LEVEL_ERROR;
	if (level == LOG_WARNING)
		return LOG_LEVEL_WARN;
	return level <= LOG_INFO ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

/* librdkafka quotes the part of this secret that it cannot parse. */
static void hide_secret(char *text)
{
	static const char quote[] = "sasl.oauthbearer.config beginning at: ";
	char *at = strstr(text, quote);

	if (at)
		snprintf(at + strlen(quote), strlen(at + strlen(quote)) + 1, "****");
}

/* What only repeats what another line says better. */
static bool is_echo(const char *fac, const char *text)
{
	return !strcmp(fac, "FAIL") || !strcmp(fac, "ERROR") || !strcmp(fac, "FATAL") ||
	       !strcmp(fac, "LIBSASL") ||
	       (!strcmp(fac, "SASLREFRESH") && strstr(text, "ticket refresh failed"));
}

/* "...[thrd:..]: BROKER: Certificate (..) verification callback failed: REASON", the core of it. */
static void write_certificate(struct kafkalog *l, const char *text)
{
	static const char middle[] = " verification callback failed";
	const char *head = strstr(text, "]: "), *tail = strstr(text, middle);
	char core[512];

	head = head ? head + 3 : text;
	if (tail && tail > head) {
		snprintf(core, sizeof(core), "%.*s%s", (int)(tail - head), head,
			 tail + strlen(middle));
		head = core;
	}
	kafkalog_error(l, RD_KAFKA_RESP_ERR__SSL, head, false);
}

void kafkalog_write(struct kafkalog *l, const char *fac, const char *text, int level)
{
	char line[1024];

	if (!strcmp(fac, "SSLCERTVRFY")) {
		write_certificate(l, text);
		return;
	}
	snprintf(line, sizeof(line), "Kafka: %s: %s", fac, text);
	hide_secret(line);
	if (level >= LOG_DEBUG || is_echo(fac, text))
		log_debug("%s", line);
	else
		write_limited(limit_of(l, RD_KAFKA_RESP_ERR_NO_ERROR, fac), our_level(level), line);
}

void kafkalog_error(struct kafkalog *l, rd_kafka_resp_err_t err, const char *text, bool fatal)
{
	const char *advice = advice_for(text, rd_kafka_version());
	char line[1024];

	if (err == RD_KAFKA_RESP_ERR__SSL && strstr(text, "certificate verify failed") &&
	    l->last_error[0])
		return; /* told, and better, by write_certificate() */
	snprintf(l->last_error, sizeof(l->last_error), "%s", text);
	hide_secret(l->last_error);
	snprintf(line, sizeof(line), "Kafka: %s%s%s%s", fatal ? "fatal: " : "", l->last_error,
		 advice ? ": " : "", advice ? advice : "");
	write_limited(limit_of(l, err, ""), LOG_LEVEL_ERROR, line);
}

void kafkalog_connection(struct kafkalog *l, bool connected, const char *reason)
{
	if (connected && l->lost)
		log_write_event(LOG_LEVEL_INFO, LOG_EVENT_BROKER_BACK, NULL, 0,
				"Kafka answers again (%s)", l->brokers);
	if (!connected && !l->lost)
		log_write_event(LOG_LEVEL_WARN, LOG_EVENT_BROKER_LOST, NULL, 0,
				"Kafka is out of reach (%s): %s; waiting for it", l->brokers,
				reason);
	l->lost = !connected;
	if (connected) {
		l->n_kinds = 0;
		memset(l->kinds, 0, sizeof(l->kinds));
		l->last_error[0] = '\0';
	}
}

const char *kafkalog_last_error(const struct kafkalog *l)
{
	return l->last_error;
}
