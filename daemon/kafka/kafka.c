/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafka.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "kafka/certcheck.h"
#include "kafka/client_create.h"
#include "kafka/hung_broker.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkalog.h"
#include "kafka/kafkastats.h"
#include "kafka/kinitcmd.h"
#include "kafka/login_backoff.h"
#include "kafka/queuewatch.h"
#include "kafka/reach.h"
#include "kafka/workarounds.h"
#include "packet/own_traffic.h"

#define MAIN_BATCH     64 /* events a callback; a delivery event holds up to some hundred reports */
#define CONNECT_LATER  EBUSY /* what our connect answers when it is not yet time */
#define FLUSH_SLICE_MS 100
#define FLUSH_REST_US  10000
#define REST_S         0.025 /* between two looks at the reports of a quiet interface */

struct memory {
	struct memory *next;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct kafka {
	struct kafka_options opt;
	rd_kafka_t *rk;
	rd_kafka_queue_t *main_queue;
	struct queuewatch main_watch, extra_watch;
	struct reach reach;
	_Atomic uint64_t hold_until_ms; /* CLOCK_MONOTONIC */
	struct kafkastats stats;
	struct kafkalog *log;
	struct login_backoff *pace;
	struct hung_broker *hung; /* producers only */
	char topic[256];          /* a consumer's, else empty */
	struct topic_limits_question limits;

	struct memory *memory; /* of kafka_alloc() */
	pthread_t flusher, destroyer;
	bool flushing;
	atomic_bool stop_flush;
	atomic_bool left; /* see thread_leave(): its destroyer is the thread */
};

/* ---- events ---- */

bool kafka_is_held(const struct kafka *k)
{
	return thread_now_ms() < atomic_load(&k->hold_until_ms);
}

static void handle_error(struct kafka *k, rd_kafka_event_t *event)
{
	rd_kafka_resp_err_t err = rd_kafka_event_error(event);
	const char *text = rd_kafka_event_error_string(event);
	char reason[512];

	reach_failed(&k->reach);
	if (rd_kafka_event_error_is_fatal(event)) {
		err = rd_kafka_fatal_error(k->rk, reason, sizeof(reason));
		if (err == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
			return; /* the reports say of which packets, and why */
		kafkalog_error(k->log, err, reason, true);
		k->opt.on_fatal(k->opt.ctx, err, reason);
	} else if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!kafka_is_held(k)) /* else by our own will */
			reach_all_down(&k->reach, text);
	} else if (!strstr(text, strerror(CONNECT_LATER))) {
		reach_error(&k->reach, err, text);
	}
}

static void handle_stats(struct kafka *k, rd_kafka_event_t *event)
{
	if (kafkastats_update(&k->stats, rd_kafka_event_stats(event), k->topic) < 0)
		log_debug("Kafka client: its statistics cannot be read");
	if (k->stats.no_broker)
		workarounds_bootstrap(k->rk);
}

static void handle_event(struct kafka *k, rd_kafka_event_t *event)
{
	const char *fac, *text;
	int level;

	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		k->opt.on_delivery(k->opt.ctx, event);
		break;
	case RD_KAFKA_EVENT_LOG:
		if (rd_kafka_event_log(event, &fac, &text, &level) == 0)
			kafkalog_write(k->log, fac, text, level);
		break;
	case RD_KAFKA_EVENT_ERROR:
		handle_error(k, event);
		break;
	case RD_KAFKA_EVENT_STATS:
		handle_stats(k, event);
		break;
	case RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT:
		topic_limits_answer(&k->limits, event);
		break;
	default:
		break;
	}
}

static bool on_main_ready(void *ctx)
{
	struct kafka *k = ctx;
	rd_kafka_event_t *event = NULL;

	for (int i = 0; i < MAIN_BATCH; i++) {
		event = rd_kafka_queue_poll(k->main_queue, 0);
		if (!event)
			break;
		handle_event(k, event);
		rd_kafka_event_destroy(event);
	}
	if (k->opt.on_served)
		k->opt.on_served(k->opt.ctx);
	return event != NULL;
}

/* ---- librdkafka's threads ---- */

