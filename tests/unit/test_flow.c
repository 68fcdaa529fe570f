/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP segment in every wrapping we know, both directions: all of them are one flow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/dissect.h"
#include "packet/flow.h"

struct built {
	uint8_t data[512];
	uint32_t len;
};

/* Headers are written from the outside in; `back` swaps the two ends. */
struct wrapping {
	const char *name;
	uint16_t linktype;
	void (*build)(struct built *f, bool back);
};

static void put(struct built *f, const void *data, uint32_t n)
{
	assert_true(f->len + n <= sizeof(f->data));
	memcpy(f->data + f->len, data, n);
	f->len += n;
}

#define PUT(f, ...) put(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put_zeros(struct built *f, uint32_t n)
{
	static const uint8_t zeros[256];

	put(f, zeros, n);
}

static void put_macs(struct built *f, bool back)
{
	static const uint8_t mac[2][6] = {{2, 0, 0, 0, 0, 0xaa}, {2, 0, 0, 0, 0, 0xbb}};

	put(f, mac[back], 6);
	put(f, mac[!back], 6);
}

static void put_ports(struct built *f, uint16_t a, uint16_t b, bool back)
{
	uint16_t s = back ? b : a, d = back ? a : b;

	PUT(f, s >> 8, s & 0xff, d >> 8, d & 0xff);
}

/* 40 bytes of IPv4 and TCP: 10.0.0.1:40000 to 192.0.2.9:443. */
static void put_tcp4(struct built *f, bool back)
{
	static const uint8_t addr[2][4] = {{10, 0, 0, 1}, {192, 0, 2, 9}};

	PUT(f, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0);
	put(f, addr[back], 4);
	put(f, addr[!back], 4);
	put_ports(f, 40000, 443, back);
	put_zeros(f, 16);
}

static void put_ipv4(struct built *f, uint8_t proto, bool back)
{
	static const uint8_t addr[2][4] = {{172, 16, 0, 1}, {172, 16, 0, 2}};

	PUT(f, 0x45, 0, 0, 200, 0, 1, 0, 0, 64, proto, 0, 0);
	put(f, addr[back], 4);
	put(f, addr[!back], 4);
}

static void put_ipv6(struct built *f, uint8_t next, bool back)
{
	static const uint8_t addr[2][16] = {{0x20, 1, 0xd, 0xb8, [15] = 1},
					    {0x20, 1, 0xd, 0xb8, [15] = 2}};

	PUT(f, 0x60, 0, 0, 0, 0, 60, next, 64);
	put(f, addr[back], 16);
	put(f, addr[!back], 16);
}

static void put_tcp6(struct built *f, bool back)
{
	put_ipv6(f, 6, back);
	put_ports(f, 40000, 443, back);
	put_zeros(f, 16);
}

static void ether4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 8, 0);
	put_tcp4(f, back);
}

static void vlan4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x81, 0, 0, 5, 8, 0);
	put_tcp4(f, back);
}

static void qinq4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0);
	put_tcp4(f, back);
}

static void mpls4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x88, 0x47, 0, 1, 0, back ? 60 : 64, 0, 2, 1, 64);
	put_tcp4(f, back);
}

static void pppoe4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0, 0x21);
	put_tcp4(f, back);
}

static void snap4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0, 48, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0);
	put_tcp4(f, back);
}

static void options4(struct built *f, bool back)
{
	struct built ip = {.len = 0};

	put_macs(f, back);
	PUT(f, 8, 0);
	put_tcp4(&ip, back);
	ip.data[0] = 0x46;
	put(f, ip.data, 20);
	PUT(f, 1, 1, 1, 0);
	put(f, ip.data + 20, 20);
}

static void raw4(struct built *f, bool back)
{
	put_tcp4(f, back);
}

static void null4(struct built *f, bool back)
{
	PUT(f, 2, 0, 0, 0);
	put_tcp4(f, back);
}

static void sll4(struct built *f, bool back)
{
	PUT(f, 0, back ? 4 : 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, back, 0, 0, 8, 0);
	put_tcp4(f, back);
}

static void sll2_4(struct built *f, bool back)
{
	PUT(f, 8, 0, 0, 0, 0, 0, 0, 3, 0, 1, back ? 4 : 0, 6, 2, 0, 0, 0, 0, back, 0, 0);
	put_tcp4(f, back);
}

static void ppp4(struct built *f, bool back)
{
	PUT(f, 0xff, 3, 0, 0x21);
	put_tcp4(f, back);
}

static void ppp_short4(struct built *f, bool back)
{
	PUT(f, 0x21);
	put_tcp4(f, back);
}

