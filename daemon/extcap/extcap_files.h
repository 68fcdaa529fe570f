/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer configurations of this host: /etc/pycapa/NAME.cfg, or those in the directory that
 * $CONFIGURATION_DIRECTORY names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct extcap_file {
	char *name; /* the instance's */
	char *topic, *brokers;
	bool faulty; /* a capture from it tells what is wrong */
};

/*
 * Those that the user can read, by name; what cannot be read or parsed is left out. Contacts
 * nobody. Returns how many, with *out for extcap_files_free(), or -ENOMEM.
 */
int extcap_files_list(struct extcap_file **out);
void extcap_files_free(struct extcap_file *files, size_t n);

/* The path of the file of a name; malloc()ed, NULL: no such name can be, or out of memory. */
char *extcap_files_path(const char *name);