static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int sockfd, const char *broker, int32_t id,
				       int16_t api_key, int16_t api_version, int32_t corr_id,
				       size_t size, int64_t rtt, rd_kafka_resp_err_t err,
				       void *opaque)
{
	struct kafka *k = opaque;

	reach_saw_response(&k->reach, api_key, err);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_send(rd_kafka_t *rk, rd_kafka_message_t *m, void *opaque)
{
	struct kafka *k = opaque;

	k->opt.on_send(k->opt.ctx, m);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
				  char *errstr, size_t size)
{
	struct kafka *k = opaque;

	if (k->opt.on_send)
		rd_kafka_interceptor_add_on_send(rk, "pycapa", on_send, k);
	if (k->hung)
		hung_broker_watch(k->hung, rk);
	return rd_kafka_interceptor_add_on_response_received(rk, "pycapa", on_response, opaque);
}

static int connect_broker(int fd, const struct sockaddr *addr, int len, const char *id,
			  void *opaque)
{
	struct kafka *k = opaque;

	if (kafka_is_held(k) ||
	    !login_backoff_may_connect(k->pace, addr, (socklen_t)len, thread_now_ms()))
		return CONNECT_LATER;
	if (k->opt.own)
		return own_traffic_connect(k->opt.own, fd, addr, (socklen_t)len);
	return connect(fd, addr, (socklen_t)len) < 0 && errno != EINPROGRESS ? errno : 0;
}

static int close_own(int fd, void *opaque)
{
	struct kafka *k = opaque;

	return own_traffic_close(k->opt.own, fd);
}

/* ---- life ---- */

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
			 rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct kafka *k = opaque;

	k->opt.on_rebalance(k->opt.ctx, err, list);
}

static int wrap_kinit(struct kafka *k, rd_kafka_conf_t *conf)
{
	char why[512];
	int report, r;

	if (!kinitcmd_is_wanted(conf))
		return 0;
	report = kafkalog_kinit_fd(k->log);
	r = report < 0 ? report : kinitcmd_wrap(conf, report, why, sizeof(why));
	if (report >= 0 && r < 0)
		kafkalog_refused(k->log, why, k->opt.why, k->opt.why_size);
	return r == -EINVAL ? -ENOPROTOOPT : r;
}

static int configure(struct kafka *k, rd_kafka_conf_t **out)
{
	rd_kafka_topic_conf_t *topic_conf = NULL;
	rd_kafka_conf_t *conf = NULL;
	int r = kafkaconf_new(&conf, &topic_conf, k->opt.cfg);

	if (r < 0)
		return r;
	rd_kafka_conf_set(conf, "log.queue", "true", NULL, 0);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_LOG |
					       RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
	rd_kafka_conf_set_opaque(conf, k);
	if (k->opt.on_rebalance)
		rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_conf_set_connect_cb(conf, connect_broker);
	if (k->opt.own)
		rd_kafka_conf_set_closesocket_cb(conf, close_own);
	certcheck_install(conf);
	r = wrap_kinit(k, conf);
	if (r == 0 && k->opt.configure)
		r = k->opt.configure(k->opt.ctx, conf, topic_conf);
	if (r < 0) {
		rd_kafka_topic_conf_destroy(topic_conf);
		rd_kafka_conf_destroy(conf);
		return r;
	}
	rd_kafka_conf_set_default_topic_conf(conf, topic_conf);
	*out = conf;
	return 0;
}

static rd_kafka_type_t role_of(const struct config *cfg)
{
	return cfg->mode == CONFIG_MODE_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
}

static int create(struct kafka *k)
{
	rd_kafka_conf_t *conf = NULL;
	char errstr[512] = "";
	struct client_create_options opt = {role_of(k->opt.cfg), on_new, k, errstr, sizeof(errstr)};
	int r = configure(k, &conf);

	if (r < 0)
		return r;
	k->rk = client_create_client(conf, &opt);
	if (!k->rk) {
		r = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG ? -ENOPROTOOPT : -EIO;
		kafkalog_refused(k->log, errstr, k->opt.why, k->opt.why_size);
		return r;
	}
	rd_kafka_set_log_queue(k->rk, NULL);
	k->main_queue = rd_kafka_queue_get_main(k->rk);
	return queuewatch_start(&k->main_watch, k->opt.loop, k->main_queue,
				k->opt.on_delivery ? REST_S : 0, on_main_ready, k);
}

/* The references that free_rest() drops. */
static int share_or_make(struct kafka *k)
{
	int r = 0;

	if (k->log)
		kafkalog_ref(k->log);
	else
		r = kafkalog_new(&k->log);
	if (k->pace)
		login_backoff_ref(k->pace);
	else if (r == 0)
		r = login_backoff_new(&k->pace);
	return r;
}

static void start_reach(struct kafka *k, const char *brokers)
{
	const struct reach_options opt = {.loop = k->opt.loop,
					  .log = k->log,
					  .pace = k->pace,
					  .on_change = k->opt.on_connection,
					  .ctx = k->opt.ctx};

	reach_start(&k->reach, &opt, brokers);
}

