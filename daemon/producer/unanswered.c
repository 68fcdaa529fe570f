/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/unanswered.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 4096
#define MAX_ROOM   524288 /* four times what librdkafka's queue holds: 4 MiB */

/* A ring: number seq is at seq % room; those outside [base, base + room) are not in it. */
struct unanswered {
	uint64_t base;
	uint64_t room; /* a power of two */
	const rd_kafka_message_t **at;
};

int unanswered_new(struct unanswered **out)
{
	struct unanswered *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->room = FIRST_ROOM;
	u->at = calloc(u->room, sizeof(*u->at));
	if (!u->at) {
		free(u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

void unanswered_free(struct unanswered *u)
{
	if (!u)
		return;
	free(u->at);
	free(u);
}

static const rd_kafka_message_t **place(const struct unanswered *u, uint64_t seq)
{
	return &u->at[seq & (u->room - 1)];
}

void unanswered_forget_below(struct unanswered *u, uint64_t seq)
{
	for (uint64_t n = 0; u->base < seq && n < u->room; n++)
		*place(u, u->base++) = NULL;
	if (u->base < seq)
		u->base = seq;
}

bool unanswered_has_room(const struct unanswered *u, uint64_t seq)
{
	return seq >= u->base && seq - u->base < u->room;
}

static bool grow(struct unanswered *u)
{
	uint64_t room = u->room * 2;
	const rd_kafka_message_t **at = NULL;

	if (room <= MAX_ROOM)
		at = calloc(room, sizeof(*at));
	if (!at)
		return false;
	for (uint64_t seq = u->base; seq < u->base + u->room; seq++)
		at[seq & (room - 1)] = *place(u, seq);
	free(u->at);
	u->at = at;
	u->room = room;
	return true;
}

bool unanswered_reserve(struct unanswered *u, uint64_t seq)
{
	while (seq - u->base >= u->room)
		if (!grow(u))
			return false;
	return true;
}

void unanswered_set(struct unanswered *u, uint64_t seq, const rd_kafka_message_t *m)
{
	if (unanswered_has_room(u, seq))
		*place(u, seq) = m;
}

const rd_kafka_message_t *unanswered_get(const struct unanswered *u, uint64_t seq)
{
	return unanswered_has_room(u, seq) ? *place(u, seq) : NULL;
}
