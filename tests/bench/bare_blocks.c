/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that a producer of blocks is measured against: pcap_dispatch(), one open section a
 * partition, rd_kafka_produceva() of memory that comes back with the report, and nothing else.
 * bare_capture.h has its usage.
 */
#include <time.h>

#include "bare_block.h"
#include "bare_capture.h"

struct bare {
	struct bare_capture capture; /* the client's opaque */
	struct bare_blocks blocks;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct bare *b = opaque;

	b->capture.delivered += bare_blocks_done(&b->blocks, m);
}

static void take(void *ctx, int32_t partition, uint64_t us, const uint8_t *data, size_t len)
{
	struct bare *b = ctx;

	bare_blocks_put(&b->blocks, partition, us, data, len);
}

static void send_old_ones(void *ctx)
{
	struct bare *b = ctx;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	bare_blocks_send(&b->blocks, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 -
					     BARE_BLOCK_TIME);
}

int main(int argc, char **argv)
{
	struct bare b = {0};

	bare_capture_open(&b.capture, argv, on_delivery);
	b.blocks.rk = b.capture.rk;
	b.blocks.topic = b.capture.topic;
	bare_capture_run(&b.capture, &b, take, send_old_ones);
	bare_blocks_send(&b.blocks, UINT64_MAX);
	return bare_capture_close(&b.capture);
}
