/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics beside that of the settings: those of earlier runs and settings that a spool still holds
 * packets for. An index stands for a name for as long as the process runs; the handles go with
 * their client.
 */
#pragma once

#include <librdkafka/rdkafka.h>

struct outtopics;

int outtopics_new(struct outtopics **out);
/* The handles must be closed. NULL is legal. */
void outtopics_free(struct outtopics *t);

/* The index of a name, from 0 on; _find: -1 when it was never asked for; _add: or -ENOMEM. */
int outtopics_find(const struct outtopics *t, const char *name);
int outtopics_add(struct outtopics *t, const char *name);

/* The client's handle of the topic, opened when it is first asked for; NULL: refused (logged). */
rd_kafka_topic_t *outtopics_handle(struct outtopics *t, int index, rd_kafka_t *rk);

/* Closes all handles, before their client goes. */
void outtopics_close(struct outtopics *t);
