/* SPDX-License-Identifier: Apache-2.0 */
#include "config/start_offset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"
#include "config/point_in_time.h"

static bool parse_word(const char *text, enum config_offset *kind)
{
	static const struct {
		const char *word;
		enum config_offset kind;
	} words[] = {
		{"begin", CONFIG_OFFSET_BEGIN},    {"end", CONFIG_OFFSET_END},
		{"stored", CONFIG_OFFSET_STORED},  {"earliest", CONFIG_OFFSET_BEGIN},
		{"latest", CONFIG_OFFSET_END},     {"beginning", CONFIG_OFFSET_BEGIN},
		{"smallest", CONFIG_OFFSET_BEGIN}, {"largest", CONFIG_OFFSET_END},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*kind = words[i].kind;
			return true;
		}
	}
	return false;
}

bool start_offset_parse(const char *text, int64_t now_ms, enum config_offset *kind, int64_t *value)
{
	int64_t v;

	if (parse_word(text, kind)) {
		*value = 0;
		return true;
	}
	if (units_parse_integer(text, &v) && text[0] != '+' && v != INT64_MIN) {
		/* "-0" would be the last none: what `end` says plainly. */
		if (text[0] == '-' && v == 0)
			return false;
		*kind = text[0] == '-' ? CONFIG_OFFSET_TAIL : CONFIG_OFFSET_ABSOLUTE;
		*value = v < 0 ? -v : v;
		return true;
	}
	if (!point_in_time_parse(text, now_ms * 1000, &v))
		return false;
	*kind = CONFIG_OFFSET_TIME;
	*value = v / 1000;
	return true;
}

const char *start_offset_word(enum config_offset kind, const char *text)
{
	switch (kind) {
	case CONFIG_OFFSET_BEGIN:
		return "begin";
	case CONFIG_OFFSET_END:
		return "end";
	case CONFIG_OFFSET_STORED:
		return "stored";
	default:
		return text;
	}
}

void start_offset_explain(const char *text, char *why, size_t size)
{
	size_t digits = strspn(text + (text[0] == '-'), "0123456789");
	bool is_time = text[0] == '@' || (digits == 4 && text[4] == '-') || strchr(text, ':');

	if (digits > 18 && text[(text[0] == '-') + digits] == '\0')
		snprintf(why, size, "'%s' is out of range: the last offset is %" PRId64, text,
			 INT64_MAX);
	else if (is_time)
		point_in_time_explain(text, why, size);
	else
		snprintf(
			why, size,
			"'%s' is not an offset: write begin, end, stored, N, -N, or a time such as "
			"2026-11-23T10:15:00Z, -15m or @1795428900",
			text);
}
