/* SPDX-License-Identifier: Apache-2.0 */
#include "output/left_out.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>

#define LOG_INTERVAL_S 60

const char *left_out_which(enum encoder_refusal refusal)
{
	static const char *const whichs[] = {
		[ENCODER_LINKTYPE] = "of another link type than the capture's",
		[ENCODER_TIME] = "of a time after the year 2106",
		[ENCODER_NANOS] = "with nanoseconds",
		[ENCODER_MEMORY] = "out of memory",
	};

	static_assert(sizeof(whichs) / sizeof(whichs[0]) == ENCODER_REFUSALS, "a text a refusal");
	return whichs[refusal];
}

void left_out_count(struct left_out *l, const struct packet *pkt, const struct encoder *by,
		    bool first)
{
	uint64_t more, n = ++l->n[by->refusal];

	if (!log_limit_pass(&l->limit, LOG_INTERVAL_S, &more))
		return;
	if (by->refusal == ENCODER_LINKTYPE)
		log_warn("a packet of link type %u does not fit into a pcap file of link type %u; "
			 "left out, %" PRIu64 " so far (--format pcapng holds all)%s",
			 pkt->linktype, by->linktype, n,
			 first ? "; in a --write-file FILE the first packet decides" : "");
	else if (by->refusal == ENCODER_TIME)
		log_warn("a packet with a time after the year 2106 does not fit into a pcap file; "
			 "left out, %" PRIu64 " so far",
			 n);
	else
		log_warn("out of memory: a packet was left out, %" PRIu64 " so far", n);
}

void left_out_log(const struct left_out *l)
{
	for (size_t i = 0; i < ENCODER_REFUSALS; i++)
		if (l->n[i])
			log_error("%" PRIu64 " packet(s) not written: %s%s", l->n[i],
				  left_out_which(i),
				  i == ENCODER_MEMORY ? "" : "; --format pcapng holds them");
}
