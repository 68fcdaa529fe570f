/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pace.h"

#define STEP_BACK_US 1000000

static void begin(struct pace *p, const struct packet *pkt, int64_t now)
{
	p->begun = true;
	p->first_us = p->latest_us = pkt->time_us;
	p->first_nanos = pkt->nanos;
	p->began = now;
}

/* Seconds, also before the first. */
static double since_first(const struct pace *p, const struct packet *pkt)
{
	int64_t us = (int64_t)(pkt->time_us - p->first_us);

	return (double)us * 1e-6 + (pkt->nanos - p->first_nanos) * 1e-9;
}

double pace_wait(struct pace *p, const struct packet *pkt, int64_t now)
{
	double wait;

	if (p->factor == 0 || pkt->time_us == 0)
		return 0;
	if (!p->begun ||
	    (p->latest_us > pkt->time_us && p->latest_us - pkt->time_us > STEP_BACK_US))
		begin(p, pkt, now);
	if (pkt->time_us > p->latest_us)
		p->latest_us = pkt->time_us;
	wait = since_first(p, pkt) / p->factor - (double)(now - p->began) * 1e-9;
	return wait > 0 ? wait : 0;
}
