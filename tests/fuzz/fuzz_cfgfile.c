/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file that somebody else wrote. What is accepted must hold what the table allows.
 * (@include is left out: the input would name files of the machine.)
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cfgfile.h"
#include "config/config_ref.h"
#include "config/settings_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the last string that it read when a syntax error follows. */
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static void ignore(void *ctx, const char *where, const char *text)
{
	/* A fault is one line. */
	if (strchr(text, '\n') != NULL)
		abort();
}

static void check_ranges(const struct config *cfg)
{
	const struct setting *s;
	size_t n;

	for (s = settings_table(&n); n > 0; n--, s++) {
		struct config *again;
		char why[512], *text;
		int len;

		if (s->type == SETTING_ACTION || s->type == SETTING_PROPERTIES)
			continue;
		len = settings_format(NULL, 0, cfg, s);
		text = malloc((size_t)len + 1);
		if (text == NULL || config_new(&again) < 0)
			abort();
		settings_format(text, (size_t)len + 1, cfg, s);
		if (len > 0 && settings_set(again, s, text, INT64_MAX / 2, why, sizeof(why)) < 0)
			abort();
		config_unref(again);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct faults faults = {.report = ignore};
	const struct config *cfg;
	struct config_builder builder;
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* Neither files nor credentials are read. */
	for (char *at = text; (at = strchr(at, '@')) != NULL;)
		*at = '?';
	if (config_builder_start(&builder, &faults, 1795435200000) < 0)
		abort();
	builder.cfg->file = strdup("fuzz.cfg");
	builder.cfg->instance = strdup("fuzz");
	if (cfgfile_load_text(&builder, "fuzz.cfg", text) == 0)
		config_builder_finish(&builder);
	cfg = config_builder_take(&builder);
	if (cfg != NULL)
		check_ranges(cfg);
	config_unref(cfg);
	free(text);
	return 0;
}
