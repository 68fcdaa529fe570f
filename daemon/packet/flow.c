/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of a flow are put in order, so that both directions give one key; the key is a
 * fixed number of bytes in a fixed byte order, which XXH3 hashes in a handful of instructions.
 */
#include "packet/flow.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "packet/dissect.h"
#include "packet/frame.h"

/* Tunnels within tunnels are not followed further than this. */
#define MAX_TUNNELS 4

/* What kind of key it is, so that keys of different kinds do not meet. */
enum kind {
	KIND_IPV4 = 1,
	KIND_LINK,
	KIND_TYPE,
	KIND_LINKTYPE,
};

static uint32_t finish(XXH64_hash_t h)
{
	return (uint32_t)(h ^ h >> 32);
}

/* Two ends of up to 48 bits each, `kind` above the one and a 16-bit number above the other. */
static uint32_t hash_pair(uint64_t a, uint64_t b, enum kind kind, uint16_t number)
{
	uint64_t lo = a < b ? a : b, hi = a < b ? b : a;
	uint64_t key[2] = {htole64(lo | (uint64_t)kind << 48),
			   htole64(hi | (uint64_t)number << 48)};

	return finish(XXH3_64bits(key, sizeof(key)));
}

static uint64_t end_ipv4(const uint8_t *addr, uint16_t port)
{
	return (uint64_t)bytes_get_be32(addr) << 16 | port;
}

static uint32_t hash_ipv6(const struct dissect_ip *ip, uint16_t sport, uint16_t dport,
			  uint8_t proto)
{
	uint8_t key[40] = {0};
	int order = memcmp(ip->src, ip->dst, 16);
	bool forward = order < 0 || (order == 0 && sport <= dport);
	uint16_t first = htole16(forward ? sport : dport);
	uint16_t second = htole16(forward ? dport : sport);

	memcpy(key, forward ? ip->src : ip->dst, 16);
	memcpy(key + 16, forward ? ip->dst : ip->src, 16);
	memcpy(key + 32, &first, 2);
	memcpy(key + 34, &second, 2);
	key[36] = proto;
	return finish(XXH3_64bits(key, sizeof(key)));
}

static uint32_t hash_ip(const struct dissect_ip *ip, const struct flow_options *opt)
{
	uint16_t sport = 0, dport = 0;
	uint8_t proto = 0;

	if (!opt->host_only) {
		proto = ip->proto;
		dissect_ports(ip, &sport, &dport);
	}
	if (ip->version == 6)
		return hash_ipv6(ip, sport, dport, proto);
	return hash_pair(end_ipv4(ip->src, sport), end_ipv4(ip->dst, dport), KIND_IPV4, proto);
}

/* A link-layer address of 1, 6 or 8 bytes as a number below 2^48. */
static uint64_t end_link(const uint8_t *p, uint8_t len)
{
	uint64_t v = 0;

	if (len > 6)
		return XXH3_64bits(p, len) >> 16;
	for (uint8_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static uint32_t hash_link(const struct packet *pkt, const struct frame *l,
			  const struct flow_options *opt)
{
	uint16_t type = opt->host_only ? 0 : l->type;

	if (l->end_len)
		return hash_pair(end_link(l->end[0], l->end_len), end_link(l->end[1], l->end_len),
				 KIND_LINK, type);
	if (l->type)
		return hash_pair(0, 0, KIND_TYPE, l->type);
	return hash_pair(0, 0, KIND_LINKTYPE, pkt->linktype);
}

/* Goes on inside tunnels as long as there is an IP packet, or a frame with addresses, in them. */
static bool enter(struct frame *l, struct dissect_ip *ip)
{
	struct frame inner;
	struct dissect_ip inner_ip;

	if (!dissect_inner(ip, &inner))
		return false;
	if (dissect_ip(&inner, &inner_ip)) {
		*ip = inner_ip;
		return true;
	}
	if (inner.end_len) {
		*l = inner;
		ip->version = 0;
	}
	return false;
}

/* TCP and UDP in what nearly every packet is: the same answer in a quarter of the instructions. */
static bool hash_plain(const struct packet *pkt, const struct flow_options *opt, uint32_t *out)
{
	const uint8_t *ip = opt->inner ? NULL : dissect_plain(pkt);
	uint8_t proto;

	if (!ip)
		return false;
	proto = ip[9];
	if (proto != DISSECT_TCP && proto != DISSECT_UDP)
		return false;
	if (opt->host_only)
		*out = hash_pair(end_ipv4(ip + 12, 0), end_ipv4(ip + 16, 0), KIND_IPV4, 0);
	else
		*out = hash_pair(end_ipv4(ip + 12, bytes_get_be16(ip + 20)),
				 end_ipv4(ip + 16, bytes_get_be16(ip + 22)), KIND_IPV4, proto);
	return true;
}

/* Not inlined: what is plain does without its frame. */
static __attribute__((noinline)) uint32_t hash_any(const struct packet *pkt,
						   const struct flow_options *opt)
{
	struct frame l;
	struct dissect_ip ip;

	dissect_link(pkt, &l);
	if (!dissect_ip(&l, &ip))
		return hash_link(pkt, &l, opt);
	for (int i = 0; opt->inner && i < MAX_TUNNELS && enter(&l, &ip); i++)
		;
	return ip.version ? hash_ip(&ip, opt) : hash_link(pkt, &l, opt);
}

uint32_t flow_hash(const struct packet *pkt, const struct flow_options *opt)
{
	uint32_t hash;

	return hash_plain(pkt, opt, &hash) ? hash : hash_any(pkt, opt);
}
