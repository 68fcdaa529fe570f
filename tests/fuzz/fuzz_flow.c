/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two bytes of link type, one of options, then a packet. Beyond memory errors: the answer is the
 * same twice, and what dissect_tcp() and dissect_link() return lies within the packet.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/dissect.h"
#include "packet/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_link(const struct packet *pkt)
{
	struct frame l;
	struct dissect_ip ip;

	dissect_link(pkt, &l);
	if (l.net < pkt->data || l.net + l.len != pkt->data + pkt->caplen)
		abort();
	for (int i = 0; l.end_len && i < 2; i++)
		if (l.end[i] < pkt->data || l.end[i] + l.end_len > pkt->data + pkt->caplen)
			abort();
	if (dissect_ip(&l, &ip) &&
	    (ip.payload < l.net || ip.payload + ip.len != pkt->data + pkt->caplen))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_options opt;
	struct dissect_tcp tcp;
	struct packet pkt;

	if (size < 3)
		return 0;
	/* Most numbers mean nothing: fold them, so that more of the runs reach a reader. */
	pkt = (struct packet){.data = data + 3,
			      .caplen = (uint32_t)(size - 3),
			      .wirelen = (uint32_t)(size - 3),
			      .linktype = (uint16_t)((data[0] | data[1] << 8) % 300)};
	opt = (struct flow_options){.inner = data[2] & 1, .host_only = data[2] & 2};
	if (flow_hash(&pkt, &opt) != flow_hash(&pkt, &opt))
		abort();
	check_link(&pkt);
	dissect_tcp(&pkt, &tcp);
	return 0;
}
