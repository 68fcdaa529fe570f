/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of Kafka's comings and goings; librdkafka's events are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kafka/kafkalog.h"
#include "kafka/login_backoff.h"
#include "kafka/reach.h"

#define CLOSED  "b:9092/1: Disconnected (after 3000ms in state UP)"
#define LOGIN   "b:9092/1: SASL authentication error: Authentication failed (in state AUTH_REQ)"
#define REFUSED "b:9092/1: Connect to b:9092 failed: Connection refused (in state CONNECT)"

enum { PRODUCE = 0, METADATA = 3 };

/* What stands around it; what it says is kept. */
static struct {
	char said[512], held[128];
	bool lost;
	int successes, accepted, refused; /* told to others */
} world;

static void say(const char *what, const char *text)
{
	size_t len = strlen(world.said);

	snprintf(world.said + len, sizeof(world.said) - len, "%s %s\n", what, text);
}

bool kafkalog_error(struct kafkalog *l, rd_kafka_resp_err_t err, const char *text, bool fatal)
{
	if (*world.held)
		say("error", text);
	else
		snprintf(world.held, sizeof(world.held), "%s", text);
	return true;
}

void kafkalog_release(struct kafkalog *l)
{
	say("error", world.held);
	*world.held = '\0';
}

void kafkalog_drop(struct kafkalog *l)
{
	*world.held = '\0';
}

void kafkalog_connection(struct kafkalog *l, const char *brokers, bool connected,
			 const char *reason)
{
	if (connected && world.lost)
		say("there", brokers);
	if (!connected && !world.lost)
		say("lost", *world.held ? world.held : reason);
	if (!connected)
		*world.held = '\0';
	world.lost = !connected;
}

void kafkalog_success(struct kafkalog *l)
{
	world.successes++;
}

void login_backoff_accepted(struct login_backoff *p)
{
	world.accepted++;
}

void login_backoff_refused(struct login_backoff *p, uint64_t now_ms)
{
	world.refused++;
}

/* A client that is connected; nothing is said yet. */
static struct ev_loop *connected(struct reach *r)
{
	struct ev_loop *loop = ev_loop_new(0);
	const struct reach_options opt = {.loop = loop};

	memset(&world, 0, sizeof(world));
	memset(r, 0, sizeof(*r));
	reach_start(r, &opt, "b:9092");
	assert_false(reach_is_connected(r));
	reach_saw_response(r, METADATA, RD_KAFKA_RESP_ERR_NO_ERROR);
	ev_run(loop, EVRUN_ONCE);
	assert_true(reach_is_connected(r));
	*world.said = '\0';
	return loop;
}

static void gone(struct ev_loop *loop, struct reach *r)
{
	reach_stop(r);
	ev_loop_destroy(loop);
}

static void let_go_by(struct ev_loop *loop, struct reach *r)
{
	/* The second that an error is held back for. */
	if (ev_is_active(&r->release))
		ev_invoke(loop, &r->release, EV_TIMER);
}

/* librdkafka 2.0.2 has an error event for it, 2.12.1 has not. */
static void test_an_idle_connection_that_is_closed(void **state)
{
	for (int has_event = 0; has_event < 2; has_event++) {
		struct reach r;
		struct ev_loop *loop = connected(&r);

		for (int i = 0; i < 3; i++) {
			if (has_event)
				reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, CLOSED);
			reach_all_down(&r, "1/1 brokers are down");
			let_go_by(loop, &r);
			assert_true(reach_is_connected(&r));
			reach_saw_response(&r, METADATA, RD_KAFKA_RESP_ERR_NO_ERROR);
			ev_run(loop, EVRUN_NOWAIT);
		}
		assert_null(strstr(world.said, "lost"));
		assert_null(strstr(world.said, "error"));
		gone(loop, &r);
	}
}

static void test_one_that_cannot_connect_again(void **state)
{
	struct reach r;
	struct ev_loop *loop = connected(&r);

	reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, CLOSED);
	reach_all_down(&r, "1/1 brokers are down");
	assert_string_equal(world.said, "");
	reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, REFUSED);
	assert_string_equal(world.said, "lost " REFUSED "\n");
	assert_false(reach_is_connected(&r));
	reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR_NO_ERROR);
	ev_run(loop, EVRUN_NOWAIT);
	assert_string_equal(world.said, "lost " REFUSED "\nthere b:9092\n");
	gone(loop, &r);
}

