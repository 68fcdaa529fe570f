/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/packet_filter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/log.h"
#include "base/worker.h"
#include "packet/filter.h"

#define SHOWN 100 /* characters of an expression that may have thousands */
#define NAMED 4   /* of the link types it does not compile for; a topic can hold 65536 */

struct program {
	enum { COMPILING, READY, UNFIT } state;
	struct bpf_program code; /* READY */
	char *why;               /* UNFIT: libpcap's words */
	uint64_t left_out;       /* UNFIT */
};

struct packet_filter {
	struct packet_filter_options opt;
	char *expression;
	struct worker *worker;
	bool waiting, stopped;
	uint16_t waits_for; /* the link type of the packet that waits */
	uint64_t left_out;
	struct program *of[UINT16_MAX + 1]; /* by link type; NULL: none came yet */
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

static const char *dots(const struct packet_filter *f)
{
	return strlen(f->expression) > SHOWN ? "..." : "";
}

static void fail(struct packet_filter *f, const char *why)
{
	char text[512];

	if (f->stopped)
		return;
	f->stopped = true;
	snprintf(text, sizeof(text), "filter '%.*s%s': %s", SHOWN, f->expression, dots(f), why);
	f->opt.on_failed(f->opt.ctx, text);
}

static void on_compiled(void *ctx, void *arg)
{
	struct packet_filter *f = ctx;
	struct job *job = arg;
	struct program *p = f->of[job->linktype];

	if (job->r != 0 && job->r != -EINVAL) {
		fail(f, job->why);
		return;
	}
	if (job->r == 0) {
		p->state = READY;
		p->code = job->code;
		job->code = (struct bpf_program){0};
	} else {
		p->state = UNFIT;
		p->why = strdup(job->why);
	}
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

static int begin(struct packet_filter *f, uint16_t linktype)
{
	struct job *job = calloc(1, sizeof(*job));
	struct program *p = calloc(1, sizeof(*p));

	if (job)
		job->expression = strdup(f->expression);
	if (!p || !job || !job->expression) {
		free(p);
		if (job)
			drop_job(job);
		return -ENOMEM;
	}
	job->linktype = linktype;
	f->of[linktype] = p;
	return compile(f, job);
}

/* ---- packets ---- */

/* Nothing is ready for it. */
static int judge_unready(struct packet_filter *f, const struct packet *pkt)
{
	struct program *p = f->of[pkt->linktype];
	int r;

	if (p && p->state == UNFIT) {
		p->left_out++;
		f->left_out++;
		return PACKET_FILTER_E_LEFT_OUT;
	}
	f->waiting = true;
	f->waits_for = pkt->linktype;
	r = p ? 0 : begin(f, pkt->linktype);
	if (r < 0)
		fail(f, strerror(-r));
	return PACKET_E_FULL;
}

int packet_filter_judge(struct packet_filter *f, const struct packet *pkt)
{
	const struct program *p = f->of[pkt->linktype];
	const struct pcap_pkthdr header = {.caplen = pkt->caplen, .len = pkt->wirelen};

	if (!p || p->state != READY)
		return judge_unready(f, pkt);
	if (pcap_offline_filter(&p->code, &header, pkt->data))
		return 0;
	f->left_out++;
	return PACKET_FILTER_E_LEFT_OUT;
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
	return f ? f->left_out : 0;
}

static void log_types(const struct packet_filter *f, uint64_t packets, unsigned int types,
		      const char *named)
{
	char more[48] = "";

	if (types > NAMED)
		snprintf(more, sizeof(more), "; and of %u other link type(s)", types - NAMED);
	log_warn("%" PRIu64
		 " packet(s) left out that the filter '%.*s%s' does not compile for:%s%s",
		 packets, SHOWN, f->expression, dots(f), named, more);
}

void packet_filter_log_unfit(const struct packet_filter *f)
{
	char named[NAMED * 256] = "", name[64];
	uint64_t packets = 0;
	unsigned int types = 0;
	size_t len = 0;

	for (unsigned int type = 0; f && type <= UINT16_MAX; type++) {
		const struct program *p = f->of[type];

		if (!p || !p->left_out)
			continue;
		packets += p->left_out;
		if (++types > NAMED)
			continue;
		filter_linktype_name((uint16_t)type, name, sizeof(name));
		len += (size_t)snprintf(named + len, sizeof(named) - len,
					"%s %" PRIu64 " of link type %s (%.150s)",
					types > 1 ? "," : "", p->left_out, name,
					p->why ? p->why : "out of memory");
	}
	if (packets)
		log_types(f, packets, types, named);
}

/* ---- life ---- */

int packet_filter_new(struct packet_filter **out, const struct packet_filter_options *opt)
{
	struct packet_filter *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (f && (f->expression = strdup(opt->expression))) {
		f->opt = *opt;
		f->opt.expression = NULL;
		r = worker_new(&f->worker, opt->loop, f);
	}
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
	for (unsigned int type = 0; type <= UINT16_MAX; type++) {
		if (!f->of[type])
			continue;
		pcap_freecode(&f->of[type]->code);
		free(f->of[type]->why);
		free(f->of[type]);
	}
	free(f->expression);
	free(f);
}
