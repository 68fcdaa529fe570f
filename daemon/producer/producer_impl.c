/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/producer_impl.h"

#include "producer/inflight.h"

uint64_t producer_queued(const struct producer *p)
{
	return p->outstanding + inflight_kept(p->inflight);
}

bool producer_has_room(const struct producer *p)
{
	struct outclient_room room = outclient_room(p->client);

	return producer_queued(p) < room.packets && p->queued_bytes < room.bytes;
}

void producer_wake(struct producer *p)
{
	if (ev_is_active(&p->soon))
		return;
	ev_timer_set(&p->soon, 0., 0.);
	ev_timer_start(p->opt.loop, &p->soon);
}
