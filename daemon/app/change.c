/* SPDX-License-Identifier: Apache-2.0 */
#include "app/change.h"

#include "config/settings.h"
#include "kafka/kafkadiff.h"

unsigned int change_between(const struct config *before, const struct config *after,
			    difference_fn fn, void *ctx)
{
	const struct setting *table;
	unsigned int changes = 0;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++)
		changes |= table[i].type == SETTING_PROPERTIES
				   ? kafkadiff(before, after, fn, ctx)
				   : difference_of(&table[i], before, after, fn, ctx);
	return changes;
}
