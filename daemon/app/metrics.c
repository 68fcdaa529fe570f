/* SPDX-License-Identifier: Apache-2.0 */
#include "app/metrics.h"

#include <assert.h>

#include "app/counters_text.h"
#include "app/http_server.h"
#include "capture/capture.h"
#include "kafka/kafkalibrary.h"
#include "version.h"

static const char *const states[] = {
	[METRICS_STARTING] = "starting",
	[METRICS_STOPPING] = "stopping",
	[METRICS_NO_INTERFACE] = "waiting_for_interface",
	[METRICS_NO_BROKER] = "waiting_for_broker",
	[METRICS_NO_TOPIC] = "waiting_for_topic",
	[METRICS_CAPTURING] = "capturing",
	[METRICS_READING] = "reading",
};
static_assert(sizeof(states) / sizeof(states[0]) == METRICS_STATES, "a name a state");

static void put(struct exposition *e, const char *name, enum exposition_kind kind, const char *help,
		uint64_t value)
{
	exposition_family(e, name, kind, help);
	exposition_integer(e, NULL, 0, value);
}

static void put_seconds(struct exposition *e, const char *name, enum exposition_kind kind,
			const char *help, uint64_t us)
{
	exposition_family(e, name, kind, help);
	exposition_seconds(e, NULL, 0, us);
}

/* ---- what it is ---- */

static void put_build(struct exposition *e)
{
	const struct exposition_label labels[] = {
		{"version", PYCAPA_VERSION},
		{"librdkafka", kafkalibrary_version()},
		{"libpcap", capture_library_version()},
		{"libmicrohttpd", http_server_library_version()},
	};

	exposition_family(e, "pycapa_build", EXPOSITION_INFO,
			  "The versions of pycapa and its libraries.");
	exposition_integer(e, labels, sizeof(labels) / sizeof(labels[0]), 1);
}

/* Names that are not set are left out. */
static void put_instance(struct exposition *e, const struct config *cfg)
{
	bool producer = cfg->mode == CONFIG_MODE_PRODUCER;
	const struct exposition_label all[] = {
		{"name", cfg->instance},
		{"mode", producer ? "producer" : "consumer"},
		{"interface", producer && !cfg->read_file ? cfg->interface : NULL},
		{"topic", cfg->topic},
	};
	struct exposition_label labels[sizeof(all) / sizeof(all[0])];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].value)
			labels[n++] = all[i];
	exposition_family(e, "pycapa_instance", EXPOSITION_INFO,
			  "What this instance does, by its settings.");
	exposition_integer(e, labels, n, 1);
}

static void put_process(struct exposition *e, const struct metrics *m)
{
	put_seconds(e, "process_start_time_seconds", EXPOSITION_GAUGE,
		    "When the process started, seconds since the Unix epoch.", m->started_us);
	put_seconds(e, "process_cpu_seconds", EXPOSITION_COUNTER,
		    "Processor time used, user and system.", m->cpu_us);
	put(e, "pycapa_reloads", EXPOSITION_COUNTER, "Reloads that were applied.", m->reloads);
	put(e, "pycapa_reloads_refused", EXPOSITION_COUNTER,
	    "Reloads that were refused; the old settings stayed.", m->reloads_refused);
	put(e, "pycapa_last_reload_successful", EXPOSITION_GAUGE,
	    "1 when the last reload was applied, or none was asked for.", !m->refused_last);
	put(e, "pycapa_watchdog_notifications", EXPOSITION_COUNTER,
	    "How often systemd's watchdog was told that the event loop runs.", m->watchdog);
}

/* ---- how it does ---- */

static void put_state(struct exposition *e, const struct metrics *m)
{
	exposition_family(e, "pycapa_state", EXPOSITION_GAUGE,
			  "1 for the state that the instance is in, 0 for the others.");
	for (size_t i = 0; i < METRICS_STATES; i++) {
		const struct exposition_label label = {"state", states[i]};

		exposition_integer(e, &label, 1, i == m->state);
	}
	put(e, "pycapa_healthy", EXPOSITION_GAUGE,
	    "1 while packets get somewhere, to Kafka or the spool, or the output: as /healthz.",
	    !*m->trouble);
	put(e, "pycapa_kafka_connected", EXPOSITION_GAUGE, "1 while a broker answers.",
	    m->connected);
}

