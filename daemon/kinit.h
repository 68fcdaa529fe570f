/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How kinit is run: confined, bounded, and with its error as one line of our log.
 *
 * librdkafka runs sasl.kerberos.kinit.cmd by system() in a thread of its own, now and every
 * sasl.kerberos.min.time.before.relogin. kinit_wrap() puts ourselves before that command, as
 * `pycapa --run-kinit COMMAND`; kinit_main() is that program.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#define KINIT_OPTION "--run-kinit"

/*
 * Wraps the kinit command of a client that authenticates by GSSAPI; leaves others alone. To be
 * called once, after all properties are set. Returns 0 or -errno.
 */
int kinit_wrap(rd_kafka_conf_t *conf);

/*
 * Runs `command` by the shell, without our capabilities, file descriptors and signal mask, its
 * output in a pipe, for some seconds at most. Returns its exit status; 124 when it took too long.
 * A failure is logged, one line with the last line of the output and what to do about it.
 */
int kinit_main(const char *command);
