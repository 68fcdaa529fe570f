/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/kafkacheck.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkaprops.h"
#include "kafka/kafkashow.h"
#include "with_cfg.h"

/* The value in force of a property, of the client or the topic, for a file's text. */
static void in_force(const char *text, const char *name, char *value, size_t size)
{
	rd_kafka_topic_conf_t *topic_conf;
	rd_kafka_conf_t *conf;
	const struct config *cfg;
	struct kept kept;

	if (load_text(&cfg, &kept, text) > 0)
		fail_msg("%s", kept.text);
	assert_int_equal(kafkaconf_new(&conf, &topic_conf, cfg), 0);
	if (rd_kafka_topic_conf_get(topic_conf, name, value, &size) != RD_KAFKA_CONF_OK)
		assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
	rd_kafka_topic_conf_destroy(topic_conf);
	rd_kafka_conf_destroy(conf);
	config_unref(cfg);
}

#define CONSUMER "mode = \"consumer\";"

static void test_values_in_force(void **state)
{
	static const struct {
		const char *text, *name, *value;
	} cases[] = {
		{"", "bootstrap.servers", "localhost:9092"},
		{"kafka-broker = \"a:1,b:2\";", "bootstrap.servers", "a:1,b:2"},
		{"kafka-config = (\"metadata.broker.list=z:1\");", "bootstrap.servers", "z:1"},
		{"", "enable.idempotence", "true"},
		{"", "message.timeout.ms", "0"},
		{"", "reconnect.backoff.max.ms", "500"},
		{"", "queue.buffering.max.messages", "131072"},
		{"kafka-config = (\"acks=1\");", "enable.idempotence", "false"},
		{"", "enable.gapless.guarantee", "true"},
		{"kafka-config = (\"enable.idempotence=true\");", "enable.gapless.guarantee",
		 "true"},
		{"kafka-config = (\"enable.idempotence=false\");", "enable.gapless.guarantee",
		 "false"},
		{"kafka-config = (\"acks=1\");", "enable.gapless.guarantee", "false"},
		{"kafka-config = (\"enable.gapless.guarantee=false\");", "enable.gapless.guarantee",
		 "false"},
		{"kafka-config = (\"acks=1\");", "request.required.acks", "1"},
		/* With several on their way, librdkafka can send one twice as new. */
		{"", "max.in.flight", "1"},
		{"record = \"block\";", "max.in.flight", "1"},
		{"kafka-config = (\"enable.idempotence=true\");", "max.in.flight", "1"},
		{"kafka-config = (\"max.in.flight=5\");", "max.in.flight", "5"},
		{"kafka-config = (\"max.in.flight=5\");", "enable.idempotence", "true"},
		{"kafka-config = (\"enable.idempotence=false\");", "max.in.flight", "1000000"},
		{"kafka-config = (\"acks=1\");", "max.in.flight", "1"},
		{"kafka-config = (\"acks=1\", \"max.in.flight=9\");", "max.in.flight", "9"},
		{"kafka-config = (\"acks=1\", \"acks=all\");", "enable.idempotence", "true"},
		{"kafka-config = (\"retries=0\");", "enable.idempotence", "false"},
		{"kafka-config = (\"max.in.flight=6\");", "enable.idempotence", "false"},
		{"kafka-config = (\"delivery.timeout.ms=5\");", "message.timeout.ms", "5"},
		{"kafka-config = (\"linger.ms=1\", \"queue.buffering.max.ms=7\");", "linger.ms",
		 "7"},
		{"kafka-config = (\"compression.type=lz4\");", "compression.codec", "inherit"},
		{"kafka-config = (\"max.in.flight=0x10\");", "enable.idempotence", "false"},
		{"kafka-config = (\"queue.buffering.backpressure.threshold=10\");",
		 "enable.idempotence", "false"},
		{"kafka-config = (\"reconnect.backoff.ms=1000\");", "reconnect.backoff.max.ms",
		 "1000"},
		{"kafka-config = (\"reconnect.backoff.ms=400\");", "reconnect.backoff.max.ms",
		 "500"},
		{"kafka-config = (\"reconnect.backoff.max.ms=20\");", "reconnect.backoff.ms", "20"},
		{CONSUMER "kafka-config = (\"reconnect.backoff.ms=1000\");",
		 "reconnect.backoff.max.ms", "1000"},
		{"", "topic.metadata.refresh.interval.ms", "10000"},
		{"", "metadata.max.age.ms", "900000"},
		{"", "statistics.interval.ms", "5000"},
		{CONSUMER, "statistics.interval.ms", "5000"},
		{"kafka-config = (\"statistics.interval.ms=0\");", "statistics.interval.ms", "0"},
		{"kafka-config = (\"topic.metadata.refresh.interval.ms=1000000\");",
		 "topic.metadata.refresh.interval.ms", "1000000"},
		/* Every spelling that librdkafka takes. */
		{"kafka-config = (\"enable.idempotence=1\");", "enable.gapless.guarantee", "true"},
		{"kafka-config = (\"enable.idempotence=t\");", "enable.gapless.guarantee", "true"},
		{"kafka-config = (\"enable.idempotence=T\");", "enable.gapless.guarantee", "true"},
		{"kafka-config = (\"enable.idempotence=TRUE\");", "enable.gapless.guarantee",
		 "true"},
		{"kafka-config = (\"enable.idempotence=0\");", "enable.gapless.guarantee", "false"},
		{"kafka-config = (\"enable.idempotence=f\");", "enable.gapless.guarantee", "false"},
		{"kafka-config = (\"enable.idempotence=0\", \"enable.idempotence=1\");",
		 "enable.gapless.guarantee", "true"},
		{"kafka-config = (\"request.required.acks=All\");", "enable.idempotence", "true"},
		{"kafka-config = (\"request.required.acks=-0x1\");", "enable.idempotence", "true"},
		{"kafka-config = (\"acks=0x1\");", "enable.idempotence", "false"},
		{"kafka-config = (\"request.required.acks=1\", \"acks=-01\");",
		 "enable.idempotence", "true"},
		{"kafka-config = (\"message.send.max.retries=00\");", "enable.idempotence",
		 "false"},
		{"kafka-config = (\"queuing.strategy= FIFO\");", "enable.idempotence", "true"},
		/* A block goes from where it lies, and is not copied into a request. */
		{"", "message.copy.max.bytes", "65535"},
		{"record = \"block\";", "message.copy.max.bytes", "4096"},
		{"record = \"block\"; kafka-config = (\"message.copy.max.bytes=9\");",
		 "message.copy.max.bytes", "9"},
		{CONSUMER, "group.id", "pycapa"},
		{CONSUMER "kafka-config = (\"group.id=g\");", "group.id", "g"},
		{CONSUMER, "enable.auto.offset.store", "false"},
		{CONSUMER, "enable.partition.eof", "false"},
		{CONSUMER "exit-at-end = true;", "enable.partition.eof", "true"},
		{CONSUMER "to = \"2222-01-01T00:00:00Z\";", "enable.partition.eof", "true"},
		{CONSUMER "from = \"2222-01-01\";", "enable.partition.eof", "false"},
		{CONSUMER "to = \"2020-01-01\";", "fetch.message.max.bytes", "524288"},
		{CONSUMER "to = \"2222-01-01\";", "fetch.message.max.bytes", "1048576"},
		{CONSUMER "exit-at-end = true;", "fetch.message.max.bytes", "524288"},
		{CONSUMER "exit-at-end = true;", "queued.max.messages.kbytes", "128"},
		{CONSUMER "exit-at-end = true;", "queued.min.messages", "100"},
		{CONSUMER "exit-at-end = true; kafka-offset = \"stored\";",
		 "queued.max.messages.kbytes", "65536"},
		{CONSUMER "exit-at-end = true; kafka-config = (\"fetch.wait.max.ms=7\");",
		 "fetch.wait.max.ms", "7"},
		{CONSUMER
		 "to = \"2020-01-01\"; kafka-config = (\"max.partition.fetch.bytes=4096\");",
		 "fetch.message.max.bytes", "4096"},
	};
	char value[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		in_force(cases[i].text, cases[i].name, value, sizeof(value));
		if (strcmp(value, cases[i].value) != 0)
			fail_msg("%s: %s is %s, not %s", cases[i].text, cases[i].name, value,
				 cases[i].value);
	}
}

