/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pycapa as an extcap of Wireshark: it answers the calls that ask for something, and makes the one
 * that captures into the command line of an ordinary consumer.
 *
 * While it captures, everything that is logged goes to the window's logger, if there is one, and
 * nothing to stderr: Wireshark shows whatever is there as an error. What a capture failed for is
 * one line there at the end.
 */
#pragma once

#include <stdbool.h>

struct extcap;

#define EXTCAP_E_CAPTURE 1

/*
 * For a command line of which extcap_call_is(). From here on nothing is logged to stderr. Secrets
 * in argv are overwritten.
 *
 * Returns 0: the answer was printed; EXTCAP_E_CAPTURE: run the command line of extcap_words();
 * -errno: it was told on stderr, in one line. *out is for extcap_free(), NULL when there is none.
 */
int extcap_new(struct extcap **out, int argc, char **argv);

/* The command line of the consumer; lives as long as `x`. */
char **extcap_words(const struct extcap *x, int *argc);

/* ---- from the loop; NULL is no extcap, and does nothing ---- */

/* What the capture is doing, when it changes. */
void extcap_set_state(struct extcap *x, const char *text);
/* The same with rates, now and then: a capture that comes so far has begun. */
void extcap_set_status(struct extcap *x, const char *text);
/* The user has stopped it: what was cut short by that is no error. */
void extcap_stop(struct extcap *x);

/* ---- after log_free() ---- */

/*
 * Tells on stderr why it ended, if that was no success, and makes sure that the reader of the fifo
 * ends too, and that the window does not hang in opening a control pipe. That takes until they have
 * opened them; 2 s, and 10 s, at most. NULL is legal. Returns the exit status: 0 when the user
 * stopped it.
 */
int extcap_finish(const struct extcap *x, int status);
void extcap_free(struct extcap *x);
