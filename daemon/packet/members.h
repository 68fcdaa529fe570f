/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the instances that share an interface (a fanout group) tell each other: their connections
 * with Kafka, which land on any of them and are everybody's own traffic, and how many packets each
 * has had.
 *
 * Each has a socket in the abstract namespace, "pycapa-fanout-GROUP-N": like the kernel's group it
 * is of one network namespace, needs no place on a disk, and is gone with its process. Messages
 * from processes of other users are not heard, but for root's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct members;
struct own_traffic;

/*
 * Joins, with a thread that listens; knows the others' connections when it returns (after 200 ms at
 * most). `own`, to be kept by the caller, learns theirs, and tells them its own: a new connection
 * waits until all know it, 200 ms at most. Returns 0 or -errno (logged). Where other programs have
 * all the names, a line says what that means, and *out is NULL: it goes on without.
 */
int members_new(struct members **out, uint16_t group, struct own_traffic *own);

/*
 * What this one captures, from now on: its filter (NULL: everything) and its direction, any number.
 * Where others have another for some seconds, a line says so. Loop thread; NULL is legal.
 */
void members_set_filter(struct members *m, const char *filter, int direction);

/*
 * Which share of the packets of the last seconds this one had, of which it has had `packets` since
 * its start: ", fanout 7: 52 % of the packets of 2 instances". Loop thread, which it holds up for
 * nobody; about once a second.
 */
void members_describe(struct members *m, uint64_t packets, char *buf, size_t size);

/* NULL is legal. Waits for one that does not read, 50 ms at most. */
void members_free(struct members *m);
