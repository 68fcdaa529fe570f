/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinit command of a client: ours, with the user's in it (kinit.h).
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether a client of these properties runs kinit. */
bool kinitcmd_is_wanted(const rd_kafka_conf_t *conf);

/*
 * Puts `pycapa --run-kinit REPORT` before sasl.kerberos.kinit.cmd, and the values of properties in
 * the place of their %{NAME}: the shell reads each as it is, whatever characters are in it, in
 * quotes or outside of them. To be called once, after all properties are set. `report` is the end
 * of a pipe that programs inherit, for as long as the client lives.
 * Returns 0; -EINVAL (a name has no value), -ENOMEM or -errno with one line in `why`.
 */
int kinitcmd_wrap(rd_kafka_conf_t *conf, int report, char *why, size_t size);