static void test_many_partitions_get_less_at_once(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{CONSUMER "exit-at-end = true;", "131072"},
		{CONSUMER
		 "exit-at-end = true; kafka-config = (\"fetch.message.max.bytes=524288\");",
		 "524288"},
		{CONSUMER "exit-at-end = true; kafka-config = (\"max.partition.fetch.bytes=77\");",
		 "77"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rd_kafka_topic_conf_t *topic_conf;
		rd_kafka_conf_t *conf;
		const struct config *cfg;
		struct kept kept;
		char value[16];
		size_t size = sizeof(value);

		assert_int_equal(load_text(&cfg, &kept, cases[i].text), 0);
		assert_int_equal(kafkaconf_new(&conf, &topic_conf, cfg), 0);
		kafkaconf_for_many(conf, cfg);
		rd_kafka_conf_get(conf, "fetch.message.max.bytes", value, &size);
		assert_string_equal(value, cases[i].value);
		rd_kafka_topic_conf_destroy(topic_conf);
		rd_kafka_conf_destroy(conf);
		config_unref(cfg);
	}
}

/* librdkafka itself takes what is made, for both roles and for each conflict with our defaults. */
static void test_clients_are_made(void **state)
{
	static const char *const texts[] = {
		"",
		"kafka-config = (\"acks=0\");",
		"kafka-config = (\"max.in.flight=100\");",
		"kafka-config = (\"retries=0\");",
		"kafka-config = (\"queuing.strategy=lifo\");",
		"kafka-config = (\"queue.buffering.backpressure.threshold=10\");",
		"kafka-config = (\"reconnect.backoff.ms=1000\");",
		"kafka-config = (\"reconnect.backoff.max.ms=10\");",
		"kafka-config = (\"message.timeout.ms=5\");",
		"kafka-config = (\"delivery.timeout.ms=1\");",
		"kafka-config = (\"topic.metadata.refresh.interval.ms=1000000\");",
		CONSUMER "kafka-config = (\"reconnect.backoff.ms=1000\");",
		CONSUMER "kafka-config = (\"reconnect.backoff.max.ms=10\");",
		CONSUMER "kafka-config = (\"message.timeout.ms=5\");",
		"kafka-config = (\"group.id=x\", \"compression.type=zstd\");",
		CONSUMER,
		CONSUMER "kafka-offset = \"stored\";",
	};
	char errstr[512] = "";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		rd_kafka_topic_conf_t *topic_conf;
		rd_kafka_conf_t *conf;
		const struct config *cfg;
		struct kept kept;
		rd_kafka_t *rk;

		if (load_text(&cfg, &kept, texts[i]) > 0)
			fail_msg("%s: %s", texts[i], kept.text);
		assert_int_equal(kafkaconf_new(&conf, &topic_conf, cfg), 0);
		rd_kafka_conf_set_default_topic_conf(conf, topic_conf);
		/* Its own words on an address where nobody listens are none of this test's. */
		rd_kafka_conf_set_log_cb(conf, NULL);
		rk = rd_kafka_new(cfg->mode == CONFIG_MODE_PRODUCER ? RD_KAFKA_PRODUCER
								    : RD_KAFKA_CONSUMER,
				  conf, errstr, sizeof(errstr));
		if (rk == NULL)
			fail_msg("%s: %s", texts[i], errstr);
		rd_kafka_destroy(rk);
		config_unref(cfg);
	}
}

