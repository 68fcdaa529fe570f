/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/position.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int positions_copy(struct positions *ps, const struct consumer_position *all, size_t n)
{
	*ps = (struct positions){0};
	if (n == 0)
		return 0;
	ps->all = calloc(n, sizeof(*all));
	if (!ps->all)
		return -ENOMEM;
	memcpy(ps->all, all, n * sizeof(*all));
	ps->n = n;
	return 0;
}

int64_t positions_find(const struct positions *ps, int32_t partition)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->all[i].partition == partition)
			return ps->all[i].offset;
	return -1;
}

int positions_after(const struct positions *ps, const struct partitions *partitions, bool group,
		    struct consumer_position **out)
{
	struct consumer_position *all = calloc((size_t)partitions->n + ps->n + 1, sizeof(*all));
	int n = 0;

	if (!all)
		return -ENOMEM;
	for (int32_t i = 0; i < partitions->n; i++)
		if (partitions->all[i].next >= 0 && (!group || partitions->all[i].assigned))
			all[n++] =
				(struct consumer_position){i,
							   partition_position(&partitions->all[i])};
	for (size_t i = 0; i < ps->n; i++) {
		const struct partition *p = partitions_find(partitions, ps->all[i].partition);

		if (!p || p->next < 0)
			all[n++] = ps->all[i];
	}
	*out = all;
	return n;
}

void positions_clear(struct positions *ps)
{
	free(ps->all);
	*ps = (struct positions){0};
}
