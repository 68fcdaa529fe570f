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

static void put_text(struct record_header *h, const char *name, const char *value, size_t len)
{
	h->name = name;
	h->name_len = strlen(name);
	h->value = value;
	h->len = len;
}

static void put_number(struct record_header *h, const char *name, uint64_t value)
{
	size_t at = sizeof(h->digits);

	do {
		h->digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_text(h, name, h->digits + at, sizeof(h->digits) - at);
}

size_t record_put_headers(const struct packet *pkt, struct record_header out[RECORD_MAX_HEADERS])
{
	size_t n = 0;

	if (pkt->linktype != PACKET_LINKTYPE_DEFAULT)
		put_number(&out[n++], "linktype", pkt->linktype);
	if (pkt->wirelen != pkt->caplen)
		put_number(&out[n++], "wirelen", pkt->wirelen);
	if (pkt->nanos)
		put_number(&out[n++], "nanos", pkt->nanos);
	if (pkt->dropcount)
		put_number(&out[n++], "dropcount", pkt->dropcount);
	if (pkt->host_len)
		put_text(&out[n++], "host", pkt->host, pkt->host_len);
	if (pkt->interface_len)
		put_text(&out[n++], "interface", pkt->interface, pkt->interface_len);
	return n;
}

size_t record_put_block_headers(uint64_t packets, const char *host, size_t host_len,
				struct record_header out[RECORD_MAX_HEADERS])
{
	static const char format[] = "pcapng";
	size_t n = 0;

	put_text(&out[n++], "format", format, strlen(format));
	put_number(&out[n++], "packets", packets);
	if (host_len)
		put_text(&out[n++], "host", host, host_len);
	return n;
}

const char *record_get_packet(struct packet *pkt, const void *key, size_t key_len,
			      const void *value, size_t len)
{
	*pkt = (struct packet){
		.data = value,
		.caplen = len < PACKET_MAX_LEN ? (uint32_t)len : PACKET_MAX_LEN,
		.wirelen = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX,
		.linktype = PACKET_LINKTYPE_DEFAULT,
	};
	if (!key)
		return "it has no key";
	if (!record_get_key(key, key_len, &pkt->time_us))
		return "its key is not 8 bytes long";
	return value ? NULL : "it has no value";
}

bool record_parse_decimal(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!text || len == 0 || len > 20)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (text[i] < '0' || text[i] > '9' || digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

uint8_t record_name_len(size_t len)
{
	return len < UINT8_MAX ? (uint8_t)len : UINT8_MAX;
}

bool record_get_header(struct packet *pkt, const char *name, const void *value, size_t len)
{
	uint64_t v;

	if (!strcmp(name, "linktype")) {
		if (!record_parse_decimal(value, len, UINT16_MAX, &v))
			return false;
		pkt->linktype = (uint16_t)v;
	} else if (!strcmp(name, "wirelen")) {
		if (!record_parse_decimal(value, len, UINT32_MAX, &v))
			return false;
		pkt->wirelen = (uint32_t)v;
	} else if (!strcmp(name, "nanos")) {
		if (!record_parse_decimal(value, len, 999, &v))
			return false;
		pkt->nanos = (uint16_t)v;
	} else if (!strcmp(name, "dropcount")) {
		return record_parse_decimal(value, len, UINT64_MAX, &pkt->dropcount);
	} else if (!strcmp(name, "host")) {
		pkt->host = value;
		pkt->host_len = value ? record_name_len(len) : 0;
	} else if (!strcmp(name, "interface")) {
		pkt->interface = value;
		pkt->interface_len = value ? record_name_len(len) : 0;
	}
	return true;
}
