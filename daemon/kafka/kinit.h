/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How kinit is run: confined, bounded, and with its error as one line of our log.
 *
 * librdkafka runs sasl.kerberos.kinit.cmd by system() in a thread of its own, now and every
 * sasl.kerberos.min.time.before.relogin. kinitcmd_wrap() puts ourselves before that command, as
 * `pycapa --run-kinit FD COMMAND`; kinit_main() is that program.
 *
 * It reports into a pipe of the process that started it, which logs it. By itself it would be a bad
 * logger: journald asks /proc which unit an entry comes from, and who is gone by then has none.
 */
#pragma once

#define KINIT_OPTION     "--run-kinit"
#define KINIT_START      "exec '" /* how a wrapped command begins */
#define KINIT_REPORT_MAX 2048     /* bytes of a report with its end, one write(2) of a pipe */
#define KINIT_TOLD       "1"      /* the exit status of kinit_main() after any failure */

/*
 * Runs `command` by the shell, without our capabilities, file descriptors and signal mask, its
 * output in a pipe, for some seconds at most. Returns 0, or 1 after a failure, which is reported:
 * one line into the descriptor `report_fd`, without a newline, with the last line of the output and
 * what to do about it. SIGTERM, or the end of the process that started us, ends all that the
 * command has started.
 */
int kinit_main(const char *report_fd, const char *command);
