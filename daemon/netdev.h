/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of a network device at this moment (netdevice(7), packet(7)). `fd` is any
 * socket; by name, as that is what a capture is asked for by.
 */
#pragma once

/* IFF_…; 0 when there is none of that name. */
int netdev_flags(int fd, const char *name);
/* Its index, or 0. */
int netdev_index(int fd, const char *name);
/* ARPHRD_…, or -1. */
int netdev_hardware_type(int fd, const char *name);

/*
 * The index of the device that a packet socket is bound to; -1 once that device is gone, though
 * its name, or even its index, may be back.
 */
int netdev_bound_index(int fd);
