/* SPDX-License-Identifier: Apache-2.0 */
#include "extcap/extcap_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cfgfile.h"
#include "cli/config_builder.h"
#include "config/config_ref.h"
#include "version.h"

#define SUFFIX     ".cfg"
#define SUFFIX_LEN (sizeof(SUFFIX) - 1)

static const char *directory(void)
{
	const char *told = getenv("CONFIGURATION_DIRECTORY");

	return told && *told ? told : PYCAPA_CONFDIR;
}

/* What can stand in a sentence and in the name of a preference. */
static bool is_name(const char *text, size_t len)
{
	return len > 0 && text[0] != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "._-") >= len;
}

static int is_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > SUFFIX_LEN && strcmp(entry->d_name + len - SUFFIX_LEN, SUFFIX) == 0 &&
	       is_name(entry->d_name, len - SUFFIX_LEN);
}

char *extcap_files_path(const char *name)
{
	char *path;

	if (!is_name(name, strlen(name)) || asprintf(&path, "%s/%s" SUFFIX, directory(), name) < 0)
		return NULL;
	return path;
}

static void ignore(void *ctx, const char *where, const char *text)
{
	(void)ctx;
	(void)where;
	(void)text;
}

/* What a file says. Returns whether it is a consumer's. */
static bool read_file(struct extcap_file *file, const char *path)
{
	struct faults faults = {.report = ignore};
	struct config_builder builder;
	bool is = false;

	if (config_builder_start(&builder, &faults, clock_ns(CLOCK_REALTIME) / 1000000) < 0)
		return false;
	if (cfgfile_load(&builder, path) == 0 && builder.cfg->mode == CONFIG_MODE_CONSUMER) {
		file->topic = strdup(builder.cfg->topic);
		file->brokers = strdup(builder.cfg->brokers);
		is = file->topic && file->brokers;
		config_builder_finish(&builder);
		file->faulty = faults.count > 0;
	}
	config_unref(config_builder_take(&builder));
	return is;
}

static void clear(struct extcap_file *file)
{
	free(file->name);
	free(file->topic);
	free(file->brokers);
	*file = (struct extcap_file){0};
}

static bool take(struct extcap_file *file, const char *entry)
{
	char *path;
	bool is;

	file->name = strndup(entry, strlen(entry) - SUFFIX_LEN);
	path = file->name ? extcap_files_path(file->name) : NULL;
	is = path && read_file(file, path);
	free(path);
	if (!is)
		clear(file);
	return is;
}

int extcap_files_list(struct extcap_file **out)
{
	struct dirent **entries = NULL;
	int n = scandir(directory(), &entries, is_file, alphasort), found = 0;

	*out = n > 0 ? calloc((size_t)n, sizeof(**out)) : NULL;
	for (int i = 0; i < n; i++) {
		if (*out && take(&(*out)[found], entries[i]->d_name))
			found++;
		free(entries[i]);
	}
	free(entries);
	return n > 0 && !*out ? -ENOMEM : found;
}

void extcap_files_free(struct extcap_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		clear(&files[i]);
	free(files);
}
