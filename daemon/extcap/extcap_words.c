/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wireshark passes what the dialog shows, defaults included. Beside a configuration file only what
 * differs from them counts, else they would win over all that the file says.
 */
#include "extcap/extcap_words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/point_in_time.h"
#include "extcap/extcap_files.h"

/* How long a stop waits for Kafka, twice at most (app, consumer): Wireshark's window waits too. */
#define STOP_MS 250

struct maker {
	struct extcap_words *words;
	const struct extcap_call *call;
	bool in_file; /* a file says what is not told */
	char *why;
	size_t size;
	int err; /* the first; nothing is added any more */
};

static void fail(struct maker *m, const char *what, const char *todo)
{
	if (m->err == 0)
		snprintf(m->why, m->size, "%s: %s", what, todo);
	m->err = m->err ? m->err : -EINVAL;
}

/* An interface as Wireshark's preferences call it: all but letters, 1 to 9 and _ becomes _. */
static void name_preference(char *buf, size_t size, const char *interface)
{
	size_t n = 0;

	for (; interface && *interface && n + 1 < size; interface++)
		buf[n++] =
			isalnum((unsigned char)*interface) && *interface != '0' ? *interface : '_';
	buf[n] = '\0';
}

static void fail_missing(struct maker *m, const char *what, enum extcap_arg_id id)
{
	char interface[128], todo[320];

	name_preference(interface, sizeof(interface), m->call->interface);
	snprintf(todo, sizeof(todo),
		 "set it in the options of this interface (Wireshark: the gear wheel; tshark: "
		 "-o extcap.%s.%s:VALUE)",
		 interface, extcap_args()[id].name);
	fail(m, what, todo);
}

__attribute__((format(printf, 2, 3))) static void add(struct maker *m, const char *fmt, ...)
{
	struct extcap_words *words = m->words;
	char **grown = reallocarray(words->list, (size_t)words->n + 2, sizeof(*grown));
	va_list ap;
	int n = -1;

	if (grown) {
		words->list = grown;
		va_start(ap, fmt);
		n = vasprintf(&grown[words->n], fmt, ap);
		va_end(ap);
		words->n += n >= 0;
		grown[words->n] = NULL;
	}
	if (n >= 0 || m->err)
		return;
	m->err = -ENOMEM;
	snprintf(m->why, m->size, "out of memory");
}

/* The value of an argument where it is to count. */
static const char *told(const struct maker *m, enum extcap_arg_id id)
{
	const char *value = m->call->values[id], *initial = extcap_args()[id].initial;

	return m->in_file && value && initial && strcmp(value, initial) == 0 ? NULL : value;
}

static bool is(const struct maker *m, enum extcap_arg_id id, const char *what)
{
	return strcmp(extcap_call_value(m->call, id), what) == 0;
}

/* Not of the dialog, but tshark's -o takes any text. */
static void check_choice(struct maker *m, enum extcap_arg_id id)
{
	const struct extcap_choice *choice = extcap_args()[id].choices;
	char choices[128] = "";
	size_t len = 0;

	for (; choice->value; choice++) {
		if (is(m, id, choice->value))
			return;
		len += (size_t)snprintf(choices + len, sizeof(choices) - len, "%s%s",
					len ? ", " : "", choice->value);
	}
	if (m->err == 0)
		snprintf(m->why, m->size, "%s '%s' is none of %s", extcap_args()[id].name,
			 m->call->values[id], choices);
	m->err = m->err ? m->err : -EINVAL;
}

/* ---- Kafka ---- */

static void add_required(struct maker *m, enum extcap_arg_id id, const char *option)
{
	const char *value = told(m, id);

	if (value)
		add(m, "--%s=%s", option, value);
	else if (!m->in_file)
		fail_missing(m,
			     id == EXTCAP_ARG_TOPIC ? "no topic is given" : "no brokers are given",
			     id);
}

