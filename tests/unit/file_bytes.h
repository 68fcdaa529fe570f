/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files written by hand, in either byte order. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FILE_BYTES_MAX (512 * 1024)

/* A file in the making. */
struct file_bytes {
	uint8_t bytes[FILE_BYTES_MAX];
	size_t n;
	bool swapped; /* what is put from now on */
	size_t block; /* where the block that is being put begins */
};

static inline void put_bytes(struct file_bytes *f, const void *p, size_t n)
{
	assert(n <= sizeof(f->bytes) - f->n);
	if (n)
		memcpy(f->bytes + f->n, p, n);
	f->n += n;
}

static inline void put16(struct file_bytes *f, uint16_t v)
{
	if (f->swapped)
		v = __builtin_bswap16(v);
	put_bytes(f, &v, sizeof(v));
}

static inline void put32(struct file_bytes *f, uint32_t v)
{
	if (f->swapped)
		v = __builtin_bswap32(v);
	put_bytes(f, &v, sizeof(v));
}

static inline void put64(struct file_bytes *f, uint64_t v)
{
	if (f->swapped)
		v = __builtin_bswap64(v);
	put_bytes(f, &v, sizeof(v));
}

static inline void put_fill(struct file_bytes *f, char c, size_t n)
{
	assert(n <= sizeof(f->bytes) - f->n);
	memset(f->bytes + f->n, c, n);
	f->n += n;
}

/* ---- pcap ---- */

static inline void put_pcap_version(struct file_bytes *f, uint32_t magic, uint16_t major,
				    uint16_t minor, uint32_t linktype)
{
	put32(f, magic);
	put16(f, major);
	put16(f, minor);
	put32(f, 0);
	put32(f, 0);
	put32(f, 65535);
	put32(f, linktype);
}

static inline void put_pcap(struct file_bytes *f, uint32_t magic, uint32_t linktype)
{
	put_pcap_version(f, magic, 2, 4, linktype);
}

static inline void put_record_head(struct file_bytes *f, uint32_t sec, uint32_t fraction,
				   uint32_t caplen, uint32_t wirelen)
{
	put32(f, sec);
	put32(f, fraction);
	put32(f, caplen);
	put32(f, wirelen);
}

static inline void put_record(struct file_bytes *f, uint32_t sec, uint32_t fraction,
			      uint32_t caplen)
{
	put_record_head(f, sec, fraction, caplen, caplen);
	put_fill(f, 'x', caplen);
}

/* ---- pcapng ---- */

static inline void begin_block(struct file_bytes *f, uint32_t type)
{
	f->block = f->n;
	put32(f, type);
	put32(f, 0);
}

/* Pads it, and puts its length on both sides. */
static inline void end_block(struct file_bytes *f)
{
	uint32_t size;
	size_t end;

	put_fill(f, '\0', (4 - f->n % 4) % 4);
	size = (uint32_t)(f->n - f->block + 4);
	put32(f, size);
	end = f->n;
	f->n = f->block + 4;
	put32(f, size);
	f->n = end;
}

static inline void put_option(struct file_bytes *f, uint16_t code, const void *value, uint16_t len)
{
	put16(f, code);
	put16(f, len);
	put_bytes(f, value, len);
	put_fill(f, '\0', (4 - len % 4U) % 4);
}

static inline void put_section(struct file_bytes *f)
{
	begin_block(f, 0x0a0d0d0a);
	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put64(f, UINT64_MAX);
	end_block(f);
}

/* `resolution`: if_tsresol; 0 = none is told. `offset`: if_tsoffset. */
static inline void put_interface(struct file_bytes *f, uint16_t linktype, uint32_t snaplen,
				 uint8_t resolution, int64_t offset)
{
	begin_block(f, 1);
	put16(f, linktype);
	put16(f, 0);
	put32(f, snaplen);
	put_option(f, 2, "eth0", 4);
	if (resolution)
		put_option(f, 9, &resolution, 1);
	if (offset) {
		put16(f, 14);
		put16(f, 8);
		put64(f, (uint64_t)offset);
	}
	put_option(f, 0, NULL, 0);
	end_block(f);
}

static inline void put_packet(struct file_bytes *f, uint32_t interface, uint64_t ticks,
			      uint32_t caplen, uint32_t wirelen)
{
	begin_block(f, 6);
	put32(f, interface);
	put32(f, (uint32_t)(ticks >> 32));
	put32(f, (uint32_t)ticks);
	put32(f, caplen);
	put32(f, wirelen);
	put_fill(f, 'x', caplen);
	end_block(f);
}
