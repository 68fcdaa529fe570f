/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fanout group (packet(7), PACKET_FANOUT): packet sockets that share the packets of one
 * interface. The kernel gives each packet to one of them, by the hash of its flow, which is the
 * same for both directions. A group is a number, in one network namespace.
 *
 * A member leaves by being closed, and no other way. A join or a leave deals the flows out anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A socket that is bound, and whose filter lets nothing in: what it would take before it joins, the
 * members take too. `loopback`: packets that go out are left out, as they come in as well
 * (PACKET_IGNORE_OUTGOING has no effect in a group). 0, or -errno with one line in `why`.
 */
int fanout_join(int fd, uint16_t group, bool loopback, char *why, size_t size);

/*
 * Could a socket of the interface with this index join? 0, also when the kernel does not tell;
 * -EINVAL with one line in `why`: the group is another interface's, or shares otherwise.
 */
int fanout_check(int index, uint16_t group, char *why, size_t size);
