/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/delivery_ages.h"

const uint32_t delivery_ages_bounds_ms[DELIVERY_AGES_BOUNDS] = {
	5,    10,   25,    50,    100,   250,    500,    1000,
	2500, 5000, 10000, 30000, 60000, 300000, 900000, 3600000,
};

void delivery_ages_add(struct delivery_ages *ages, int64_t age_ms, uint64_t packets)
{
	uint64_t age = age_ms > 0 ? (uint64_t)age_ms : 0;
	size_t i = 0;

	while (i < DELIVERY_AGES_BOUNDS && age > delivery_ages_bounds_ms[i])
		i++;
	ages->counts[i] += packets;
	ages->sum_ms += age * packets;
}
