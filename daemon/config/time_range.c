/* SPDX-License-Identifier: Apache-2.0 */
#include "config/time_range.h"

#include <stdio.h>

bool time_range_is_set(const struct config *cfg)
{
	return cfg->from.text || cfg->to.text;
}

struct time_range time_range_of(const struct config *cfg)
{
	return (struct time_range){.from_us = cfg->from.text ? cfg->from.us : INT64_MIN,
				   .to_us = cfg->to.text ? cfg->to.us : INT64_MAX};
}

bool time_range_is_past(const struct config *cfg, int64_t now_us)
{
	return time_range_is_set(cfg) && (!cfg->from.text || cfg->from.us < now_us) &&
	       (!cfg->to.text || cfg->to.us <= now_us);
}

bool time_range_starts_ahead(const struct config *cfg, int64_t now_us)
{
	return cfg->from.text && cfg->from.us > now_us;
}

bool time_range_ends_ahead(const struct config *cfg)
{
	return cfg->to.text && !cfg->exit_at_end;
}

bool time_range_fault(const struct config *cfg, int64_t now_us, char *why, size_t size)
{
	if (cfg->from.text && cfg->to.text && cfg->to.us <= cfg->from.us)
		snprintf(why, size, "the range is empty: --to %s is not after --from %s",
			 cfg->to.text, cfg->from.text);
	else if (cfg->to.text && cfg->to.us > now_us && cfg->slack_ms == CONFIG_SLACK_ALL)
		snprintf(why, size,
			 "--slack all reads to the end of the topic, but --to %s is in the future: "
			 "set --slack to a time",
			 cfg->to.text);
	else
		return false;
	return true;
}
