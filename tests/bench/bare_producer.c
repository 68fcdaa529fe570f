/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that the producer is measured against: pcap_dispatch() and rd_kafka_produceva(), the
 * same key, time stamp, ring and Kafka settings, and nothing else.
 *
 *	bare_producer INTERFACE BROKERS TOPIC COUNT PARTITIONS [NAME=VALUE]...
 *
 * The partition is known without looking: pktgen's packets go round its flows, and the digits of
 * PARTITIONS are those of its flows, one each. Ends once COUNT packets are delivered; prints
 * `ready` once it captures.
 */
#include <endian.h>
#include <librdkafka/rdkafka.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1024
#define QUEUE 131072 /* queue.buffering.max.messages */

struct bare {
	pcap_t *pcap;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	uint64_t limit, taken, delivered, refused;
	const char *partitions; /* digits */
	size_t flows;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct bare *b = opaque;

	if (m->err)
		b->refused++;
	else
		b->delivered++;
}

static bool produce(struct bare *b, int32_t partition, const uint64_t *key, uint64_t us,
		    const u_char *data, size_t len)
{
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = b->topic},
		{.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)data, len}},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, sizeof(*key)}},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = (int64_t)(us / 1000)},
	};
	rd_kafka_error_t *error = rd_kafka_produceva(b->rk, v, sizeof(v) / sizeof(v[0]));

	if (!error)
		return true;
	rd_kafka_error_destroy(error); /* the queue is full */
	return false;
}

/* Not for each message by itself: that would cost more than the message. */
static void wait_for_room(rd_kafka_t *rk)
{
	while (rd_kafka_outq_len(rk) > QUEUE / 2)
		rd_kafka_poll(rk, 10);
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct bare *b = (struct bare *)user;
	uint64_t us = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec;
	uint64_t key = htobe64(us);
	int32_t partition = b->partitions[b->taken % b->flows] - '0';

	if (b->taken >= b->limit)
		return;
	b->taken++;
	while (!produce(b, partition, &key, us, data, h->caplen))
		wait_for_room(b->rk);
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare_producer: %s: %s\n", what, why);
	exit(1);
}

static pcap_t *open_capture(const char *interface)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(interface, errbuf);

	if (!p)
		die(interface, errbuf);
	pcap_set_snaplen(p, 65535);
	pcap_set_promisc(p, 1);
	pcap_set_timeout(p, 20);
	pcap_set_buffer_size(p, 64 << 20);
	if (pcap_activate(p) < 0)
		die(interface, pcap_geterr(p));
	if (pcap_setnonblock(p, 1, errbuf) < 0)
		die(interface, errbuf);
	return p;
}

static void open_kafka(struct bare *b, char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];

	rd_kafka_conf_set_opaque(conf, b);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set(conf, "bootstrap.servers", argv[2], why, sizeof(why));
	for (char **arg = argv + 6; *arg; arg++) {
		char *value = strchr(*arg, '=');

		if (!value)
			die(*arg, "not NAME=VALUE");
		*value++ = '\0';
		if (rd_kafka_conf_set(conf, *arg, value, why, sizeof(why)))
			die(*arg, why);
	}
	b->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!b->rk)
		die("rd_kafka_new", why);
	b->topic = rd_kafka_topic_new(b->rk, argv[3], NULL);
}

int main(int argc, char **argv)
{
	struct bare b = {0};
	struct pollfd fd;

	if (argc < 6)
		die("usage", "INTERFACE BROKERS TOPIC COUNT PARTITIONS [NAME=VALUE]...");
	b.limit = strtoull(argv[4], NULL, 10);
	b.partitions = argv[5];
	b.flows = strlen(b.partitions);
	open_kafka(&b, argv);
	b.pcap = open_capture(argv[1]);
	fd = (struct pollfd){.fd = pcap_get_selectable_fd(b.pcap), .events = POLLIN};
	fprintf(stderr, "ready\n");
	while (b.taken < b.limit) {
		if (poll(&fd, 1, 1000) > 0 &&
		    pcap_dispatch(b.pcap, BATCH, on_packet, (u_char *)&b) < 0)
			die(argv[1], pcap_geterr(b.pcap));
		rd_kafka_poll(b.rk, 0);
	}
	rd_kafka_flush(b.rk, 60000);
	printf("taken=%llu delivered=%llu failed=%llu\n", (unsigned long long)b.taken,
	       (unsigned long long)b.delivered, (unsigned long long)b.refused);
	pcap_close(b.pcap);
	rd_kafka_topic_destroy(b.topic);
	rd_kafka_destroy(b.rk);
	return b.delivered == b.limit ? 0 : 1;
}
