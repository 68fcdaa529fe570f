/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/filter_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "packet/filter.h"

#define SHOWN 100 /* characters of an expression that may have thousands */
#define NAMED 4   /* of the link types it does not compile for; there can be 65536 */

struct program {
	enum { MISSING, READY, UNFIT } state;
	struct bpf_program code; /* READY */
	char *why;               /* UNFIT: libpcap's words */
	uint64_t left_out;       /* UNFIT */
};

struct filter_table {
	char *expression;
	uint64_t left_out;
	struct program *of[UINT16_MAX + 1]; /* by link type; NULL: no room yet */
};

int filter_table_reserve(struct filter_table *t, uint16_t linktype)
{
	if (t->of[linktype])
		return 0;
	t->of[linktype] = calloc(1, sizeof(struct program));
	return t->of[linktype] ? 1 : -ENOMEM;
}

void filter_table_put(struct filter_table *t, uint16_t linktype, struct bpf_program *program)
{
	struct program *p = t->of[linktype];

	p->state = READY;
	p->code = *program;
	*program = (struct bpf_program){0};
}

void filter_table_put_unfit(struct filter_table *t, uint16_t linktype, const char *why)
{
	struct program *p = t->of[linktype];

	p->state = UNFIT;
	p->why = strdup(why);
}

/* ---- packets ---- */

static int judge_unready(struct filter_table *t, struct program *p)
{
	if (!p || p->state == MISSING)
		return FILTER_TABLE_E_MISSING;
	p->left_out++;
	t->left_out++;
	return FILTER_TABLE_E_LEFT_OUT;
}

int filter_table_judge(struct filter_table *t, const struct packet *pkt)
{
	struct program *p = t->of[pkt->linktype];
	const struct pcap_pkthdr header = {.caplen = pkt->caplen, .len = pkt->wirelen};

	if (!p || p->state != READY)
		return judge_unready(t, p);
	if (pcap_offline_filter(&p->code, &header, pkt->data))
		return 0;
	t->left_out++;
	return FILTER_TABLE_E_LEFT_OUT;
}

/* ---- what is said ---- */

uint64_t filter_table_left_out(const struct filter_table *t)
{
	return t->left_out;
}

void filter_table_show(const struct filter_table *t, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s%s", SHOWN, t->expression,
		 strlen(t->expression) > SHOWN ? "..." : "");
}

static size_t name_type(const struct program *p, uint16_t linktype, bool first, char *buf,
			size_t size)
{
	char name[64];

	filter_linktype_name(linktype, name, sizeof(name));
	return (size_t)snprintf(buf, size, "%s %" PRIu64 " of link type %s (%.150s)",
				first ? "" : ",", p->left_out, name,
				p->why ? p->why : "out of memory");
}

bool filter_table_say_unfit(const struct filter_table *t, char *buf, size_t size)
{
	char named[NAMED * 256] = "", shown[SHOWN + 4], more[48] = "";
	uint64_t packets = 0;
	unsigned int types = 0;
	size_t len = 0;

	for (unsigned int type = 0; type <= UINT16_MAX; type++) {
		const struct program *p = t->of[type];

		if (!p || !p->left_out)
			continue;
		packets += p->left_out;
		if (++types <= NAMED)
			len += name_type(p, (uint16_t)type, types == 1, named + len,
					 sizeof(named) - len);
	}
	if (types > NAMED)
		snprintf(more, sizeof(more), "; and of %u other link type(s)", types - NAMED);
	filter_table_show(t, shown, sizeof(shown));
	snprintf(buf, size,
		 "%" PRIu64 " packet(s) left out that the filter '%s' does not compile for:%s%s",
		 packets, shown, named, more);
	return packets > 0;
}

/* ---- life ---- */

int filter_table_new(struct filter_table **out, const char *expression)
{
	struct filter_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->expression = strdup(expression);
	if (!t->expression) {
		free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void filter_table_free(struct filter_table *t)
{
	if (!t)
		return;
	for (unsigned int type = 0; type <= UINT16_MAX; type++) {
		if (!t->of[type])
			continue;
		pcap_freecode(&t->of[type]->code);
		free(t->of[type]->why);
		free(t->of[type]);
	}
	free(t->expression);
	free(t);
}
