/* SPDX-License-Identifier: Apache-2.0 */
#include "extcap/extcap_remembered.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/regular.h"
#include "config/topic_name.h"

#define FILE_MAX (1 << 20)
#define KEY      "extcap.pycapa.topic:" /* of no interface that a file makes: those ask for none */

static char *preferences(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path;
	int n;

	if (config && *config)
		n = asprintf(&path, "%s/wireshark/preferences", config);
	else
		n = asprintf(&path, "%s/.config/wireshark/preferences", home ? home : "");
	return n < 0 ? NULL : path;
}

/* The line of the key; a '#' before it says that it is the default. */
static char *find(char *text)
{
	char *line, why[256];

	while ((line = strsep(&text, "\n"))) {
		if (strncmp(line, KEY, strlen(KEY)) != 0)
			continue;
		line += strlen(KEY);
		line += strspn(line, " ");
		return topic_name_check(line, why, sizeof(why)) == 0 ? strdup(line) : NULL;
	}
	return NULL;
}

char *extcap_remembered_topic(void)
{
	char *path = preferences(), *topic = NULL, why[256];
	struct regular file = {0};

	if (path && regular_read(&file, path, FILE_MAX, why, sizeof(why)) == 0)
		topic = find(file.text);
	regular_clear(&file);
	free(path);
	return topic;
}
