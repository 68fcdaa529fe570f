/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/savefile.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/pcap_decoder.h"
#include "packet/pcapng_decoder.h"
#include "packet/pseudo_header.h"

#define MAGIC_LEN 4

struct savefile {
	enum { UNKNOWN, PCAP, PCAPNG } format;
	struct pcap_decoder pcap;
	struct pcapng_decoder pcapng;
};

static enum decoder_found recognize(struct savefile *s, const uint8_t *p, size_t len,
				    struct decoder_item *out)
{
	if (len < MAGIC_LEN)
		return decoder_short(out, MAGIC_LEN);
	if (pcapng_decoder_knows(p))
		s->format = PCAPNG;
	else if (pcap_decoder_knows(p))
		s->format = PCAP;
	else
		return decoder_bad(out, "unknown file format: neither pcap nor pcapng");
	return DECODER_PASSED;
}

enum decoder_found savefile_next(struct savefile *s, uint8_t *p, size_t len, bool all,
				 struct decoder_item *out)
{
	enum decoder_found found;
	bool swapped;

	out->cut = out->misdated = out->beyond = out->undated = false;
	out->used = 0;
	if (s->format == UNKNOWN)
		return recognize(s, p, len, out);
	if (s->format == PCAP) {
		found = pcap_decoder_next(&s->pcap, p, len, all, out);
		swapped = s->pcap.swapped;
	} else {
		found = pcapng_decoder_next(&s->pcapng, p, len, out);
		swapped = s->pcapng.swapped;
	}
	if (found == DECODER_PACKET && swapped)
		pseudo_header_swap(out->pkt.linktype, p + (out->pkt.data - p), out->pkt.caplen);
	return found;
}

int savefile_new(struct savefile **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void savefile_free(struct savefile *s)
{
	if (!s)
		return;
	pcapng_decoder_clear(&s->pcapng);
	free(s);
}
