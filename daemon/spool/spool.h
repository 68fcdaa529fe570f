/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets on disk while Kafka cannot take them: a FIFO of pcapng files that outlives the process.
 *
 * Every packet in it has a number. Packets are appended behind, read in front, and stay on disk
 * until they are acknowledged. Nothing here blocks the loop but where it says so: a thread of the
 * spool's own writes, reads ahead and removes, and a second one syncs.
 *
 * What a kill -9 costs: packets that were appended within the last loop iteration or that the
 * thread had not yet written (16 MiB at most); what was acknowledged since the last loop
 * iteration is read again at the next start. A loss of power also costs what was not synced.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

struct spool;

struct spool_options {
	struct ev_loop *loop;
	const char *directory; /* made when only its last part is missing; locked */
	const char *topic;     /* of the packets to come */
	uint64_t size;         /* bytes: the most that the files may hold */
	uint64_t segment_size; /* bytes: a new file after this many */
	uint32_t sync_ms; /* force to the disk at least this often; 0: leave it to the kernel */

	void (*on_room)(void *ctx);     /* after PACKET_E_FULL: spool_append() takes more */
	void (*on_readable)(void *ctx); /* after spool_read() found nothing, and at the start:
					 * there is something now */
	/* From within spool_read(): so many before the next packet were found damaged. */
	void (*on_damaged)(void *ctx, uint64_t packets);
	void *ctx;
};

/* The disk or the allowance is full: the packet is the caller's to count as dropped. */
#define SPOOL_E_NOSPACE 2

/* 0, -EBUSY (another process has the directory), or -errno; logged. */
int spool_new(struct spool **out, const struct spool_options *opt);

/* Packets appended from now on are for this topic, which may be the present one. 0 or -ENOMEM. */
int spool_set_topic(struct spool *s, const char *topic);

/*
 * New values of what the options said. With less room than is used, packets are refused until
 * enough has gone; the file that is being written ends at the new size.
 */
void spool_set_limits(struct spool *s, uint64_t size, uint64_t segment_size, unsigned int sync_ms);

/*
 * Appends a packet (copied); it gets the number spool_next(). Returns 0, PACKET_E_FULL (the thread
 * is behind: not taken, wait for on_room), SPOOL_E_NOSPACE, or -ENOMEM.
 */
int spool_append(struct spool *s, const struct packet *pkt);

/*
 * The same at the end of a run: waits for the disk in place of PACKET_E_FULL, and takes no regard
 * of the allowance.
 */
int spool_append_waiting(struct spool *s, const struct packet *pkt);

/*
 * Takes a packet read from the spool. 0 when it was taken, PACKET_E_FULL when not: it is offered
 * again by the next spool_read(); -errno: fatal.
 */
typedef int (*spool_fn)(void *ctx, const struct packet *pkt, uint64_t number, const char *topic);

/*
 * Hands on at most `max` packets, the oldest first: from its files, and what they do not hold yet
 * from memory, so that a disk that takes nothing holds up no packet. Returns how many were taken,
 * or the -errno of `fn`. When it returns less than `max` without a PACKET_E_FULL of `fn`,
 * on_readable follows as soon as there are more.
 */
int spool_read(struct spool *s, spool_fn fn, void *ctx, unsigned int max);

/*
 * All packets below this number are delivered; also some that were not read yet. What is read and
 * delivered before it was written never is.
 */
void spool_acknowledge(struct spool *s, uint64_t below);

/* False while what was appended last is in memory alone: the disk is behind, full, or hangs. */
bool spool_is_written(const struct spool *s);

/* The number that the next packet appended will get. */
uint64_t spool_next(const struct spool *s);
/* Packets that spool_read() has not handed on yet; 0: the next one may go past the spool. */
uint64_t spool_unread(const struct spool *s);
/* Packets that are not acknowledged, those of earlier runs among them. */
uint64_t spool_count(const struct spool *s);
/* Packets that can never be read, as they were found damaged before they were delivered. */
uint64_t spool_damaged(const struct spool *s);
/* Files that were there at the start, named as the spool's, and could not be taken in (logged). */
unsigned int spool_unreadable(const struct spool *s);

struct spool_usage {
	uint64_t packets;   /* spool_count() */
	uint64_t bytes;     /* of its files */
	uint64_t oldest_us; /* about when the oldest of these was captured; 0: none, or not known */
	unsigned int files;
	bool full; /* nothing more is taken: no allowance is left, or the disk refuses */
};

void spool_measure(const struct spool *s, struct spool_usage *out);

/*
 * At the end: waits until all is written and synced, and what is acknowledged is off the disk,
 * though not for a disk that hangs (logged); nothing may be appended or read any more. Returns how
 * many packets, the last ones, are not on disk: they are given up, and the caller's to count as
 * dropped. spool_next(), spool_unread() and spool_count() still hold them.
 */
uint64_t spool_flush(struct spool *s);

/*
 * As spool_flush(), then ends the thread, closes and unlocks; a thread that hangs in the disk is
 * left to itself (thread_abandon()). NULL is legal.
 */
void spool_free(struct spool *s);
