/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A classic pcap says in its first bytes what its link type is and whether its times count
 * microseconds or nanoseconds, before any packet is known. So the header says Ethernet and
 * microseconds, which everybody reads, until the first packets say otherwise:
 *
 * - the first packet decides the link type, while the header can be changed;
 * - the first packet with nanoseconds makes it a file of nanoseconds, while all of it still waits
 *   to be written: then the packets before it are changed too. That is the whole of the first
 *   batch. Later ones lose what is below a microsecond, and are counted. To wait for longer would
 *   hold up a reader, and to change what is written would take as long as the file is large.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "output/encoder.h"
#include "packet/pcapfile.h"

struct pcap_encoder {
	struct encoder base;
	bool nano;
	bool too_late; /* for nanoseconds */
};

static struct pcap_encoder *of(struct encoder *e)
{
	return (struct pcap_encoder *)e;
}

static size_t header(struct encoder *e, uint8_t *room)
{
	pcapfile_put_header(room, e->linktype, of(e)->nano);
	return PCAPFILE_HEADER_LEN;
}

static size_t size(struct encoder *e, const struct packet *pkt)
{
	const struct pcap_encoder *p = of(e);

	if (!pcapfile_can_hold(pkt))
		e->refusal = ENCODER_TIME;
	else if (pkt->linktype != e->linktype)
		e->refusal = ENCODER_LINKTYPE;
	else if (pkt->nanos && !p->nano && !p->too_late)
		e->refusal = ENCODER_NANOS;
	else
		return PCAPFILE_RECORD_LEN + pkt->caplen;
	return 0;
}

static size_t put(struct encoder *e, uint8_t *room, const struct packet *pkt,
		  const struct pretty_origin *origin)
{
	bool nano = of(e)->nano;

	if (pkt->nanos && !nano)
		e->cut++;
	return pcapfile_put_record(room, pkt, nano);
}

/* Microseconds become nanoseconds. */
static void refine(uint8_t *packets, size_t len)
{
	size_t at = 0;

	while (at + PCAPFILE_RECORD_LEN <= len) {
		bytes_put32(packets + at + 4, bytes_get32(packets + at + 4) * 1000);
		at += PCAPFILE_RECORD_LEN + bytes_get32(packets + at + 8);
	}
}

static bool revise(struct encoder *e, const struct packet *pkt, uint8_t *packets, size_t len)
{
	struct pcap_encoder *p = of(e);

	if (e->refusal == ENCODER_TIME || (pkt->linktype != e->linktype && (!packets || len)))
		return false;
	e->linktype = pkt->linktype;
	p->too_late = !packets;
	if (packets && pkt->nanos && !p->nano) {
		refine(packets, len);
		p->nano = true;
	}
	return true;
}

static void pcap_encoder_free(struct encoder *e)
{
	free(of(e));
}

struct encoder *pcap_encoder_new(void)
{
	static const struct encoder_ops ops = {
		.header = header,
		.size = size,
		.put = put,
		.revise = revise,
		.free = pcap_encoder_free,
	};
	struct pcap_encoder *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base.ops = &ops;
	p->base.linktype = PACKET_LINKTYPE_DEFAULT;
	return &p->base;
}
