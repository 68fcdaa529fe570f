/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bare_die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	exit(1);
}

const char *bare_option(char **args, const char *name)
{
	size_t len = strlen(name);

	for (; *args; args++) {
		char *found = *args;

		if (strncmp(found, name, len) != 0 || (found[len] && found[len] != '='))
			continue;
		for (; *args; args++)
			args[0] = args[1];
		return found + len + (found[len] == '=');
	}
	return NULL;
}

rd_kafka_t *bare_kafka(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers,
		       char **properties)
{
	char why[512];
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
	for (char **arg = properties; *arg; arg++) {
		char *value = strchr(*arg, '=');

		if (!value)
			bare_die(*arg, "not NAME=VALUE");
		*value++ = '\0';
		if (rd_kafka_conf_set(conf, *arg, value, why, sizeof(why)))
			bare_die(*arg, why);
	}
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	if (!rk)
		bare_die("rd_kafka_new", why);
	return rk;
}

/* ---- producers ---- */

/* Not for each message by itself: that would cost more than the message. */
static void wait_for_room(rd_kafka_t *rk)
{
	while (rd_kafka_outq_len(rk) > BARE_QUEUE / 2)
		rd_kafka_poll(rk, 10);
}

void bare_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition, uint64_t us,
		  const uint8_t *data, size_t len)
{
	const uint64_t key = htobe64(us);
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
		{.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)data, len}},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)&key, sizeof(key)}},
		{.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = (int64_t)(us / 1000)},
	};
	rd_kafka_error_t *error;

	while ((error = rd_kafka_produceva(rk, v, sizeof(v) / sizeof(v[0])))) {
		rd_kafka_error_destroy(error); /* the queue is full */
		wait_for_room(rk);
	}
}

/* ---- consumers ---- */

struct pcap_record {
	uint32_t sec, usec, caplen, len;
};

rd_kafka_t *bare_reader(const char *brokers, char **properties)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];

	rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why));
	return bare_kafka(RD_KAFKA_CONSUMER, conf, brokers, properties);
}

FILE *bare_create(const char *path)
{
	static const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	FILE *out = fopen(path, "wb");

	if (!out || fwrite(head, sizeof(head), 1, out) != 1)
		bare_die(path, "cannot write");
	return out;
}

uint64_t bare_time(const rd_kafka_message_t *m)
{
	uint64_t us;

	if (!m->key || m->key_len != sizeof(us))
		bare_die("record", "no key of ours");
	memcpy(&us, m->key, sizeof(us));
	return be64toh(us);
}

void bare_write(FILE *out, const rd_kafka_message_t *m)
{
	const uint64_t us = bare_time(m);
	const struct pcap_record h = {(uint32_t)(us / 1000000), (uint32_t)(us % 1000000),
				      (uint32_t)m->len, (uint32_t)m->len};

	if (fwrite(&h, sizeof(h), 1, out) != 1 || fwrite(m->payload, m->len, 1, out) != 1)
		bare_die("write", "failed");
}

void bare_look_for_headers(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR__NOENT)
		bare_die("record", "no headers were expected");
}
