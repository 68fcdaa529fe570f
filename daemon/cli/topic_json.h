/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics as one JSON document for programs; pycapa(1) has its fields.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cli/topic_facts.h"

struct topic_json_options {
	const char *brokers;
	bool complete;   /* everything was answered */
	bool all;        /* topic_facts_is_shown() */
	bool partitions; /* with an object for each of them */
};

void topic_json_put(FILE *out, const struct survey *s, const struct topic_json_options *opt);
