/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of topics: estimates, tables, JSON; from surveys that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/topic_json.h"
#include "cli/topic_text.h"

#define T0 INT64_C(1700000000000001) /* 2023-11-14T22:13:20 */

static char letters[][2] = {"a", "b", "c", "d", "e"};
static char *names[] = {letters[0], letters[1], letters[2], letters[3], letters[4]};

/* 1000 records, 10 of them looked at: packets, with values of 92 bytes. */
static struct survey_partition good(int32_t id)
{
	return (struct survey_partition){
		.id = id,
		.leader = 3,
		.begin = 500,
		.end = 1500,
		.sample = {.records = 10,
			   .ours = 10,
			   .packets = 10,
			   .bytes = 1000,
			   .first_us = T0,
			   .last_us = T0 + 3600000000,
			   .linktypes = {1},
			   .n_linktypes = 1},
	};
}

static struct topic_facts facts;

static int forget(void **state)
{
	topic_facts_clear(&facts);
	return 0;
}

static void test_packets_are_records(void **state)
{
	struct survey_partition p = good(0);

	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.records, 1000);
	assert_int_equal(facts.packets, 1000);
	assert_false(facts.about_records || facts.about_packets);
	assert_int_equal(facts.size, 100000);
	assert_int_equal(facts.err, 0);
	topic_facts_clear(&facts);
	p.gaps = true;
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.packets, 1000);
	assert_true(facts.about_records && facts.about_packets);
}

static void test_times_are_exact_when_all_was_looked_at(void **state)
{
	struct survey_partition p[] = {good(0), good(1)};
	struct survey_topic t = {.name = (char *)"eth0", .partitions = p, .n = 2};

	topic_facts_of_partition(&facts, &p[0]);
	assert_true(facts.about_times);
	topic_facts_clear(&facts);
	p[0].end = p[0].begin + 10;
	topic_facts_of_partition(&facts, &p[0]);
	assert_false(facts.about_times);
	topic_facts_clear(&facts);
	topic_facts_of_topic(&facts, &t);
	assert_true(facts.about_times);
}

static void test_packets_of_blocks_are_estimated(void **state)
{
	struct survey_partition p = good(0);

	p.sample.packets = 255;
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.records, 1000);
	assert_int_equal(facts.packets, 25500);
	assert_true(facts.about_packets && !facts.about_records);
	topic_facts_clear(&facts);
	p.end = 510; /* all were looked at */
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.packets, 255);
	assert_false(facts.about_packets);
}

static void test_packets_among_others_are_estimated(void **state)
{
	struct survey_partition p = good(0);

	p.sample.ours = p.sample.packets = 4;
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.packets, 400);
	assert_true(facts.about_packets);
	assert_true(topic_facts_is_shown(&facts, false));
}

static void test_the_largest_offsets_do_no_harm(void **state)
{
	struct survey_partition p = good(0);

	p.begin = 0;
	p.end = INT64_MAX;
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.records, INT64_MAX);
	assert_int_equal(facts.packets, INT64_MAX);
	topic_facts_clear(&facts);
	p.sample.packets = INT64_MAX; /* as a block's header says */
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.packets, INT64_MAX);
	topic_facts_clear(&facts);
	p.begin = 7; /* the end was asked for first, and retention came between */
	p.end = 5;
	topic_facts_of_partition(&facts, &p);
	assert_int_equal(facts.records, 0);
}