/* What does not go together is found before a client is made for use, and nothing is looked up. */
static void test_check_together(void **state)
{
	static const struct {
		const char *text, *words; /* words NULL: it is taken */
	} cases[] = {
		{CONSUMER "kafka-config = (\"client.id=a\",\n\"session.timeout.ms=700000\",\n"
			  "\"client.rack=b\");",
		 "t.cfg:2: the Kafka client refuses these properties: `max.poll.interval.ms`"},
		{CONSUMER "kafka-config = (\"partition.assignment.strategy=foo\");",
		 "Unsupported partition.assignment.strategy"},
		{"kafka-config = (\"linger.ms=10\", \"message.timeout.ms=8\");", "`linger.ms`"},
		{"kafka-config = (\"acks=1\", \"enable.gapless.guarantee=true\");", "gapless"},
		{"kafka-config = (\"acks=1\",\n\"enable.idempotence=1\");",
		 "acks=1 cannot go with enable.idempotence=true"},
		{"kafka-config = (\"retries=0\",\n\"enable.idempotence=T\");",
		 "retries=0 cannot go with enable.idempotence=true"},
		{"kafka-config = (\"security.protocol=SASL_SSL\", \"sasl.mechanism=PLAIN\");",
		 "sasl.username and sasl.password must be set"},
		{"kafka-config = (\"security.protocol=SASL_SSL\", \"sasl.mechanism=FOO\");",
		 "Unsupported SASL mechanism: FOO"},
		{"kafka-config = (\"session.timeout.ms=700000\");", NULL},
		{"kafka-config = (\"security.protocol=SSL\", \"ssl.ca.location=/nonexistent\");",
		 NULL},
		{"kafka-config = (\"security.protocol=SASL_SSL\", \"sasl.mechanism=GSSAPI\","
		 "\"sasl.kerberos.kinit.cmd=false\", \"sasl.kerberos.keytab=/nonexistent\");",
		 NULL},
	};
	const struct config *cfg;
	struct kept kept;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = load_text(&cfg, &kept, cases[i].text);

		if (n != (cases[i].words != NULL) ||
		    (n > 0 && strstr(kept.text, cases[i].words) == NULL))
			fail_msg("%s: said '%s'", cases[i].text, kept.text);
		config_unref(cfg);
	}
}

