/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/members_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define MAGIC   0x70796632U
#define ROOM_US 50000

static socklen_t address_of(const struct members_socket *s, unsigned int place,
			    struct sockaddr_un *out)
{
	int n;

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1, "pycapa-fanout-%u-%u", s->group,
		     place);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static size_t size_of(const struct members_message *msg)
{
	return offsetof(struct members_message, list) + msg->n * sizeof(msg->list[0]);
}

int members_socket_open(struct members_socket *s, uint16_t group)
{
	const struct timeval room = {.tv_usec = ROOM_US};
	struct sockaddr_un address;
	int one = 1, r = -1;

	s->group = group;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &room, sizeof(room)) < 0)
		return -errno;
	for (s->place = 0; s->place < MEMBERS_PLACES; s->place++) {
		r = bind(s->fd, (struct sockaddr *)&address, address_of(s, s->place, &address));
		if (r == 0 || errno != EADDRINUSE)
			break;
	}
	return r < 0 ? -errno : 0;
}

void members_socket_close(struct members_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

bool members_socket_send(const struct members_socket *s, struct members_message *msg,
			 unsigned int place, bool patient)
{
	struct sockaddr_un to;
	socklen_t len = address_of(s, place, &to);

	msg->magic = MAGIC;
	return sendto(s->fd, msg, size_of(msg), patient ? 0 : MSG_DONTWAIT, (struct sockaddr *)&to,
		      len) >= 0;
}

/* MEMBERS_PLACES: none of the group's. */
static unsigned int place_of(const struct members_socket *s, const struct sockaddr_un *from,
			     socklen_t len)
{
	struct sockaddr_un wanted;

	for (unsigned int i = 0; i < MEMBERS_PLACES; i++)
		if (i != s->place && address_of(s, i, &wanted) == len &&
		    !memcmp(from, &wanted, len))
			return i;
	return MEMBERS_PLACES;
}

static bool is_trusted(struct members_socket *s, struct msghdr *hdr)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(hdr);
	struct ucred who;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
		return false;
	memcpy(&who, CMSG_DATA(c), sizeof(who));
	if (who.uid == geteuid() || who.uid == 0)
		return true;
	if (!s->said_foreign)
		log_warn("fanout %u: an instance of another user (%u) is in the group: its "
			 "connections to Kafka are captured",
			 s->group, who.uid);
	s->said_foreign = true;
	return false;
}

bool members_socket_receive(struct members_socket *s, struct members_message *msg,
			    unsigned int *place)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct sockaddr_un from;
	struct iovec iov = {msg, sizeof(*msg)};
	struct msghdr hdr = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(s->fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < (ssize_t)offsetof(struct members_message, list) || msg->magic != MAGIC ||
	    msg->n > OWN_TRAFFIC_MAX || (size_t)n != size_of(msg))
		return false;
	*place = place_of(s, &from, hdr.msg_namelen);
	return *place < MEMBERS_PLACES && is_trusted(s, &hdr);
}
