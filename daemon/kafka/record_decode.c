/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/record_decode.h"

#include "packet/record.h"

/* Most packets have no header; librdkafka parses them only when asked, and allocates then. */
static const char *take_headers(const rd_kafka_message_t *msg, struct packet *pkt)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t len;
	rd_kafka_resp_err_t err = rd_kafka_message_headers(msg, &headers);

	if (err == RD_KAFKA_RESP_ERR__NOENT)
		return NULL;
	if (err)
		return "its headers are damaged";
	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		if (!record_get_header(pkt, name, value, len))
			return "a header has a value out of range";
	return NULL;
}

const char *record_decode_one(const rd_kafka_message_t *msg, struct packet *pkt)
{
	const char *why = record_get_packet(pkt, msg->key, msg->key_len, msg->payload, msg->len);

	return why ? why : take_headers(msg, pkt);
}

int record_decode(const rd_kafka_message_t *msg, packet_fn take, void *ctx, const char **why)
{
	struct packet pkt;

	*why = record_decode_one(msg, &pkt);
	return *why ? 0 : take(ctx, &pkt);
}
