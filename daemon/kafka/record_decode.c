/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/record_decode.h"

#include <stdbool.h>
#include <stdio.h>

#include "packet/record.h"

#define OUT_OF_RANGE "a header has a value out of range"

static void say(char why[RECORD_DECODE_WHY_SIZE], const char *reason)
{
	snprintf(why, RECORD_DECODE_WHY_SIZE, "%s", reason);
}

/*
 * What a message has; NULL: none, or damaged ones (`err`). To be asked for once a message: of one
 * that has none librdkafka remembers nothing, and each time allocates what it parses them with.
 */
static const rd_kafka_headers_t *headers_of(const rd_kafka_message_t *msg, rd_kafka_resp_err_t *err)
{
	rd_kafka_headers_t *headers;

	*err = rd_kafka_message_headers(msg, &headers);
	return *err ? NULL : headers;
}

static const char *take_headers(const rd_kafka_headers_t *headers, struct packet *pkt)
{
	const char *name;
	const void *value;
	size_t len;

	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		if (!record_get_header(pkt, name, value, len))
			return OUT_OF_RANGE;
	return NULL;
}

static const char *decode_packet(const rd_kafka_message_t *msg, const rd_kafka_headers_t *headers,
				 rd_kafka_resp_err_t err, struct packet *pkt)
{
	const char *why = record_get_packet(pkt, msg->key, msg->key_len, msg->payload, msg->len);

	if (why)
		return why;
	if (headers)
		return take_headers(headers, pkt);
	return err == RD_KAFKA_RESP_ERR__NOENT ? NULL : "its headers are damaged";
}

const char *record_decode_one(const rd_kafka_message_t *msg, struct packet *pkt)
{
	rd_kafka_resp_err_t err;
	const rd_kafka_headers_t *headers = headers_of(msg, &err);

	return decode_packet(msg, headers, err, pkt);
}

static bool is_block(const rd_kafka_headers_t *headers)
{
	const void *value;
	size_t len;

	return !rd_kafka_header_get_last(headers, "format", &value, &len) &&
	       block_reader_is_format("format", value, len);
}

static int decode_block(const rd_kafka_message_t *msg, const rd_kafka_headers_t *headers,
			packet_fn take, void *ctx, char why[RECORD_DECODE_WHY_SIZE])
{
	struct block block = {.bytes = msg->payload, .len = msg->len};
	const char *name;
	const void *value;
	size_t len;

	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		if (!block_reader_take_header(&block, name, value, len)) {
			say(why, OUT_OF_RANGE);
			return 0;
		}
	return block_reader_give(&block, take, ctx, why);
}

int record_decode(const rd_kafka_message_t *msg, packet_fn take, void *ctx,
		  char why[RECORD_DECODE_WHY_SIZE])
{
	rd_kafka_resp_err_t err;
	const rd_kafka_headers_t *headers = headers_of(msg, &err);
	const char *reason;
	struct packet pkt;

	if (headers && is_block(headers))
		return decode_block(msg, headers, take, ctx, why);
	reason = decode_packet(msg, headers, err, &pkt);
	if (reason) {
		say(why, reason);
		return 0;
	}
	*why = '\0';
	return take(ctx, &pkt);
}
