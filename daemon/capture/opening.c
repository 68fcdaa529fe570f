/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/opening.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/worker.h"
#include "packet/filter.h"

#define IDLE_END_MS 1000 /* that a thread without work takes to end, at most */

#define FORGOTTEN_MAX 2 /* each may hold a whole ring of memory until its filter is compiled */

/* Freed by whoever is the last of an opening and its attempts: some outlive it. */
struct alive {
	atomic_uint n;
};

struct opening {
	struct ev_loop *loop;
	struct alive *alive;
	struct worker *worker;
	opening_fn on_opened;
	void *ctx;
};

struct attempt {
	struct capture_options opt;
	char *interface, *filter;
	int dlt;
	struct opening_result result;
	struct alive *alive;
};

static void leave(struct alive *alive)
{
	if (atomic_fetch_sub(&alive->n, 1) == 1)
		free(alive);
}

/* ---- the thread ---- */

static void check_filter(struct attempt *a)
{
	char why[256];

	if (*a->filter && filter_check(a->filter, a->dlt, why, sizeof(why)) < 0)
		snprintf(a->result.filter_fault, sizeof(a->result.filter_fault), "filter '%s': %s",
			 a->filter, why);
}

static void run(void *arg)
{
	struct attempt *a = arg;
	struct opening_result *res = &a->result;

	netdev_find(a->interface, &res->tried);
	res->r = capture_new(&res->capture, &a->opt, res->why, sizeof(res->why));
	if (res->r == CAPTURE_E_MISSING || res->r == CAPTURE_E_DOWN)
		check_filter(a);
	else if (res->r < 0)
		snprintf(res->why, sizeof(res->why), "%s: %s", a->interface, strerror(-res->r));
}

static void drop(void *arg)
{
	struct attempt *a = arg;

	capture_free(a->result.capture);
	leave(a->alive);
	free(a->interface);
	free(a->filter);
	free(a);
}

/* ---- the loop ---- */

static void done(void *ctx, void *arg)
{
	struct opening *o = ctx;
	struct attempt *a = arg;

	o->on_opened(o->ctx, &a->result);
}

int opening_new(struct opening **out, struct ev_loop *loop, opening_fn on_opened, void *ctx)
{
	struct opening *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	*o = (struct opening){.loop = loop, .on_opened = on_opened, .ctx = ctx};
	o->alive = malloc(sizeof(*o->alive));
	if (!o->alive) {
		free(o);
		return -ENOMEM;
	}
	atomic_init(&o->alive->n, 1);
	*out = o;
	return 0;
}

/* The thread's own: what is borrowed for the call may be gone by then. */
static struct attempt *make_attempt(const struct opening *o, const struct capture_options *opt,
				    int dlt)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->opt = *opt;
	a->dlt = dlt;
	a->alive = o->alive;
	atomic_fetch_add(&a->alive->n, 1);
	a->interface = strdup(opt->interface);
	a->filter = strdup(opt->filter ? opt->filter : "");
	a->opt.interface = a->interface;
	a->opt.filter = a->filter;
	if (a->interface && a->filter)
		return a;
	drop(a);
	return NULL;
}

int opening_start(struct opening *o, const struct capture_options *opt, int dlt)
{
	struct worker_job worker_job = {.run = run, .done = done, .drop = drop};
	int r = 0;

	if (atomic_load(&o->alive->n) > FORGOTTEN_MAX) /* the opening itself is one */
		return OPENING_E_BUSY;
	if (opening_is_pending(o))
		opening_forget(o);
	if (!o->worker)
		r = worker_new(&o->worker, o->loop, o);
	if (r < 0)
		return r;
	worker_job.arg = make_attempt(o, opt, dlt);
	return worker_job.arg ? worker_add(o->worker, &worker_job) : -ENOMEM;
}

bool opening_is_pending(const struct opening *o)
{
	return o->worker && worker_pending(o->worker) > 0;
}

void opening_forget(struct opening *o)
{
	if (!opening_is_pending(o))
		return;
	worker_free(o->worker, 0);
	o->worker = NULL;
}

void opening_free(struct opening *o)
{
	if (!o)
		return;
	opening_forget(o);
	worker_free(o->worker, IDLE_END_MS);
	leave(o->alive);
	free(o);
}
