/* SPDX-License-Identifier: Apache-2.0 */
#include "bare_block.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

/* A section header, and an interface of nanoseconds. */
static const uint32_t HEAD[] = {
	0x0a0d0d0a,  28,         0x1a2b3c4d, 1,
	UINT32_MAX,  UINT32_MAX, 28, /* 1.0, of unknown length */
	1,           32,         1,          262144,
	9 | 1 << 16, 9,          0,          32, /* Ethernet, if_tsresol 9 */
};

struct bare_block {
	struct bare_block *next; /* unused */
	uint64_t first_us, last_us;
	uint32_t packets;
	size_t len;
	uint8_t bytes[BARE_BLOCK_SIZE];
};

static struct bare_block *begin(struct bare_blocks *b)
{
	struct bare_block *block = b->unused;

	if (block)
		b->unused = block->next;
	else
		block = malloc(sizeof(*block));
	if (!block)
		bare_die("memory", "short");
	memcpy(block->bytes, HEAD, sizeof(HEAD));
	block->len = sizeof(HEAD);
	block->packets = 0;
	return block;
}

static void send_block(const struct bare_blocks *b, int32_t partition, struct bare_block *block)
{
	const uint64_t key = htobe64(block->first_us);
	char packets[12];
	int digits = snprintf(packets, sizeof(packets), "%u", block->packets);
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = b->topic},
		{.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {block->bytes, block->len}},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)&key, sizeof(key)}},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = (int64_t)(block->last_us / 1000)},
		{.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"format", "pcapng", 6}},
		{.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"packets", packets, digits}},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = block},
	};
	rd_kafka_error_t *error;

	while ((error = rd_kafka_produceva(b->rk, v, sizeof(v) / sizeof(v[0])))) {
		rd_kafka_error_destroy(error); /* the queue is full */
		rd_kafka_poll(b->rk, 10);
	}
}

static void add(struct bare_block *block, uint64_t us, const uint8_t *data, size_t len)
{
	const uint64_t ns = us * 1000;
	const uint32_t caplen = (uint32_t)len, size = 32 + ((caplen + 3) & ~3U);
	const uint32_t head[] = {6, size, 0, (uint32_t)(ns >> 32), (uint32_t)ns, caplen, caplen};
	uint8_t *p = block->bytes + block->len;

	memset(p + size - 8, 0, 4); /* the padding; the data goes over it */
	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), data, len);
	memcpy(p + size - 4, &size, sizeof(size));
	if (block->packets++ == 0)
		block->first_us = us;
	block->last_us = us;
	block->len += size;
}

void bare_blocks_put(struct bare_blocks *b, int32_t partition, uint64_t us, const uint8_t *data,
		     size_t len)
{
	struct bare_block *block = b->open[partition];

	if (len > BARE_BLOCK_SIZE - sizeof(HEAD) - 35)
		bare_die("packet", "too long for a block");
	if (block && block->len + len + 35 > BARE_BLOCK_SIZE) {
		send_block(b, partition, block);
		block = NULL;
	}
	if (!block)
		block = b->open[partition] = begin(b);
	add(block, us, data, len);
}

void bare_blocks_send(struct bare_blocks *b, uint64_t before_us)
{
	for (int32_t i = 0; i < BARE_PARTITIONS; i++)
		if (b->open[i] && b->open[i]->first_us < before_us) {
			send_block(b, i, b->open[i]);
			b->open[i] = NULL;
		}
}

uint64_t bare_blocks_done(struct bare_blocks *b, const rd_kafka_message_t *m)
{
	struct bare_block *block = m->_private;

	block->next = b->unused;
	b->unused = block;
	return m->err ? 0 : block->packets;
}
