/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topic of the settings and others: those of earlier runs and settings that packets still wait
 * for. An index stands for a name for as long as the process runs; the handles go with their
 * client.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct kafka;
struct outtopics;

int outtopics_new(struct outtopics **out);
/* The handles must be closed. NULL is legal. */
void outtopics_free(struct outtopics *t);

/* The index of a name, from 0 on; _find: -1 when it was never asked for; _add: or -ENOMEM. */
int outtopics_find(const struct outtopics *t, const char *name);
int outtopics_add(struct outtopics *t, const char *name);

const char *outtopics_name(const struct outtopics *t, int index);

/*
 * A reload goes from one to another. Should Kafka refuse the old one, what waits for it goes to
 * that of the settings: _give_up() is true when that begins, _is_given_up() from then on.
 */
void outtopics_replace(struct outtopics *t, int from, int to);
bool outtopics_give_up(struct outtopics *t, int index);
bool outtopics_is_given_up(const struct outtopics *t, int index);

/* The client's handle of the topic, opened when it is first asked for; NULL: refused (logged). */
rd_kafka_topic_t *outtopics_handle(struct outtopics *t, int index, struct kafka *k);

/* Closes all handles, before their client goes. */
void outtopics_close(struct outtopics *t);
