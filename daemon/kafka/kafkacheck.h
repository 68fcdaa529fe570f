/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on one Kafka property; on all together: kafkaconf_check_together().
 */
#pragma once

#include <stddef.h>

/*
 * Checks one property as librdkafka would; `value` NULL: only whether there is such a one. Returns
 * 0, or -EINVAL with one line in `why` that says what is wrong and names the closest valid property
 * or the valid values.
 */
int kafkacheck_property(const char *name, const char *value, char *why, size_t size);
