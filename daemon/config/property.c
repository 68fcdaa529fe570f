/* SPDX-License-Identifier: Apache-2.0 */
#include "config/property.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/regular.h"

/* Bytes; the largest sane one is a chain of PEM certificates. */
#define MAX_VALUE ((size_t)1 << 20)

#define CREDENTIAL "@credential:"

/* Reads the value of a property from a file, less one newline at its end; `why` names the file. */
static int read_value(const char *path, char **value, char *why, size_t size)
{
	struct regular file;
	char text[256];
	int r = regular_read(&file, path, MAX_VALUE, text, sizeof(text));

	if (r < 0) {
		snprintf(why, size, "cannot read the value from %s: %s", path, text);
		return r == -ENOMEM ? r : -EINVAL;
	}
	if (file.len > 0 && file.text[file.len - 1] == '\n')
		file.text[--file.len] = '\0';
	if (memchr(file.text, '\0', file.len) != NULL) {
		snprintf(why, size, "%s is not text: it contains a zero byte", path);
		r = -EINVAL;
	} else if ((*value = strdup(file.text)) == NULL) {
		snprintf(why, size, "out of memory");
		r = -ENOMEM;
	}
	regular_clear(&file);
	return r;
}

static const char *credentials_directory(void)
{
	return getenv("CREDENTIALS_DIRECTORY");
}

/* The name of the credential that a value means; NULL: it means none. */
static const char *credential_of(const char *value)
{
	return strncmp(value, CREDENTIAL, strlen(CREDENTIAL)) == 0 ? value + strlen(CREDENTIAL)
								   : NULL;
}

static bool is_credential_name(const char *name)
{
	return name[0] != '\0' && strchr(name, '/') == NULL;
}

/* The path that `@…` means; NULL with `why` when there is none. */
static char *source_path(const char *value, const char *directory, char *why, size_t size)
{
	const char *credential = credential_of(value), *text = value + 1;
	char *path = NULL;

	if (credential != NULL) {
		if (!is_credential_name(credential)) {
			snprintf(why, size, "'%s' is not the name of a credential", credential);
			return NULL;
		}
		text = credential;
		directory = credentials_directory();
	}
	if (text[0] == '\0') {
		snprintf(why, size, "no file after '@' (write @@ for a value that begins with @)");
		return NULL;
	}
	if (directory == NULL || text[0] == '/')
		path = strdup(text);
	else if (asprintf(&path, "%s/%s", directory, text) < 0)
		path = NULL;
	if (path == NULL)
		snprintf(why, size, "out of memory");
	return path;
}

static int take_value(struct config_property *prop, const char *text, const char *directory,
		      char *why, size_t size)
{
	if (text[0] == '@' && text[1] != '@') {
		prop->source = source_path(text, directory, why, size);
		if (prop->source == NULL)
			return -EINVAL;
		return read_value(prop->source, &prop->value, why, size);
	}
	prop->value = strdup(text[0] == '@' ? text + 1 : text);
	if (prop->value != NULL)
		return 0;
	snprintf(why, size, "out of memory");
	return -ENOMEM;
}

int property_parse(struct config_property *out, const char *text, const char *origin,
		   const char *directory, char *why, size_t size)
{
	struct config_property prop = {0};
	const char *equals = strchr(text, '='), *credential;
	char fault[512];
	int r;

	if (equals == NULL || equals == text) {
		snprintf(why, size,
			 "a Kafka property is written NAME=VALUE, for example linger.ms=5");
		return -EINVAL;
	}
	prop.name = strndup(text, (size_t)(equals - text));
	prop.origin = strdup(origin);
	if (prop.name == NULL || prop.origin == NULL) {
		snprintf(why, size, "out of memory");
		property_clear(&prop);
		return -ENOMEM;
	}
	credential = credential_of(equals + 1);
	if (credential != NULL && is_credential_name(credential) &&
	    credentials_directory() == NULL) {
		snprintf(why, size,
			 "%s: no credential '%s': $CREDENTIALS_DIRECTORY is not set (systemd "
			 "sets it in a service with LoadCredential=)",
			 prop.name, credential);
		*out = prop;
		return PROPERTY_E_NO_CREDENTIALS;
	}
	r = take_value(&prop, equals + 1, directory, fault, sizeof(fault));
	if (r < 0) {
		snprintf(why, size, "%s: %s", prop.name, fault);
		property_clear(&prop);
		return r;
	}
	prop.stamp = property_file_stamp(prop.name, prop.value);
	*out = prop;
	return 0;
}

void property_clear(struct config_property *prop)
{
	if (prop->value != NULL)
		explicit_bzero(prop->value, strlen(prop->value));
	free(prop->name);
	free(prop->value);
	free(prop->origin);
	free(prop->source);
	memset(prop, 0, sizeof(*prop));
}

int properties_add(struct config_properties *props, struct config_property *prop)
{
	struct config_property *grown;

	grown = reallocarray(props->list, props->n + 1, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	props->list = grown;
	props->list[props->n++] = *prop;
	memset(prop, 0, sizeof(*prop));
	return 0;
}

void properties_clear(struct config_properties *props)
{
	for (size_t i = 0; i < props->n; i++)
		property_clear(&props->list[i]);
	free(props->list);
	memset(props, 0, sizeof(*props));
}

uint64_t property_file_stamp(const char *name, const char *value)
{
	const char *end = strrchr(name, '.');
	struct stat st;
	uint64_t parts[5];

	if (end == NULL || (strcmp(end, ".location") != 0 && strcmp(end, ".keytab") != 0))
		return 0;
	value += strspn(value, " \t\n\v\f\r"); /* librdkafka leaves them out */
	if (strncmp(value, "FILE:", 5) == 0)
		value += 5;
	if (stat(value, &st) < 0)
		return 0;
	parts[0] = (uint64_t)st.st_dev;
	parts[1] = (uint64_t)st.st_ino;
	parts[2] = (uint64_t)st.st_size;
	parts[3] = (uint64_t)st.st_mtim.tv_sec;
	parts[4] = (uint64_t)st.st_mtim.tv_nsec;
	return XXH3_64bits(parts, sizeof(parts));
}