static void test_a_topic_is_the_sum_of_its_partitions(void **state)
{
	struct survey_partition p[] = {good(0), good(1), {.id = 2, .begin = 9, .end = 9}};
	struct survey_topic t = {.name = (char *)"pcap", .partitions = p, .n = 3};

	p[1].sample.last_us = T0 - 5;
	p[1].sample.first_us = T0 - 9;
	p[1].sample.linktypes[0] = 101;
	topic_facts_of_topic(&facts, &t);
	assert_int_equal(facts.records, 2000);
	assert_int_equal(facts.size, 200000);
	assert_int_equal(facts.seen.first_us, T0 - 9);
	assert_int_equal(facts.seen.last_us, T0 + 3600000000);
	assert_int_equal(facts.seen.n_linktypes, 2);
	topic_facts_clear(&facts);
	p[2].err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	topic_facts_of_topic(&facts, &t);
	assert_int_equal(facts.err, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	assert_int_equal(facts.records, 2000);
	assert_true(facts.knows_records && facts.about_records && facts.about_packets);
}

/* Zero would be a lie. */
static void test_what_was_not_told_is_not_known(void **state)
{
	struct survey_partition p = good(0);
	struct survey_topic t = {.name = (char *)"pcap", .partitions = &p, .n = 1};

	p.sample = (struct record_sample){0};
	p.sample_err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	topic_facts_of_topic(&facts, &t);
	assert_true(facts.knows_records && !facts.knows_packets);
	p.err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	topic_facts_of_topic(&facts, &t);
	assert_false(facts.knows_records || facts.knows_packets);
	p = (struct survey_partition){.begin = 7, .end = 7};
	topic_facts_of_topic(&facts, &t);
	assert_true(facts.knows_records && facts.knows_packets);
}

/* There was no time for all of them: they are taken to be as those that were looked at. */
static void test_a_topic_is_estimated_by_its_partitions_that_told(void **state)
{
	struct survey_partition p[] = {good(0), good(1), good(2), good(3)};
	struct survey_topic t = {.name = (char *)"pcap", .partitions = p, .n = 4};

	p[0].sample.packets = 100; /* blocks */
	for (int i = 2; i < 4; i++) {
		p[i].sample = (struct record_sample){0};
		p[i].sample_err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	}
	topic_facts_of_topic(&facts, &t);
	assert_int_equal(facts.records, 4000);
	assert_int_equal(facts.packets, 22000);
	assert_int_equal(facts.size, 400000);
	assert_true(facts.about_packets && !facts.about_records);
}

static void test_what_is_shown(void **state)
{
	struct survey_partition p = {.end = 10};
	struct topic_facts *f = &facts;

	topic_facts_of_partition(f, &p);
	assert_false(topic_facts_is_shown(f, false)); /* none of ours */
	assert_true(topic_facts_is_shown(f, true));
	p.sample_err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	topic_facts_of_partition(f, &p);
	assert_false(topic_facts_is_shown(f, false));
	p.sample_err = RD_KAFKA_RESP_ERR__TIMED_OUT; /* perhaps */
	topic_facts_of_partition(f, &p);
	assert_true(topic_facts_is_shown(f, false));
}

/* ---- printed ---- */

struct page {
	char *text;
	size_t size;
	FILE *out;
};

static FILE *open_page(struct page *page)
{
	page->out = open_memstream(&page->text, &page->size);
	assert_non_null(page->out);
	return page->out;
}

static void assert_page(struct page *page, const char *expect)
{
	assert_int_equal(fclose(page->out), 0);
	assert_string_equal(page->text, expect);
	free(page->text);
}

static void test_the_table_of_topics(void **state)
{
	struct survey_partition p[] = {good(0), good(1)}, foreign = {.id = 0, .end = 7};
	struct survey_topic t[] = {{.name = (char *)"eth0", .partitions = p, .n = 2},
				   {.name = (char *)"orders", .partitions = &foreign, .n = 1}};
	struct survey s = {.topics = t, .n = 2};
	struct page page;

	p[0].sample.hosts = (struct name_set){names, 5};
	p[1].sample.interfaces = (struct name_set){names, 2};
	p[1].sample.linktypes[0] = 101;
	foreign.sample = (struct record_sample){.records = 7, .bytes = 70};
	assert_int_equal(topic_text_topics(open_page(&page), &s, false), 0);
	assert_page(
		&page,
		"TOPIC  PARTITIONS  RECORDS   SIZE  FIRST PACKET              LAST PACKET        "
		"       LINK TYPES             HOSTS        INTERFACES\n"
		"eth0            2     2000  ~195K  ~2023-11-14 22:13:20 UTC  ~2023-11-14 23:13:20"
		" UTC  1 (EN10MB), 101 (RAW)  a, b, c, +2  a, b\n");
	assert_int_equal(topic_text_topics(open_page(&page), &s, true), 0);
	assert_page(
		&page,
		"TOPIC   PARTITIONS  RECORDS  PACKETS   SIZE  FIRST PACKET              LAST "
		"PACKET               LINK TYPES             HOSTS        INTERFACES\n"
		"eth0             2     2000     2000  ~195K  ~2023-11-14 22:13:20 UTC  "
		"~2023-11-14 23:13:20 UTC  1 (EN10MB), 101 (RAW)  a, b, c, +2  a, b\n"
		"orders           1        7        0   ~70B  -                         -       "
		"                  -                      -            -\n");
}

static void test_no_topic_no_table(void **state)
{
	struct survey_topic t = {.name = (char *)"empty"};
	struct survey s = {.topics = &t, .n = 1};
	struct page page;

	assert_int_equal(topic_text_topics(open_page(&page), &s, false), 0);
	assert_page(&page, "");
}

static void test_the_table_of_partitions(void **state)
{
	struct survey_partition p[] = {
		good(0), {.id = 1, .leader = -1, .err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE}};
	struct survey_topic t = {.name = (char *)"eth0", .partitions = p, .n = 2};
	char evil[] = "\x1b[2J\xff", *list[] = {evil};
	struct page page;

	p[0].gaps = true;
	p[0].sample.hosts = (struct name_set){list, 1};
	assert_int_equal(topic_text_partitions(open_page(&page), &t), 0);
	assert_page(
		&page,
		"PARTITION  LEADER  BEGIN   END  RECORDS  SIZE  FIRST PACKET              LAST "
		"PACKET               LINK TYPES  HOSTS  INTERFACES\n"
		"        0       3    500  1500    ~1000  ~98K  ~2023-11-14 22:13:20 UTC  "
		"~2023-11-14 23:13:20 UTC  1 (EN10MB)  ?[2J?  -\n"
		"        1       -      -     -        -     -  -                         -     "
		"                    -           -      -\n"
		"      all                         ~1000  ~98K  ~2023-11-14 22:13:20 UTC  "
		"~2023-11-14 23:13:20 UTC  1 (EN10MB)  ?[2J?  -\n");
}

static void test_the_document(void **state)
{
	struct survey_partition p[] = {
		good(0), {.id = 1, .leader = -1, .err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE}};
	struct survey_topic t = {.name = (char *)"eth0", .partitions = p, .n = 2};
	struct survey s = {.topics = &t, .n = 1};
	struct topic_json_options opt = {.brokers = "a:1,\"b\""};
	char odd[] = "a\"\\\n\xff", *list[] = {odd};
	struct page page;

	p[0].sample.hosts = (struct name_set){list, 1};
	topic_json_put(open_page(&page), &s, &opt);
	assert_page(&page,
		    "{\"brokers\": \"a:1,\\\"b\\\"\", \"complete\": false, \"topics\": [\n"
		    " {\"topic\": \"eth0\", \"partitions\": 2, \"has_packets\": true, "
		    "\"records\": 1000, \"records_exact\": false, \"packets\": 1000, "
		    "\"packets_exact\": false, \"size_estimate\": 100000, "
		    "\"first\": \"2023-11-14T22:13:20.000001Z\", \"first_us\": 1700000000000001, "
		    "\"last\": \"2023-11-14T23:13:20.000001Z\", \"last_us\": 1700003600000001, "
		    "\"times_exact\": false, "
		    "\"linktypes\": [1], \"hosts\": [\"a\\\"\\\\\\u000a\\ufffd\"], "
		    "\"interfaces\": [], \"error\": \"Broker: Leader not available\"}]}\n");
}

static void test_the_document_with_partitions(void **state)
{
	struct survey_partition p[] = {{.id = 0, .leader = 3, .begin = 5, .end = 5},
				       {.id = 1,
					.leader = -1,
					.err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE}};
	struct survey_topic t = {.name = (char *)"eth0", .partitions = p, .n = 2};
	struct survey s = {.topics = &t, .n = 1};
	struct topic_json_options opt = {.brokers = "a",
					 .complete = true,
					 .all = true,
					 .partitions = true};
	struct page page;

#define NOTHING(number, exact)                                                                     \
	"\"has_packets\": false, \"records\": " number ", \"records_exact\": " exact               \
	", \"packets\": " number ", \"packets_exact\": " exact ", \"size_estimate\": " number ", " \
	"\"first\": null, \"first_us\": null, \"last\": null, \"last_us\": null, "                 \
	"\"times_exact\": false, "                                                                 \
	"\"linktypes\": [], \"hosts\": [], \"interfaces\": [], \"error\": "
	topic_json_put(open_page(&page), &s, &opt);
	assert_page(
		&page,
		"{\"brokers\": \"a\", \"complete\": true, \"topics\": [\n"
		" {\"topic\": \"eth0\", \"partitions\": 2, " NOTHING(
			"0",
			"false") "\"Broker: Leader not available\", \"by_partition\": [\n"
				 "  {\"partition\": 0, \"leader\": 3, \"begin\": 5, \"end\": "
				 "5, " NOTHING("0",
					       "true") "null},\n"
						       "  {\"partition\": 1, \"leader\": -1, "
						       "\"begin\": null, \"end\": null, " NOTHING(
							       "null",
							       "false") "\"Broker: Leader not "
									"available\"}]}]}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_packets_are_records, forget),
		cmocka_unit_test_teardown(test_times_are_exact_when_all_was_looked_at, forget),
		cmocka_unit_test_teardown(test_packets_of_blocks_are_estimated, forget),
		cmocka_unit_test_teardown(test_packets_among_others_are_estimated, forget),
		cmocka_unit_test_teardown(test_the_largest_offsets_do_no_harm, forget),
		cmocka_unit_test_teardown(test_a_topic_is_the_sum_of_its_partitions, forget),
		cmocka_unit_test_teardown(test_what_was_not_told_is_not_known, forget),
		cmocka_unit_test_teardown(test_a_topic_is_estimated_by_its_partitions_that_told,
					  forget),
		cmocka_unit_test_teardown(test_what_is_shown, forget),
		cmocka_unit_test(test_the_table_of_topics),
		cmocka_unit_test(test_no_topic_no_table),
		cmocka_unit_test(test_the_table_of_partitions),
		cmocka_unit_test(test_the_document),
		cmocka_unit_test(test_the_document_with_partitions),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