/* The bootstrap address answers again and again, what it advertises cannot be reached. */
static void test_only_the_bootstrap_answers(void **state)
{
	struct reach r;
	struct ev_loop *loop = connected(&r);

	for (int i = 0; i < 3; i++) {
		reach_error(&r, RD_KAFKA_RESP_ERR__RESOLVE, "b:9092/1: Failed to resolve");
		reach_all_down(&r, "1/1 brokers are down");
		reach_saw_response(&r, METADATA, RD_KAFKA_RESP_ERR_NO_ERROR);
		ev_run(loop, EVRUN_NOWAIT);
		assert_null(strstr(world.said, "there"));
	}
	assert_false(reach_is_connected(&r));
	/* No error follows. */
	assert_true(ev_is_active(&r.confirm));
	ev_invoke(loop, &r.confirm, EV_TIMER);
	assert_true(reach_is_connected(&r));
	assert_non_null(strstr(world.said, "there b:9092\n"));
	gone(loop, &r);
}

/* What the topic or the group is refused has nothing to do with the connection. */
static void test_another_error_in_between(void **state)
{
	struct reach r;
	struct ev_loop *loop = connected(&r);

	reach_all_down(&r, "1/1 brokers are down");
	reach_error(&r, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "forbidden");
	assert_null(strstr(world.said, "lost"));
	assert_true(reach_is_connected(&r));
	gone(loop, &r);
}

/* The report of the request that was on its way comes before the event, or after it. */
static void test_one_that_was_in_use(void **state)
{
	for (int after = 0; after < 2; after++) {
		struct reach r;
		struct ev_loop *loop = connected(&r);

		if (!after)
			reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR__TRANSPORT);
		reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, CLOSED);
		reach_all_down(&r, "1/1 brokers are down");
		if (after)
			reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR__TRANSPORT);
		ev_run(loop, EVRUN_NOWAIT);
		assert_string_equal(world.said, "lost " CLOSED "\n");
		assert_false(reach_is_connected(&r));
		gone(loop, &r);
	}
}

/* One broker of several: nothing when it was idle, an error line when it was in use. */
static void test_one_of_several(void **state)
{
	for (int in_use = 0; in_use < 2; in_use++) {
		struct reach r;
		struct ev_loop *loop = connected(&r);

		reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, CLOSED);
		if (in_use)
			reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR__TRANSPORT);
		let_go_by(loop, &r);
		assert_string_equal(world.said, in_use ? "error " CLOSED "\n" : "");
		gone(loop, &r);
	}
}

static void test_never_connected(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	const struct reach_options opt = {.loop = loop};
	struct reach r = {.closed_ms = 0};

	memset(&world, 0, sizeof(world));
	reach_start(&r, &opt, "b:9092");
	reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, REFUSED);
	reach_all_down(&r, "1/1 brokers are down");
	assert_string_equal(world.said, "lost " REFUSED "\n");
	gone(loop, &r);
}

/* That packets go, or are fetched, is told once, and again after a failure. */
static void test_success_is_told_once(void **state)
{
	struct reach r;
	struct ev_loop *loop = connected(&r);

	assert_int_equal(world.successes, 0); /* of metadata alone */
	for (int i = 0; i < 3; i++) {
		reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR_NO_ERROR);
		reach_saw_response(&r, METADATA, RD_KAFKA_RESP_ERR_NO_ERROR);
		ev_run(loop, EVRUN_NOWAIT);
		assert_int_equal(world.successes, 1);
	}
	reach_failed(&r);
	reach_saw_response(&r, METADATA, RD_KAFKA_RESP_ERR_NO_ERROR);
	reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	ev_run(loop, EVRUN_NOWAIT);
	assert_int_equal(world.successes, 1);
	reach_saw_response(&r, PRODUCE, RD_KAFKA_RESP_ERR_NO_ERROR);
	ev_run(loop, EVRUN_NOWAIT);
	assert_int_equal(world.successes, 2);
	gone(loop, &r);
}

static void test_only_a_refused_login_is_paced(void **state)
{
	struct reach r;
	struct ev_loop *loop = connected(&r);

	reach_error(&r, RD_KAFKA_RESP_ERR__TRANSPORT, REFUSED);
	assert_int_equal(world.refused, 0);
	reach_error(&r, RD_KAFKA_RESP_ERR__AUTHENTICATION, LOGIN);
	assert_int_equal(world.refused, 1);
	gone(loop, &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_idle_connection_that_is_closed),
		cmocka_unit_test(test_one_that_cannot_connect_again),
		cmocka_unit_test(test_only_the_bootstrap_answers),
		cmocka_unit_test(test_another_error_in_between),
		cmocka_unit_test(test_one_that_was_in_use),
		cmocka_unit_test(test_one_of_several),
		cmocka_unit_test(test_never_connected),
		cmocka_unit_test(test_success_is_told_once),
		cmocka_unit_test(test_only_a_refused_login_is_paced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