static void test_check(void **state)
{
	char why[512];

	assert_int_equal(kafkacheck_property("linger.ms", "5", why, sizeof(why)), 0);
	assert_int_equal(kafkacheck_property("message.timeout.ms", "5", why, sizeof(why)), 0);
	assert_int_equal(kafkacheck_property("acks", "all", why, sizeof(why)), 0);
	assert_int_equal(kafkacheck_property("sasl.pasword", "MARKER", why, sizeof(why)), -22);
	assert_non_null(strstr(why, "did you mean sasl.password?"));
	assert_null(strstr(why, "MARKER"));
	assert_int_equal(kafkacheck_property("security.protocol", "tls", why, sizeof(why)), -22);
	assert_non_null(strstr(why, "plaintext, ssl, sasl_plaintext, sasl_ssl"));
}

/* What would break a promise, in every spelling that librdkafka takes; and what would not. */
static void test_what_is_refused_in_every_spelling(void **state)
{
	static const char *const names[] = {"delivery.report.only.error",
					    "enable.auto.offset.store"};
	static const char *const yes[] = {"true", "TRUE", "1", "t", "T"};
	static const char *const no[] = {"false", "False", "0", "f", "F"};
	char why[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(yes) / sizeof(yes[0]); j++) {
			if (kafkacheck_property(names[i], yes[j], why, sizeof(why)) != -22)
				fail_msg("%s=%s is taken", names[i], yes[j]);
			assert_non_null(strstr(why, "leave it out"));
			if (kafkacheck_property(names[i], no[j], why, sizeof(why)) != 0)
				fail_msg("%s=%s: %s", names[i], no[j], why);
		}
	}
	assert_int_equal(kafkacheck_property("enable.partition.eof", "F", why, sizeof(why)), -22);
	assert_int_equal(kafkacheck_property("transactional.id", "x", why, sizeof(why)), -22);
}

static void test_roles(void **state)
{
	struct kafkaprops *props = kafkaprops_new();

	assert_non_null(props);
	assert_true(kafkaprops_wrong_role(props, "group.id", CONFIG_MODE_PRODUCER));
	assert_false(kafkaprops_wrong_role(props, "group.id", CONFIG_MODE_CONSUMER));
	assert_true(kafkaprops_wrong_role(props, "acks", CONFIG_MODE_CONSUMER));
	assert_false(kafkaprops_wrong_role(props, "client.id", CONFIG_MODE_CONSUMER));
	kafkaprops_free(props);
}

static void test_secrets(void **state)
{
	static const char *const secret[] = {
		"sasl.password",           "ssl.key.password",
		"ssl.keystore.password",   "ssl.key.pem",
		"sasl.jaas.config",        "sasl.oauthbearer.client.secret",
		"sasl.kerberos.kinit.cmd", "sasl.oauthbearer.config"};
	static const char *const plain[] = {"ssl.ca.location", "ssl.key.location",     "client.id",
					    "sasl.username",   "sasl.kerberos.keytab", "acks"};

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		assert_true(kafkaprops_is_secret(secret[i]));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(kafkaprops_is_secret(plain[i]));
}

static char told[65536]; /* what a client says of its configuration */

static void keep_told(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s\n", text);
}

