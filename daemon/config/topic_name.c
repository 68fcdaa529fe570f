/* SPDX-License-Identifier: Apache-2.0 */
#include "config/topic_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int topic_name_check(const char *topic, char *why, size_t size)
{
	for (const char *p = topic; *p != '\0'; p++) {
		if (isalnum((unsigned char)*p) || strchr("._-", *p) != NULL)
			continue;
		snprintf(why, size,
			 "'%s' is not a valid topic name: use only letters, digits, '.', '_' and "
			 "'-'",
			 topic);
		return -EINVAL;
	}
	if (strcmp(topic, ".") != 0 && strcmp(topic, "..") != 0)
		return 0;
	snprintf(why, size, "'%s' is not a valid topic name", topic);
	return -EINVAL;
}
