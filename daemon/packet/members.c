/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There is one kind of message: all that its sender has. It goes to everybody when that changes,
 * and once a second; so one that is lost does no harm for long. One that has a number is answered
 * by what the other has, with that number. A newcomer sends to every place there could be, later to
 * those it has heard of: whoever comes after has made itself heard.
 *
 * Whoever cannot be sent to has ended, killed or not: its connections are closed.
 *
 * Sending may wait, for one that is stopped and has a full queue. So no lock is held over it, as
 * the loop takes that; each thread that sends fills a message of its own.
 */
#include "packet/members.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "packet/members_socket.h"
#include "packet/own_traffic.h"

#define ANSWER_MS 200
#define TELL_MS   1000
#define SHARE_MS                                                                                   \
	5000        /* the share is that of the last 5 to 10 s: all tell theirs at other moments */
#define DIFFERENT 5 /* looks in a row, one a second: those of a group are reloaded one by one */

static_assert(MEMBERS_PLACES <= OWN_TRAFFIC_OTHERS, "an owner a place");

/* Packets since it joined: now, and at the begin of the interval that is looked at, and of the
 * next. */
struct progress {
	uint64_t now, before, next;
};

struct member {
	bool here;
	uint64_t filter;
	struct progress packets;
};

struct members {
	struct own_traffic *own;
	struct members_socket socket;
	int wake;
	pthread_t thread;
	atomic_bool ending;
	pthread_mutex_t lock; /* of the next lines; held for no call that waits */
	pthread_cond_t answered;
	uint32_t number;      /* of the last message that is to be answered */
	unsigned int answers; /* to it */
	uint64_t filter;
	struct progress packets;
	struct member list[MEMBERS_PLACES];
	/* The loop's: */
	uint64_t rolled; /* ms, when the last interval began */
	uint64_t joined; /* packets before the first look */
	bool looked;
	unsigned int different; /* looks in a row that found another filter */
	/* Of whoever tells of a change: one at a time, as own_traffic has it. */
	struct members_message news;
	/* The thread's: */
	struct members_message out, in;
};

/* ---- telling ---- */

static void fill(struct members *m, struct members_message *msg, uint32_t number, uint32_t answers)
{
	msg->number = number;
	msg->answers = answers;
	msg->n = (uint32_t)own_traffic_list(m->own, msg->list, OWN_TRAFFIC_MAX);
	pthread_mutex_lock(&m->lock);
	msg->packets = m->packets.now;
	msg->filter = m->filter;
	pthread_mutex_unlock(&m->lock);
}

static bool is_here(struct members *m, unsigned int place)
{
	bool here;

	pthread_mutex_lock(&m->lock);
	here = m->list[place].here;
	pthread_mutex_unlock(&m->lock);
	return here;
}

static void forget(struct members *m, unsigned int place)
{
	pthread_mutex_lock(&m->lock);
	m->list[place].here = false;
	pthread_mutex_unlock(&m->lock);
	own_traffic_learn(m->own, place + 1, NULL, 0);
}

/*
 * Returns how many have it. From `until` on no queue is waited for: anybody can have a place, and
 * not read.
 */
static unsigned int send_to_all(struct members *m, struct members_message *msg, bool everywhere,
				uint64_t until)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MEMBERS_PLACES; i++) {
		bool here = i != m->socket.place && is_here(m, i);
		bool patient = until && thread_now_ms() < until && !atomic_load(&m->ending);

		if (i == m->socket.place || (!here && !everywhere))
			continue;
		if (members_socket_send(&m->socket, msg, i, patient))
			n++;
		else if (here && errno == ECONNREFUSED)
			forget(m, i);
	}
	return n;
}

static uint32_t next_number(struct members *m)
{
	uint32_t number;

	pthread_mutex_lock(&m->lock);
	m->number += m->number == UINT32_MAX ? 2 : 1;
	m->answers = 0;
	number = m->number;
	pthread_mutex_unlock(&m->lock);
	return number;
}

/* Waits until all have answered. */
static void tell_and_wait(struct members *m, bool everywhere)
{
	uint64_t until = thread_now_ms() + ANSWER_MS;
	unsigned int asked;

	fill(m, &m->news, next_number(m), 0);
	asked = send_to_all(m, &m->news, everywhere, until);
	pthread_mutex_lock(&m->lock);
	while (m->answers < asked && thread_now_ms() < until && !atomic_load(&m->ending))
		thread_cond_wait(&m->answered, &m->lock, until);
	pthread_mutex_unlock(&m->lock);
}

static void tell(struct members *m, struct members_message *msg)
{
	fill(m, msg, 0, 0);
	send_to_all(m, msg, false, 0);
}

/* On whichever thread opens or closes a connection. */
static void on_change(void *ctx, bool fresh)
{
	struct members *m = ctx;

	if (fresh)
		tell_and_wait(m, false);
	else
		tell(m, &m->news);
}

/* ---- the thread ---- */

static void take(struct members *m, unsigned int place)
{
	const struct members_message *msg = &m->in;
	struct member *other = &m->list[place];

	own_traffic_learn(m->own, place + 1, msg->list, msg->n);
	pthread_mutex_lock(&m->lock);
	/* Another one may have come into its place. */
	if (!other->here || msg->packets < other->packets.now)
		other->packets.before = other->packets.next = msg->packets;
	other->here = true;
	other->filter = msg->filter;
	other->packets.now = msg->packets;
	if (msg->answers && msg->answers == m->number) {
		m->answers++;
		pthread_cond_signal(&m->answered);
	}
	pthread_mutex_unlock(&m->lock);
	if (msg->number) {
		fill(m, &m->out, 0, msg->number);
		members_socket_send(&m->socket, &m->out, place, true);
	}
}

