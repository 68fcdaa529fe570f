/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of Kafka brokers as people type them. Pure.
 */
#pragma once

#include <stddef.h>

/*
 * Checks a list such as "kafka1:9092,[::1]:9092": names or addresses, each with a port of 1 to
 * 65535 or without one (then 9092), an IPv6 address in brackets, separated by commas (a blank may
 * follow). A protocol as librdkafka takes it may stand before one: "SASL_SSL://kafka1:9093".
 * librdkafka takes far more, and reads it as something else: port 99999 is 34463 to it.
 * Returns 0, or -EINVAL with one line in `why` that says how to write it.
 */
int brokers_check(const char *text, char *why, size_t size);

/*
 * Whether the protocols in a list that is right are all `protocol` (the value of
 * security.protocol): librdkafka leaves the others out. 0, or -EINVAL with `why`.
 */
int brokers_check_protocol(const char *text, const char *protocol, char *why, size_t size);
