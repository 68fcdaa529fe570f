/* SPDX-License-Identifier: Apache-2.0 */
#include "config/run_end.h"

#include "config/time_range.h"

bool run_end_is_set(const struct config *cfg)
{
	return cfg->read_file || cfg->max_packets || cfg->autostop || cfg->exit_at_end ||
	       time_range_ends_ahead(cfg);
}
