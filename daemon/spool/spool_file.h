/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of the spool: written once from its start to its end, read from its start to its end,
 * perhaps while it is being written. For spool.c and its thread alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"
#include "spool/spool_format.h"

/* Kafka's own limit for the name of a topic is 249. */
#define SPOOL_TOPIC_MAX 256

/* What kinds of packet a file holds: block number -> link type and resolution. */
struct spool_kinds {
	struct spool_kind {
		uint16_t linktype;
		uint8_t resolution;
	} * kind;
	uint32_t n, allocated;
};

void spool_kinds_clear(struct spool_kinds *k);

/*
 * Encodes the start of a file: section, and an interface block for each known kind, so that bytes
 * that were encoded with these kinds may follow in any file. `id` is the file's own, for ever.
 * `*out` is malloc'ed. Size or -ENOMEM.
 */
int spool_file_put_head(const struct spool_kinds *k, const char *topic, uint64_t id, uint8_t **out);

/* Bytes that spool_file_put_packet() writes at most. */
#define SPOOL_FILE_PACKET_MAX                                                                      \
	(SPOOL_FORMAT_INTERFACE_SIZE + SPOOL_FORMAT_PACKET_EXTRA + PACKET_MAX_LEN +                \
	 SPOOL_FORMAT_ORIGIN_MAX)

/* Encodes a packet, with an interface block before it when its kind is new. Size or -ENOMEM. */
int spool_file_put_packet(struct spool_kinds *k, const struct packet *pkt, uint8_t *buf);

/* What a file of an earlier run holds. */
struct spool_file_info {
	char topic[SPOOL_TOPIC_MAX];
	uint64_t id; /* 0: of an earlier version */
	uint64_t inode;
	uint64_t packets;
	uint64_t bytes; /* up to the end of the last whole block, or of damage */
	uint64_t torn;  /* bytes behind that, of a block that was not finished */
};

#define SPOOL_FILE_E_CUT     1 /* not even a whole section block */
#define SPOOL_FILE_E_FOREIGN 2 /* not a file of ours, or its start is damaged */
#define SPOOL_FILE_E_DAMAGED 3 /* see spool_reader_next() */

/*
 * Counts what a file holds: by its last block, or packet by packet, where each stretch of damage
 * counts for one. 0, SPOOL_FILE_E_CUT, _FOREIGN, or -errno.
 */
int spool_file_scan(int fd, struct spool_file_info *out);

/* The file's own number, as spool_file_put_head() was given; 0: it has none, or is not ours. */
uint64_t spool_file_id(int fd);

struct spool_reader;

/* Takes the fd over, also when it fails. 0 or -ENOMEM. */
int spool_reader_new(struct spool_reader **out, int fd);
void spool_reader_free(struct spool_reader *r);

/*
 * The next packet of the file, of which `limit` bytes are known to be whole. The data is borrowed
 * until the next call. Returns 1, 0 (no more up to the limit), SPOOL_FILE_E_DAMAGED (a packet, or
 * more of them, that cannot be read: the next call goes on behind) or -errno.
 */
int spool_reader_next(struct spool_reader *r, uint64_t limit, struct packet *pkt);

/* Writes all of it at its place. 0 or -errno; what was written before the error is unknown. */
int spool_write_all(int fd, const uint8_t *buf, size_t len, uint64_t offset);
