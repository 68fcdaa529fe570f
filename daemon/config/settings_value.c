/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings_value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"
#include "config/point_in_time.h"
#include "config/start_offset.h"
#include "packet/packet.h"

/* A text that a setting is given, and the line that says what is wrong with it. */
struct given {
	const char *text;
	int64_t now_ms;
	char *why;
	size_t size;
};

/* What can be done with a type of value; `field` is where it stands in struct config. */
struct type {
	struct setting_form form;
	int (*set)(void *field, const struct setting *setting, const struct given *given);
	int (*format)(char *buf, size_t size, const void *field, const struct setting *setting);
	void (*format_range)(char *buf, size_t size, const struct setting *setting); /* NULL: any */
	void (*clear)(void *field); /* NULL: 0 is enough */
};

/* -EINVAL, and why. */
__attribute__((format(printf, 2, 3))) static int refuse(const struct given *given,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(given->why, given->size, format, args);
	va_end(args);
	return -EINVAL;
}

static void put_number(void *field, const struct setting *setting, uint64_t value)
{
	if (setting->size == sizeof(uint64_t))
		*(uint64_t *)field = value;
	else
		*(uint32_t *)field = (uint32_t)value;
}

static uint64_t get_number(const void *field, const struct setting *setting)
{
	if (setting->size == sizeof(uint64_t))
		return *(const uint64_t *)field;
	return *(const uint32_t *)field;
}

static int put_string(char **field, const char *text, const struct given *given)
{
	char *copy = strdup(text);

	if (copy == NULL) {
		refuse(given, "out of memory");
		return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

static int set_bool(void *field, const struct setting *setting, const struct given *given)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		bool value = strcasecmp(given->text, yes[i]) == 0;

		if (value || strcasecmp(given->text, no[i]) == 0) {
			*(bool *)field = value;
			return 0;
		}
	}
	return refuse(given, "'%s' is neither true nor false", given->text);
}

static int format_bool(char *buf, size_t size, const void *field, const struct setting *setting)
{
	return snprintf(buf, size, "%s", *(const bool *)field ? "true" : "false");
}

static void format_range_of_bool(char *buf, size_t size, const struct setting *setting)
{
	snprintf(buf, size, "true or false");
}

static int out_of_range(const struct setting *setting, const struct given *given)
{
	char range[128];

	settings_format_range(range, sizeof(range), setting);
	return refuse(given, "'%s' is out of range: %s", given->text, range);
}

/* Says why a text is no number for this setting; errno is what its parser left. */
static int refuse_number(const struct setting *setting, const struct given *given)
{
	if (errno == ERANGE && setting->max < INT64_MAX)
		return out_of_range(setting, given);
	if (errno == ERANGE)
		return refuse(given, "'%s' is out of range: %" PRIu64 " to %" PRIu64, given->text,
			      setting->min, setting->max);
	return refuse(given, "'%s' is not a %s", given->text,
		      setting->type == SETTING_SIZE   ? "size such as 64M (units K, M, G, T)"
		      : setting->type == SETTING_TIME ? "time such as 20ms (units ms, s, m, h, d)"
						      : "whole number");
}

static int set_number(void *field, const struct setting *setting, const struct given *given)
{
	uint64_t value = 0;
	int64_t number;
	bool ok;

	if (setting->most != NULL && strcasecmp(given->text, setting->most) == 0) {
		put_number(field, setting, UINT64_MAX);
		return 0;
	}
	if (setting->type == SETTING_SIZE) {
		ok = units_parse_size(given->text, setting->plain, &value);
	} else if (setting->type == SETTING_TIME) {
		ok = units_parse_time(given->text, setting->plain, &value);
	} else {
		ok = units_parse_integer(given->text, &number);
		if (ok && number < 0)
			return out_of_range(setting, given);
		value = ok ? (uint64_t)number : 0;
	}
	if (!ok)
		return refuse_number(setting, given);
	if (value < setting->min || value > setting->max)
		return out_of_range(setting, given);
	/* As tcpdump: a snaplen of 0 asks for everything. */
	if (value == 0 && setting->max == PACKET_MAX_LEN)
		value = PACKET_MAX_LEN;
	put_number(field, setting, value);
	return 0;
}