/* Makes a client in which every property with a text for a value has one. */
static void tell_all(const struct kafkaprops *props)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const struct kafkaprop *p;
	rd_kafka_t *rk;
	char why[512];
	size_t n;

	for (p = kafkaprops_table(props, &n); n > 0; n--, p++)
		if (p->settable && !p->topic && p->alias == NULL && p->initial[0] == '\0' &&
		    strcmp(p->type, "string") == 0)
			rd_kafka_conf_set(conf, p->name, "x", NULL, 0);
	rd_kafka_conf_set(conf, "plugin.library.paths", "", NULL, 0);
	rd_kafka_conf_set(conf, "transactional.id", "", NULL, 0);
	rd_kafka_conf_set(conf, "debug", "conf", NULL, 0);
	rd_kafka_conf_set_log_cb(conf, keep_told);
	told[0] = '\0';
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (rk == NULL)
		fail_msg("%s", why);
	rd_kafka_destroy(rk);
}

/* Redacted by librdkafka all the same: where a secret is, and what is told to everybody or is a
 * name. */
static bool is_public(const char *name)
{
	static const char *const ends[] = {".location", ".file", "ssl.ca.pem",
					   "ssl.certificate.pem", "sasl.username"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t n = strlen(ends[i]);

		if (len >= n && strcmp(name + len - n, ends[i]) == 0)
			return true;
	}
	return false;
}

/* Of whatever librdkafka is linked: what it does not show of its configuration, we do not. */
static void test_every_secret_of_the_library(void **state)
{
	struct kafkaprops *props = kafkaprops_new();
	char *line, *rest = told;
	size_t found = 0;

	assert_non_null(props);
	tell_all(props);
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *end = strstr(line, " = [redacted]");

		if (end == NULL)
			continue;
		*end = '\0';
		line = strrchr(line, ' ') + 1;
		if (is_public(line))
			continue;
		found++;
		if (!kafkaprops_is_secret(line))
			fail_msg("%s is shown", line);
	}
	assert_true(found >= 5);
	kafkaprops_free(props);
	/* Of a newer librdkafka than may be linked. */
	assert_true(kafkaprops_is_secret("sasl.oauthbearer.assertion.private.key.passphrase"));
}

/* No way of showing the properties shows a secret. */
static void test_shown_without_secrets(void **state)
{
	char line[1024], *dump = NULL;
	const struct config *cfg;
	struct kept kept;
	size_t size;
	FILE *out;

	assert_int_equal(load_text(&cfg, &kept,
				   "kafka-config = (\"sasl.password=MARKER\", \"client.id=it's\","
				   "\"ssl.key.pem=MARKER\", \"client.id=b\", \"acks=1\","
				   "\"request.required.acks=all\");"),
			 0);
	kafkashow_describe(line, sizeof(line), cfg);
	assert_string_equal(line,
			    "{'bootstrap.servers': 'localhost:9092', 'group.id': 'pycapa', "
			    "'sasl.password': '****', 'ssl.key.pem': '****', 'client.id': 'b', "
			    "'request.required.acks': 'all'}");
	out = open_memstream(&dump, &size);
	assert_non_null(out);
	assert_int_equal(kafkashow_dump(out, cfg), 0);
	fclose(out);
	assert_null(strstr(dump, "MARKER"));
	assert_non_null(strstr(dump, "\nsasl.password=****\n"));
	assert_non_null(strstr(dump, "\nmessage.timeout.ms=0\n"));
	free(dump);
	config_unref(cfg);
}

/* The row of a property in a list, from the end of the line before; NULL: there is none. */
static const char *row_of(const char *list, const char *name, const char *initial)
{
	char row[512];

	snprintf(row, sizeof(row), "\n%s%s%s (", name, initial[0] != '\0' ? "=" : "", initial);
	return strstr(list, row);
}

static size_t count_rows(const char *list)
{
	size_t n = 0;

	for (const char *at = list; (at = strchr(at, '\n')) != NULL; at++)
		n += at[1] != ' ' && at[1] != '\0';
	return n;
}

