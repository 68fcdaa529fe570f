/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What librdkafka's statistics say that nothing else does: how long each broker takes to answer,
 * whether there is any, up to where a partition may be read, and where a group stands in it. Knows
 * neither loop nor Kafka.
 *
 * The text is that of librdkafka's STATISTICS.md (JSON). It is not trusted: client.id and errors
 * are in it as they came, without escapes. What is missing or of another type is not known. It is
 * not to be logged: it is long, and holds what the user configured.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafkastats_partition {
	int64_t high; /* end of the partition; -1 not known */
	int64_t end;  /* what a reader may have ends here, before open transactions; -1 not known */
	int64_t lag;  /* from what the group committed to `end`; -1 not known, or no group */
};

/* Times of the interval, microseconds; -1: no request ended in it. */
struct kafkastats_broker {
	char *name;                       /* HOST:PORT */
	bool up;                          /* the connection */
	int64_t rtt_us, rtt_max_us;       /* from a request to its answer: mean, longest */
	int64_t outbuf_us, outbuf_max_us; /* from a request to its way out */
};

struct kafkastats {
	int64_t rtt_us;                          /* the longest answer of a broker; -1: none came */
	bool rtt_ended;                          /* kafkastats_begin_rtt() was called since */
	bool no_broker;                          /* it knows of none that it could connect to */
	struct kafkastats_partition *partitions; /* of the topic that was asked for */
	int32_t n;
	struct kafkastats_broker *brokers; /* those of the cluster that it has called on */
	size_t n_brokers;
};

/*
 * Parses the statistics of one interval. `topic`: whose partitions are wanted; NULL: of none.
 * Returns 0, -EINVAL (no JSON) or -ENOMEM; then *out knows nothing. The caller clears *out.
 */
int kafkastats_parse(struct kafkastats *out, const char *text, size_t len, const char *topic);

/*
 * Puts the next interval's in place of those before, but keeps a longer round trip since the last
 * kafkastats_begin_rtt(). `topic` may be "". Returns as kafkastats_parse().
 */
int kafkastats_update(struct kafkastats *s, const char *text, const char *topic);

/* The longest round trip was told: that of the intervals from now on; until one ends it stays. */
void kafkastats_begin_rtt(struct kafkastats *s);

/* The partition, or NULL. */
const struct kafkastats_partition *kafkastats_find(const struct kafkastats *s, int32_t id);

/* Frees what it holds: it knows nothing then. */
void kafkastats_clear(struct kafkastats *s);
