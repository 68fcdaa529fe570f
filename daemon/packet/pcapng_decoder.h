/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads pcapng as Wireshark does: sections of either byte order one behind the other, interfaces
 * that differ in link type, snap length, resolution and offset of their times, packet blocks of all
 * three kinds; other blocks are passed over. Pure, bounds-checked. Source:
 * draft-ietf-opsawg-pcapng.
 *
 * A packet that is longer than its interface's snap length is given whole. It names its interface
 * (if_name), and how many were lost before it (epb_dropcount), where the file does; in a section
 * that pycapa wrote the host too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/decoder.h"

/* A longer block is damage. Wireshark's limit: the longest packet, and options. */
#define PCAPNG_DECODER_BLOCK_MAX (128 * 1024 * 1024 + 128 * 1024)

/* Of a section; more are damage. */
#define PCAPNG_DECODER_INTERFACES_MAX 65536

struct pcapng_interface;

struct pcapng_decoder {
	bool swapped; /* the section is in the other byte order than the host's */
	bool ours;    /* pycapa wrote it */
	struct pcapng_interface *interfaces;
	size_t n, room; /* of them, in this section */
};

/* Whether the first 4 bytes of a file are pcapng's. */
bool pcapng_decoder_knows(const uint8_t magic[4]);

/* What lies at `p`; the first call is for the start of the file, with an all-zero decoder. */
enum decoder_found pcapng_decoder_next(struct pcapng_decoder *d, const uint8_t *p, size_t len,
				       struct decoder_item *out);

/*
 * Link type and names of an interface that was found in this section; all else is 0, and the names
 * are borrowed until the next section. True: pcapng.h would write its times the same way:
 * nanoseconds since 1970, in the byte order of the host.
 */
bool pcapng_decoder_is_plain(const struct pcapng_decoder *d, size_t interface,
			     struct packet *origin);

/* Frees what it holds. */
void pcapng_decoder_clear(struct pcapng_decoder *d);
