/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A savefile, read packet by packet: pcap or pcapng, from a file, a FIFO or stdin, compressed or
 * not. It logs nothing and knows no loop: replay runs it on a thread, and says what it tells.
 *
 * Packets come as they are in the file, also where they are longer than its snap length; one that
 * tells of a loss tells too of those that packets of its interface told before it, which the filter
 * left out. However long a file is,
 * and whatever is in it, no more than 2 MiB of it is in memory, and the names of a section's
 * interfaces; unpacking zstd takes up to 128 MiB more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

struct readfile;

/* What was not sent as it is in the file. */
struct readfile_counts {
	uint64_t packets;  /* all that were read, those that the filter left out too */
	uint64_t cut;      /* to PACKET_MAX_LEN */
	uint64_t misdated; /* from before 1970, which a record cannot hold: made 1970 */
	uint64_t beyond;   /* from after the year 294246, which it cannot either: made 1970 */
	uint64_t undated;  /* the file tells no time: made 1970 */
	uint64_t untold;   /* lost before packets that the filter left out: none behind tells it */
};

/*
 * "-" = stdin; both texts are copied; `filter`: pcap-filter(7), NULL or "" = everything. Nothing is
 * opened yet: that, and reading, may wait for a FIFO's writer. A thread can be cancelled there, and
 * nowhere else if that is disabled when it calls. 0 or -ENOMEM.
 */
int readfile_new(struct readfile **out, const char *path, const char *filter);

/*
 * Opens the file, and reads it up to the first link type that the filter fits. 0, or -errno with
 * one line in `why` that names the file: it is none, or damaged so far, or the filter does not
 * compile for any link type before the first packet.
 */
int readfile_open(struct readfile *f, char *why, size_t size);

/*
 * The next packet; its data is borrowed until the next call. 1; 0: the end; -EIO: the file is cut
 * off or damaged, `why` says where, or the filter names what is not known.
 */
int readfile_next(struct readfile *f, struct packet *pkt, char *why, size_t size);

/*
 * From any thread: bytes of the file up to the last packet (of what is compressed about so many of
 * its compressed ones), at the end all; and its size; 0: it has none, as a FIFO.
 */
void readfile_position(const struct readfile *f, uint64_t *done, uint64_t *size);

const struct readfile_counts *readfile_counts(const struct readfile *f);
const char *readfile_name(const struct readfile *f); /* for messages: the path, or "stdin" */

#define READFILE_UNFIT_SIZE 2048

/* One line: how many packets of which link types the filter does not compile for. False: none. */
bool readfile_say_unfit(const struct readfile *f, char *buf, size_t size);

/* NULL is legal. */
void readfile_free(struct readfile *f);