static void chdlc4(struct built *f, bool back)
{
	PUT(f, 0x0f, 0, 8, 0);
	put_tcp4(f, back);
}

static void frame_relay4(struct built *f, bool back)
{
	PUT(f, 0x18, 0x41, 3, 0xcc);
	put_tcp4(f, back);
}

static void wlan4(struct built *f, bool back)
{
	PUT(f, 0x88, back ? 1 : 2, 0, 0); /* QoS data, to or from the distribution system */
	put_zeros(f, 20);
	PUT(f, 0, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0);
	put_tcp4(f, back);
}

static void radiotap4(struct built *f, bool back)
{
	PUT(f, 0, 0, 9, 0, 0, 0, 0, 0, 0x55);
	wlan4(f, back);
}

static void nflog4(struct built *f, bool back)
{
	PUT(f, 2, 0, 0, 0, 5, 0, 10, 0, 'x', 0, 0, 0, 44, 0, 9, 0);
	put_tcp4(f, back);
}

static void dsa4(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0xc0, 0x20, 0, 5, 8, 0);
	put_tcp4(f, back);
}

static void brcm4(struct built *f, bool back)
{
	PUT(f, 0x20, 0, 0, 1);
	ether4(f, back);
}

static void juniper4(struct built *f, bool back)
{
	PUT(f, 0x4d, 0x47, 0x43, 0x81, 0, 4, 1, 2, 3, 4);
	ether4(f, back);
}

static void pktap4(struct built *f, bool back)
{
	PUT(f, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
	ether4(f, back);
}

static const struct wrapping plain4[] = {
	{"Ethernet", 1, ether4},
	{"VLAN", 1, vlan4},
	{"QinQ", 1, qinq4},
	{"MPLS", 1, mpls4},
	{"PPPoE in VLAN", 1, pppoe4},
	{"802.2 SNAP", 1, snap4},
	{"IP options", 1, options4},
	{"raw IP", 101, raw4},
	{"IPv4", 228, raw4},
	{"null", 0, null4},
	{"loop", 108, null4},
	{"cooked", 113, sll4},
	{"cooked v2", 276, sll2_4},
	{"PPP", 9, ppp4},
	{"PPP short", 50, ppp_short4},
	{"HDLC", 104, chdlc4},
	{"frame relay", 107, frame_relay4},
	{"802.11", 105, wlan4},
	{"radiotap", 127, radiotap4},
	{"nflog", 239, nflog4},
	{"DSA", 284, dsa4},
	{"Broadcom", 282, brcm4},
	{"Juniper", 178, juniper4},
	{"PKTAP", 258, pktap4},
};

static void ether6(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x86, 0xdd);
	put_tcp6(f, back);
}

/* Hop-by-hop, routing, destination options, authentication, an atomic fragment; then TCP. */
static void extensions6(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x86, 0xdd);
	put_ipv6(f, 0, back);
	PUT(f, 43, 0, 5, 2, 0, 0, 1, 0);
	PUT(f, 60, 1, 4, 0);
	put_zeros(f, 12);
	PUT(f, 51, 0, 1, 4, 0, 0, 0, 0);
	PUT(f, 44, 1, 0, 0);
	put_zeros(f, 8);
	PUT(f, 6, 0, 0, 0, 1, 2, 3, 4);
	put_ports(f, 40000, 443, back);
	put_zeros(f, 16);
}

static void mpls6(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x88, 0x48, 0, 1, 1, 64);
	put_tcp6(f, back);
}

static void pppoe6(struct built *f, bool back)
{
	put_macs(f, back);
	PUT(f, 0x88, 0x64, 0x11, 0, 0, 1, 0, 62, 0, 0x57);
	put_tcp6(f, back);
}

static void raw6(struct built *f, bool back)
{
	put_tcp6(f, back);
}

static const struct wrapping plain6[] = {
	{"Ethernet", 1, ether6}, {"extension headers", 1, extensions6},
	{"MPLS", 1, mpls6},      {"PPPoE", 1, pppoe6},
	{"raw IP", 101, raw6},   {"IPv6", 229, raw6},
};

static void tunnel(struct built *f, uint8_t proto, bool back)
{
	put_macs(f, back);
	PUT(f, 8, 0);
	put_ipv4(f, proto, back);
}

static void gre(struct built *f, bool back)
{
	tunnel(f, 47, back);
	PUT(f, 0, 0, 8, 0);
	put_tcp4(f, back);
}

static void gre_full(struct built *f, bool back)
{
	tunnel(f, 47, back);
	PUT(f, 0xb0, 0, 0x65, 0x58, 1, 1, 0, 0, 0, 0, 0, back, 0, 0, 0, 9);
	ether4(f, back);
}

