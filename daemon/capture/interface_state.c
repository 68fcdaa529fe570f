/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/interface_state.h"

#include <stdio.h>

#include "base/log.h"

void interface_state_tell(const struct interface_state *s, const char *state, const char *name)
{
	char buf[160];

	snprintf(buf, sizeof(buf), "%s %s", state, name);
	s->on_state(s->ctx, buf);
}

void interface_state_lost(struct interface_state *s, const char *why)
{
	if (s->said_lost)
		return;
	s->said_lost = true;
	log_write_event(LOG_LEVEL_WARN, LOG_EVENT_INTERFACE_LOST, NULL, 0,
			"%s; waiting for the interface", why);
}

void interface_state_waiting(const struct interface_state *s, const char *name, int r)
{
	const char *state = "waiting, as it cannot be opened, for interface";

	if (r == CAPTURE_E_DOWN)
		state = "waiting, as it is down, for interface";
	else if (r == CAPTURE_E_MISSING)
		state = "waiting for interface";
	interface_state_tell(s, state, name);
}

void interface_state_capturing(struct interface_state *s, const char *name,
			       const struct capture *handle)
{
	int dlt = capture_dlt(handle);
	bool changed = s->dlt >= 0 && s->dlt != dlt;

	if (s->said_lost)
		log_write_event(LOG_LEVEL_INFO, LOG_EVENT_INTERFACE_BACK, NULL, 0,
				"%s: the interface is back, capturing%s%s", name,
				changed ? "; its link type is now " : "",
				changed ? capture_link_name(handle) : "");
	s->said_lost = false;
	s->dlt = dlt;
	interface_state_tell(s, "capturing on", name);
}
