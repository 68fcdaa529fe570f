/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka tells of lost brokers by error events, but of none that came back: an interceptor sees
 * each answer of a broker, on librdkafka's threads, and wakes the loop only when the state it knows
 * is not "connected". Answers that come before authentication (ApiVersion, Sasl*) do not count.
 *
 * A broker, or what is between, closes connections that are idle. That is no outage: librdkafka
 * connects again by itself. Such a close is one with which no request failed; a request that fails
 * with it does so at the same moment, but its report may come after the event. So when all
 * connections are closed that way Kafka is
 *	connected	-> doubted	nothing is said
 *	doubted		-> connected	by an answer; nothing is said
 *	doubted		-> lost		by a request that failed, or an error: it could not connect
 *	lost		-> connected	by an answer with packets, or when one without is not
 *					followed by an error: an address of --kafka-broker may
 *					answer while those that the cluster advertises
 *					cannot be reached
 */
#include "kafka/reach.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "kafka/hints.h"
#include "kafka/kafkalog.h"
#include "kafka/login_backoff.h"

#define HOLD_ERROR_S 1.
#define CONFIRM_S    2.
#define AT_ONCE_MS   500 /* a request that failed so long before a close failed with it */

static void set_connected(struct reach *r, bool connected, const char *reason)
{
	bool was = atomic_exchange(&r->connected, connected);
	bool doubted = atomic_exchange(&r->doubted, false);

	r->lost = !connected;
	r->refused &= !connected;
	ev_timer_stop(r->opt.loop, &r->confirm);
	if (connected)
		login_backoff_accepted(r->opt.pace);
	if (was != connected || !connected || doubted)
		kafkalog_connection(r->opt.log, r->brokers, connected, reason);
	if (was != connected && r->opt.on_change)
		r->opt.on_change(r->opt.ctx, connected);
}

static void on_answered(struct ev_loop *loop, ev_async *w, int revents)
{
	struct reach *r = w->data;

	if (!r->lost || atomic_load(&r->succeeded))
		set_connected(r, true, NULL);
	else if (!ev_is_active(&r->confirm))
		ev_timer_again(loop, &r->confirm);
	if (atomic_load(&r->succeeded))
		kafkalog_success(r->opt.log);
}

static void on_confirmed(struct ev_loop *loop, ev_timer *w, int revents)
{
	set_connected(w->data, true, NULL);
}

static void on_broke(struct ev_loop *loop, ev_async *w, int revents)
{
	struct reach *r = w->data;

	if (atomic_load(&r->doubted))
		set_connected(r, false, r->reason);
}

static bool failed_with(const struct reach *r, uint64_t closed_ms)
{
	return atomic_load(&r->broken_ms) + AT_ONCE_MS > closed_ms;
}

static bool holds_idle_close(const struct reach *r)
{
	return r->closed_ms && !failed_with(r, r->closed_ms);
}

static void on_release(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct reach *r = w->data;

	ev_timer_stop(loop, w);
	if (holds_idle_close(r))
		kafkalog_drop(r->opt.log);
	else
		kafkalog_release(r->opt.log);
}

void reach_saw_response(struct reach *r, int16_t api_key, rd_kafka_resp_err_t err)
{
	enum { PRODUCE = 0, FETCH = 1, METADATA = 3 }; /* kafka.apache.org/protocol: API keys */

	if (err < 0) {
		atomic_store(&r->broken_ms, thread_now_ms());
		if (atomic_load(&r->doubted))
			ev_async_send(r->opt.loop, &r->broke);
	}
	if (err || (api_key != PRODUCE && api_key != FETCH && api_key != METADATA))
		return;
	if (api_key != METADATA && !atomic_load_explicit(&r->succeeded, memory_order_relaxed) &&
	    !atomic_exchange(&r->succeeded, true))
		ev_async_send(r->opt.loop, &r->answered);
	if (!atomic_load_explicit(&r->connected, memory_order_relaxed) ||
	    atomic_load_explicit(&r->doubted, memory_order_relaxed))
		ev_async_send(r->opt.loop, &r->answered);
}

void reach_failed(struct reach *r)
{
	atomic_store(&r->succeeded, false);
}

static bool is_of_connection(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
	       err == RD_KAFKA_RESP_ERR__RESOLVE || err == RD_KAFKA_RESP_ERR__SSL ||
	       err == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

void reach_error(struct reach *r, rd_kafka_resp_err_t err, const char *text)
{
	bool closed = err == RD_KAFKA_RESP_ERR__TRANSPORT && strstr(text, "in state UP") &&
		      atomic_load(&r->connected);

	if (hints_is_refusal(text))
		login_backoff_refused(r->opt.pace, thread_now_ms());
	/* What the log holds of the close is less than what is wrong now. */
	if (!closed && ev_is_active(&r->release) && holds_idle_close(r))
		kafkalog_drop(r->opt.log);
	r->closed_ms = closed ? thread_now_ms() : 0;
	if (kafkalog_error(r->opt.log, err, text, false))
		ev_timer_again(r->opt.loop, &r->release);
	if (closed || !is_of_connection(err))
		return;
	r->refused = true;
	ev_timer_stop(r->opt.loop, &r->confirm);
	if (atomic_load(&r->doubted))
		set_connected(r, false, text);
}

void reach_all_down(struct reach *r, const char *reason)
{
	if (!atomic_load(&r->connected)) {
		set_connected(r, false, reason);
		return;
	}
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	atomic_store(&r->doubted, true);
	/* Later failures find the doubt. */
	if (r->refused || failed_with(r, thread_now_ms()))
		set_connected(r, false, reason);
	else
		log_debug("Kafka client: all connections are closed (%s), no request with them",
			  reason);
}

bool reach_is_connected(const struct reach *r)
{
	return atomic_load(&r->connected);
}

void reach_start(struct reach *r, const struct reach_options *opt, const char *brokers)
{
	r->opt = *opt;
	snprintf(r->brokers, sizeof(r->brokers), "%s", brokers);
	ev_async_init(&r->answered, on_answered);
	ev_async_init(&r->broke, on_broke);
	ev_timer_init(&r->release, on_release, 0., HOLD_ERROR_S);
	ev_timer_init(&r->confirm, on_confirmed, 0., CONFIRM_S);
	r->answered.data = r->broke.data = r->release.data = r->confirm.data = r;
	ev_async_start(opt->loop, &r->answered);
	ev_async_start(opt->loop, &r->broke);
}

void reach_stop(struct reach *r)
{
	ev_async_stop(r->opt.loop, &r->answered);
	ev_async_stop(r->opt.loop, &r->broke);
	if (ev_is_active(&r->release))
		kafkalog_drop(r->opt.log);
	ev_timer_stop(r->opt.loop, &r->release);
	ev_timer_stop(r->opt.loop, &r->confirm);
	/* A stopped ev_async must not be sent to: from here on every answer finds all told. */
	atomic_store(&r->connected, true);
	atomic_store(&r->succeeded, true);
	atomic_store(&r->doubted, false);
}