static void gre_pptp(struct built *f, bool back)
{
	tunnel(f, 47, back);
	PUT(f, 0x30, 0x81, 0x88, 0x0b, 0, 44, 0, back, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21);
	put_tcp4(f, back);
}

static void erspan2(struct built *f, bool back)
{
	tunnel(f, 47, back);
	PUT(f, 0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0);
	ether4(f, back);
}

static void put_udp(struct built *f, uint8_t source_low, uint16_t port)
{
	PUT(f, 0xc0, source_low, port >> 8, port & 0xff, 0, 100, 0, 0);
}

static void vxlan(struct built *f, bool back)
{
	tunnel(f, 17, back);
	put_udp(f, back ? 9 : 77, 4789);
	PUT(f, 8, 0, 0, 0, 0, 0, 5, 0);
	vlan4(f, back);
}

static void geneve(struct built *f, bool back)
{
	tunnel(f, 17, back);
	put_udp(f, back ? 9 : 77, 6081);
	PUT(f, 1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 1, 1, 0);
	ether4(f, back);
}

static void gtpu(struct built *f, bool back)
{
	tunnel(f, 17, back);
	put_udp(f, 1, 2152);
	PUT(f, 0x30, 0xff, 0, 40, 0, 0, 0, back);
	put_tcp4(f, back);
}

/* As 5G sends it: a PDU session container behind the sequence number. */
static void gtpu_extended(struct built *f, bool back)
{
	tunnel(f, 17, back);
	put_udp(f, 1, 2152);
	PUT(f, 0x34, 0xff, 0, 48, 0, 0, 0, back, 0, 0, 0, 0x85, 1, back ? 0 : 16, 9, 0);
	put_tcp4(f, back);
}

static void ip_in_ip(struct built *f, bool back)
{
	tunnel(f, 4, back);
	put_tcp4(f, back);
}

static void gre_in_vxlan(struct built *f, bool back)
{
	tunnel(f, 17, back);
	put_udp(f, back, 4789);
	PUT(f, 8, 0, 0, 0, 0, 0, 5, 0);
	gre(f, back);
}

static const struct wrapping tunnels[] = {
	{"GRE", 1, gre},           {"GRE with all fields", 1, gre_full},
	{"PPTP", 1, gre_pptp},     {"ERSPAN", 1, erspan2},
	{"VXLAN", 1, vxlan},       {"Geneve", 1, geneve},
	{"GTP-U", 1, gtpu},        {"GTP-U with extensions", 1, gtpu_extended},
	{"IP in IP", 1, ip_in_ip}, {"GRE in VXLAN", 1, gre_in_vxlan},
};

#define BEHIND_PORTS 16 /* bytes of a TCP header */

#define N(table) (sizeof(table) / sizeof((table)[0]))

static const struct flow_options by_flow = {0};
static const struct flow_options by_inner = {.inner = true};
static const struct flow_options by_host = {.host_only = true};

/* The bytes lie at the end of an allocation of exactly their number, so that ASan sees more. */
static uint32_t hash_bytes(uint16_t linktype, const uint8_t *data, uint32_t len,
			   const struct flow_options *opt)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct packet pkt = {.data = copy, .caplen = len, .wirelen = len, .linktype = linktype};
	uint32_t h;

	assert_non_null(copy);
	memcpy(copy, data, len);
	h = flow_hash(&pkt, opt);
	free(copy);
	return h;
}

static uint32_t hash_of(const struct wrapping *w, bool back, const struct flow_options *opt)
{
	struct built f = {.len = 0};

	w->build(&f, back);
	return hash_bytes(w->linktype, f.data, f.len, opt);
}

static void check_same(const struct wrapping *table, size_t n, const struct flow_options *opt,
		       uint32_t want)
{
	for (size_t i = 0; i < n; i++) {
		if (hash_of(&table[i], false, opt) != want)
			fail_msg("%s: another hash", table[i].name);
		if (hash_of(&table[i], true, opt) != want)
			fail_msg("%s: another hash on the way back", table[i].name);
	}
}

static void every_wrapping_is_one_flow(void **state)
{
	check_same(plain4, N(plain4), &by_flow, hash_of(&plain4[0], false, &by_flow));
	check_same(plain6, N(plain6), &by_flow, hash_of(&plain6[0], false, &by_flow));
	check_same(plain4, N(plain4), &by_inner, hash_of(&plain4[0], false, &by_flow));
	check_same(plain4, N(plain4), &by_host, hash_of(&plain4[0], false, &by_host));
	check_same(plain6, N(plain6), &by_host, hash_of(&plain6[0], false, &by_host));
}

