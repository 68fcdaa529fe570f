/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of settings: text into fields, fields into text, ranges into words.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/closest_name.h"
#include "base/units.h"
#include "config/offset.h"
#include "config/settings.h"
#include "packet/packet.h"

static void *field_of(struct config *cfg, const struct setting *setting)
{
	return (char *)cfg + setting->offset;
}

static void put_number(struct config *cfg, const struct setting *setting, uint64_t value)
{
	void *field = field_of(cfg, setting);

	if (setting->size == sizeof(uint64_t))
		*(uint64_t *)field = value;
	else
		*(uint32_t *)field = (uint32_t)value;
}

static uint64_t get_number(const struct config *cfg, const struct setting *setting)
{
	const void *field = (const char *)cfg + setting->offset;

	if (setting->size == sizeof(uint64_t))
		return *(const uint64_t *)field;
	return *(const uint32_t *)field;
}

static int set_string(char **field, const char *text, char *why, size_t size)
{
	char *copy = strdup(text);

	if (copy == NULL) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

static bool parse_bool(const char *text, bool *value)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*value = strcasecmp(text, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

static int out_of_range(const struct setting *setting, const char *text, char *why, size_t size)
{
	char range[128];

	settings_format_range(range, sizeof(range), setting);
	snprintf(why, size, "'%s' is out of range: %s", text, range);
	return -EINVAL;
}

/* Says why a text is no number for this setting; errno is what its parser left. */
static int refuse_number(const struct setting *setting, const char *text, char *why, size_t size)
{
	if (errno == ERANGE && setting->max < INT64_MAX)
		return out_of_range(setting, text, why, size);
	if (errno == ERANGE)
		snprintf(why, size, "'%s' is out of range: %" PRIu64 " to %" PRIu64, text,
			 setting->min, setting->max);
	else
		snprintf(why, size, "'%s' is not a %s", text,
			 setting->type == SETTING_SIZE ? "size such as 64M (units K, M, G, T)"
			 : setting->type == SETTING_TIME
				 ? "time such as 20ms (units ms, s, m, h, d)"
				 : "whole number");
	return -EINVAL;
}

static int set_number(struct config *cfg, const struct setting *setting, const char *text,
		      char *why, size_t size)
{
	uint64_t value = 0;
	int64_t number;
	bool ok;

	if (setting->type == SETTING_SIZE) {
		ok = units_parse_size(text, setting->plain, &value);
	} else if (setting->type == SETTING_TIME) {
		ok = units_parse_time(text, setting->plain, &value);
	} else {
		ok = units_parse_integer(text, &number);
		if (ok && number < 0)
			return out_of_range(setting, text, why, size);
		value = ok ? (uint64_t)number : 0;
	}
	if (!ok)
		return refuse_number(setting, text, why, size);
	if (value < setting->min || value > setting->max)
		return out_of_range(setting, text, why, size);
	/* As tcpdump: a snaplen of 0 asks for everything. */
	if (value == 0 && setting->max == PACKET_MAX_LEN)
		value = PACKET_MAX_LEN;
	put_number(cfg, setting, value);
	return 0;
}

static int set_choice(struct config *cfg, const struct setting *setting, const char *text,
		      char *why, size_t size)
{
	char range[128];

	for (const struct setting_choice *c = setting->choices; c->name != NULL; c++) {
		if (strcasecmp(c->name, text) == 0) {
			put_number(cfg, setting, (uint64_t)c->value);
			return 0;
		}
	}
	settings_format_range(range, sizeof(range), setting);
	snprintf(why, size, "'%s' is not one of %s", text, range);
	return -EINVAL;
}

static int set_offset(struct config *cfg, const char *text, int64_t now_ms, char *why, size_t size)
{
	enum config_offset kind;
	int64_t value;
	int r;

	if (!offset_parse(text, now_ms, &kind, &value)) {
		offset_explain(text, why, size);
		return -EINVAL;
	}
	r = set_string(&cfg->offset_text, offset_word(kind, text), why, size);
	if (r == 0) {
		cfg->offset = kind;
		cfg->offset_value = value;
	}
	return r;
}

int settings_set(struct config *cfg, const struct setting *setting, const char *text,
		 int64_t now_ms, char *why, size_t size)
{
	switch (setting->type) {
	case SETTING_BOOL:
		if (parse_bool(text, field_of(cfg, setting)))
			return 0;
		snprintf(why, size, "'%s' is neither true nor false", text);
		return -EINVAL;
	case SETTING_INTEGER:
	case SETTING_SIZE:
	case SETTING_TIME:
		return set_number(cfg, setting, text, why, size);
	case SETTING_STRING:
		if (strlen(text) < setting->min) {
			snprintf(why, size, "must not be empty");
			return -EINVAL;
		}
		if (setting->max > 0 && strlen(text) > setting->max) {
			snprintf(why, size, "longer than %" PRIu64 " characters", setting->max);
			return -EINVAL;
		}
		if (setting->check != NULL && setting->check(text, why, size) < 0)
			return -EINVAL;
		return set_string(field_of(cfg, setting), text, why, size);
	case SETTING_ENUM:
		return set_choice(cfg, setting, text, why, size);
	case SETTING_OFFSET:
		return set_offset(cfg, text, now_ms, why, size);
	case SETTING_ACTION:
	case SETTING_PROPERTIES:
		break;
	}
	assert(!"settings_set() of a setting without a value of its own");
	return -EINVAL;
}

static const char *choice_name(const struct setting *setting, uint64_t value)
{
	for (const struct setting_choice *c = setting->choices; c->name != NULL; c++) {
		if ((uint64_t)c->value == value)
			return c->name;
	}
	return "";
}

int settings_format(char *buf, size_t size, const struct config *cfg, const struct setting *setting)
{
	const char *text = "";

	switch (setting->type) {
	case SETTING_BOOL:
		text = *(const bool *)((const char *)cfg + setting->offset) ? "true" : "false";
		break;
	case SETTING_INTEGER:
		return snprintf(buf, size, "%" PRIu64, get_number(cfg, setting));
	case SETTING_SIZE:
		return units_format_size(buf, size, get_number(cfg, setting));
	case SETTING_TIME:
		return units_format_time(buf, size, get_number(cfg, setting));
	case SETTING_STRING:
		text = *(char *const *)((const char *)cfg + setting->offset);
		break;
	case SETTING_ENUM:
		text = choice_name(setting, get_number(cfg, setting));
		break;
	case SETTING_OFFSET:
		text = cfg->offset_text;
		break;
	case SETTING_ACTION:
	case SETTING_PROPERTIES:
		break;
	}
	return snprintf(buf, size, "%s", text != NULL ? text : "");
}

static void format_choices(char *buf, size_t size, const struct setting *setting)
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

void settings_format_range(char *buf, size_t size, const struct setting *setting)
{
	char min[32], max[32];

	buf[0] = '\0';
	switch (setting->type) {
	case SETTING_BOOL:
		snprintf(buf, size, "true or false");
		return;
	case SETTING_ENUM:
		format_choices(buf, size, setting);
		return;
	case SETTING_INTEGER:
		snprintf(min, sizeof(min), "%" PRIu64, setting->min);
		snprintf(max, sizeof(max), "%" PRIu64, setting->max);
		break;
	case SETTING_SIZE:
		units_format_size(min, sizeof(min), setting->min);
		units_format_size(max, sizeof(max), setting->max);
		break;
	case SETTING_TIME:
		units_format_time(min, sizeof(min), setting->min);
		units_format_time(max, sizeof(max), setting->max);
		break;
	default:
		return;
	}
	if (setting->type == SETTING_INTEGER && setting->max == INT64_MAX)
		snprintf(buf, size, "%s or more", min);
	else
		snprintf(buf, size, "%s to %s", min, max);
}

int settings_init(struct config *cfg)
{
	const struct setting *table;
	char why[256];
	size_t n;

	memset(cfg, 0, sizeof(*cfg));
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		int r;

		if (table[i].initial == NULL)
			continue;
		r = settings_set(cfg, &table[i], table[i].initial, 0, why, sizeof(why));
		if (r < 0) {
			assert(r == -ENOMEM);
			config_clear(cfg);
			return r;
		}
	}
	return 0;
}

static const char *dash(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "-";
}

static const char *type_name(enum setting_type type)
{
	static const char *const names[] = {
		[SETTING_ACTION] = "action",   [SETTING_BOOL] = "bool",
		[SETTING_INTEGER] = "integer", [SETTING_SIZE] = "size",
		[SETTING_TIME] = "time",       [SETTING_STRING] = "string",
		[SETTING_ENUM] = "enum",       [SETTING_OFFSET] = "offset",
		[SETTING_PROPERTIES] = "list",
	};

	static_assert(sizeof(names) / sizeof(names[0]) == SETTING_PROPERTIES + 1, "a name a type");
	return names[type];
}

static const char *change_name(enum config_change change)
{
	switch (change) {
	case CONFIG_CHANGE_NOW:
		return "now";
	case CONFIG_CHANGE_CAPTURE:
		return "capture";
	case CONFIG_CHANGE_CLIENT:
		return "client";
	case CONFIG_CHANGE_RESTART:
		break;
	}
	return "restart";
}

void settings_dump(FILE *out)
{
	static const char *const scopes[] = {
		[SETTING_OPTION] = "option", [SETTING_FILE] = "file", [SETTING_BOTH] = "both"};
	static const char *const roles[] = {[SETTING_PRODUCER] = "producer",
					    [SETTING_CONSUMER] = "consumer",
					    [SETTING_ANY] = "both"};
	const struct setting *s;
	char range[128];
	size_t n;

	s = settings_table(&n);
	for (; n > 0; n--, s++) {
		settings_format_range(range, sizeof(range), s);
		fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s->name,
			dash(s->short_name), type_name(s->type), scopes[s->scope], roles[s->role],
			dash(s->initial != NULL ? s->initial : s->shown), dash(range),
			dash(s->unit), change_name(s->change), s->help);
	}
}
