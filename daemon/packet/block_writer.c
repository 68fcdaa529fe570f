/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interface is looked for among those of the section, the last one first: a block has few. Its
 * names are compared with what stands in the section, so that they need no memory of their own.
 */
#include "packet/block_writer.h"

#include <string.h>

#include "packet/direction.h"
#include "packet/pcapng.h"
#include "version.h"

#define APPLICATION "pycapa " PYCAPA_VERSION /* by which a decoder knows where the host is */

void block_writer_init(struct block_writer *w, uint8_t *buf, size_t room)
{
	memset(w, 0, sizeof(*w));
	w->buf = buf;
	w->room = room;
}

/* ---- interfaces ---- */

static bool is_name(const struct block_writer *w, uint32_t at, uint8_t len, const char *name,
		    uint8_t name_len)
{
	return len == name_len && (!len || !memcmp(w->buf + at, name, len));
}

static inline bool is(const struct block_writer *w, const struct block_interface *i,
		      const struct packet *pkt, uint8_t resolution)
{
	return i->linktype == pkt->linktype && i->resolution == resolution &&
	       is_name(w, i->name, i->name_len, pkt->interface, pkt->interface_len) &&
	       is_name(w, i->host, i->host_len, pkt->host, pkt->host_len);
}

/* Its number; that of the next one: it is not there. */
static uint32_t find(const struct block_writer *w, const struct packet *pkt)
{
	uint8_t resolution = pcapng_resolution(pkt->time_us);
	uint32_t n = w->n_interfaces;

	if (n && is(w, &w->interfaces[w->current], pkt, resolution))
		return w->current;
	for (uint32_t i = 0; i < n; i++)
		if (is(w, &w->interfaces[i], pkt, resolution))
			return i;
	return n;
}

static void add(struct block_writer *w, const struct packet *pkt)
{
	struct block_interface *i = &w->interfaces[w->n_interfaces++];
	size_t name, host;

	*i = (struct block_interface){
		.linktype = pkt->linktype,
		.resolution = pcapng_resolution(pkt->time_us),
		.name_len = pkt->interface_len,
		.host_len = pkt->host_len,
	};
	pcapng_interface_names(pkt, &name, &host);
	i->name = (uint32_t)(w->len + name);
	i->host = (uint32_t)(w->len + host);
	w->len += pcapng_put_interface(w->buf + w->len, pkt, i->resolution);
}

/* ---- packets ---- */

static struct packet cut(const struct packet *pkt)
{
	struct packet out = *pkt;

	if (out.caplen > PACKET_MAX_LEN)
		out.caplen = PACKET_MAX_LEN;
	return out;
}

static uint32_t flags_of(const struct packet *pkt)
{
	return pkt->linktype == PACKET_LINKTYPE_DEFAULT ? 0 : packet_direction(pkt);
}

/* By how many bytes the block grows. 0: it takes no more interfaces. */
static size_t need(const struct block_writer *w, const struct packet *pkt, uint32_t interface)
{
	size_t n = pcapng_packet_size(pkt, flags_of(pkt));

	if (w->len == 0)
		n += pcapng_section_size("", APPLICATION);
	if (interface == w->n_interfaces)
		n += pcapng_interface_size(pkt);
	return interface < BLOCK_WRITER_INTERFACES_MAX ? n : 0;
}

size_t block_writer_size_alone(const struct packet *pkt)
{
	const struct packet whole = cut(pkt);

	return pcapng_section_size("", APPLICATION) + pcapng_interface_size(&whole) +
	       pcapng_packet_size(&whole, packet_direction(&whole));
}

static void count(struct block_writer *w, uint64_t time_us)
{
	if (w->packets == 0 || time_us < w->first_us)
		w->first_us = time_us;
	if (w->packets == 0 || time_us > w->last_us)
		w->last_us = time_us;
	w->packets++;
}

static inline bool put(struct block_writer *w, const struct packet *pkt)
{
	uint32_t interface = find(w, pkt);
	size_t n = need(w, pkt, interface);
	if (n == 0 || n > w->room - w->len)
		return false;
	if (w->len == 0)
		w->len = pcapng_put_section(w->buf, "", APPLICATION);
	if (interface == w->n_interfaces)
		add(w, pkt);
	w->current = interface;
	w->len += pcapng_put_packet(w->buf + w->len, interface, w->interfaces[interface].resolution,
				    pkt, flags_of(pkt), "");
	count(w, pkt->time_us);
	return true;
}

/* Not inlined: only a packet that is too long is copied. */
static __attribute__((noinline)) bool put_cut(struct block_writer *w, const struct packet *pkt)
{
	const struct packet whole = cut(pkt);

	return put(w, &whole);
}

bool block_writer_put(struct block_writer *w, const struct packet *pkt)
{
	return pkt->caplen > PACKET_MAX_LEN ? put_cut(w, pkt) : put(w, pkt);
}
