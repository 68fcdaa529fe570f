/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reload button of the topic: asks the brokers which topics there are.
 */
#pragma once

#include <stdio.h>

#include "config/config.h"

/*
 * Prints a value for each topic but Kafka's own, `chosen` as the default (NULL: none); when Kafka
 * does not answer, `chosen` alone, with the reason. A thread may still wait for Kafka afterwards
 * (thread_may_exit()).
 */
void extcap_topics_print(FILE *out, const struct config *cfg, const char *chosen);
