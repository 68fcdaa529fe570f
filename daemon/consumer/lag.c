/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watermark comes with each fetch, so it is never older than the statistics. Only they know
 * where a transaction that is still open holds a reader up, and where a group stands in a
 * partition of which nothing was taken yet.
 */
#include "consumer/lag.h"

static int64_t lag_in(const struct partition *p, int64_t high, const struct kafkastats_partition *s)
{
	if (p->next < 0)
		return s ? s->lag : -1;
	if (high < 0)
		return -1;
	if (s && s->end >= 0 && s->end < s->high)
		high = s->end;
	return high > p->next ? high - p->next : 0;
}

static int64_t lag_at(const struct partitions *ps, int32_t i, rd_kafka_t *rk, const char *topic,
		      const struct kafkastats *stats)
{
	int64_t low, high = -1;

	if (rd_kafka_get_watermark_offsets(rk, topic, i, &low, &high))
		high = -1;
	return lag_in(&ps->all[i], high, kafkastats_find(stats, i));
}

bool lag_is_none(const struct partitions *ps, rd_kafka_t *rk, const char *topic,
		 const struct kafkastats *stats)
{
	bool any = false;

	for (int32_t i = 0; i < ps->n; i++) {
		if (!ps->all[i].assigned)
			continue;
		if (lag_at(ps, i, rk, topic, stats) != 0)
			return false;
		any = true;
	}
	return any;
}

int64_t lag_of(const struct partitions *ps, rd_kafka_t *rk, const char *topic,
	       const struct kafkastats *stats)
{
	int64_t lag = -1;

	for (int32_t i = 0; i < ps->n; i++) {
		int64_t more;

		if (!ps->all[i].assigned)
			continue;
		more = lag_at(ps, i, rk, topic, stats);
		if (more >= 0)
			lag = (lag < 0 ? 0 : lag) + more;
	}
	return lag;
}