/* A value that begins with '@' would name a file. */
static void add_property(struct maker *m, enum extcap_arg_id id)
{
	const struct extcap_arg *arg = &extcap_args()[id];
	const char *value = told(m, id);

	if (value)
		add(m, "--kafka-config=%s=%s%s", arg->property, *value == '@' ? "@" : "", value);
}

/* The defaults of the dialog are librdkafka's, and without a login it warns of a mechanism. */
static void add_security(struct maker *m)
{
	bool login = strncmp(extcap_call_value(m->call, EXTCAP_ARG_PROTOCOL), "sasl", 4) == 0;

	for (int id = 0; id < EXTCAP_ARGS; id++) {
		bool of_login = id == EXTCAP_ARG_MECHANISM || id == EXTCAP_ARG_USERNAME ||
				id == EXTCAP_ARG_PASSWORD;

		if (!extcap_args()[id].property || (of_login && !login && !m->in_file) ||
		    (id == EXTCAP_ARG_PROTOCOL && is(m, EXTCAP_ARG_PROTOCOL, "plaintext")))
			continue;
		add_property(m, (enum extcap_arg_id)id);
	}
}

/* "NAME=VALUE; NAME=VALUE" */
static void add_properties(struct maker *m)
{
	const char *at = m->call->values[EXTCAP_ARG_PROPERTIES];

	while (at && *at) {
		size_t len = strcspn(at, ";"), used;

		used = len;
		while (used > 0 && isspace((unsigned char)*at)) {
			at++;
			used--;
			len--;
		}
		while (used > 0 && isspace((unsigned char)at[used - 1]))
			used--;
		if (used > 0)
			add(m, "--kafka-config=%.*s", (int)used, at);
		at += len + (at[len] == ';');
	}
}

static void add_kafka(struct maker *m)
{
	add_required(m, EXTCAP_ARG_BROKERS, "kafka-broker");
	add_security(m);
	add_properties(m);
}

/* The file of the interface, or the one that the dialog names. */
static void add_file(struct maker *m)
{
	const char *name = extcap_call_instance(m->call);
	const char *given = m->call->values[EXTCAP_ARG_CONFIG];
	char *path = NULL;

	if (name) {
		path = extcap_files_path(name);
		if (!path)
			fail(m, m->call->interface, "no configuration file can have this name");
	}
	if (path || given)
		add(m, "--config=%s", path ? path : given);
	m->in_file = path || given;
	free(path);
}

/* ---- what is read ---- */

/* --kafka-offset takes more than times, and would name all of that. */
static void refuse_time(struct maker *m, enum extcap_arg_id id, const char *text)
{
	char why[512];

	point_in_time_explain(text, why, sizeof(why));
	fail(m, extcap_args()[id].display, why);
}

/* Wireshark writes seconds since the epoch; a person what --from takes. */
static void add_time(struct maker *m, const char *option, enum extcap_arg_id id, int64_t now_s)
{
	const char *value = m->call->values[id];
	bool epoch = value && strspn(value, "0123456789.") == strlen(value);
	char text[256];
	int64_t us;

	snprintf(text, sizeof(text), "%s%s", epoch ? "@" : "", value ? value : "");
	if (!value)
		fail_missing(m,
			     id == EXTCAP_ARG_STARTTIME ? "no start time is given"
							: "no end time is given",
			     id);
	else if (!point_in_time_parse(text, now_s * 1000000, &us))
		refuse_time(m, id, text);
	else
		add(m, "--%s=%s", option, text);
}

