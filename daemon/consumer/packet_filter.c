/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/packet_filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/log.h"
#include "base/worker.h"
#include "packet/filter.h"
#include "packet/filter_table.h"

struct packet_filter {
	struct packet_filter_options opt;
	char *expression;
	struct worker *worker;
	struct filter_table *table;
	bool waiting, stopped;
	uint16_t waits_for; /* the link type of the packet that waits */
};

/* ---- on the worker's thread ---- */

/* It owns all that it uses: the thread may outlive the filter. */
struct job {
	uint16_t linktype;
	char *expression;
	struct bpf_program code;
	char why[PCAP_ERRBUF_SIZE];
	int r;
};

static void run_job(void *arg)
{
	struct job *job = arg;

	job->r = filter_compile_linktype(job->linktype, job->expression, &job->code, job->why,
					 sizeof(job->why));
}

static void drop_job(void *arg)
{
	struct job *job = arg;

	pcap_freecode(&job->code);
	free(job->expression);
	free(job);
}

/* ---- link types ---- */

static void fail(struct packet_filter *f, const char *why)
{
	char text[512], shown[128];

	if (f->stopped)
		return;
	f->stopped = true;
	filter_table_show(f->table, shown, sizeof(shown));
	snprintf(text, sizeof(text), "filter '%s': %s", shown, why);
	f->opt.on_failed(f->opt.ctx, text);
}

static void on_compiled(void *ctx, void *arg)
{
	struct packet_filter *f = ctx;
	struct job *job = arg;

	if (job->r != 0 && job->r != -EINVAL) {
		fail(f, job->why);
		return;
	}
	if (job->r == 0)
		filter_table_put(f->table, job->linktype, &job->code);
	else
		filter_table_put_unfit(f->table, job->linktype, job->why);
	if (!f->waiting || f->waits_for != job->linktype || f->stopped)
		return;
	f->waiting = false;
	f->opt.on_ready(f->opt.ctx);
}

static int compile(struct packet_filter *f, struct job *job)
{
	const struct worker_job work = {.run = run_job,
					.done = on_compiled,
					.drop = drop_job,
					.arg = job};

	return worker_add(f->worker, &work);
}

/* Once for a link type. */
static int begin(struct packet_filter *f, uint16_t linktype)
{
	int r = filter_table_reserve(f->table, linktype);
	struct job *job;

	if (r <= 0)
		return r;
	job = calloc(1, sizeof(*job));
	if (job)
		job->expression = strdup(f->expression);
	if (!job || !job->expression) {
		free(job);
		return -ENOMEM;
	}
	job->linktype = linktype;
	return compile(f, job);
}

/* ---- packets ---- */

static int wait_for(struct packet_filter *f, uint16_t linktype)
{
	int r;

	f->waiting = true;
	f->waits_for = linktype;
	r = begin(f, linktype);
	if (r < 0)
		fail(f, strerror(-r));
	return PACKET_E_FULL;
}

int packet_filter_judge(struct packet_filter *f, const struct packet *pkt)
{
	int r = filter_table_judge(f->table, pkt);

	if (r == FILTER_TABLE_E_MISSING)
		return wait_for(f, pkt->linktype);
	return r == 0 ? 0 : PACKET_FILTER_E_LEFT_OUT;
}

bool packet_filter_is_waiting(const struct packet_filter *f)
{
	return f && f->waiting;
}

void packet_filter_stop(struct packet_filter *f)
{
	if (!f)
		return;
	f->waiting = false;
	f->stopped = true;
}

/* ---- what is said ---- */

uint64_t packet_filter_left_out(const struct packet_filter *f)
{
	return f ? filter_table_left_out(f->table) : 0;
}

void packet_filter_log_unfit(const struct packet_filter *f)
{
	char text[FILTER_TABLE_UNFIT_SIZE];

	if (f && filter_table_say_unfit(f->table, text, sizeof(text)))
		log_warn("%s", text);
}

/* ---- life ---- */

int packet_filter_new(struct packet_filter **out, const struct packet_filter_options *opt)
{
	struct packet_filter *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (f && (f->expression = strdup(opt->expression))) {
		f->opt = *opt;
		f->opt.expression = NULL;
		r = filter_table_new(&f->table, opt->expression);
	}
	if (r == 0)
		r = worker_new(&f->worker, opt->loop, f);
	if (r == 0)
		r = begin(f, PACKET_LINKTYPE_DEFAULT);
	if (r < 0) {
		log_error("filter '%s': %s", opt->expression, strerror(-r));
		packet_filter_free(f, 0);
		return r;
	}
	*out = f;
	return 0;
}

void packet_filter_free(struct packet_filter *f, unsigned int wait_ms)
{
	if (!f)
		return;
	worker_free(f->worker, wait_ms);
	filter_table_free(f->table);
	free(f->expression);
	free(f);
}
