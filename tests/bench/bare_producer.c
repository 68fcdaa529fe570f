/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that the producer is measured against: pcap_dispatch() and rd_kafka_produceva(), the
 * same key, time stamp, ring and Kafka settings, and nothing else. bare_capture.h has its usage.
 */
#include "bare.h"
#include "bare_capture.h"

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct bare_capture *b = opaque;

	b->delivered += !m->err;
}

static void take(void *ctx, int32_t partition, uint64_t us, const uint8_t *data, size_t len)
{
	const struct bare_capture *b = ctx;

	bare_produce(b->rk, b->topic, partition, us, data, len);
}

int main(int argc, char **argv)
{
	struct bare_capture b = {0};

	bare_capture_open(&b, argv, on_delivery);
	bare_capture_run(&b, &b, take, NULL);
	return bare_capture_close(&b);
}
