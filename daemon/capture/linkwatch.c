/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/linkwatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct linkwatch {
	struct ev_loop *loop;
	ev_io io;
	int fd;
	void (*on_link)(void *ctx, const struct linkwatch_event *event);
	void *ctx;
};

/* The name in an attribute, of `size` bytes with its end, as far as it is well-formed. */
static bool is_name(const struct rtattr *a, const char *name, size_t size)
{
	return RTA_PAYLOAD(a) == size && !memcmp(RTA_DATA(a), name, size);
}

static bool has_altname(const struct rtattr *list, const char *name, size_t size)
{
	int len = (int)RTA_PAYLOAD(list);

	for (const struct rtattr *a = RTA_DATA(list); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_ALT_IFNAME && is_name(a, name, size))
			return true;
	return false;
}

bool linkwatch_is(const struct linkwatch_event *event, const char *name)
{
	const struct nlmsghdr *h = event->message;
	int len = (int)IFLA_PAYLOAD(h);
	char device[IFNAMSIZ];
	size_t size;

	/* A label is the name of its device, a colon and more, which is all that the kernel asks.
	 */
	snprintf(device, sizeof(device), "%.*s", (int)strcspn(name, ":"), name);
	size = strlen(device) + 1;
	for (const struct rtattr *a = IFLA_RTA(NLMSG_DATA(h)); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type == IFLA_IFNAME && is_name(a, device, size)) ||
		    ((a->rta_type & NLA_TYPE_MASK) == IFLA_PROP_LIST &&
		     has_altname(a, device, size)))
			return true;
	return false;
}

static void handle(struct linkwatch *w, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	struct linkwatch_event event = {.message = h};

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return;
	event.index = info->ifi_index;
	if (h->nlmsg_type == RTM_NEWLINK)
		event.now = (struct netdev){.index = info->ifi_index,
					    .flags = info->ifi_flags,
					    .hardware_type = info->ifi_type};
	w->on_link(w->ctx, &event);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
	struct linkwatch *w = io->data;
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n = recv(w->fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == ENOBUFS)
		w->on_link(w->ctx, &(struct linkwatch_event){.message = NULL});
	if (n <= 0)
		return;
	for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
		handle(w, h);
}

int linkwatch_new(struct linkwatch **out, struct ev_loop *loop,
		  void (*on_link)(void *ctx, const struct linkwatch_event *event), void *ctx)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct linkwatch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct linkwatch){.loop = loop, .on_link = on_link, .ctx = ctx};
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = -errno;
		if (w->fd >= 0)
			close(w->fd);
		free(w);
		return r;
	}
	ev_io_init(&w->io, on_io, w->fd, EV_READ);
	w->io.data = w;
	ev_io_start(loop, &w->io);
	*out = w;
	return 0;
}

void linkwatch_free(struct linkwatch *w)
{
	if (!w)
		return;
	ev_io_stop(w->loop, &w->io);
	close(w->fd);
	free(w);
}
