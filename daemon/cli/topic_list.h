/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --list-topics: asks Kafka what there is, and prints it.
 */
#pragma once

#include "cli/options.h"

/*
 * Prints to standard output; what went wrong is logged, in one line. Returns 0, or a negative errno
 * when Kafka or the topic is not there, or did not tell everything in time.
 * -ETIMEDOUT: a thread may still wait for Kafka (thread_may_exit()).
 */
int topic_list(const struct config *cfg, const struct options_listing *listing);