static void tunnels_go_by_what_is_inside_when_asked(void **state)
{
	check_same(tunnels, N(tunnels), &by_inner, hash_of(&plain4[0], false, &by_flow));
}

static void tunnels_go_by_their_ends_otherwise(void **state)
{
	uint32_t plain = hash_of(&plain4[0], false, &by_flow);

	for (size_t i = 0; i < N(tunnels); i++)
		assert_int_not_equal(hash_of(&tunnels[i], false, &by_flow), plain);
	assert_int_equal(hash_of(&tunnels[0], false, &by_flow),
			 hash_of(&tunnels[0], true, &by_flow));
	check_same(tunnels, N(tunnels), &by_host, hash_of(&tunnels[0], false, &by_host));
}

/* Partitions outlive a release: these numbers must never change. */
static void hashes_are_the_same_for_ever(void **state)
{
	assert_int_equal(hash_of(&plain4[0], false, &by_flow), 0xe6ca6bda);
	assert_int_equal(hash_of(&plain6[0], false, &by_flow), 0xacfb3934);
	assert_int_equal(hash_of(&plain4[0], false, &by_host), 0xef2e86b4);
}

static void each_part_of_the_flow_counts(void **state)
{
	struct built f = {.len = 0};
	uint32_t plain;

	ether4(&f, false);
	plain = hash_bytes(1, f.data, f.len, &by_flow);
	for (uint32_t at = 14 + 12; at < 14 + 24; at++) { /* addresses and ports */
		f.data[at] ^= 1;
		assert_int_not_equal(hash_bytes(1, f.data, f.len, &by_flow), plain);
		f.data[at] ^= 1;
	}
	f.data[14 + 9] = 17; /* UDP */
	assert_int_not_equal(hash_bytes(1, f.data, f.len, &by_flow), plain);
	assert_int_equal(hash_bytes(1, f.data, f.len, &by_host),
			 hash_of(&plain4[0], false, &by_host));
}

static void fragments_of_a_datagram_stay_together(void **state)
{
	struct built f = {.len = 0};
	uint32_t first;

	ether4(&f, false);
	f.data[14 + 6] = 0x20; /* more fragments */
	first = hash_bytes(1, f.data, f.len, &by_flow);
	assert_int_not_equal(first, hash_of(&plain4[0], false, &by_flow));
	f.data[14 + 6] = 0; /* the last one, at 8 */
	f.data[14 + 7] = 1;
	memset(f.data + 34, 0x5a, 20);
	assert_int_equal(hash_bytes(1, f.data, f.len, &by_flow), first);
}

static uint32_t hash_fragment6(uint8_t offset_low, uint8_t fill)
{
	struct built f = {.len = 0};

	put_macs(&f, false);
	PUT(&f, 0x86, 0xdd);
	put_ipv6(&f, 44, false);
	PUT(&f, 6, 0, 0, offset_low, 0, 0, 0, 9);
	PUT(&f, fill, fill, fill, fill, fill, fill, fill, fill);
	return hash_bytes(1, f.data, f.len, &by_flow);
}

static void ipv6_fragments_stay_together(void **state)
{
	assert_int_equal(hash_fragment6(1, 1), hash_fragment6(8, 2));
	assert_int_equal(hash_fragment6(1, 1), hash_fragment6(9, 3));
	assert_int_not_equal(hash_fragment6(1, 1), hash_fragment6(0, 1));
}

static uint32_t hash_frame(uint16_t type, bool back, uint8_t fill)
{
	struct built f = {.len = 0};

	put_macs(&f, back);
	PUT(&f, type >> 8, type & 0xff, fill, fill, fill, fill);
	return hash_bytes(1, f.data, f.len, &by_flow);
}

static void other_frames_go_by_addresses_and_type(void **state)
{
	assert_int_equal(hash_frame(0x88cc, false, 1), hash_frame(0x88cc, true, 2));
	assert_int_not_equal(hash_frame(0x88cc, false, 1), hash_frame(0x0806, false, 1));
	/* 802.3: the number there is a length and says nothing */
	assert_int_equal(hash_frame(38, false, 0x42), hash_frame(52, true, 0x42));
}