static void put_counters(struct exposition *e, const struct metrics *m)
{
	char name[COUNTERS_METRIC_MAX];

	for (const struct counter *row = counters_first(m->cfg->mode); row;
	     row = counters_next(row)) {
		uint64_t value = counters_value(&m->counters, row);

		if (value == COUNTER_UNKNOWN)
			continue;
		counters_metric(name, sizeof(name), row);
		exposition_family(e, name,
				  row->kind == COUNTER_TOTAL ? EXPOSITION_COUNTER
							     : EXPOSITION_GAUGE,
				  row->help);
		if (row->unit == COUNTER_MICROSECONDS)
			exposition_seconds(e, NULL, 0, value);
		else
			exposition_integer(e, NULL, 0, value);
	}
	if (m->cfg->mode == CONFIG_MODE_PRODUCER && m->cfg->spool_directory)
		put(e, "pycapa_spool_limit_bytes", EXPOSITION_GAUGE,
		    "The most that the spool's files may hold (spool-size).", m->cfg->spool_size);
}

static void put_ages(struct exposition *e, const struct delivery_ages *ages)
{
	exposition_family(e, "pycapa_delivery_age_seconds", EXPOSITION_HISTOGRAM,
			  "Age of packets, since their capture, when Kafka acknowledged them; "
			  "those that were acknowledged together count as the first of them.");
	exposition_histogram(e, delivery_ages_bounds_ms, ages->counts, DELIVERY_AGES_BOUNDS,
			     ages->sum_ms);
}

/* ---- the brokers, by librdkafka's statistics ---- */

static void put_up(struct exposition *e, const struct kafkastats *stats)
{
	exposition_family(e, "pycapa_broker_up", EXPOSITION_GAUGE,
			  "1 while the connection to this broker is up.");
	for (size_t i = 0; i < stats->n_brokers; i++) {
		const struct exposition_label label = {"broker", stats->brokers[i].name};

		exposition_integer(e, &label, 1, stats->brokers[i].up);
	}
}

static const struct {
	const char *name, *help;
	size_t offset;
} spans[] = {
	{"pycapa_broker_rtt_seconds",
	 "Mean round trip to this broker in the last interval of librdkafka's statistics.",
	 offsetof(struct kafkastats_broker, rtt_us)},
	{"pycapa_broker_rtt_max_seconds", "The longest round trip in that interval.",
	 offsetof(struct kafkastats_broker, rtt_max_us)},
	{"pycapa_broker_outbuf_seconds",
	 "Mean time that requests to this broker waited to be sent in that interval.",
	 offsetof(struct kafkastats_broker, outbuf_us)},
	{"pycapa_broker_outbuf_max_seconds", "The longest time that one waited in that interval.",
	 offsetof(struct kafkastats_broker, outbuf_max_us)},
};

static void put_span(struct exposition *e, const struct kafkastats *stats, size_t span)
{
	exposition_family(e, spans[span].name, EXPOSITION_GAUGE, spans[span].help);
	for (size_t i = 0; i < stats->n_brokers; i++) {
		const struct kafkastats_broker *broker = &stats->brokers[i];
		const struct exposition_label label = {"broker", broker->name};
		int64_t us =
			*(const int64_t *)(const void *)((const char *)broker + spans[span].offset);

		if (us >= 0)
			exposition_seconds(e, &label, 1, (uint64_t)us);
	}
}

static void put_brokers(struct exposition *e, const struct kafkastats *stats)
{
	if (stats->n_brokers == 0)
		return;
	put_up(e, stats);
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		put_span(e, stats, i);
}

void metrics_print(FILE *out, const struct metrics *m, enum exposition_format format)
{
	struct exposition e;

	exposition_begin(&e, out, format);
	put_build(&e);
	put_instance(&e, m->cfg);
	put_process(&e, m);
	put_state(&e, m);
	if (m->counted)
		put_counters(&e, m);
	if (m->ages)
		put_ages(&e, m->ages);
	if (m->kafka)
		put_brokers(&e, m->kafka);
	exposition_end(&e);
}
