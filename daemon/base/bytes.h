/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of 16, 32 and 64 bits at any address: in the byte order of the host, of the network (be),
 * little-endian (le), or that of a file (of), which is the host's or `swapped`. No bounds are
 * checked.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t bytes_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t bytes_get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void bytes_put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void bytes_put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void bytes_put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t bytes_get16_of(bool swapped, const uint8_t *p)
{
	uint16_t v = bytes_get16(p);

	return swapped ? __builtin_bswap16(v) : v;
}

static inline uint32_t bytes_get32_of(bool swapped, const uint8_t *p)
{
	uint32_t v = bytes_get32(p);

	return swapped ? __builtin_bswap32(v) : v;
}

static inline uint64_t bytes_get64_of(bool swapped, const uint8_t *p)
{
	uint64_t v = bytes_get64(p);

	return swapped ? __builtin_bswap64(v) : v;
}

static inline uint16_t bytes_get_be16(const uint8_t *p)
{
	return be16toh(bytes_get16(p));
}

static inline uint32_t bytes_get_be32(const uint8_t *p)
{
	return be32toh(bytes_get32(p));
}

static inline uint64_t bytes_get_be64(const uint8_t *p)
{
	return be64toh(bytes_get64(p));
}

static inline void bytes_put_be64(uint8_t *p, uint64_t v)
{
	bytes_put64(p, htobe64(v));
}

static inline uint16_t bytes_get_le16(const uint8_t *p)
{
	return le16toh(bytes_get16(p));
}

static inline uint32_t bytes_get_le32(const uint8_t *p)
{
	return le32toh(bytes_get32(p));
}
