/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/record_decode.h"

#include <stdbool.h>
#include <stdio.h>

#include "packet/record.h"

#define OUT_OF_RANGE "a header has a value out of range"

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

/* False: a header has a value that is none. */
static bool read_block(const rd_kafka_message_t *msg, const rd_kafka_headers_t *headers,
		       struct block *out)
{
	const char *name;
	const void *value;
	size_t len;

	*out = (struct block){.bytes = msg->payload, .len = msg->len};
	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		if (!block_reader_take_header(out, name, value, len))
			return false;
	return true;
}

int record_decode_whole(const rd_kafka_message_t *msg, packet_fn take, block_fn take_block,
			void *ctx, char why[RECORD_DECODE_WHY_SIZE])
{
	rd_kafka_resp_err_t err;
	const rd_kafka_headers_t *headers = headers_of(msg, &err);
	bool is_one = headers && is_block(headers);
	const char *reason;
	struct packet pkt;
	struct block block;
	int r;

	*why = '\0';
	if (is_one && read_block(msg, headers, &block)) {
		r = take_block ? take_block(ctx, &block) : BLOCK_E_EACH;
		return r == BLOCK_E_EACH ? block_reader_give(&block, take, ctx, why) : r;
	}
	reason = is_one ? OUT_OF_RANGE : decode_packet(msg, headers, err, &pkt);
	if (!reason)
		return take(ctx, &pkt);
	snprintf(why, RECORD_DECODE_WHY_SIZE, "%s", reason);
	return 0;
}

int record_decode(const rd_kafka_message_t *msg, packet_fn take, void *ctx,
		  char why[RECORD_DECODE_WHY_SIZE])
{
	return record_decode_whole(msg, take, NULL, ctx, why);
}
