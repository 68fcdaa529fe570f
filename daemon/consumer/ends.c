/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/ends.h"

static bool is_awaited(const struct ends *e, const struct partition *p)
{
	bool counts = e->group ? p->assigned : p->known && (e->late || !p->added);

	return counts && !p->done;
}

bool ends_reached(const struct ends *e, const struct partitions *ps)
{
	if (!e->known)
		return false;
	for (int32_t i = 0; i < ps->n; i++)
		if (is_awaited(e, &ps->all[i]))
			return false;
	return true;
}

int64_t ends_left(const struct ends *e, const struct partitions *ps)
{
	int64_t left = 0;

	if (!e->known)
		return -1;
	for (int32_t i = 0; i < ps->n; i++) {
		const struct partition *p = &ps->all[i];

		if (!is_awaited(e, p))
			continue;
		if (p->next < 0)
			return -1;
		left += p->end - p->next;
	}
	return left;
}
