/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_settings.h"

#include <stdio.h>

#include "capture/time_stamps.h"

void capture_settings_apply(const struct config *cfg, struct capture_options *opt)
{
	opt->interface = cfg->interface;
	opt->filter = cfg->filter;
	opt->snaplen = cfg->snaplen;
	opt->buffer_size = cfg->buffer_size;
	opt->buffer_timeout_ms = cfg->buffer_timeout_ms;
	opt->promiscuous = cfg->promiscuous;
	opt->immediate = cfg->immediate_mode;
	opt->direction = cfg->direction;
	opt->precision = cfg->time_stamp_precision;
	opt->time_stamp_type = cfg->time_stamp_type;
	opt->fanout = cfg->fanout;
}

bool capture_settings_can_follow(const struct config *before, const struct config *after, char *why,
				 size_t size)
{
	const struct config *own = time_stamps_are_own(before->time_stamp_type) ? before : after;

	if (!time_stamps_are_own(own->time_stamp_type))
		return true;
	snprintf(why, size,
		 "time-stamp-type %s: its clock is not the host's, by which a reload changes over "
		 "from one capture to the next; restart the instance",
		 time_stamps_name(own->time_stamp_type));
	return false;
}
