/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/direction.h"

#include "base/bytes.h"

#define INBOUND  1U
#define OUTBOUND 2U

/* The kernel's packet types (packet(7)), as cooked captures have them. */
static uint32_t cooked(unsigned int type)
{
	static const uint8_t flags[] = {
		INBOUND | 1 << 2, /* to us */
		INBOUND | 3 << 2, /* broadcast */
		INBOUND | 2 << 2, /* multicast */
		INBOUND | 4 << 2, /* to somebody else */
		OUTBOUND,
	};

	return type < sizeof(flags) ? flags[type] : 0;
}

uint32_t packet_direction(const struct packet *pkt)
{
	switch (pkt->linktype) {
	case 113: /* LINUX_SLL */
		return pkt->caplen >= 16 ? cooked(bytes_get_be16(pkt->data)) : 0;
	case 276: /* LINUX_SLL2 */
		return pkt->caplen >= 20 ? cooked(pkt->data[10]) : 0;
	case 204: /* PPP_WITH_DIR */
	case 205: /* C_HDLC_WITH_DIR */
	case 206: /* FRELAY_WITH_DIR */
	case 207: /* LAPB_WITH_DIR */
		return pkt->caplen < 1 ? 0 : pkt->data[0] ? OUTBOUND : INBOUND;
	default:
		return 0;
	}
}
