/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/learn.h"

/* Who goes on for another consumer reads a partition that one did not know from its beginning. */
static int64_t start_of(const struct offset_lookup_partition *found, const struct positions *resume)
{
	int64_t offset = positions_find(resume, found->id);

	if (offset >= 0)
		return offset;
	return resume->n ? found->low : found->start;
}

static void take_end(struct partition *p, const struct offset_lookup_partition *found)
{
	p->end = found->end;
	p->late_end = found->late_end;
}

static void learn_start(struct partition *p, const struct offset_lookup_partition *found,
			const struct learn_options *opt)
{
	p->known = true;
	p->added = found->added;
	if (opt->resume->n == 0)
		gaps_note_start(opt->gaps, opt->cfg->topic, found, opt->group);
	if (opt->cfg->exit_at_end && found->added)
		p->end = 0;
	else if (opt->cfg->exit_at_end)
		take_end(p, found);
	if (opt->group)
		return;
	p->next = p->start = start_of(found, opt->resume);
	p->passed = found->end - found->late_end <= found->start && found->start < found->high;
	p->done = p->next >= p->end;
}

void learn_partition(struct partition *p, const struct offset_lookup_partition *found,
		     const struct learn_options *opt)
{
	if (!p->known)
		learn_start(p, found, opt);
	if (!opt->closing)
		return;
	take_end(p, found);
	p->done |= p->next >= p->end;
}