/* librdkafka shows its users all but these. */
static bool is_hidden(const char *name)
{
	static const char *const names[] = {
		"client.software.name", "metadata.request.timeout.ms", "enable.sparse.connections",
		"enable_sasl_queue",    "test.mock.num.brokers",       "test.mock.broker.rtt"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* librdkafka's own word for what there is: each value it has by default. */
static void assert_lists_all_of(const char *list, bool topic)
{
	rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	size_t n;
	const char **pairs =
		topic ? rd_kafka_topic_conf_dump(topic_conf, &n) : rd_kafka_conf_dump(conf, &n);
	struct kafkaprops *props = kafkaprops_new();

	assert_true(n > (topic ? 10 : 100));
	for (size_t i = 0; i + 1 < n; i += 2) {
		const struct kafkaprop *p = kafkaprops_find(props, pairs[i], topic);

		if (p == NULL && is_hidden(pairs[i]))
			continue;
		if (p == NULL)
			fail_msg("%s is not in the table", pairs[i]);
		else if ((row_of(list, pairs[i], p->initial) != NULL) != p->settable)
			fail_msg("%s is not as it should be in the list", pairs[i]);
	}
	kafkaprops_free(props);
	rd_kafka_conf_dump_free(pairs, n);
	rd_kafka_topic_conf_destroy(topic_conf);
	rd_kafka_conf_destroy(conf);
}

static void test_list(void **state)
{
	struct kafkaprops *props = kafkaprops_new();
	const struct kafkaprop *p;
	char *list = NULL;
	size_t size, n, settable = 0;
	FILE *out = open_memstream(&list, &size);

	assert_non_null(props);
	assert_non_null(out);
	kafkashow_list(out);
	fclose(out);
	for (p = kafkaprops_table(props, &n); n > 0; n--, p++) {
		const char *row = row_of(list, p->name, p->initial), *next;

		settable += p->settable;
		if (!p->settable)
			continue;
		if (row == NULL) {
			fail_msg("%s is not listed", p->name);
			continue;
		}
		next = strstr(row, p->alias != NULL ? "\n    the same as " : "\n    ");
		assert_non_null(next);
		if (p->alias != NULL)
			assert_int_equal(strncmp(next + 17, p->alias, strlen(p->alias)), 0);
	}
	assert_int_equal(count_rows(list), settable);
	assert_lists_all_of(list, false);
	assert_lists_all_of(list, true);
	assert_string_equal(kafkaprops_real_name(props, "acks"), "request.required.acks");
	p = kafkaprops_find(props, "sasl.kerberos.kinit.cmd", false);
	assert_non_null(p);
	assert_non_null(strstr(p->initial, "|| kinit"));
	assert_int_equal(strncmp(p->text, "Shell command", 13), 0);
	kafkaprops_free(props);
	free(list);
}

/* One (of 2.12) refuses what its own table says is the default. */
static bool takes_its_default(const struct kafkaprop *p)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool ok = rd_kafka_conf_set(conf, p->name, p->initial, NULL, 0) == RD_KAFKA_CONF_OK;

	rd_kafka_conf_destroy(conf);
	return ok;
}

/*
 * librdkafka reads the number that a value begins with and leaves the rest. No property that it
 * takes its own default for may be taken with something behind it.
 */
static void test_numbers_are_whole(void **state)
{
	struct kafkaprops *props = kafkaprops_new();
	const struct kafkaprop *p;
	size_t n, tried = 0;

	assert_non_null(props);
	for (p = kafkaprops_table(props, &n); n > 0; n--, p++) {
		static const char *const behind[] = {"x", ",acks=1", " 1", "s", ".5.1"};
		char value[256], why[1024];

		if (!p->settable || p->alias != NULL || p->initial[0] == '\0' ||
		    (strcmp(p->type, "integer") != 0 && strcmp(p->type, "float") != 0))
			continue;
		if (!takes_its_default(p))
			continue;
		if (kafkacheck_property(p->name, p->initial, why, sizeof(why)) < 0)
			fail_msg("%s=%s: %s", p->name, p->initial, why);
		for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
			snprintf(value, sizeof(value), "%s%s", p->initial, behind[i]);
			if (kafkacheck_property(p->name, value, why, sizeof(why)) == 0)
				fail_msg("%s=%s was taken", p->name, value);
		}
		tried++;
	}
	assert_true(tried > 40);
	kafkaprops_free(props);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_in_force),
		cmocka_unit_test(test_many_partitions_get_less_at_once),
		cmocka_unit_test(test_clients_are_made),
		cmocka_unit_test(test_check_together),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_what_is_refused_in_every_spelling),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_every_secret_of_the_library),
		cmocka_unit_test(test_shown_without_secrets),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_numbers_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
