/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets a topic keeps as they are, by its settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/topic_limits.h"

#define NOW  1795435200000LL /* 2026-11-23T12:00:00Z, ms */
#define HOUR 3600000LL
#define DAY  (24 * HOUR)

#define KEPT "Topic pcap deletes records that are older than 1w (retention.ms), and f begins at "
#define OLD                                                                                        \
	"Topic pcap refuses time stamps more than 1h before now (message.timestamp.before.max.ms)"
#define FUTURE                                                                                     \
	"Topic pcap refuses time stamps more than 1h after now (message.timestamp.after.max.ms)"
#define FOREVER "9223372036854775807"

static const struct {
	const char *policy, *type, *retention, *before, *after; /* NULL: not told */
	int64_t age;                                            /* ms, of the packet */
	const char *said;                                       /* how it begins; NULL: nothing */
} rows[] = {
	{"delete", "CreateTime", "604800000", FOREVER, "3600000", 8 * DAY,
	 KEPT "2026-11-15T12:00:00Z"},
	{"delete", "CreateTime", "604800000", FOREVER, "3600000", 6 * DAY, NULL},
	{"compact,delete", "CreateTime", "604800000", FOREVER, NULL, 8 * DAY, KEPT},
	{"compact", "CreateTime", "604800000", FOREVER, NULL, 8 * DAY, NULL},
	{"delete", "CreateTime", "-1", FOREVER, NULL, 8000 * DAY, NULL},
	{"delete", "LogAppendTime", "604800000", "3600000", "3600000", 8 * DAY, NULL},
	{"delete", "CreateTime", "604800000", "3600000", "3600000", 8 * DAY, OLD},
	{"delete", "CreateTime", "604800000", "3600000", "3600000", HOUR, NULL},
	{"delete", "CreateTime", "-1", FOREVER, "3600000", -2 * HOUR, FUTURE},
	{"delete", "CreateTime", "-1", FOREVER, "3600000", -HOUR / 2, NULL},
	{NULL, NULL, NULL, NULL, NULL, 8000 * DAY, NULL},
	{"delete", "CreateTime", "soon", "soon", NULL, 8000 * DAY, NULL},
};

static void put(struct topic_limits *l, const char *name, const char *value)
{
	if (value)
		topic_limits_put(l, name, value);
}

static void test_what_becomes_of_packets(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct topic_limits l = topic_limits_none;
		char text[768] = "";
		bool told;

		put(&l, "cleanup.policy", rows[i].policy);
		put(&l, "message.timestamp.type", rows[i].type);
		put(&l, "retention.ms", rows[i].retention);
		put(&l, "message.timestamp.before.max.ms", rows[i].before);
		put(&l, "message.timestamp.after.max.ms", rows[i].after);
		put(&l, "segment.ms", "1");
		told = topic_limits_explain(&l, "pcap", "f", NOW - rows[i].age, NOW, text,
					    sizeof(text));
		if (told != (rows[i].said != NULL) || (told && !strstr(text, rows[i].said)))
			fail_msg("row %zu: %s", i, text);
	}
}

static void test_the_line_says_what_avoids_it(void **state)
{
	struct topic_limits l = topic_limits_none;
	char text[768];

	topic_limits_put(&l, "cleanup.policy", "delete");
	topic_limits_put(&l, "retention.ms", "604800000");
	assert_true(topic_limits_explain(&l, "pcap", "f.pcap", 0, NOW, text, sizeof(text)));
	assert_string_equal(
		text,
		"Topic pcap deletes records that are older than 1w (retention.ms), and f.pcap "
		"begins at 1970-01-01T00:00:00Z: Kafka may delete its packets at once. To keep "
		"them, set retention.ms=-1 for the topic (kafka-configs.sh)");
}

/* One limit is for both. */
static void test_the_limit_of_an_old_broker(void **state)
{
	struct topic_limits l = topic_limits_none;
	char text[768];

	topic_limits_put(&l, "message.timestamp.difference.max.ms", "3600000");
	assert_true(topic_limits_explain(&l, "pcap", "f", NOW - DAY, NOW, text, sizeof(text)));
	assert_non_null(strstr(text, "more than 1h before now "
				     "(message.timestamp.difference.max.ms)"));
	assert_true(topic_limits_explain(&l, "pcap", "f", NOW + DAY, NOW, text, sizeof(text)));
	assert_non_null(
		strstr(text, "set a larger message.timestamp.difference.max.ms for the topic"));
	/* One in between has all three. */
	topic_limits_put(&l, "message.timestamp.before.max.ms", "1800000");
	topic_limits_put(&l, "message.timestamp.after.max.ms", FOREVER);
	assert_true(topic_limits_explain(&l, "pcap", "f", NOW - DAY, NOW, text, sizeof(text)));
	assert_non_null(strstr(text, "more than 30m before now (message.timestamp.before.max.ms)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_becomes_of_packets),
		cmocka_unit_test(test_the_line_says_what_avoids_it),
		cmocka_unit_test(test_the_limit_of_an_old_broker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
