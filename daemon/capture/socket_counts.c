/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/socket_counts.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

bool socket_counts_take(int fd, uint32_t *passed, uint32_t *dropped)
{
	struct tpacket_stats_v3 st = {.tp_packets = 0}; /* begins as those of the other versions */
	socklen_t size = sizeof(st);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &size) < 0)
		return false;
	*passed = st.tp_packets;
	*dropped = st.tp_drops;
	return true;
}
