/* SPDX-License-Identifier: Apache-2.0 */
#include "config/partition_set.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static bool take_id(const char **p, int32_t *id)
{
	int64_t v = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p) && v <= INT32_MAX; (*p)++)
		v = v * 10 + (**p - '0');
	*id = (int32_t)v;
	return v <= INT32_MAX;
}

/* Takes "N" or "N-M", and the comma behind it. */
static bool take_range(const char **p, int32_t *first, int32_t *last)
{
	if (!take_id(p, first))
		return false;
	*last = *first;
	if (**p == '-') {
		(*p)++;
		if (!take_id(p, last) || *last < *first)
			return false;
	}
	if (**p == ',')
		return *++*p != '\0';
	return **p == '\0';
}

int partition_set_check(const char *text, char *why, size_t size)
{
	int32_t first, last;

	for (const char *p = text; *p != '\0';) {
		if (take_range(&p, &first, &last))
			continue;
		snprintf(why, size, "'%s' is not a list of partitions, such as 0-3,7", text);
		return -EINVAL;
	}
	return 0;
}

bool partition_set_has(const char *text, int32_t partition)
{
	int32_t first, last;

	if (text == NULL || *text == '\0')
		return true;
	while (*text != '\0' && take_range(&text, &first, &last))
		if (partition >= first && partition <= last)
			return true;
	return false;
}

int32_t partition_set_last(const char *text)
{
	int32_t first, last, most = -1;

	while (text != NULL && *text != '\0' && take_range(&text, &first, &last))
		most = last > most ? last : most;
	return most;
}
