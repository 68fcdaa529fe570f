/* SPDX-License-Identifier: Apache-2.0 */
#include "bare_capture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

#define BATCH 1024

static pcap_t *open_interface(const char *interface)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(interface, errbuf);

	if (!p)
		bare_die(interface, errbuf);
	pcap_set_snaplen(p, 65535);
	pcap_set_promisc(p, 1);
	pcap_set_timeout(p, 20);
	pcap_set_buffer_size(p, 64 << 20);
	if (pcap_activate(p) < 0)
		bare_die(interface, pcap_geterr(p));
	if (pcap_setnonblock(p, 1, errbuf) < 0)
		bare_die(interface, errbuf);
	return p;
}

void bare_capture_open(struct bare_capture *b, char **argv,
		       void (*on_delivery)(rd_kafka_t *rk, const rd_kafka_message_t *m,
					   void *opaque))
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (int i = 1; i < 6; i++)
		if (!argv[i])
			bare_die("usage",
				 "INTERFACE BROKERS TOPIC COUNT PARTITIONS [NAME=VALUE]...");
	b->interface = argv[1];
	b->limit = strtoull(argv[4], NULL, 10);
	b->partitions = argv[5];
	b->flows = strlen(b->partitions);
	rd_kafka_conf_set_opaque(conf, b);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	b->rk = bare_kafka(RD_KAFKA_PRODUCER, conf, argv[2], argv + 6);
	b->topic = rd_kafka_topic_new(b->rk, argv[3], NULL);
	b->pcap = open_interface(b->interface);
	fprintf(stderr, "ready\n");
}

struct run {
	struct bare_capture *b;
	void *ctx;
	void (*take)(void *ctx, int32_t partition, uint64_t us, const uint8_t *data, size_t len);
};

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	const struct run *r = (const struct run *)user;
	struct bare_capture *b = r->b;

	if (b->taken >= b->limit)
		return;
	r->take(r->ctx, b->partitions[b->taken++ % b->flows] - '0',
		(uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec, data, h->caplen);
}

void bare_capture_run(struct bare_capture *b, void *ctx,
		      void (*take)(void *ctx, int32_t partition, uint64_t us, const uint8_t *data,
				   size_t len),
		      void (*after)(void *ctx))
{
	struct pollfd fd = {.fd = pcap_get_selectable_fd(b->pcap), .events = POLLIN};
	struct run r = {b, ctx, take};

	while (b->taken < b->limit) {
		if (poll(&fd, 1, after ? 20 : 1000) > 0 &&
		    pcap_dispatch(b->pcap, BATCH, on_packet, (u_char *)&r) < 0)
			bare_die(b->interface, pcap_geterr(b->pcap));
		if (after)
			after(ctx);
		rd_kafka_poll(b->rk, 0);
	}
}

int bare_capture_close(struct bare_capture *b)
{
	rd_kafka_flush(b->rk, 60000);
	printf("taken=%llu delivered=%llu\n", (unsigned long long)b->taken,
	       (unsigned long long)b->delivered);
	pcap_close(b->pcap);
	rd_kafka_topic_destroy(b->topic);
	rd_kafka_destroy(b->rk);
	return b->delivered == b->limit ? 0 : 1;
}