/* A range of time, or where to start and whether to stop at the end. */
static void add_range(struct maker *m, int64_t now_s)
{
	bool timed = is(m, EXTCAP_ARG_START, "time");

	check_choice(m, EXTCAP_ARG_START);
	check_choice(m, EXTCAP_ARG_END);
	if (is(m, EXTCAP_ARG_END, "time")) {
		if (timed)
			add_time(m, "from", EXTCAP_ARG_STARTTIME, now_s);
		else if (is(m, EXTCAP_ARG_START, "now"))
			add(m, "--from=@%" PRId64, now_s);
		add_time(m, "to", EXTCAP_ARG_ENDTIME, now_s);
		return;
	}
	if (timed)
		add_time(m, "kafka-offset", EXTCAP_ARG_STARTTIME, now_s);
	else
		add(m, "--kafka-offset=%s", is(m, EXTCAP_ARG_START, "now") ? "end" : "begin");
	add(m, is(m, EXTCAP_ARG_END, "end") ? "--exit-at-end" : "--no-exit-at-end");
}

/* A read that ends waits longer by itself, and costs nothing by that. */
static void add_reorder(struct maker *m)
{
	const char *value = m->call->values[EXTCAP_ARG_REORDER];
	const char *initial = extcap_args()[EXTCAP_ARG_REORDER].initial;

	if (value && strcmp(value, initial) != 0)
		add(m, "--reorder=%s%s", value,
		    strspn(value, "0123456789") == strlen(value) ? "ms" : "");
}

/* Both filters have to let a packet pass. */
static void add_filter(struct maker *m)
{
	const char *own = m->call->values[EXTCAP_ARG_FILTER], *window = m->call->filter;

	if (!own && !window)
		return;
	add(m, "--");
	if (own && window && strcmp(own, window) != 0)
		add(m, "(%s) and (%s)", own, window);
	else
		add(m, "%s", own ? own : window);
}

const char *extcap_words_field(const char *option)
{
	static const struct {
		const char *option;
		enum extcap_arg_id id;
	} fields[] = {
		{"kafka-broker", EXTCAP_ARG_BROKERS},
		{"kafka-topic", EXTCAP_ARG_TOPIC},
		{"kafka-offset", EXTCAP_ARG_STARTTIME},
		{"from", EXTCAP_ARG_STARTTIME},
		{"to", EXTCAP_ARG_ENDTIME},
		{"reorder", EXTCAP_ARG_REORDER},
		{"config", EXTCAP_ARG_CONFIG},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(option, fields[i].option) == 0)
			return extcap_args()[fields[i].id].display;
	return NULL;
}

/* ---- the whole ---- */

static struct maker begin(struct extcap_words *words, const struct extcap_call *call, char *why,
			  size_t size)
{
	struct maker m = {.words = words, .call = call, .why = why, .size = size};

	*words = (struct extcap_words){0};
	*why = '\0';
	add(&m, "pycapa");
	return m;
}

int extcap_words_capture(struct extcap_words *words, const struct extcap_call *call, int64_t now_s,
			 char *why, size_t size)
{
	struct maker m = begin(words, call, why, size);

	if (!call->fifo)
		fail(&m, "no --fifo is given", "Wireshark makes it");
	else
		add(&m, "--write-file=%s", call->fifo);
	add(&m, "--consumer");
	add(&m, "--quiet");
	add(&m, "--format=pcapng");
	add(&m, "--pretty-print=0");
	add(&m, "--log-level=INFO");
	add(&m, "--stats-interval=10s");
	add(&m, "--shutdown-timeout=%dms", STOP_MS);
	add_file(&m);
	add_required(&m, EXTCAP_ARG_TOPIC, "kafka-topic");
	add_kafka(&m);
	add_range(&m, now_s);
	add_reorder(&m);
	add_filter(&m);
	return m.err;
}

int extcap_words_listing(struct extcap_words *words, const struct extcap_call *call, char *why,
			 size_t size)
{
	struct maker m = begin(words, call, why, size);

	add(&m, "--list-topics");
	add_file(&m);
	add_kafka(&m);
	return m.err;
}

void extcap_words_clear(struct extcap_words *words)
{
	for (int i = 0; i < words->n; i++) {
		explicit_bzero(words->list[i], strlen(words->list[i]));
		free(words->list[i]);
	}
	free(words->list);
	*words = (struct extcap_words){0};
}
