/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of settings: text into a field of struct config, a field into text, ranges into words.
 * A type of value is one row of a table in settings_value.c, so that clearing, setting, showing
 * and comparing one follow from the setting's row alone.
 */
#pragma once

#include "config/settings.h"

/* What a configuration file may write for a value, as bits. */
enum setting_literal {
	SETTING_LITERAL_BOOL = 1,
	SETTING_LITERAL_NUMBER = 2,
	SETTING_LITERAL_TEXT = 4,
};

struct setting_form {
	const char *name;      /* of its type, for programs: "size" */
	unsigned int literals; /* a set of enum setting_literal */
	const char *wanted;    /* the same in words */
};

const struct setting_form *settings_form(const struct setting *setting);

/*
 * Parses `text` as the value of a setting and puts it into its field (what was there is freed).
 * `now_ms` is what relative times count from. Not for actions and properties.
 * Returns 0; -EINVAL with one line in `why` that names neither the setting nor its place: cfg is
 * unchanged; -ENOMEM, `why` filled too.
 */
int settings_set(struct config *cfg, const struct setting *setting, const char *text,
		 int64_t now_ms, char *why, size_t size);

/* Has a setting be not set; what its field owned is freed, properties are overwritten first. */
void settings_clear(struct config *cfg, const struct setting *setting);

/* Back to the default, which may be none. Returns as settings_set(). */
int settings_reset(struct config *cfg, const struct setting *setting, char *why, size_t size);

/* The value of a setting as a user would write it; "" when it is not set. As snprintf. */
int settings_format(char *buf, size_t size, const struct config *cfg,
		    const struct setting *setting);

/* The range of a setting in words ("1 to 262144", "flow, host, random or key"); "": any. */
void settings_format_range(char *buf, size_t size, const struct setting *setting);

/* Where a setting was set: "-s/--snaplen", "eth0.cfg:12"; NULL: nowhere, it has its default. */
const char *settings_origin(const struct config *cfg, const char *name);
