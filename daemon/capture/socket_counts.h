/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has counted of a packet socket (packet(7), PACKET_STATISTICS).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Since it was last asked, by us or by pcap_stats(): what is taken here, libpcap does not count.
 * `passed`: the filter, those that were dropped included. A system call, and no more: pcap_stats()
 * reads files of sysfs too. False: it is not known.
 */
bool socket_counts_take(int fd, uint32_t *passed, uint32_t *dropped);
