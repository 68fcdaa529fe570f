/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/inbox.h"

#include <string.h>

size_t inbox_fetch(struct inbox *in)
{
	ssize_t n;

	if (in->first) {
		memmove(in->messages, in->messages + in->first,
			(in->end - in->first) * sizeof(in->messages[0]));
		in->end -= in->first;
		in->first = 0;
	}
	if (in->end > INBOX_BATCH)
		return 0;
	/* Callbacks may call inbox_revoke() in the midst of this: it sees what was there before. */
	n = rd_kafka_consume_batch_queue(in->queue, 0, in->messages + in->end, INBOX_BATCH);
	if (n <= 0)
		return 0;
	in->end += (size_t)n;
	return (size_t)n;
}

void inbox_revoke(struct inbox *in, const struct partitions *ps)
{
	for (size_t i = in->first; i < in->end; i++) {
		const rd_kafka_message_t *msg = in->messages[i];
		const struct partition *p = msg ? partitions_find(ps, msg->partition) : NULL;

		if (p && !p->assigned) {
			rd_kafka_message_destroy(in->messages[i]);
			in->messages[i] = NULL;
		}
	}
}

void inbox_clear(struct inbox *in)
{
	while (!inbox_is_empty(in))
		inbox_pop(in);
	in->first = in->end = 0;
}
