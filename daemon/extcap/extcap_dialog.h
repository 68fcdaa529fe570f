/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentences that Wireshark is told: which interfaces there are, and what the dialog asks.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "extcap/extcap_call.h"
#include "extcap/extcap_files.h"

/* The logger of the toolbar: the number of its control. */
#define EXTCAP_LOGGER 0

void extcap_dialog_interfaces(FILE *out, const struct extcap_file *files, size_t n);
void extcap_dialog_dlts(FILE *out);
/* Of the interface that the call names; `topic` is one that Wireshark remembers, NULL: none. */
void extcap_dialog_config(FILE *out, const struct extcap_call *call, const char *topic);

/* One value of an argument; `is_default`: it is chosen. */
void extcap_dialog_value(FILE *out, enum extcap_arg_id id, const char *value, const char *display,
			 bool is_default);
