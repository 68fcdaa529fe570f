/* SPDX-License-Identifier: Apache-2.0 */
#include "netdev.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int ask(int fd, const char *name, unsigned long request, struct ifreq *req)
{
	snprintf(req->ifr_name, sizeof(req->ifr_name), "%.*s", IFNAMSIZ - 1, name);
	return ioctl(fd, request, req);
}

int netdev_flags(int fd, const char *name)
{
	struct ifreq req = {.ifr_flags = 0};

	return ask(fd, name, SIOCGIFFLAGS, &req) == 0 ? req.ifr_flags : 0;
}

int netdev_index(int fd, const char *name)
{
	struct ifreq req = {.ifr_flags = 0};

	return ask(fd, name, SIOCGIFINDEX, &req) == 0 ? req.ifr_ifindex : 0;
}

int netdev_hardware_type(int fd, const char *name)
{
	struct ifreq req = {.ifr_flags = 0};

	return ask(fd, name, SIOCGIFHWADDR, &req) == 0 ? req.ifr_hwaddr.sa_family : -1;
}

int netdev_bound_index(int fd)
{
	struct sockaddr_ll address = {.sll_ifindex = -1};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	return address.sll_ifindex;
}
