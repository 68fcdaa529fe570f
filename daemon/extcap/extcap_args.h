/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of the dialog, one row each: what the dialog shows, what a call may give, and what
 * becomes of it know them from here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The numbers of the dialog's sentences. */
enum extcap_arg_id {
	EXTCAP_ARG_BROKERS,
	EXTCAP_ARG_TOPIC,
	EXTCAP_ARG_START,
	EXTCAP_ARG_STARTTIME,
	EXTCAP_ARG_END,
	EXTCAP_ARG_ENDTIME,
	EXTCAP_ARG_FILTER,
	EXTCAP_ARG_REORDER,
	EXTCAP_ARG_CONFIG,
	EXTCAP_ARG_PROTOCOL,
	EXTCAP_ARG_MECHANISM,
	EXTCAP_ARG_USERNAME,
	EXTCAP_ARG_PASSWORD,
	EXTCAP_ARG_CAFILE,
	EXTCAP_ARG_CERTIFICATE,
	EXTCAP_ARG_KEY,
	EXTCAP_ARG_KEYPASSWORD,
	EXTCAP_ARG_PROPERTIES,
	EXTCAP_ARGS,
};

struct extcap_choice {
	const char *value; /* NULL: the end of the list */
	const char *display;
};

struct extcap_arg {
	const char *name; /* --NAME; Wireshark remembers it as extcap.INTERFACE.NAME */
	const char *type; /* as Wireshark names it */
	const char *display;
	const char *tooltip;
	const char *group;    /* the tab it is on */
	const char *initial;  /* NULL: none */
	const char *more;     /* further attributes of the sentence; NULL: none */
	const char *property; /* librdkafka's, which it is the value of; NULL */
	const struct extcap_choice *choices;
	bool required;
	bool secret;  /* overwritten in argv */
	bool of_file; /* asked of an interface that a configuration file makes, too */
};

/* EXTCAP_ARGS rows, by number. */
const struct extcap_arg *extcap_args(void);