static void frames_without_addresses_go_by_type(void **state)
{
	static const uint8_t cooked[2][18] = {{[1] = 4, [11] = 7, [14] = 0x88, [15] = 0xcc},
					      {[1] = 0, [11] = 9, [14] = 0x88, [15] = 0xcc}};
	static const uint8_t any[2][8] = {{1, 2}, {3, 4}};

	assert_int_equal(hash_bytes(113, cooked[0], 18, &by_flow),
			 hash_bytes(113, cooked[1], 18, &by_flow));
	assert_int_equal(hash_bytes(231, any[0], 8, &by_flow),
			 hash_bytes(231, any[1], 8, &by_flow));
	assert_int_not_equal(hash_bytes(231, any[0], 8, &by_flow),
			     hash_bytes(230, any[0], 8, &by_flow));
}

/*
 * What no flow depends on may be missing. Nothing behind the end counts, which lies there in `f`
 * though not in the copy that hash_bytes() makes.
 */
static void cut_everywhere(const struct wrapping *w, bool symmetric)
{
	struct built f[2] = {{.len = 0}, {.len = 0}};
	uint32_t whole;

	w->build(&f[0], false);
	w->build(&f[1], true);
	whole = hash_bytes(w->linktype, f[0].data, f[0].len, &by_inner);
	for (uint32_t n = 0; n <= f[0].len; n++) {
		const struct packet cut = {.data = f[0].data,
					   .caplen = n,
					   .wirelen = n,
					   .linktype = w->linktype};
		uint32_t h = hash_bytes(w->linktype, f[0].data, n, &by_inner);
		uint32_t back = hash_bytes(w->linktype, f[1].data, n, &by_inner);

		if (symmetric && h != back)
			fail_msg("%s cut to %u bytes: two hashes", w->name, n);
		if (flow_hash(&cut, &by_inner) != h)
			fail_msg("%s cut to %u bytes: read beyond them", w->name, n);
		if ((h == whole) != (n >= f[0].len - BEHIND_PORTS) ||
		    (back == whole) != (n >= f[1].len - BEHIND_PORTS))
			fail_msg("%s cut to %u bytes: not by what is left", w->name, n);
	}
}

/* Both directions of a plain packet lack the same, so there is still one answer. */
static void truncated_at_every_length(void **state)
{
	for (size_t i = 0; i < N(plain4); i++)
		cut_everywhere(&plain4[i], true);
	for (size_t i = 0; i < N(plain6); i++)
		cut_everywhere(&plain6[i], true);
	for (size_t i = 0; i < N(tunnels); i++)
		cut_everywhere(&tunnels[i], false); /* the ports outside differ by direction */
}

static void finds_the_ports_of_tcp(void **state)
{
	static const uint8_t src[4] = {10, 0, 0, 1}, dst[4] = {192, 0, 2, 9};

	for (size_t i = 0; i < N(plain4); i++) {
		struct built f = {.len = 0};
		struct dissect_tcp t;
		struct packet pkt = {.data = f.data, .linktype = plain4[i].linktype};

		plain4[i].build(&f, false);
		pkt.caplen = pkt.wirelen = f.len;
		assert_true(dissect_tcp(&pkt, &t));
		assert_false(t.v6);
		assert_memory_equal(t.src, src, 4);
		assert_memory_equal(t.dst, dst, 4);
		assert_int_equal(t.sport, 40000);
		assert_int_equal(t.dport, 443);
		pkt.caplen = f.len - BEHIND_PORTS - 1; /* a byte of the ports is missing */
		assert_false(dissect_tcp(&pkt, &t));
	}
}

static void says_no_to_what_is_not_tcp(void **state)
{
	struct built f = {.len = 0};
	struct packet pkt = {.data = f.data, .linktype = 1};
	struct dissect_tcp t;

	vxlan(&f, false);
	pkt.caplen = f.len;
	assert_false(dissect_tcp(&pkt, &t));
	f.len = 0;
	ether4(&f, false);
	pkt.caplen = f.len;
	f.data[14 + 7] = 1; /* a fragment */
	assert_false(dissect_tcp(&pkt, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_wrapping_is_one_flow),
		cmocka_unit_test(tunnels_go_by_what_is_inside_when_asked),
		cmocka_unit_test(tunnels_go_by_their_ends_otherwise),
		cmocka_unit_test(hashes_are_the_same_for_ever),
		cmocka_unit_test(each_part_of_the_flow_counts),
		cmocka_unit_test(fragments_of_a_datagram_stay_together),
		cmocka_unit_test(ipv6_fragments_stay_together),
		cmocka_unit_test(other_frames_go_by_addresses_and_type),
		cmocka_unit_test(frames_without_addresses_go_by_type),
		cmocka_unit_test(truncated_at_every_length),
		cmocka_unit_test(finds_the_ports_of_tcp),
		cmocka_unit_test(says_no_to_what_is_not_tcp),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
