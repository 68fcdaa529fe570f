/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics as tables for people; what is an estimate has a "~" before it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cli/topic_facts.h"

/* A row for each topic that topic_facts_is_shown() chooses. Returns 0 or -ENOMEM. */
int topic_text_topics(FILE *out, const struct survey *s, bool all);

/* A row for each partition of the topic, and one for all of them. Returns 0 or -ENOMEM. */
int topic_text_partitions(FILE *out, const struct survey_topic *t);
