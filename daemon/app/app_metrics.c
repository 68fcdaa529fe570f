/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_metrics.h"

#include <stdio.h>

#include "app/app_impl.h"
#include "app/metrics_server.h"
#include "app/service.h"
#include "base/clock.h"
#include "base/log.h"

static void read_all(void *ctx, struct metrics *out)
{
	struct app *a = ctx;

	out->cfg = a->cfg;
	out->started_us = (uint64_t)(a->born * 1e6);
	out->cpu_us = (uint64_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000;
	out->reloads = a->reloads;
	out->reloads_refused = a->reloads_refused;
	out->refused_last = a->refused_last;
	out->watchdog = service_watchdog_count(a->service);
	if (a->role)
		a->ops->metrics(a->role, out);
	if (a->stopping)
		out->state = METRICS_STOPPING;
	if (!a->role || a->stopping)
		snprintf(out->trouble, sizeof(out->trouble), "the instance is being %s",
			 a->stopping ? "stopped" : "started");
}

int app_metrics_open(struct app *a)
{
	const struct metrics_server_options opt = {.loop = a->loop, .read = read_all, .ctx = a};
	char why[512] = "";
	int r = metrics_server_new(&a->metrics, &opt);

	if (r < 0)
		return r;
	r = metrics_server_prepare(a->metrics, a->cfg, why, sizeof(why));
	if (r < 0)
		log_error("%s", why);
	else
		metrics_server_commit(a->metrics);
	return r;
}
