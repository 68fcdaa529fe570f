/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of settings share: command lines as one string, faults kept for inspection.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cfgfile.h"
#include "cli/config_builder.h"
#include "cli/options.h"
#include "config/config_ref.h"
#include "config/settings_value.h"

/* A fixed present, 2026-11-23T12:00:00Z. */
#define NOW_MS 1795435200000LL

#define MAX_WORDS 32

/* A command line that may be written to, from words separated by blanks ('~' is one in a word). */
struct line {
	char text[2048];
	char *argv[MAX_WORDS];
	int argc;
};

static inline void line_set(struct line *line, const char *text)
{
	char *rest = line->text, *word;

	snprintf(line->text, sizeof(line->text), "pycapa %s", text);
	line->argc = 0;
	while ((word = strsep(&rest, " ")) != NULL && line->argc < MAX_WORDS) {
		for (char *p = word; *p != '\0'; p++) {
			if (*p == '~')
				*p = ' ';
		}
		if (word[0] != '\0')
			line->argv[line->argc++] = word;
	}
}

/* Writes a file. */
static inline void put_cfg(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Everything that was reported, "where: text\n" each. */
struct kept {
	struct faults faults;
	char text[8192];
};

static inline void kept_report(void *ctx, const char *where, const char *text)
{
	struct kept *kept = ctx;
	size_t len = strlen(kept->text);

	snprintf(kept->text + len, sizeof(kept->text) - len, "%s%s%s\n", where != NULL ? where : "",
		 where != NULL ? ": " : "", text);
}

static inline void kept_start(struct kept *kept)
{
	memset(kept, 0, sizeof(*kept));
	kept->faults.report = kept_report;
	kept->faults.ctx = kept;
}

/* Reads text as the file t.cfg of an instance and checks it; returns the number of faults. */
static inline size_t load_text(const struct config **cfg, struct kept *kept, const char *text)
{
	struct config_builder builder;

	kept_start(kept);
	if (config_builder_start(&builder, &kept->faults, NOW_MS) < 0)
		abort();
	builder.cfg->file = strdup("t.cfg");
	builder.cfg->instance = strdup("t");
	if (cfgfile_load_text(&builder, "t.cfg", text) == 0)
		config_builder_finish(&builder);
	*cfg = config_builder_take(&builder);
	return kept->faults.count;
}

/* Runs options_parse() on a command line; what it says on stderr comes back in `said`. */
static inline int parse_line(struct options **opt, struct line *line, const struct config **cfg,
			     enum options_action *action, char *said, size_t size)
{
	FILE *file = tmpfile();
	int keep = dup(STDERR_FILENO), r;
	size_t n;

	if (file == NULL || keep < 0)
		abort();
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	r = options_parse(opt, line->argc, line->argv, cfg, action);
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	close(keep);
	rewind(file);
	n = fread(said, 1, size - 1, file);
	said[n] = '\0';
	fclose(file);
	return r;
}
