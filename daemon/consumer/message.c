/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/message.h"

#include "packet/pcapfile.h"
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

const char *message_to_packet(const rd_kafka_message_t *msg, struct packet *pkt)
{
	if (!msg->key)
		return "it has no key";
	if (!record_get_key(msg->key, msg->key_len, &pkt->time_us))
		return "its key is not 8 bytes long";
	if (!msg->payload)
		return "it has no value";
	if (msg->len > PACKET_MAX_LEN)
		return "its value is longer than 262144 bytes";
	pkt->data = msg->payload;
	pkt->caplen = pkt->wirelen = (uint32_t)msg->len;
	pkt->nanos = 0;
	pkt->linktype = PACKET_LINKTYPE_DEFAULT;
	if (!pcapfile_can_hold(pkt))
		return "its key is a time after the year 2106";
	return take_headers(msg, pkt);
}
