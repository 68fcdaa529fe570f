/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/fanout_member.h"

#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_US 500000 /* the kernel answers at once */

struct request {
	struct nlmsghdr header;
	struct packet_diag_req body;
};

static bool ask(int fd)
{
	const struct timeval wait = {.tv_usec = WAIT_US};
	const struct request request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = AF_PACKET,
			 .pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_FANOUT},
	};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	       send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request);
}

/* One socket: true when it is a member. */
static bool read_socket(struct nlmsghdr *h, uint16_t group, struct fanout_member *out)
{
	struct packet_diag_msg *msg = NLMSG_DATA(h);
	struct rtattr *attr = (struct rtattr *)(void *)(msg + 1);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*msg));
	uint32_t fanout = 0;
	bool found = false;

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == PACKET_DIAG_INFO) {
			struct packet_diag_info info = {0};

			memcpy(&info, RTA_DATA(attr), sizeof(info));
			out->index = (int)info.pdi_index;
		} else if (attr->rta_type == PACKET_DIAG_FANOUT) {
			memcpy(&fanout, RTA_DATA(attr), sizeof(fanout));
			found = true;
		}
	}
	out->type = fanout >> 16;
	return found && (fanout & 0xffff) == group;
}

/* Reads one message of the answer. 1: a member; 0: none yet; -1: that was all. */
static int read_some(int fd, uint16_t group, struct fanout_member *out)
{
	union {
		struct nlmsghdr header;
		uint8_t bytes[16384];
	} buf;
	ssize_t n = recv(fd, &buf, sizeof(buf), 0);
	unsigned int left = n > 0 ? (unsigned int)n : 0;

	if (n <= 0)
		return -1;
	for (struct nlmsghdr *h = &buf.header; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return -1;
		if (read_socket(h, group, out))
			return 1;
	}
	return 0;
}

bool fanout_member_find(uint16_t group, struct fanout_member *out)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), r = -1;

	if (fd < 0)
		return false;
	if (ask(fd))
		do
			r = read_some(fd, group, out);
		while (r == 0);
	close(fd);
	return r > 0;
}