static int write_number(char *buf, size_t size, const struct setting *setting, uint64_t number)
{
	if (setting->most != NULL && number == UINT64_MAX)
		return snprintf(buf, size, "%s", setting->most);
	if (setting->type == SETTING_SIZE)
		return units_format_size(buf, size, number);
	if (setting->type == SETTING_TIME)
		return units_format_time(buf, size, number);
	return snprintf(buf, size, "%" PRIu64, number);
}

static int format_number(char *buf, size_t size, const void *field, const struct setting *setting)
{
	return write_number(buf, size, setting, get_number(field, setting));
}

static void format_range_of_number(char *buf, size_t size, const struct setting *setting)
{
	char min[32], max[32];

	write_number(min, sizeof(min), setting, setting->min);
	write_number(max, sizeof(max), setting, setting->max);
	if (setting->type == SETTING_INTEGER && setting->max == INT64_MAX)
		snprintf(buf, size, "%s or more", min);
	else
		snprintf(buf, size, "%s to %s%s%s", min, max, setting->most ? ", or " : "",
			 setting->most ? setting->most : "");
}

static int set_optional(void *field, const struct setting *setting, const struct given *given)
{
	int r = set_number(field, setting, given);

	if (r == 0)
		++*(uint32_t *)field;
	return r;
}

static int format_optional(char *buf, size_t size, const void *field, const struct setting *setting)
{
	uint32_t value = *(const uint32_t *)field;

	return value ? write_number(buf, size, setting, value - 1) : snprintf(buf, size, "%s", "");
}

static int set_string(void *field, const struct setting *setting, const struct given *given)
{
	size_t len = strlen(given->text);

	if (len < setting->min)
		return refuse(given, "must not be empty");
	if (setting->max > 0 && len > setting->max)
		return refuse(given, "longer than %" PRIu64 " characters", setting->max);
	if (setting->check != NULL && setting->check(given->text, given->why, given->size) < 0)
		return -EINVAL;
	return put_string(field, given->text, given);
}

static int format_string(char *buf, size_t size, const void *field, const struct setting *setting)
{
	const char *text = *(char *const *)field;

	return snprintf(buf, size, "%s", text != NULL ? text : "");
}

static void clear_string(void *field)
{
	free(*(char **)field);
}

static int set_choice(void *field, const struct setting *setting, const struct given *given)
{
	char range[128];

	for (const struct setting_choice *c = setting->choices; c->name != NULL; c++) {
		if (strcasecmp(c->name, given->text) == 0) {
			put_number(field, setting, (uint64_t)c->value);
			return 0;
		}
	}
	settings_format_range(range, sizeof(range), setting);
	return refuse(given, "'%s' is not one of %s", given->text, range);
}

static int format_choice(char *buf, size_t size, const void *field, const struct setting *setting)
{
	uint64_t value = get_number(field, setting);
	const struct setting_choice *c = setting->choices;

	while (c->name != NULL && (uint64_t)c->value != value)
		c++;
	return snprintf(buf, size, "%s", c->name != NULL ? c->name : "");
}

static void format_range_of_choices(char *buf, size_t size, const struct setting *setting)
{
	size_t len = 0;

	buf[0] = '\0';
	for (const struct setting_choice *c = setting->choices; c->name != NULL; c++) {
		const char *join = c == setting->choices ? "" : c[1].name == NULL ? " or " : ", ";
		int n = snprintf(buf + len, size - len, "%s%s", join, c->name);

		if (n < 0 || (size_t)n >= size - len)
			return;
		len += (size_t)n;
	}
}

static int set_start(void *field, const struct setting *setting, const struct given *given)
{
	struct config_start *start = field;
	enum config_offset kind;
	int64_t value;
	int r;

	if (!start_offset_parse(given->text, given->now_ms, &kind, &value)) {
		start_offset_explain(given->text, given->why, given->size);
		return -EINVAL;
	}
	r = put_string(&start->text, start_offset_word(kind, given->text), given);
	if (r == 0) {
		start->offset = kind;
		start->value = value;
	}
	return r;
}

static int format_start(char *buf, size_t size, const void *field, const struct setting *setting)
{
	return format_string(buf, size, &((const struct config_start *)field)->text, setting);
}

