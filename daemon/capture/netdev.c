/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/netdev.h"

#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int find_index(int fd, const char *name)
{
	struct ifreq req = {.ifr_flags = 0};

	if (strlen(name) >= IFNAMSIZ)
		return 0;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFINDEX, &req) == 0 ? req.ifr_ifindex : 0;
}

static bool read_device(int fd, int index, struct netdev *out)
{
	struct ifreq req = {.ifr_ifindex = index};

	if (index == 0 || ioctl(fd, SIOCGIFNAME, &req) < 0)
		return false;
	out->index = index;
	memcpy(out->name, req.ifr_name, sizeof(out->name));
	if (ioctl(fd, SIOCGIFFLAGS, &req) < 0)
		return false;
	out->flags = (unsigned short)req.ifr_flags;
	out->hardware_type = ioctl(fd, SIOCGIFHWADDR, &req) == 0 ? req.ifr_hwaddr.sa_family : -1;
	return true;
}

/* By its name, or without one by its index. */
static bool find(const char *name, int index, struct netdev *out)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found;

	*out = (struct netdev){.index = 0};
	if (fd < 0)
		return false;
	found = read_device(fd, name ? find_index(fd, name) : index, out);
	if (!found)
		*out = (struct netdev){.index = 0};
	close(fd);
	return found;
}

bool netdev_find(const char *name, struct netdev *out)
{
	return find(name, 0, out);
}

bool netdev_find_index(int index, struct netdev *out)
{
	return find(NULL, index, out);
}

bool netdev_is_as(const struct netdev *a, const struct netdev *b)
{
	if (a->index == 0 || b->index == 0)
		return a->index == b->index;
	return a->index == b->index && a->hardware_type == b->hardware_type &&
	       (a->flags & IFF_UP) == (b->flags & IFF_UP);
}

int netdev_bound_index(int fd)
{
	struct sockaddr_ll address = {.sll_ifindex = -1};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	return address.sll_ifindex;
}
