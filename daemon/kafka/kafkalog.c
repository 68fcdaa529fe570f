/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka reports one fault many ways: a log line, an error event, and "all brokers down"; and
 * again at each reconnect, twice a second. What an operator needs is one line when it begins, one
 * a minute while it lasts, one when it ends. The error event carries the best text; the log line
 * of the same fault (facilities FAIL, ERROR, FATAL and LIBSASL) shows at DEBUG. A refused
 * certificate is the other way round: only the log line of certcheck.c (SSLCERTVRFY) knows the
 * reason. A kinit that failed has reported by itself (kinit.c), but not one that could not be run.
 *
 * A connection that breaks is an error event first, and "all brokers down" a moment later where no
 * other broker is left. So the error is held back for that moment: it becomes the reason in the
 * line about the outage, or a line of its own.
 */
#include "kafka/kafkalog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "kafka/hints.h"
#include "kafka/kafkaprops.h"
#include "kafka/kinit.h"

#define KINDS      16
#define INTERVAL_S 60
#define CHANGES    12 /* lost and back so often a minute is told; more is a flood */

struct kind {
	rd_kafka_resp_err_t err;
	char fac[16];
	struct log_limit limit;
};

struct kafkalog {
	atomic_int refs;
	struct kind kinds[KINDS];
	size_t n_kinds;
	bool quiet;
	bool lost;
	bool back;               /* the kinds are forgotten once all is well */
	struct log_limit minute; /* that changes are counted in */
	unsigned int changes;    /* in it */
	uint64_t untold;         /* changes beyond CHANGES */
	rd_kafka_resp_err_t held_err;
	char held[1024]; /* "": none */
	rd_kafka_resp_err_t last_err;
	char last_error[512];
	int kinit_read, kinit_write; /* a pipe, -1: no client of ours runs kinit */
};

int kafkalog_new(struct kafkalog **out)
{
	struct kafkalog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->refs = 1;
	l->kinit_read = l->kinit_write = -1;
	*out = l;
	return 0;
}

void kafkalog_ref(struct kafkalog *l)
{
	atomic_fetch_add(&l->refs, 1);
}

void kafkalog_unref(struct kafkalog *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	if (l->kinit_read >= 0) {
		close(l->kinit_read);
		close(l->kinit_write);
	}
	free(l);
}

void kafkalog_set_quiet(struct kafkalog *l)
{
	l->quiet = true;
}

bool kafkalog_is_lost(const struct kafkalog *l)
{
	return l->lost;
}

