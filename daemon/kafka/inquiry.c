/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka's calls wait for a broker until their time is up, whatever it knows by then. So they
 * are on a thread, and here is watched what it knows: who is refused is not tried again, and who
 * cannot be reached is tried for as long as it takes to try all addresses (localhost has two).
 *
 * Without a group.id librdkafka looks for no coordinator, which would have a broker create its
 * topic of offsets. Records are then read by rd_kafka_consume_start_queue().
 */
#include "kafka/inquiry.h"

#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "kafka/hints.h"
#include "kafka/kafka.h"
#include "kafka/kafkalog.h"

#define CONNECT_MS 4500
#define LOST_MS    2000 /* all are lost, and were tried so long */
#define FREE_MS    1000
#define LOOK_S     0.05

struct inquiry {
	struct inquiry_question question;
	struct ev_loop *loop;
	ev_async done;
	ev_timer look;
	struct kafkalog *log;
	struct kafka *kafka;
	pthread_t thread;
	uint64_t began_ms;
	bool answered; /* ask() has returned */
};

static void *run_ask(void *arg)
{
	struct inquiry *q = arg;

	q->question.ask(q->question.ctx, kafka_client(q->kafka));
	ev_async_send(q->loop, &q->done);
	return NULL;
}

static void on_done(struct ev_loop *loop, ev_async *w, int revents)
{
	struct inquiry *q = w->data;

	q->answered = true;
	ev_break(loop, EVBREAK_ALL);
}

static bool is_hopeless(const struct inquiry *q)
{
	uint64_t waited_ms = thread_now_ms() - q->began_ms;

	if (kafka_connected(q->kafka))
		return waited_ms >= q->question.most_ms;
	return hints_is_refusal(kafka_last_error(q->kafka)) ||
	       (kafkalog_is_lost(q->log) && waited_ms >= LOST_MS) || waited_ms >= CONNECT_MS;
}

static void on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	if (is_hopeless(w->data))
		ev_break(loop, EVBREAK_ALL);
}

static void ignore_fatal(void *ctx, rd_kafka_resp_err_t err, const char *reason)
{
	(void)ctx;
	(void)err;
	(void)reason; /* the last error tells it */
}

/* What must not be left to the user's properties, which are those of an instance. */
static int configure(void *ctx, rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf)
{
	static const char *const ours[][2] = {
		{"group.id", NULL},
		{"allow.auto.create.topics", "false"},
		{"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"},
		{"enable.partition.eof", "true"},
		{"fetch.message.max.bytes", "65536"}, /* a batch comes whole in any case */
		{"fetch.min.bytes", "1"},
		{"fetch.wait.max.ms", "100"},
		{"statistics.interval.ms", "0"},
	};

	(void)ctx;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (rd_kafka_conf_set(conf, ours[i][0], ours[i][1], NULL, 0) != RD_KAFKA_CONF_OK)
			return -EINVAL;
	/* What retention deletes meanwhile is no error. */
	if (rd_kafka_topic_conf_set(topic_conf, "auto.offset.reset", "earliest", NULL, 0) !=
	    RD_KAFKA_CONF_OK)
		return -EINVAL;
	return 0;
}

static int start(struct inquiry *q, const struct config *cfg, char *why, size_t size)
{
	struct kafka_options opt = {
		.cfg = cfg, .why = why, .why_size = size, .configure = configure, .ctx = q};
	int r;

	q->loop = ev_loop_new(EVFLAG_AUTO);
	if (!q->loop)
		return -ENOMEM;
	ev_async_init(&q->done, on_done);
	ev_timer_init(&q->look, on_look, LOOK_S, LOOK_S);
	q->done.data = q->look.data = q;
	ev_async_start(q->loop, &q->done);
	ev_timer_start(q->loop, &q->look);
	r = kafkalog_new(&q->log);
	if (r < 0)
		return r;
	kafkalog_set_quiet(q->log);
	opt.loop = q->loop;
	opt.log = q->log;
	opt.on_fatal = ignore_fatal;
	r = kafka_new(&q->kafka, &opt);
	if (r < 0)
		return r;
	q->began_ms = thread_now_ms();
	return thread_start(&q->thread, run_ask, q);
}

static void finish(struct inquiry *q)
{
	kafka_free(q->kafka, FREE_MS);
	kafkalog_unref(q->log);
	if (q->loop)
		ev_loop_destroy(q->loop);
	free(q);
}

/* How long it took, in which state, how often: for a log that goes on, not for one line. */
static int length_without_state(const char *text)
{
	const char *state = strstr(text, " (after ");

	return (int)(state && text[strlen(text) - 1] == ')' ? (size_t)(state - text)
							    : strlen(text));
}

static void explain(const struct inquiry *q, char *why, size_t size)
{
	const char *text = kafka_last_error(q->kafka);
	const struct hint hint = hints_behind(text, ": ");

	if (*text)
		snprintf(why, size, "%.*s%s%s", length_without_state(text), text, hint.mark,
			 hint.advice);
	else if (!q->answered)
		snprintf(why, size, "no answer within %.1f s",
			 (double)(thread_now_ms() - q->began_ms) / 1000);
}

int inquiry_run(const struct config *cfg, const struct inquiry_question *question, char *why,
		size_t size)
{
	struct inquiry *q = calloc(1, sizeof(*q));
	int r;

	*why = '\0';
	if (!q)
		return -ENOMEM;
	q->question = *question;
	r = start(q, cfg, why, size);
	if (r < 0) {
		finish(q);
		return r;
	}
	ev_run(q->loop, 0);
	explain(q, why, size);
	if (!q->answered) {
		thread_abandon(q->thread); /* and all that it uses */
		return -ETIMEDOUT;
	}
	pthread_join(q->thread, NULL);
	finish(q);
	return 0;
}