static void clear_start(void *field)
{
	free(((struct config_start *)field)->text);
}

static int set_point(void *field, const struct setting *setting, const struct given *given)
{
	struct config_time *at = field;
	int64_t us;
	int r;

	if (!point_in_time_parse(given->text, given->now_ms * 1000, &us)) {
		point_in_time_explain(given->text, given->why, given->size);
		return -EINVAL;
	}
	r = put_string(&at->text, given->text, given);
	if (r == 0)
		at->us = us;
	return r;
}

static int format_point(char *buf, size_t size, const void *field, const struct setting *setting)
{
	return format_string(buf, size, &((const struct config_time *)field)->text, setting);
}

static void clear_point(void *field)
{
	free(((struct config_time *)field)->text);
}

static void clear_properties(void *field)
{
	properties_clear(field);
}

#define BOOL   SETTING_LITERAL_BOOL
#define NUMBER SETTING_LITERAL_NUMBER
#define TEXT   SETTING_LITERAL_TEXT

/* clang-format off */
static const struct type types[] = {
	[SETTING_ACTION] = {.form = {.name = "action"}},
	[SETTING_BOOL] = {{"bool", BOOL, "true or false"},
		set_bool, format_bool, format_range_of_bool, NULL},
	[SETTING_INTEGER] = {{"integer", NUMBER, "a number"},
		set_number, format_number, format_range_of_number, NULL},
	[SETTING_OPTIONAL] = {{"integer", NUMBER, "a number"},
		set_optional, format_optional, format_range_of_number, NULL},
	[SETTING_SIZE] = {{"size", NUMBER | TEXT, "a size such as \"64M\""},
		set_number, format_number, format_range_of_number, NULL},
	[SETTING_TIME] = {{"time", NUMBER | TEXT, "a time such as \"20ms\""},
		set_number, format_number, format_range_of_number, NULL},
	[SETTING_STRING] = {{"string", TEXT, "a string in double quotes"},
		set_string, format_string, NULL, clear_string},
	[SETTING_ENUM] = {{"enum", TEXT, "a string in double quotes"},
		set_choice, format_choice, format_range_of_choices, NULL},
	[SETTING_OFFSET] = {{"offset", NUMBER | TEXT, "a string or a number"},
		set_start, format_start, NULL, clear_start},
	[SETTING_POINT] = {{"point", TEXT, "a string in double quotes"},
		set_point, format_point, NULL, clear_point},
	[SETTING_PROPERTIES] = {{"list", 0, "a list such as ( \"linger.ms=5\" )"},
		NULL, NULL, NULL, clear_properties},
};
/* clang-format on */
static_assert(sizeof(types) / sizeof(types[0]) == SETTING_PROPERTIES + 1, "a row a type");

const struct setting_form *settings_form(const struct setting *setting)
{
	return &types[setting->type].form;
}

int settings_set(struct config *cfg, const struct setting *setting, const char *text,
		 int64_t now_ms, char *why, size_t size)
{
	const struct given given = {text, now_ms, why, size};

	assert(types[setting->type].set != NULL);
	return types[setting->type].set((char *)cfg + setting->offset, setting, &given);
}

void settings_clear(struct config *cfg, const struct setting *setting)
{
	void *field = (char *)cfg + setting->offset;

	if (types[setting->type].clear != NULL)
		types[setting->type].clear(field);
	memset(field, 0, setting->size);
}

int settings_reset(struct config *cfg, const struct setting *setting, char *why, size_t size)
{
	settings_clear(cfg, setting);
	return setting->initial != NULL ? settings_set(cfg, setting, setting->initial, 0, why, size)
					: 0;
}

int settings_format(char *buf, size_t size, const struct config *cfg, const struct setting *setting)
{
	if (types[setting->type].format == NULL)
		return snprintf(buf, size, "%s", "");
	return types[setting->type].format(buf, size, (const char *)cfg + setting->offset, setting);
}

void settings_format_range(char *buf, size_t size, const struct setting *setting)
{
	snprintf(buf, size, "%s", "");
	if (types[setting->type].format_range != NULL)
		types[setting->type].format_range(buf, size, setting);
}

const char *settings_origin(const struct config *cfg, const char *name)
{
	return cfg->where[settings_index(settings_find(name))];
}
