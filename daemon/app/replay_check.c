/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic that is missing may be on its way, as the client has it made: asked again.
 */
#include "app/replay_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "kafka/kafka.h"
#include "packet/record.h"
#include "producer/outclient.h"
#include "producer/producer.h"

#define NOW_MS  60000 /* so far from now a packet is of now */
#define HOLD_S  0.5   /* Kafka may not be there: the packets can be queued all the same */
#define HOLDS   4     /* of one that is there */
#define AGAIN_S 0.2
#define TRIES   10

struct replay_check {
	struct replay_check_options opt; /* not its settings */
	char *topic, *file;
	enum { CHECK_NEW, CHECK_HOLDS, CHECK_OVER } state;
	int64_t time; /* ms, of the first packet */
	int tries, holds;
	ev_timer patience, again;
};

static void end_hold(struct replay_check *c)
{
	ev_timer_stop(c->opt.loop, &c->patience);
	if (c->state != CHECK_HOLDS)
		return;
	c->state = CHECK_OVER;
	c->opt.on_over(c->opt.ctx);
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct replay_check *c = w->data;
	const struct outclient *client = producer_client(c->opt.producer);

	c->holds++;
	if (!client || !kafka_connected(outclient_kafka(client)) || c->holds == HOLDS)
		end_hold(c);
}

static int64_t now_ms(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000000;
}

static void on_answer(void *ctx, const struct topic_limits *limits, rd_kafka_resp_err_t err)
{
	struct replay_check *c = ctx;
	char text[768];

	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && c->tries < TRIES) {
		ev_timer_start(c->opt.loop, &c->again);
		return;
	}
	if (limits &&
	    topic_limits_explain(limits, c->topic, c->file, c->time, now_ms(), text, sizeof(text)))
		log_warn("%s", text);
	end_hold(c);
}

static void ask(struct replay_check *c)
{
	struct outclient *client = producer_client(c->opt.producer);

	c->tries++;
	if (!client || kafka_ask_limits(outclient_kafka(client), c->topic, on_answer, c) < 0)
		end_hold(c);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	ask(w->data);
}

bool replay_check_holds(struct replay_check *c, const struct packet *pkt)
{
	if (c->state == CHECK_NEW) {
		c->time = record_timestamp_ms(pkt);
		c->state = CHECK_OVER;
		if (llabs(now_ms() - c->time) > NOW_MS) {
			c->state = CHECK_HOLDS;
			ev_timer_start(c->opt.loop, &c->patience);
			ask(c);
		}
	}
	return c->state == CHECK_HOLDS;
}

int replay_check_new(struct replay_check **out, const struct replay_check_options *opt)
{
	struct replay_check *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->opt = *opt;
	c->opt.cfg = NULL;
	ev_timer_init(&c->patience, on_patience, HOLD_S, HOLD_S);
	ev_timer_init(&c->again, on_again, AGAIN_S, 0.);
	c->patience.data = c->again.data = c;
	c->topic = strdup(opt->cfg->topic);
	c->file = strdup(strcmp(opt->cfg->read_file, "-") ? opt->cfg->read_file : "stdin");
	if (!c->topic || !c->file) {
		replay_check_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void replay_check_free(struct replay_check *c)
{
	if (!c)
		return;
	ev_timer_stop(c->opt.loop, &c->patience);
	ev_timer_stop(c->opt.loop, &c->again);
	free(c->topic);
	free(c->file);
	free(c);
}
