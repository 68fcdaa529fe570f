/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/packet_message.h"

#include "packet/record.h"
#include "producer/first_batch.h"
#include "producer/outblock.h"

_Static_assert(sizeof(void *) == 8, "the opaque holds hash and sequence number");

#define SEQ_BITS 31
#define SEQ_MASK ((1U << SEQ_BITS) - 1)

static int32_t by_opaque(const rd_kafka_topic_t *rkt, const void *key, size_t len, int32_t count,
			 void *rkt_opaque, void *msg_opaque)
{
	uint64_t opaque = (uintptr_t)msg_opaque;
	int32_t partition = first_batch_partition((uint32_t)(opaque >> 32), count);

	first_batch_sent(rkt_opaque, partition, count, opaque >> SEQ_BITS & 1);
	return partition;
}

/* On a thread of librdkafka's when it learns late how many partitions there are. */
static int32_t by_block(const rd_kafka_topic_t *rkt, const void *key, size_t len, int32_t count,
			void *rkt_opaque, void *msg_opaque)
{
	const struct outblock *b = msg_opaque;
	int32_t partition = b->partition;

	if (partition < 0 || partition >= count)
		partition = first_batch_partition(b->hash, count);
	first_batch_sent(rkt_opaque, partition, count, b->risky);
	return partition;
}

void packet_message_set_block_partitioner(rd_kafka_topic_conf_t *topic_conf)
{
	rd_kafka_topic_conf_set_partitioner_cb(topic_conf, by_block);
}

void packet_message_set_partitioner(rd_kafka_topic_conf_t *topic_conf)
{
	rd_kafka_topic_conf_set_partitioner_cb(topic_conf, by_opaque);
}

rd_kafka_topic_t *packet_message_open_topic(rd_kafka_t *rk, const char *name,
					    struct first_batch *firsts)
{
	rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);

	rd_kafka_topic_conf_set_opaque(conf, firsts);
	return rd_kafka_topic_new(rk, name, conf); /* takes the conf over, whatever comes of it */
}

static rd_kafka_headers_t *to_headers(const struct record_header *h, size_t n)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_header_add(headers, h[i].name, (ssize_t)h[i].name_len, h[i].value,
				    (ssize_t)h[i].len);
	return headers;
}

/* Not inlined: most packets have none, and the way of those is to stay short. */
static __attribute__((noinline)) rd_kafka_headers_t *make_headers(const struct packet *pkt)
{
	struct record_header h[RECORD_MAX_HEADERS];

	return to_headers(h, record_put_headers(pkt, h));
}

static rd_kafka_headers_t *make_block_headers(const struct outblock *b)
{
	struct record_header h[RECORD_MAX_HEADERS];

	return to_headers(h, record_put_block_headers(b->packets, b->host_len ? b->host : NULL,
						      b->host_len, h));
}

enum { TOPIC, FLAGS, VALUE, KEY, TIMESTAMP, OPAQUE, HEADERS };

void packet_message_init(struct packet_message *o)
{
	*o = (struct packet_message){
		.vu = {[TOPIC] = {.vtype = RD_KAFKA_VTYPE_RKT},
		       [FLAGS] = {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		       [VALUE] = {.vtype = RD_KAFKA_VTYPE_VALUE},
		       [KEY] = {.vtype = RD_KAFKA_VTYPE_KEY},
		       [TIMESTAMP] = {.vtype = RD_KAFKA_VTYPE_TIMESTAMP},
		       [OPAQUE] = {.vtype = RD_KAFKA_VTYPE_OPAQUE},
		       [HEADERS] = {.vtype = RD_KAFKA_VTYPE_HEADERS}},
	};
}

/* The rest of the arguments, and off. Headers are taken over, whatever comes of it. */
static inline __attribute__((always_inline)) rd_kafka_resp_err_t produce(
	struct packet_message *o, rd_kafka_t *rk, uint64_t time_us,
	const struct packet_message_options *opt, rd_kafka_headers_t *headers)
{
	uint8_t key[RECORD_KEY_LEN];
	rd_kafka_resp_err_t err;
	rd_kafka_error_t *error;

	record_put_key(key, time_us);
	o->vu[TOPIC].u.rkt = opt->topic;
	o->vu[KEY].u.mem.ptr = key;
	o->vu[KEY].u.mem.size = sizeof(key);
	o->vu[TIMESTAMP].u.i64 = opt->timestamp_ms;
	o->vu[HEADERS].u.headers = headers;
	error = rd_kafka_produceva(rk, o->vu, headers ? HEADERS + 1 : HEADERS);
	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	err = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	if (headers)
		rd_kafka_headers_destroy(headers); /* librdkafka does so only on success */
	return err;
}

rd_kafka_resp_err_t packet_message_send(struct packet_message *o, rd_kafka_t *rk,
					const struct packet *pkt,
					const struct packet_message_options *opt)
{
	uint64_t opaque = (uint64_t)opt->hash << 32 | (uint64_t)opt->risky << SEQ_BITS |
			  (opt->seq & SEQ_MASK);

	o->vu[VALUE].u.mem.ptr = (void *)pkt->data;
	o->vu[VALUE].u.mem.size = pkt->caplen;
	o->vu[OPAQUE].u.ptr = (void *)(uintptr_t)opaque;
	return produce(o, rk, pkt->time_us, opt,
		       record_needs_headers(pkt) ? make_headers(pkt) : NULL);
}

rd_kafka_resp_err_t packet_message_send_block(struct packet_message *o, rd_kafka_t *rk,
					      const struct outblock *b, bool copy,
					      const struct packet_message_options *opt)
{
	o->vu[FLAGS].u.i = copy ? RD_KAFKA_MSG_F_COPY : 0;
	o->vu[VALUE].u.mem.ptr = (void *)b->bytes;
	o->vu[VALUE].u.mem.size = b->len;
	o->vu[OPAQUE].u.ptr = (void *)b;
	return produce(o, rk, b->first_us, opt, make_block_headers(b));
}

struct outblock *packet_message_block(const rd_kafka_message_t *m)
{
	return m->_private;
}

uint64_t packet_message_seq(const rd_kafka_message_t *m, uint64_t next)
{
	return next - ((next - (uintptr_t)m->_private) & SEQ_MASK);
}

int64_t packet_message_time_ms(const rd_kafka_message_t *m)
{
	uint64_t time_us = 0;

	record_get_key(m->key, m->key_len, &time_us);
	return (int64_t)(time_us / 1000);
}

void packet_message_taken(const rd_kafka_message_t *m)
{
	first_batch_taken(rd_kafka_topic_opaque(m->rkt), m->partition);
}

/* Without acknowledgements (acks=0) no message has an offset, and none is said to be persisted. */
bool packet_message_is_unproven(const rd_kafka_message_t *m)
{
	return m->offset == RD_KAFKA_OFFSET_INVALID &&
	       rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_PERSISTED &&
	       !first_batch_is_taken(rd_kafka_topic_opaque(m->rkt), m->partition);
}

/*
 * A purge of the queue that meets a request half sent breaks the connection, and has all that was
 * in flight on it come back as never sent; what was in a request has a broker.
 */
bool packet_message_may_be_there(const rd_kafka_message_t *m)
{
	return rd_kafka_message_status(m) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED ||
	       (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE && rd_kafka_message_broker_id(m) >= 0);
}
