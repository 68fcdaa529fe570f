/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of Wireshark's, taken apart: what it asks for, and with which values.
 *
 * The calls are described in Wireshark's Developer's Guide, "Extcap: Developer Guide", and in
 * extcap(4).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "extcap/extcap_args.h"

/* The name of the interface for which the dialog gives everything; "pycapa-NAME" is that of the
 * configuration file NAME.cfg. */
#define EXTCAP_INTERFACE "pycapa"

enum extcap_action {
	EXTCAP_INTERFACES,
	EXTCAP_DLTS,
	EXTCAP_CONFIG,
	EXTCAP_RELOAD,  /* the values of the argument `option`, asked afresh */
	EXTCAP_FILTER,  /* whether `filter` is right */
	EXTCAP_CLEANUP, /* a capture was killed */
	EXTCAP_CAPTURE,
};

struct extcap_call {
	enum extcap_action action;
	/* Owned; NULL: not given. */
	char *interface, *fifo, *filter, *option, *control_in, *control_out;
	char *values[EXTCAP_ARGS]; /* never "" */
};

/* Whether a command line is Wireshark's: some word of it begins with --extcap-. */
bool extcap_call_is(int argc, char **argv);

/*
 * Takes a command line apart and overwrites the secrets in it. What of it belongs to a newer
 * Wireshark (--extcap-…) is left out. Returns 0, or -errno with one line in `why`; to be given to
 * extcap_call_clear() in any case.
 */
int extcap_call_parse(struct extcap_call *call, int argc, char **argv, char *why, size_t size);

/* The value of an argument, else its default; NULL: neither. */
const char *extcap_call_value(const struct extcap_call *call, enum extcap_arg_id id);

/* The NAME of "pycapa-NAME"; NULL: it is the interface for everything. */
const char *extcap_call_instance(const struct extcap_call *call);

/* Overwrites and frees. */
void extcap_call_clear(struct extcap_call *call);
