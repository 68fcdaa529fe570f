/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_timers.h"

#include "app/app_impl.h"
#include "config/run_end.h"

#define STALL_CHECKS  20. /* looks a stall timeout */
#define STALL_CHECK_S .01 /* but no more often than this */

void app_timers_set(struct app *a, ev_timer *timer, double interval)
{
	if (timer->repeat == interval)
		return;
	timer->repeat = interval;
	if (interval > 0)
		ev_timer_again(a->loop, timer);
	else
		ev_timer_stop(a->loop, timer);
}

void app_timers_start(struct app *a)
{
	double check = a->cfg->stall_timeout_ms / 1e3 / STALL_CHECKS;

	if (check < STALL_CHECK_S)
		check = STALL_CHECK_S;
	app_timers_set(a, &a->stats, a->cfg->stats_interval_ms / 1e3);
	app_timers_set(a, &a->stall, run_end_is_set(a->cfg) ? check : 0);
}
