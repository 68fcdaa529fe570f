/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table with open addressing. Nothing is taken out: a host that makes and removes interfaces all
 * the time (containers) comes to MAX_ENTRIES, and then the table begins anew.
 */
#include "capture/ifnames.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/netdev.h"

#define FIRST_ENTRIES 64
#define MAX_ENTRIES   16384

struct entry {
	int index; /* 0: free */
	bool stale;
	uint8_t len; /* 0: not known */
	char name[IFNAMSIZ];
};

struct ifnames {
	struct entry *entries;
	size_t size, used; /* size: a power of two, at most half of it used */
};

static struct entry *find(struct entry *entries, size_t size, int index)
{
	size_t i = (size_t)index * 2654435761U;

	while (entries[i & (size - 1)].index && entries[i & (size - 1)].index != index)
		i++;
	return &entries[i & (size - 1)];
}

/* False: the table stays as it is, without room. */
static bool grow(struct ifnames *n)
{
	struct entry *larger = calloc(2 * n->size, sizeof(*larger));

	if (!larger)
		return false;
	for (size_t i = 0; i < n->size; i++)
		if (n->entries[i].index)
			*find(larger, 2 * n->size, n->entries[i].index) = n->entries[i];
	free(n->entries);
	n->entries = larger;
	n->size *= 2;
	return true;
}

static void clear(struct ifnames *n)
{
	memset(n->entries, 0, n->size * sizeof(*n->entries));
	n->used = 0;
}

static struct entry *find_or_add(struct ifnames *n, int index)
{
	struct entry *e = find(n->entries, n->size, index);

	if (e->index)
		return e;
	if (2 * n->used >= n->size && (n->size >= MAX_ENTRIES || !grow(n)))
		clear(n);
	e = find(n->entries, n->size, index);
	*e = (struct entry){.index = index, .stale = true};
	n->used++;
	return e;
}

/* One that is gone keeps the name that it had. */
static void refresh(struct entry *e)
{
	struct netdev dev;

	e->stale = false;
	if (!netdev_find_index(e->index, &dev))
		return;
	memcpy(e->name, dev.name, sizeof(e->name));
	e->len = (uint8_t)strnlen(e->name, sizeof(e->name));
}

int ifnames_new(struct ifnames **out)
{
	struct ifnames *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->size = FIRST_ENTRIES;
	n->entries = calloc(n->size, sizeof(*n->entries));
	if (!n->entries) {
		ifnames_free(n);
		return -ENOMEM;
	}
	*out = n;
	return 0;
}

size_t ifnames_get(struct ifnames *n, int index, const char **name)
{
	struct entry *e;

	if (index <= 0)
		return 0;
	e = find_or_add(n, index);
	if (e->stale)
		refresh(e);
	*name = e->name;
	return e->len;
}

void ifnames_changed(struct ifnames *n, int index)
{
	if (index > 0)
		refresh(find_or_add(n, index));
	for (size_t i = 0; index == 0 && i < n->size; i++)
		n->entries[i].stale = true;
}

void ifnames_free(struct ifnames *n)
{
	if (!n)
		return;
	free(n->entries);
	free(n);
}
