/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/fanout.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/fanout_member.h"
#include "capture/netdev.h"

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

static void say_interface(const struct fanout_member *m, char *why, size_t size)
{
	char name[IF_NAMESIZE];

	if (m->index > 0 && if_indextoname((unsigned int)m->index, name))
		snprintf(why, size, "the group is already that of interface %s", name);
	else if (m->index == 0)
		snprintf(why, size, "the group is already that of all interfaces");
	else
		snprintf(why, size,
			 "a process still has the group for an interface that is gone: it must "
			 "end first");
}

/* By their numbers. */
static void say_type(const struct fanout_member *m, char *why, size_t size)
{
	static const char *const types[] = {
		"flow hash", "turns",         "CPU",       "what is full",
		"chance",    "receive queue", "a program", "a program",
	};
	bool known = m->type < sizeof(types) / sizeof(types[0]);

	snprintf(why, size,
		 "another program has the group and shares its packets by %s, not by "
		 "flow hash",
		 known ? types[m->type] : "other means");
}

int fanout_check(int index, uint16_t group, char *why, size_t size)
{
	struct fanout_member m;

	if (!fanout_member_find(group, &m))
		return 0;
	if (m.index != index)
		say_interface(&m, why, size);
	else if (m.type != PACKET_FANOUT_HASH)
		say_type(&m, why, size);
	else
		return 0;
	return -EINVAL;
}

static void explain(int fd, uint16_t group, int err, char *why, size_t size)
{
	if (err == ENOSPC)
		snprintf(why, size, "the group is full");
	else if (err != EINVAL)
		snprintf(why, size, "%s", strerror(err));
	else if (fanout_check(netdev_bound_index(fd), group, why, size) == 0)
		snprintf(why, size,
			 "another program has the group for another interface, or "
			 "shares its packets otherwise");
}

int fanout_join(int fd, uint16_t group, bool loopback, char *why, size_t size)
{
	unsigned int type = PACKET_FANOUT_HASH;
	int arg, err;

	if (loopback)
		type |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	arg = (int)(group | type << 16);
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) == 0)
		return 0;
	err = errno;
	explain(fd, group, err, why, size);
	return -err;
}
