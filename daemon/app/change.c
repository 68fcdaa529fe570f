/* SPDX-License-Identifier: Apache-2.0 */
#include "app/change.h"

#include "kafka/kafkadiff.h"

unsigned int change_between(const struct config *before, const struct config *after,
			    difference_fn fn, void *ctx)
{
	return kafkadiff(before, after, fn, ctx) | difference_between(before, after, fn, ctx);
}