static void *listen_to_all(void *arg)
{
	struct members *m = arg;
	struct pollfd fds[] = {{m->socket.fd, POLLIN, 0}, {m->wake, POLLIN, 0}};
	unsigned int place;
	uint64_t due = thread_now_ms() + TELL_MS;

	while (!atomic_load(&m->ending)) {
		uint64_t now = thread_now_ms();

		if (now >= due) {
			tell(m, &m->out);
			due = now + TELL_MS;
		}
		if (poll(fds, 2, (int)(due - now)) > 0 && fds[0].revents &&
		    members_socket_receive(&m->socket, &m->in, &place))
			take(m, place);
	}
	return NULL;
}

/* ---- its life ---- */

static void free_all(struct members *m)
{
	members_socket_close(&m->socket);
	if (m->wake >= 0)
		close(m->wake);
	pthread_cond_destroy(&m->answered);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* Returns 0: it is no reason not to capture, other than what happened before. */
static int explain(uint16_t group, int err)
{
	if (err != -EADDRINUSE) {
		log_error("fanout %u: the other instances of the group cannot be told of our "
			  "connections to Kafka: %s",
			  group, strerror(-err));
		return err;
	}
	log_warn("fanout %u: other programs have all names of the group (ss -xa shows "
		 "@pycapa-fanout-%u-0 to -%d), so its instances capture each other's connections "
		 "to Kafka: end those programs, or take another group, and restart",
		 group, group, MEMBERS_PLACES - 1);
	return 0;
}

int members_new(struct members **out, uint16_t group, struct own_traffic *own)
{
	struct members *m = calloc(1, sizeof(*m));
	int r;

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->own = own;
	m->socket.fd = -1;
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&m->lock, NULL);
	thread_cond_init(&m->answered);
	r = m->wake < 0 ? -errno : members_socket_open(&m->socket, group);
	if (r == 0)
		r = thread_start(&m->thread, listen_to_all, m);
	if (r < 0) {
		free_all(m);
		return explain(group, r);
	}
	m->rolled = thread_now_ms();
	tell_and_wait(m, true);
	own_traffic_watch(own, on_change, m);
	*out = m;
	return 0;
}

/* ---- what they capture ---- */

/* FNV-1a, never 0. */
static uint64_t hash(const char *text, int direction)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) + (uint64_t)direction;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h ? h : 1;
}

void members_set_filter(struct members *m, const char *filter, int direction)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->filter = hash(filter ? filter : "", direction);
	pthread_mutex_unlock(&m->lock);
}

/* Locked. */
static bool has_another_filter(const struct members *m, const struct member *other)
{
	return other->here && m->filter && other->filter && other->filter != m->filter;
}

static void compare_filters(struct members *m, bool different)
{
	m->different = different ? m->different + 1 : 0;
	if (m->different == DIFFERENT)
		log_warn("fanout %u: another instance of the group has another filter or "
			 "direction: what an instance rejects is captured by none, and is not "
			 "counted. Give all of them the same",
			 m->socket.group);
}

/* ---- shares ---- */

/* As a share of both. */
static void put_share(char *buf, size_t size, uint64_t part, uint64_t whole)
{
	if (whole)
		snprintf(buf, size, "%" PRIu64 " %% of the packets of ",
			 (part * 100 + whole / 2) / whole);
}

/* Returns how many came in the interval. */
static uint64_t measure(struct progress *p, bool roll)
{
	uint64_t packets = p->now - p->before;

	if (roll) {
		p->before = p->next;
		p->next = p->now;
	}
	return packets;
}

void members_describe(struct members *m, uint64_t packets, char *buf, size_t size)
{
	unsigned int instances = 1;
	uint64_t ours, all, now = thread_now_ms();
	bool roll = now - m->rolled > SHARE_MS, different = false;
	char share[64] = "";

	if (!m->looked)
		m->joined = packets; /* a reload may have made it join */
	m->looked = true;
	pthread_mutex_lock(&m->lock);
	m->rolled = roll ? now : m->rolled;
	m->packets.now = packets - m->joined;
	all = ours = measure(&m->packets, roll);
	for (unsigned int i = 0; i < MEMBERS_PLACES; i++) {
		struct member *other = &m->list[i];

		if (!other->here)
			continue;
		instances++;
		all += measure(&other->packets, roll);
		different |= has_another_filter(m, other);
	}
	pthread_mutex_unlock(&m->lock);
	compare_filters(m, different);
	put_share(share, sizeof(share), ours, all);
	snprintf(buf, size, ", fanout %u: %s%u instance%s", m->socket.group, share, instances,
		 instances == 1 ? "" : "s");
}

void members_free(struct members *m)
{
	const uint64_t one = 1;

	if (!m)
		return;
	atomic_store(&m->ending, true);
	pthread_mutex_lock(&m->lock);
	pthread_cond_broadcast(&m->answered);
	pthread_mutex_unlock(&m->lock);
	own_traffic_watch(m->own, NULL, NULL);
	if (write(m->wake, &one, sizeof(one)) < 0)
		log_debug("fanout %u: %s", m->socket.group, strerror(errno));
	pthread_join(m->thread, NULL);
	/* Not what the others have had counts any more. */
	for (unsigned int i = 0; i < MEMBERS_PLACES; i++)
		own_traffic_learn(m->own, i + 1, NULL, 0);
	free_all(m);
}
