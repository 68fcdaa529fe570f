/* SPDX-License-Identifier: Apache-2.0 */
/* Topics and their handles, with a client that opens or refuses them as a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"
#include "lines.h"
#include "producer/first_batch.h"
#include "producer/outtopics.h"
#include "producer/packet_message.h"

/* A handle is a number that tells client and topic. */
static struct {
	bool refuses;
	int opened, closed, allocated;
	const char *name; /* of the topic that was opened last */
	struct first_batch *firsts;
	bool no_memory;
} world;

rd_kafka_topic_t *packet_message_open_topic(rd_kafka_t *rk, const char *name,
					    struct first_batch *firsts)
{
	if (world.refuses)
		return NULL;
	world.name = name;
	world.firsts = firsts;
	return (rd_kafka_topic_t *)((uintptr_t)rk + (uintptr_t)++world.opened);
}

/* In place of librdkafka's. */
void rd_kafka_topic_destroy(rd_kafka_topic_t *topic)
{
	world.closed++;
}

rd_kafka_resp_err_t rd_kafka_last_error(void)
{
	return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

void *kafka_alloc(struct kafka *k, size_t size)
{
	static char memory[16];

	assert_true(world.allocated < 16);
	return world.no_memory ? NULL : &memory[world.allocated++];
}

rd_kafka_t *kafka_client(const struct kafka *k)
{
	return (rd_kafka_t *)k;
}

/* In place of libc's. */
char *strdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = world.no_memory ? NULL : malloc(n);

	return copy ? memcpy(copy, text, n) : NULL;
}

static int open_topics(void **state)
{
	struct outtopics *t = NULL;

	memset(&world, 0, sizeof(world));
	lines_catch();
	if (outtopics_new(&t) < 0)
		return -1;
	*state = t;
	return 0;
}

static int close_topics(void **state)
{
	outtopics_close(*state);
	outtopics_free(*state);
	lines_release();
	return world.closed != world.opened;
}

static struct kafka *client(int n)
{
	return (struct kafka *)((uintptr_t)n * 0x1000);
}

static rd_kafka_topic_t *handle(int n, int opened)
{
	return (rd_kafka_topic_t *)((uintptr_t)n * 0x1000 + (uintptr_t)opened);
}

static void test_an_index_stands_for_a_name(void **state)
{
	struct outtopics *t = *state;
	char name[16];

	assert_int_equal(outtopics_find(t, "pcap"), -1);
	for (int i = 0; i < 20; i++) { /* the list grows */
		snprintf(name, sizeof(name), "topic-%d", i);
		assert_int_equal(outtopics_add(t, name), i);
	}
	memset(name, 0, sizeof(name)); /* it was copied */
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "topic-%d", i);
		assert_int_equal(outtopics_find(t, name), i);
		assert_int_equal(outtopics_add(t, name), i);
		assert_string_equal(outtopics_name(t, i), name);
	}
	assert_int_equal(outtopics_find(t, "topic-"), -1);
	assert_int_equal(outtopics_find(t, "topic-20"), -1);
	assert_int_equal(world.opened, 0);
}

static void test_without_memory_all_stays(void **state)
{
	struct outtopics *t = *state;

	world.no_memory = true;
	assert_int_equal(outtopics_add(t, "pcap"), -ENOMEM);
	assert_int_equal(outtopics_find(t, "pcap"), -1);
	world.no_memory = false;
	assert_int_equal(outtopics_add(t, "pcap"), 0);
}

/* Opened when it is asked for, once for each client. */
static void test_a_handle_goes_with_its_client(void **state)
{
	struct outtopics *t = *state;
	struct first_batch *firsts;

	outtopics_add(t, "pcap");
	outtopics_add(t, "other");
	assert_ptr_equal(outtopics_handle(t, 1, client(1)), handle(1, 1));
	assert_string_equal(world.name, "other");
	firsts = world.firsts;
	assert_ptr_equal(outtopics_handle(t, 1, client(1)), handle(1, 1));
	assert_ptr_equal(outtopics_handle(t, 0, client(1)), handle(1, 2));
	assert_string_equal(world.name, "pcap");
	assert_ptr_not_equal(world.firsts, firsts);
	assert_int_equal(world.opened, 2);
	outtopics_close(t);
	assert_int_equal(world.closed, 2);
	assert_ptr_equal(outtopics_handle(t, 1, client(2)), handle(2, 3));
	assert_ptr_not_equal(world.firsts, firsts); /* the old client's threads may use it still */
	assert_int_equal(world.allocated, 3);
	assert_int_equal(outtopics_find(t, "pcap"), 0);
	outtopics_close(t);
	outtopics_close(t);
	assert_int_equal(world.closed, 3);
	assert_int_equal(lines_with("Topic"), 0);
}

/* It is asked for with each packet, and told once a minute. */
static void test_a_refused_topic_is_told_and_asked_for_again(void **state)
{
	struct outtopics *t = *state;

	outtopics_add(t, "bad name");
	outtopics_add(t, "worse");
	world.refuses = true;
	for (int i = 0; i < 3; i++)
		assert_null(outtopics_handle(t, 0, client(1)));
	assert_int_equal(lines_with("ERROR:root:Topic bad name: Local: Invalid argument"), 1);
	assert_int_equal(world.allocated, 1);
	assert_null(outtopics_handle(t, 1, client(1)));
	assert_int_equal(lines_with("ERROR:root:Topic "), 2);
	world.refuses = false;
	assert_ptr_equal(outtopics_handle(t, 0, client(1)), handle(1, 1));
	outtopics_close(t);
	world.no_memory = true;
	assert_null(outtopics_handle(t, 0, client(2)));
}

/* Only one that a reload left is given up, once, until a reload goes back to it. */
static void test_a_topic_that_was_replaced_is_given_up_once(void **state)
{
	struct outtopics *t = *state;
	int old = outtopics_add(t, "old"), new = outtopics_add(t, "new");

	assert_false(outtopics_give_up(t, old));
	assert_false(outtopics_is_given_up(t, old));
	outtopics_replace(t, old, new);
	assert_false(outtopics_is_given_up(t, old));
	assert_false(outtopics_give_up(t, new));
	assert_true(outtopics_give_up(t, old));
	assert_true(outtopics_is_given_up(t, old));
	assert_false(outtopics_is_given_up(t, new));
	assert_false(outtopics_give_up(t, old));
	outtopics_replace(t, new, old);
	assert_false(outtopics_is_given_up(t, old));
	assert_false(outtopics_give_up(t, old));
	assert_true(outtopics_give_up(t, new));
	outtopics_replace(t, old, new);
	assert_true(outtopics_give_up(t, old));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_topics, close_topics)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_an_index_stands_for_a_name),
		CASE(test_without_memory_all_stays),
		CASE(test_a_handle_goes_with_its_client),
		CASE(test_a_refused_topic_is_told_and_asked_for_again),
		CASE(test_a_topic_that_was_replaced_is_given_up_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
