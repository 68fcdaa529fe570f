/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/losses.h"

#include <string.h>

void losses_note(struct losses *l, uint64_t at, uint64_t packets)
{
	struct loss *last = l->n ? &l->list[l->n - 1] : NULL;

	if (packets == 0)
		return;
	if (last && (last->at >= at || l->n == LOSSES_MAX)) {
		last->at = last->at > at ? last->at : at;
		last->packets += packets;
		return;
	}
	l->list[l->n++] = (struct loss){at, packets};
}

void losses_put_first(struct losses *l, uint64_t packets)
{
	const struct losses old = *l;

	l->n = 0;
	losses_note(l, 0, packets);
	for (unsigned int i = 0; i < old.n; i++)
		losses_note(l, old.list[i].at, old.list[i].packets);
}

uint64_t losses_take(struct losses *l, uint64_t at)
{
	uint64_t packets = 0;
	unsigned int n = 0;

	while (n < l->n && l->list[n].at <= at)
		packets += l->list[n++].packets;
	l->n -= n;
	memmove(l->list, l->list + n, l->n * sizeof(l->list[0]));
	return packets;
}
