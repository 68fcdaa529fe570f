/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One capture from its header to its end: an encoder and the stream that its bytes go to.
 *
 * The header goes out before Kafka is reached, but into the file of a run that has an end: it is
 * not touched before there is a packet for it. And that of a classic pcap says what only packets
 * tell (pcap_encoder.c). When the first packets say otherwise it is changed while that is possible:
 * in a regular file for the first packet, and wherever all still waits to be written, which it does
 * for a moment where packets are expected at once (`hold`), and then to the end of the first batch.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "output/byte_stream.h"
#include "output/encoder.h"
#include "packet/packet.h"
#include "packet/plain_block.h"

struct capture_file;

#define CAPTURE_FILE_E_UNFIT 2 /* a packet that it cannot hold: capture_file_encoder() says why */

struct capture_file_options {
	enum config_format format;
	bool hold; /* packets come at once: in a pipe, the header waits for them */
	struct byte_stream_options stream;
};

/* Opens it, and writes the header. Returns 0 or -errno (logged). */
int capture_file_new(struct capture_file **out, const struct capture_file_options *opt);

/*
 * Room for the packet: then capture_file_put() puts it there. Returns 0, PACKET_E_FULL (on_drained
 * follows) or CAPTURE_FILE_E_UNFIT.
 */
int capture_file_reserve(struct capture_file *cf, const struct packet *pkt, uint8_t **room);
/* `origin`: where in Kafka it comes from, when that is to be in the file; else NULL. */
void capture_file_put(struct capture_file *cf, uint8_t *room, const struct packet *pkt,
		      const struct pretty_origin *origin);
/* What was lost before a packet that is left out the next of its interface tells. */
void capture_file_note_losses(struct capture_file *cf, const struct packet *pkt);

/* Whether its format takes blocks as they stand. */
bool capture_file_takes_blocks(const struct capture_file *cf);
/* As output_put_block(). */
int capture_file_put_block(struct capture_file *cf, const struct plain_block *b);

/* As byte_stream_flush(). A header that is held waits, and nothing is said of it. */
int capture_file_flush(struct capture_file *cf);
/* Whether so much waits that it is not to wait for the end of the batch. */
bool capture_file_is_pressing(const struct capture_file *cf);

/*
 * No packet comes any more: puts what follows the last one, and writes; `whole`: a header too, if
 * there was no packet. Returns as byte_stream_flush(), and may be called again.
 */
int capture_file_end(struct capture_file *cf, bool whole);
/* Its fate, after that, as byte_stream_settle(). */
int capture_file_settle(struct capture_file *cf, bool whole);
bool capture_file_is_settling(const struct capture_file *cf);
/* Where it was left then; NULL: nowhere. */
const char *capture_file_part(const struct capture_file *cf);

const struct encoder *capture_file_encoder(const struct capture_file *cf);
/* Packets that are written whole; bytes that wait, not those of a header that waits for a packet;
 * and all that were put. */
uint64_t capture_file_written(const struct capture_file *cf);
size_t capture_file_waiting(const struct capture_file *cf);
uint64_t capture_file_size(const struct capture_file *cf);
void capture_file_log_failure(const struct capture_file *cf);

/* NULL is legal. */
void capture_file_free(struct capture_file *cf);
