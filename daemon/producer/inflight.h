/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets that a producer took and Kafka has not settled: their numbers, in the order they
 * were taken, and where each is now: with librdkafka, waiting to be sent again, or on disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"
#include "producer/outblock.h"

struct inflight;
struct outtopics;

/*
 * `spooled`: there is a spool, so that who is settled and what can be copied is kept too. `topics`:
 * borrowed, for their names.
 */
int inflight_new(struct inflight **out, bool spooled, const struct outtopics *topics);
void inflight_free(struct inflight *f);

/* ---- taken ---- */

/* The number that the next packet gets. */
uint64_t inflight_next(const struct inflight *f);
/* False: one more packet could not be remembered; what waits has to be copied first. */
bool inflight_has_room(struct inflight *f);
/* One more, and who has it (nobody: it has failed already, or was kept). */
void inflight_add(struct inflight *f, union packet_holder holder);
/* From now on blocks have packets, or messages; what was taken before is answered. */
void inflight_set_blocks(struct inflight *f, bool blocks);
/* One more, that is on disk as are all before it. */
void inflight_add_spooled(struct inflight *f);

/* ---- answered ---- */

/* Its report is here: the message, or block, goes with it. */
void inflight_answered(struct inflight *f, uint64_t seq);
/* Delivered, or failed for good. */
void inflight_settle(struct inflight *f, uint64_t seq);
bool inflight_has_settled(const struct inflight *f, uint64_t seq);
/* All below are settled. 0 without a spool. */
uint64_t inflight_settled_below(const struct inflight *f);

/* ---- to be sent again ---- */

/* Keeps a copy; `topic`: an index of outtopics. 0 or -ENOMEM. */
int inflight_keep(struct inflight *f, const struct packet *pkt, uint64_t seq, int topic);
uint64_t inflight_kept(const struct inflight *f);
/* Reports of a purge are not in the order of the packets: this makes it. */
void inflight_sort(struct inflight *f);
/* The first one, borrowed until it is dropped; false: none. */
bool inflight_first(struct inflight *f, struct packet *pkt, uint64_t *seq, int *topic);
/* Somebody has it again (nobody: it has failed). */
void inflight_drop_first(struct inflight *f, union packet_holder holder);

/* ---- copied ---- */

/*
 * Shows `fn` each packet, with the topic it is for, that is neither settled nor on disk and was not
 * shown before, in order. Ends with the first answer of `fn` that is not 0, which it returns; that
 * packet counts as not shown. -ENOMEM.
 */
typedef int (*inflight_fn)(void *ctx, const struct packet *pkt, uint64_t seq, const char *topic);
int inflight_copy(struct inflight *f, inflight_fn fn, void *ctx);
