/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Kafka property as a user gives it: NAME=VALUE, its value perhaps in a file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The value is a credential, and this process was given none at all. */
#define PROPERTY_E_NO_CREDENTIALS 1

/* One Kafka property as the user gave it, its value already read from its file. */
struct config_property {
	char *name;
	char *value;
	char *origin;   /* "-X" or "file:line", for messages */
	char *source;   /* the file that the value was read from (name=@FILE); NULL: given literally
			 */
	uint64_t stamp; /* of the file that the value names (a certificate, a keytab); changes with
			   it */
};

struct config_properties {
	struct config_property *list; /* in the order given, later wins */
	size_t n;
};

/*
 * Takes `NAME=VALUE` apart. VALUE may hold more '='. `@FILE` reads the value from FILE (a relative
 * one from `directory`, NULL: the working directory), less one newline at its end; it has to be a
 * regular file of at most 1 MiB, so that a reload never waits for it. `@credential:ID` reads it
 * from $CREDENTIALS_DIRECTORY/ID (systemd's LoadCredential=); `@@...` is a literal value that
 * begins with '@'. `origin` is copied. Returns 0 and *out, to be given to property_clear();
 * PROPERTY_E_NO_CREDENTIALS, -EINVAL or -ENOMEM with one line in `why` that never holds the value.
 * With PROPERTY_E_NO_CREDENTIALS *out has a name and an origin, but no value.
 */
int property_parse(struct config_property *out, const char *text, const char *origin,
		   const char *directory, char *why, size_t size);

/* Overwrites the value, frees everything and zeroes *prop. */
void property_clear(struct config_property *prop);

/* Appends one and takes over what *prop owns. Returns 0 or -ENOMEM. */
int properties_add(struct config_properties *props, struct config_property *prop);

/* Clears each and frees the list. */
void properties_clear(struct config_properties *props);

/*
 * What identifies the state of the file that a property's value names (a certificate, a keytab),
 * so that a reload sees that it was replaced; 0 for properties that name none, or no file there.
 */
uint64_t property_file_stamp(const char *name, const char *value);
