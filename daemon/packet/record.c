/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/record.h"

#include <limits.h>
#include <string.h>

#include "base/bytes.h"

void record_put_key(uint8_t key[RECORD_KEY_LEN], uint64_t time_us)
{
	bytes_put_be64(key, time_us);
}

bool record_get_key(const void *key, size_t len, uint64_t *time_us)
{
	if (!key || len != RECORD_KEY_LEN)
		return false;
	*time_us = bytes_get_be64(key);
	return true;
}

int64_t record_timestamp_ms(const struct packet *pkt)
{
	uint64_t ms = pkt->time_us / 1000;

	return ms ? (int64_t)ms : 1;
}

static void put_header(struct record_header *h, const char *name, uint32_t value)
{
	char digits[10];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);

	h->name = name;
	h->len = n;
	for (size_t i = 0; i < n; i++)
		h->value[i] = digits[n - 1 - i];
}

size_t record_put_headers(const struct packet *pkt, struct record_header out[RECORD_MAX_HEADERS])
{
	size_t n = 0;

	if (pkt->linktype != PACKET_LINKTYPE_DEFAULT)
		put_header(&out[n++], "linktype", pkt->linktype);
	if (pkt->wirelen != pkt->caplen)
		put_header(&out[n++], "wirelen", pkt->wirelen);
	if (pkt->nanos)
		put_header(&out[n++], "nanos", pkt->nanos);
	return n;
}

static bool parse_decimal(const char *text, size_t len, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (!text || len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	if (v > max)
		return false;
	*out = (uint32_t)v;
	return true;
}

bool record_get_header(struct packet *pkt, const char *name, const void *value, size_t len)
{
	uint32_t v;

	if (!strcmp(name, "linktype")) {
		if (!parse_decimal(value, len, UINT16_MAX, &v))
			return false;
		pkt->linktype = (uint16_t)v;
	} else if (!strcmp(name, "wirelen")) {
		if (!parse_decimal(value, len, UINT32_MAX, &v))
			return false;
		pkt->wirelen = v;
	} else if (!strcmp(name, "nanos")) {
		if (!parse_decimal(value, len, 999, &v))
			return false;
		pkt->nanos = (uint16_t)v;
	}
	return true;
}
