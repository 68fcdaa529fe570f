/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of a network device at this moment (netdevice(7), packet(7)).
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>

struct netdev {
	int index; /* 0: there is none of that name */
	char name[IFNAMSIZ];
	unsigned int flags; /* IFF_… */
	int hardware_type;  /* ARPHRD_… */
};

/*
 * By its name, by another name that it has (`ip link property add altname`), or by an address label
 * (eth0:1): of up to 15 characters. False: there is none. The kernel answers at once.
 */
bool netdev_find(const char *name, struct netdev *out);

/* By its index. */
bool netdev_find_index(int index, struct netdev *out);

/* The same device, as much up, of the same type: what a capture can do with it has not changed. */
bool netdev_is_as(const struct netdev *a, const struct netdev *b);

/*
 * The index of the device that a packet socket is bound to; -1 once that device is gone, though
 * its name, or even its index, may be back.
 */
int netdev_bound_index(int fd);
