/* SPDX-License-Identifier: Apache-2.0 */
#include "linkwatch.h"

#include <errno.h>
#include <stdlib.h>
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

static const char *name_of(const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	int len = (int)IFLA_PAYLOAD(h);

	for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_IFNAME)
			return RTA_DATA(a);
	return NULL;
}

static void handle(struct linkwatch *w, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	struct linkwatch_event event;

	if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
		return;
	event = (struct linkwatch_event){.name = name_of(h), .index = info->ifi_index};
	if (event.name)
		w->on_link(w->ctx, &event);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
	struct linkwatch *w = io->data;
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n = recv(w->fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == ENOBUFS)
		w->on_link(w->ctx, &(struct linkwatch_event){.name = NULL});
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