int kafka_new(struct kafka **out, const struct kafka_options *opt)
{
	struct kafka *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->opt = *opt;
	k->hold_until_ms = opt->hold_ms ? thread_now_ms() + opt->hold_ms : 0;
	k->log = opt->log;
	k->pace = opt->pace;
	if (role_of(opt->cfg) == RD_KAFKA_PRODUCER)
		k->hung = hung_broker_new();
	own_traffic_ref(opt->own);
	kafkastats_clear(&k->stats);
	if (role_of(opt->cfg) == RD_KAFKA_CONSUMER)
		snprintf(k->topic, sizeof(k->topic), "%s", opt->cfg->topic);
	r = share_or_make(k);
	start_reach(k, opt->cfg->brokers);
	if (r == 0)
		r = create(k);
	k->opt.cfg = NULL;
	k->opt.why = NULL;
	if (r < 0) {
		kafka_free(k, 0);
		return r;
	}
	*out = k;
	return 0;
}

int kafka_watch_queue(struct kafka *k, rd_kafka_queue_t *queue, bool (*on_ready)(void *ctx),
		      void *ctx)
{
	return queuewatch_start(&k->extra_watch, k->opt.loop, queue, 0, on_ready, ctx);
}

void kafka_watch_pause(struct kafka *k, bool paused)
{
	queuewatch_pause(&k->extra_watch, paused);
}

void kafka_watch_also(struct kafka *k, rd_kafka_queue_t *queue)
{
	queuewatch_add(&k->extra_watch, queue);
}

static void *run_flush(void *arg)
{
	struct kafka *k = arg;

	while (!atomic_load(&k->stop_flush))
		if (rd_kafka_flush(k->rk, FLUSH_SLICE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
			usleep(FLUSH_REST_US); /* what is sent again comes little by little */
	return NULL;
}

void kafka_hurry(struct kafka *k)
{
	queuewatch_hurry(&k->main_watch);
}

void kafka_flush_start(struct kafka *k)
{
	kafka_hurry(k);
	if (!k->flushing)
		k->flushing = thread_start(&k->flusher, run_flush, k) == 0;
}

void *kafka_alloc(struct kafka *k, size_t size)
{
	struct memory *m = calloc(1, sizeof(*m) + size);

	if (!m)
		return NULL;
	m->next = k->memory;
	k->memory = m;
	return m->bytes;
}

static void free_memory(struct kafka *k)
{
	struct memory *m;

	while ((m = k->memory)) {
		k->memory = m->next;
		free(m);
	}
}

static void free_rest(struct kafka *k)
{
	free_memory(k);
	own_traffic_unref(k->opt.own);
	kafkalog_unref(k->log);
	login_backoff_unref(k->pace);
	kafkastats_clear(&k->stats);
	hung_broker_free(k->hung);
	free(k);
}

static void *run_destroy(void *arg)
{
	struct kafka *k = arg;

	if (k->flushing)
		pthread_join(k->flusher, NULL);
	rd_kafka_queue_destroy(k->main_queue);
	/* A group is left before (consumer_close()): here nobody could answer a rebalance. */
	rd_kafka_destroy_flags(k->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	if (thread_leave(&k->left))
		free_rest(k);
	return NULL;
}

static void stop_watchers(struct kafka *k)
{
	queuewatch_stop(&k->extra_watch);
	queuewatch_stop(&k->main_watch);
	reach_stop(&k->reach);
	atomic_store(&k->stop_flush, true);
}

void kafka_abandon(struct kafka *k)
{
	if (!k)
		return;
	stop_watchers(k);
	if (k->main_queue)
		workarounds_drop_events(k->rk, k->main_queue);
}

void kafka_free_abandoned(struct kafka *k)
{
	thread_leave(&k->left);
	run_destroy(k);
}

void kafka_free(struct kafka *k, unsigned int wait_ms)
{
	if (!k)
		return;
	stop_watchers(k);
	if (!k->rk) {
		free_rest(k);
		return;
	}
	if (thread_start(&k->destroyer, run_destroy, k) < 0)
		return; /* no thread to be had: the process is ending, or will not last */
	if (thread_join_or_leave(k->destroyer, wait_ms, &k->left))
		free_rest(k);
}

rd_kafka_t *kafka_client(const struct kafka *k)
{
	return k->rk;
}

void kafka_brake(struct kafka *k, const char *topic)
{
	hung_broker_apply(k->hung, k->rk, topic, k->main_queue);
}

void kafka_connect_now(struct kafka *k)
{
	atomic_store(&k->hold_until_ms, 0);
}

int kafka_ask_limits(struct kafka *k, const char *topic, topic_limits_fn fn, void *ctx)
{
	return topic_limits_ask(&k->limits, k->rk, topic, k->main_queue, fn, ctx);
}

bool kafka_connected(const struct kafka *k)
{
	return reach_is_connected(&k->reach);
}

void kafka_begin_rtt(struct kafka *k)
{
	kafkastats_begin_rtt(&k->stats);
}

const struct kafkastats *kafka_stats(const struct kafka *k)
{
	return &k->stats;
}

const char *kafka_last_error(const struct kafka *k)
{
	return kafkalog_last_error(k->log);
}
