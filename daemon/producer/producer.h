/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets into Kafka: in flight, backpressure, delivery counters, and what is to be sent again.
 *
 * Nothing fails for what time or an operator can mend. When Kafka refuses messages (no topic yet,
 * no permission, a client that declared itself dead), the producer takes no more, collects all
 * that was not delivered, makes the client anew, sends it again in the old order, and goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "producer/inflight.h"
#include "producer/producer_options.h"
#include "producer/producer_send.h"

struct delivery_ages;
struct outclient;
struct rejections;

/* 0, -ENOPROTOOPT (wrong settings) or -errno, logged. No broker need be there. */
int producer_new(struct producer **out, const struct producer_options *opt);

/*
 * Reload, first step: makes a client of the new settings; nothing else changes. The caller hands
 * it to producer_replace() or frees it. 0, or -errno with `why`.
 */
int producer_prepare(struct producer *p, const struct config *cfg, struct outclient **next,
		     char *why, size_t size);

/*
 * Second step, which cannot fail: takes `next` over. It sends once the old client has drained or
 * given back what it holds. That stays for the topic it was taken for, unless Kafka refuses that
 * topic now: then it goes to the new one. The old settings are not used any more.
 */
void producer_replace(struct producer *p, const struct config *cfg, struct outclient *next);

/* The settings of its client, or of the one that is to replace it. */
const struct config *producer_config(const struct producer *p);

/* What it has taken and Kafka has not settled: for copies of it. Borrowed. */
struct inflight *producer_inflight(struct producer *p);

/* The client's linger.ms, seconds. */
double producer_linger(const struct producer *p);

/* Sends what is queued without lingering; on_drained follows once it is all delivered. */
void producer_drain(struct producer *p);

/* Gives up on what is queued: each goes to on_undelivered, then on_drained. */
void producer_abandon(struct producer *p);

void producer_read_counters(const struct producer *p, struct producer_counters *out);

/* How old packets were when they were acknowledged. Borrowed. */
const struct delivery_ages *producer_ages(const struct producer *p);

/* The longest answer of a broker since the last producer_begin_rtt(), microseconds; -1: unknown. */
int64_t producer_rtt(const struct producer *p);
void producer_begin_rtt(struct producer *p);

/* The client in use, borrowed: a reload or a failure changes it. */
struct outclient *producer_client(const struct producer *p);

/* Waits at most some seconds for librdkafka's end. NULL is legal. */
void producer_free(struct producer *p);

/* True while a broker answers. */
bool producer_is_connected(const struct producer *p);

/* What Kafka refused. Borrowed. */
const struct rejections *producer_refusals(const struct producer *p);
