/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry of the log consists of.
 */
#pragma once

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* A field of one entry: `PYCAPA_NAME=value` in the journal, a member in JSON, not in text. */
struct log_field {
	const char *name; /* with its PYCAPA_ prefix, static */
	uint64_t value;
};

/* An entry has no more. */
#define LOG_FIELDS_MAX 32

/* What happened, for the journal's catalog; NONE carries no MESSAGE_ID. */
enum log_event {
	LOG_EVENT_NONE,
	LOG_EVENT_DROPPED,
	LOG_EVENT_BROKER_LOST,
	LOG_EVENT_BROKER_BACK,
	LOG_EVENT_INTERFACE_LOST,
	LOG_EVENT_INTERFACE_BACK,
	LOG_EVENT_RELOAD_REFUSED,
	LOG_EVENT_UNDELIVERED,
	LOG_EVENT_COUNT,
};