int kafkalog_kinit_fd(struct kafkalog *l)
{
	int fds[2];

	if (l->kinit_read >= 0)
		return l->kinit_write;
	if (pipe2(fds, O_CLOEXEC | O_DIRECT) < 0) {
		int r = -errno;

		log_error("Cannot create a pipe for the output of kinit: %s", strerror(-r));
		return r;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	fcntl(fds[1], F_SETFD, 0);
	l->kinit_read = fds[0];
	l->kinit_write = fds[1];
	return l->kinit_write;
}

/* With O_DIRECT a pipe keeps what one write wrote together. */
static void tell_kinits(struct kafkalog *l)
{
	char text[KINIT_REPORT_MAX];
	ssize_t n;

	while (l->kinit_read >= 0 && (n = read(l->kinit_read, text, sizeof(text))) > 0)
		log_error("%.*s", (int)n, text);
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

static void write_limited(const struct kafkalog *l, struct log_limit *limit, enum log_level level,
			  const char *text)
{
	uint64_t held;

	if (l->quiet)
		level = LOG_LEVEL_DEBUG;
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

static void blank(char *rest)
{
	snprintf(rest, strlen(rest) + 1, " ****");
}

/* librdkafka quotes the part of this secret that it cannot make sense of. */
static void hide_oauthbearer(char *text)
{
	static const char *const before[] = {"sasl.oauthbearer.config",
					     "SASL/OAUTHBEARER extension"};

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = strstr(text, before[i]);

		if (at)
			blank(at + strlen(before[i]));
	}
}

/* True for what librdkafka puts behind a command; a command ends with our quote and never so. */
static bool is_result(const char *text)
{
	static const char *const results[] = {": exited with code ", ": received signal "};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		size_t len = strlen(results[i]);

		if (!strncmp(text, results[i], len))
			return text[len + strspn(text + len, "0123456789")] == '\0';
	}
	return false;
}

/* "...: COMMAND", or "...: COMMAND: RESULT"; librdkafka cuts long lines, then without the result.
 */
static void hide_command(char *text)
{
	char *start = strstr(text, KINIT_START), *result;
	char line[64];

	if (!start)
		return;
	result = strrchr(start, ':');
	snprintf(line, sizeof(line), "****%s", result && is_result(result) ? result : "");
	snprintf(start, strlen(start) + 1, "%s", line);
}

/* "  NAME = VALUE" */
static void hide_property(char *text)
{
	char *end = strstr(text, " = "), *name = end;

	if (!end)
		return;
	while (name > text && name[-1] != ' ')
		name--;
	*end = '\0';
	if (kafkaprops_is_secret(name))
		blank(end + 2);
	*end = ' ';
}

void kafkalog_hide(const char *fac, char *text)
{
	hide_oauthbearer(text);
	if (!strcmp(fac, "SASLREFRESH"))
		hide_command(text);
	else if (!strcmp(fac, "CONF"))
		hide_property(text);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && !strcmp(text + len - n, end);
}

/*
 * What only repeats what another line says better, or what is so by a default of ours, or is no
 * fault: librdkafka gives up the handle that it began with once it knows the broker's number, and
 * asks for its producer id again.
 */
static bool is_echo(const char *fac, const char *text)
{
	return (!strcmp(fac, "CONFWARN") && strstr(text, "enable.gapless.guarantee")) ||
	       !strcmp(fac, "FAIL") || !strcmp(fac, "ERROR") || !strcmp(fac, "FATAL") ||
	       !strcmp(fac, "LIBSASL") ||
	       (!strcmp(fac, "OFFSET") && strstr(text, "offset reset")) ||
	       (!strcmp(fac, "GETPID") && strstr(text, "Broker handle destroyed")) ||
	       (!strcmp(fac, "SASLREFRESH") && ends_with(text, ": exited with code " KINIT_TOLD));
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
	char line[2200]; /* librdkafka's are cut at 2048 */

	tell_kinits(l);
	if (!strcmp(fac, "SSLCERTVRFY")) {
		write_certificate(l, text);
		return;
	}
	snprintf(line, sizeof(line), "Kafka: %s: %s", fac, text);
	kafkalog_hide(fac, line);
	if (level >= LOG_DEBUG || is_echo(fac, text))
		log_debug("%s", line);
	else
		write_limited(l, limit_of(l, RD_KAFKA_RESP_ERR_NO_ERROR, fac), our_level(level),
			      line);
}

static void write_error(struct kafkalog *l, rd_kafka_resp_err_t err, const char *text)
{
	char line[1100];

	snprintf(line, sizeof(line), "Kafka: %s", text);
	write_limited(l, limit_of(l, err, ""), LOG_LEVEL_ERROR, line);
}

static bool is_transport(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
	       err == RD_KAFKA_RESP_ERR__RESOLVE;
}

bool kafkalog_error(struct kafkalog *l, rd_kafka_resp_err_t err, const char *text, bool fatal)
{
	const struct hint hint = hints_behind(text, ": ");
	char line[1024];

	tell_kinits(l);
	if (err == RD_KAFKA_RESP_ERR__SSL && strstr(text, "certificate verify failed") &&
	    l->last_error[0])
		return false; /* told, and better, by write_certificate() */
	l->last_err = err;
	snprintf(l->last_error, sizeof(l->last_error), "%s", text);
	kafkalog_hide("", l->last_error);
	snprintf(line, sizeof(line), "%s%s%s%s", fatal ? "fatal: " : "", l->last_error, hint.mark,
		 hint.advice);
	/* What has an advice is more than an outage. */
	if (is_transport(err) && !*hint.advice && !l->lost && !*l->held) {
		snprintf(l->held, sizeof(l->held), "%s", line);
		l->held_err = err;
		return true;
	}
	write_error(l, err, line);
	return false;
}

void kafkalog_refused(struct kafkalog *l, const char *text, char *why, size_t size)
{
	const struct hint hint = hints_behind(text, ": ");
	char shown[512];

	if (!why) {
		kafkalog_error(l, RD_KAFKA_RESP_ERR__INVALID_ARG, text, false);
		return;
	}
	snprintf(shown, sizeof(shown), "%s", text);
	kafkalog_hide("", shown);
	snprintf(why, size, "Kafka client: %s%s%s", shown, hint.mark, hint.advice);
}

void kafkalog_release(struct kafkalog *l)
{
	if (*l->held)
		write_error(l, l->held_err, l->held);
	*l->held = '\0';
}

void kafkalog_drop(struct kafkalog *l)
{
	*l->held = '\0';
}

/* Whether a change of the connection is told; *untold: how many before it were not. */
static bool may_tell_change(struct kafkalog *l, char *untold, size_t size)
{
	uint64_t held;

	*untold = '\0';
	if (log_limit_pass(&l->minute, INTERVAL_S, &held))
		l->changes = 0;
	if (++l->changes > CHANGES) {
		l->untold++;
		return false;
	}
	if (l->untold)
		snprintf(untold, size, " (%" PRIu64 " more changes since)", l->untold);
	l->untold = 0;
	return true;
}

static void tell_lost(struct kafkalog *l, const char *brokers, const char *reason)
{
	uint64_t held;
	char untold[64];

	if (*l->held) {
		reason = l->held;
		/* It is told now: again in a minute. */
		log_limit_pass(limit_of(l, l->held_err, ""), INTERVAL_S, &held);
	}
	if (!l->quiet && may_tell_change(l, untold, sizeof(untold)))
		log_write_event(LOG_LEVEL_WARN, LOG_EVENT_BROKER_LOST, NULL, 0,
				"Kafka is out of reach (%s): %s; waiting for it%s", brokers, reason,
				untold);
	*l->held = '\0';
	l->back = false;
}

static void tell_back(struct kafkalog *l, const char *brokers)
{
	char untold[64];

	if (l->quiet || !may_tell_change(l, untold, sizeof(untold)))
		return; /* a connection that comes and goes: its errors stay limited too */
	log_write_event(LOG_LEVEL_INFO, LOG_EVENT_BROKER_BACK, NULL, 0,
			"Kafka answers again (%s)%s", brokers, untold);
	l->back = true;
}

void kafkalog_connection(struct kafkalog *l, const char *brokers, bool connected,
			 const char *reason)
{
	if (connected && l->lost)
		tell_back(l, brokers);
	if (!connected && !l->lost)
		tell_lost(l, brokers, reason);
	l->lost = !connected;
	/* An answer ends what librdkafka (negative) had to say, not what a broker forbids. */
	if (connected && l->last_err < 0)
		l->last_error[0] = '\0';
}

void kafkalog_success(struct kafkalog *l)
{
	l->last_error[0] = '\0';
	if (!l->back)
		return;
	l->back = false;
	l->n_kinds = 0;
	memset(l->kinds, 0, sizeof(l->kinds));
}

const char *kafkalog_last_error(const struct kafkalog *l)
{
	return l->last_error;
}
