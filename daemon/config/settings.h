/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of all settings: what the command line, the configuration file, the help text,
 * --check-config, a reload and the documentation's tests know of each.
 *
 * A new setting is a field in struct config and a row in settings.c; nothing else parses, prints,
 * compares or frees it, or knows what a change of it costs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* What a change of a setting costs at a reload; the values of a set. */
enum config_change {
	CONFIG_CHANGE_NOW = 1,     /* the modules read it afresh */
	CONFIG_CHANGE_CAPTURE = 2, /* needs a new capture handle */
	CONFIG_CHANGE_CLIENT = 4,  /* needs a new Kafka client */
	CONFIG_CHANGE_RESTART = 8, /* cannot change while running */
};

enum setting_type {
	SETTING_ACTION, /* an option without a field: --help, --producer, ... */
	SETTING_BOOL,
	SETTING_INTEGER,
	SETTING_OPTIONAL, /* an integer that need not be set: its field has one more, 0 is not set
			   */
	SETTING_SIZE,
	SETTING_TIME,
	SETTING_STRING,
	SETTING_ENUM,
	SETTING_OFFSET,
	SETTING_POINT,      /* in time */
	SETTING_PROPERTIES, /* a list of "name=value" */
};

/* Where it can be set. */
enum setting_scope {
	SETTING_OPTION = 1,
	SETTING_FILE = 2,
	SETTING_BOTH = SETTING_OPTION | SETTING_FILE,
};

/* Which instances it belongs to. */
enum setting_role {
	SETTING_PRODUCER = 1,
	SETTING_CONSUMER = 2,
	SETTING_ANY = SETTING_PRODUCER | SETTING_CONSUMER,
};

/* Its heading in the help text and in the example file. */
enum setting_group {
	SETTING_GROUP_MODE,
	SETTING_GROUP_KAFKA,
	SETTING_GROUP_INPUT,
	SETTING_GROUP_DELIVERY,
	SETTING_GROUP_CONSUMER,
	SETTING_GROUP_RUN,
	SETTING_GROUP_OTHER,
	SETTING_GROUP_COUNT,
};

struct setting_choice {
	const char *name;
	int value;
};

struct setting {
	const char *name;       /* the long option and the file's key */
	const char *short_name; /* "k", "pp"; NULL: none */
	const char *metavar;    /* NULL: the option takes no value */
	const char *bare;       /* its value when the option stands alone; NULL: it needs one */
	const char *initial;    /* the default, as a user would write it; NULL: not set */
	const char *shown;      /* the default in words, where `initial` does not say it; NULL */
	const char *help;       /* without the default and the range, which follow from the row */
	const struct setting_choice *choices; /* SETTING_ENUM: ends with a NULL name */
	size_t offset;                        /* of the field in struct config */
	size_t size;                          /* of the field, bytes */
	uint64_t min, max;                    /* bytes, milliseconds, or the number itself */
	const char *unit; /* of a number without one: "bytes", "KiB", "ms", "s"; NULL: none */
	uint64_t plain;   /* of a size or time: that unit in bytes or milliseconds */
	const char *most; /* the word for UINT64_MAX, which `max` does not hold for; NULL: none */
	enum setting_type type;
	enum setting_scope scope;
	enum setting_role role;
	enum setting_group group;
	enum config_change change;
	bool old;         /* an option of the Python tool: its prefixes keep their meaning */
	bool optional;    /* an action whose value may be left out: a word, or behind a "=" */
	bool live;        /* only for an interface, not for a file that is read */
	bool saved;       /* only for a file that is read */
	bool joined;      /* a text: the option can be repeated, and all are joined by spaces */
	const char *once; /* why a second one on the command line is refused; NULL: the last wins */
	/* What else a text must be: 0, or -EINVAL with one line in `why`; NULL: nothing. */
	int (*check)(const char *text, char *why, size_t size);
};

/* The rows, in the order of the help text. */
const struct setting *settings_table(size_t *n);

/* The row of a long name, exactly; NULL when there is none. */
const struct setting *settings_find(const char *name);

/* The position of a row of the table. */
size_t settings_index(const struct setting *setting);

const char *settings_group_title(enum setting_group group);
