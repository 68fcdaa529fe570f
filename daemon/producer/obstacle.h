/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps a topic from taking packets though a broker answers: asked of the cluster on a thread,
 * as librdkafka does not tell. The last answer stays until the next, or until it is forgotten.
 */
#pragma once

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct obstacle;

/* 0 or -ENOMEM. */
int obstacle_new(struct obstacle **out, struct ev_loop *loop);

/* Asks for the client's topic, unless an earlier question is not answered yet. */
void obstacle_ask(struct obstacle *o, rd_kafka_t *rk, const char *topic);

/* The last answer: one line; "": none, or it knows of nothing. */
const char *obstacle_words(const struct obstacle *o);

/* It takes packets again: neither the last answer nor one that is on its way counts any more. */
void obstacle_forget(struct obstacle *o);

/* See worker_release(): false, when the question still uses the client. NULL is legal. */
bool obstacle_free(struct obstacle *o, unsigned int wait_ms, void (*gone)(void *arg), void *arg);
