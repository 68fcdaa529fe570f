/* SPDX-License-Identifier: Apache-2.0 */
#include "output/untold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct untold {
	struct untold *next;
	struct packet pkt; /* of names below */
	char names[];
};

static bool is_name(const char *a, uint8_t a_len, const char *b, uint8_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* `n`: how many were looked at. */
static struct untold *find(struct untold *list, const struct packet *pkt, unsigned int *n)
{
	for (*n = 0; list; list = list->next, ++*n)
		if (list->pkt.linktype == pkt->linktype &&
		    is_name(list->pkt.host, list->pkt.host_len, pkt->host, pkt->host_len) &&
		    is_name(list->pkt.interface, list->pkt.interface_len, pkt->interface,
			    pkt->interface_len))
			return list;
	return NULL;
}

static struct untold *make(struct untold **list, const struct packet *pkt)
{
	struct untold *u = calloc(1, sizeof(*u) + pkt->host_len + pkt->interface_len);

	if (!u)
		return NULL;
	u->pkt = (struct packet){.time_us = pkt->time_us,
				 .linktype = pkt->linktype,
				 .left_out = true,
				 .host_len = pkt->host_len,
				 .interface_len = pkt->interface_len,
				 .host = u->names,
				 .interface = u->names + pkt->host_len};
	if (pkt->host_len)
		memcpy(u->names, pkt->host, pkt->host_len);
	if (pkt->interface_len)
		memcpy(u->names + pkt->host_len, pkt->interface, pkt->interface_len);
	u->next = *list;
	*list = u;
	return u;
}

void untold_add(struct untold **list, const struct packet *pkt)
{
	struct packet told = *pkt;
	struct untold *u;
	unsigned int n;

	if (!pkt->dropcount)
		return;
	u = find(*list, &told, &n);
	if (!u && n >= UNTOLD_MAX) {
		told.host_len = told.interface_len = 0;
		u = find(*list, &told, &n);
	}
	if (!u)
		u = make(list, &told);
	if (u)
		u->pkt.dropcount += pkt->dropcount;
}

void untold_tell(struct untold **list, void (*tell)(void *ctx, const struct packet *pkt), void *ctx)
{
	for (const struct untold *u = *list; u; u = u->next)
		tell(ctx, &u->pkt);
	untold_free(list);
}

uint64_t untold_sum(const struct untold *list)
{
	uint64_t sum = 0;

	for (; list; list = list->next)
		sum += list->pkt.dropcount;
	return sum;
}

void untold_free(struct untold **list)
{
	while (*list) {
		struct untold *u = *list;

		*list = u->next;
		free(u);
	}
}
