/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every packet of a folder of captures gets an answer, and where libpcap's own filter compiler
 * finds IP, TCP or a host, so do we. The folder is the only argument.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/dissect.h"
#include "packet/flow.h"

struct tally {
	unsigned int files, packets, ip, tcp;
};

static const char *folder;

/* True when the expression compiles for the file's link type and matches the packet. */
static bool matches(pcap_t *p, const char *expression, const struct pcap_pkthdr *h,
		    const uint8_t *data)
{
	struct bpf_program prog;
	bool match;

	/* libpcap takes every ARCNET header for RFC 1201's and compares the wrong bytes. */
	if (pcap_datalink(p) == DLT_ARCNET_LINUX)
		return false;
	if (pcap_compile(p, &prog, expression, 0, PCAP_NETMASK_UNKNOWN) < 0)
		return false;
	match = pcap_offline_filter(&prog, h, data);
	pcap_freecode(&prog);
	return match;
}

static void check_addresses(pcap_t *p, const char *name, const struct packet *pkt,
			    const struct dissect_ip *ip, const struct pcap_pkthdr *h)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], expression[128];
	int family = ip->version == 6 ? AF_INET6 : AF_INET;

	inet_ntop(family, ip->src, src, sizeof(src));
	inet_ntop(family, ip->dst, dst, sizeof(dst));
	snprintf(expression, sizeof(expression), "src host %s and dst host %s", src, dst);
	if (!matches(p, expression, h, pkt->data))
		fail_msg("%s: libpcap does not find %s", name, expression);
}

/* What a packet carries behind its first IP header, libpcap's filters do not always find. */
static bool is_plain(const struct frame *l, const struct dissect_ip *ip)
{
	return ip->payload == l->net + (ip->version == 4 ? (l->net[0] & 0xfU) * 4 : 40);
}

static void exchange(const uint8_t *at, const uint8_t *with, size_t n)
{
	uint8_t keep[16], *a = (uint8_t *)at, *b = (uint8_t *)with; /* check_file()'s copy */

	memcpy(keep, a, n);
	memcpy(a, b, n);
	memcpy(b, keep, n);
}

/* The answer to a packet has its flow. */
static void check_answer(const char *name, const struct packet *pkt, const struct dissect_ip *ip,
			 const struct tally *n)
{
	static const struct flow_options plain = {0}, inner = {.inner = true};
	uint32_t hash = flow_hash(pkt, &plain), inside = flow_hash(pkt, &inner);
	uint16_t sport, dport;

	exchange(ip->src, ip->dst, ip->version == 4 ? 4 : 16);
	if (dissect_ports(ip, &sport, &dport))
		exchange(ip->payload, ip->payload + 2, 2);
	if (flow_hash(pkt, &plain) != hash || flow_hash(pkt, &inner) != inside)
		fail_msg("%s: the answer to packet %u is another flow", name, n->packets);
}

static void check_tcp(pcap_t *p, const char *name, const struct packet *pkt,
		      const struct pcap_pkthdr *h, const struct dissect_ip *ip, struct tally *n)
{
	struct dissect_tcp tcp;
	char expression[64];
	size_t len = ip->version == 4 ? 4 : 16;

	if (!dissect_tcp(pkt, &tcp)) {
		if (matches(p, "ip[6] & 0x20 = 0 and tcp[0:2] >= 0 and tcp[2:2] >= 0", h,
			    pkt->data))
			fail_msg("%s: packet %u is TCP to libpcap only", name, n->packets);
		return;
	}
	snprintf(expression, sizeof(expression), "tcp src port %u and dst port %u", tcp.sport,
		 tcp.dport);
	if (!matches(p, expression, h, pkt->data))
		fail_msg("%s: packet %u: libpcap does not find %s", name, n->packets, expression);
	assert_int_equal(tcp.v6, ip->version == 6);
	assert_memory_equal(tcp.src, ip->src, len);
	assert_memory_equal(tcp.dst, ip->dst, len);
	n->tcp++;
}

static void check_packet(pcap_t *p, const char *name, const struct packet *pkt,
			 const struct pcap_pkthdr *h, struct tally *n)
{
	static const struct flow_options plain = {0}, inner = {.inner = true};
	bool v4 = matches(p, "ip[0] & 0xf0 = 0x40 and ip[0] & 0xf >= 5 and ip[19] >= 0", h,
			  pkt->data);
	bool v6 = matches(p, "ip6[0] & 0xf0 = 0x60 and ip6[39] >= 0", h, pkt->data);
	struct frame l;
	struct dissect_ip ip = {0};

	/* Nothing behind its end is read: AddressSanitizer sees to that. */
	flow_hash(pkt, &plain);
	flow_hash(pkt, &inner);
	dissect_link(pkt, &l);
	if (!v4 && !v6)
		return;
	if (!dissect_ip(&l, &ip))
		fail_msg("%s: packet %u is IP to libpcap only", name, n->packets);
	if (ip.version != (v4 ? 4 : 6))
		fail_msg("%s: packet %u is of the other IP version", name, n->packets);
	check_addresses(p, name, pkt, &ip, h);
	if (is_plain(&l, &ip))
		check_tcp(p, name, pkt, h, &ip, n);
	check_answer(name, pkt, &ip, n);
	n->ip++;
}

static void check_file(const char *name, struct tally *n)
{
	char path[4096], errbuf[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const uint8_t *data;
	pcap_t *p;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	p = pcap_open_offline(path, errbuf);
	if (!p)
		return; /* libpcap does not read all of pcapng */
	n->files++;
	while (pcap_next_ex(p, &h, &data) == 1) {
		uint8_t *copy = malloc(h->caplen ? h->caplen : 1);
		struct packet pkt = {.data = copy, .caplen = h->caplen, .wirelen = h->len};
		int dlt = pcap_datalink(p);

		assert_non_null(copy);
		memcpy(copy, data, h->caplen);
		pkt.linktype = (uint16_t)(dlt == DLT_RAW ? 101 : dlt);
		n->packets++;
		check_packet(p, name, &pkt, h, n);
		free(copy);
	}
	pcap_close(p);
}

static void libpcap_agrees_on_every_packet(void **state)
{
	struct tally n = {0};
	struct dirent *e;
	DIR *d = opendir(folder);

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".pcap"))
			check_file(e->d_name, &n);
	closedir(d);
	print_message("%u files, %u packets, %u IP, %u TCP\n", n.files, n.packets, n.ip, n.tcp);
	assert_true(n.files > 0 && n.ip > 0 && n.tcp > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(libpcap_agrees_on_every_packet)};

	if (argc != 2)
		return 2;
	folder = argv[1];
	return cmocka_run_group_tests_name("flow_samples", tests, NULL, NULL);
}
