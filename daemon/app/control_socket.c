/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server: a listening socket and, for each of a few connections, a watcher and a timer. A client
 * that connects and says nothing is dropped after REQUEST_TIMEOUT_S; more than MAX_CLIENTS wait in
 * the kernel's backlog, as do those for whom there is no descriptor left. Answers are a few hundred
 * bytes, so a socket that cannot take one at once belongs to a client that is not worth waiting
 * for.
 */
#include "app/control_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/printable.h"
#include "base/unix_listen.h"

#define RUN_DIRECTORY     "/run/pycapa"
#define SOCKET_NAME       "/control"
#define MAX_CLIENTS       8
#define REQUEST_TIMEOUT_S 5.
#define ACCEPT_RETRY_S    1. /* after an error, such as no descriptor left */
#define ANSWER_TIMEOUT_S  85
#define MESSAGE_MAX       (CONTROL_WHY_MAX + 16)

static const char request_reload[] = "reload";
static const char answer_ok[] = "ok";
static const char answer_error[] = "error ";

struct client {
	struct control_socket *control;
	ev_io io;
	ev_timer timeout;
	int fd;       /* -1: the slot is free */
	bool pending; /* it has asked, and waits for control_socket_answer() */
};

struct control_socket {
	struct ev_loop *loop;
	char *path;
	int fd;
	ev_io accept;
	ev_timer retry; /* runs while nobody is accepted, after an error */
	bool failing;   /* that was told */
	control_socket_reload_fn on_reload;
	void *ctx;
	struct client clients[MAX_CLIENTS];
};

size_t control_socket_name_max(void)
{
	return sizeof(((struct sockaddr_un *)NULL)->sun_path) -
	       sizeof(RUN_DIRECTORY "/" SOCKET_NAME);
}

int control_socket_path(char *buf, size_t size, const char *instance)
{
	int len;

	if (*instance == '\0' || strchr(instance, '/'))
		return -EINVAL;
	len = snprintf(buf, size, RUN_DIRECTORY "/%s" SOCKET_NAME, instance);
	if (len < 0 || (size_t)len >= size || strlen(instance) > control_socket_name_max())
		return -ENAMETOOLONG;
	return 0;
}

bool control_socket_has_directory(const char *directories, const char *instance)
{
	size_t prefix = strlen(RUN_DIRECTORY "/"), name = strlen(instance), len;

	for (const char *at = directories;; at += len + 1) {
		len = strcspn(at, ":");
		if (len == prefix + name && !memcmp(at, RUN_DIRECTORY "/", prefix) &&
		    !memcmp(at + prefix, instance, name))
			return true;
		if (at[len] == '\0')
			return false;
	}
}

static int set_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(addr->sun_path, path, strlen(path) + 1);
	return 0;
}

static struct client *find_slot(struct control_socket *control)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

static void accept_on(struct control_socket *control)
{
	if (!ev_is_active(&control->retry))
		ev_io_start(control->loop, &control->accept);
}

/* Who waits stays readable: to go on accepting would be to spin. */
static void accept_later(struct control_socket *control, int err)
{
	ev_io_stop(control->loop, &control->accept);
	ev_timer_set(&control->retry, ACCEPT_RETRY_S, 0.);
	ev_timer_start(control->loop, &control->retry);
	if (!control->failing)
		log_warn("control socket %s: %s; reloads are delayed", control->path,
			 strerror(err));
	control->failing = true;
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	accept_on(w->data);
}

static void close_client(struct client *client)
{
	struct control_socket *control = client->control;

	if (client->fd < 0)
		return;
	ev_io_stop(control->loop, &client->io);
	ev_timer_stop(control->loop, &client->timeout);
	close(client->fd);
	client->fd = -1;
	accept_on(control);
}

static void answer(struct client *client, int r, const char *why)
{
	char text[MESSAGE_MAX];

	if (r < 0)
		snprintf(text, sizeof(text), "%s%s", answer_error, why);
	else
		snprintf(text, sizeof(text), "%s", answer_ok);
	printable_lines(text);
	if (send(client->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		log_debug("control socket %s: %s", client->control->path, strerror(errno));
	close_client(client);
}

static void take_request(struct client *client, const char *request, size_t len)
{
	struct control_socket *control = client->control;
	char why[CONTROL_WHY_MAX] = "";
	int r;

	if (len != strlen(request_reload) || memcmp(request, request_reload, len) != 0) {
		answer(client, -EINVAL, "unknown request");
		return;
	}
	r = control->on_reload(control->ctx, why, sizeof(why));
	if (r != CONTROL_E_PENDING) {
		answer(client, r, why);
		return;
	}
	client->pending = true;
	ev_timer_stop(control->loop, &client->timeout);
}

static void on_request(struct ev_loop *loop, ev_io *w, int revents)
{
	struct client *client = w->data;
	char request[MESSAGE_MAX];
	ssize_t len = recv(client->fd, request, sizeof(request), 0);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0 && !client->pending)
		take_request(client, request, (size_t)len);
	else
		close_client(client);
}

void control_socket_answer(struct control_socket *control, int r, const char *why)
{
	for (size_t i = 0; control && i < MAX_CLIENTS; i++)
		if (control->clients[i].fd >= 0 && control->clients[i].pending)
			answer(&control->clients[i], r, why);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	close_client(w->data);
}

static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void on_connection(struct ev_loop *loop, ev_io *w, int revents)
{
	struct control_socket *control = w->data;
	struct client *client = find_slot(control);
	int fd;

	if (!client) {
		ev_io_stop(loop, w);
		return;
	}
	fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		accept_later(control, errno);
	if (fd < 0)
		return;
	control->failing = false;
	if (!is_trusted(fd)) {
		close(fd);
		return;
	}
	client->fd = fd;
	client->pending = false;
	ev_io_set(&client->io, fd, EV_READ);
	ev_io_start(loop, &client->io);
	ev_timer_set(&client->timeout, REQUEST_TIMEOUT_S, 0.);
	ev_timer_start(loop, &client->timeout);
}

static void init_watchers(struct control_socket *control)
{
	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &control->clients[i];

		client->control = control;
		client->fd = -1;
		ev_init(&client->io, on_request);
		client->io.data = client;
		ev_init(&client->timeout, on_timeout);
		client->timeout.data = client;
	}
	ev_init(&control->retry, on_retry);
	control->retry.data = control;
	ev_init(&control->accept, on_connection);
	control->accept.data = control;
}

int control_socket_new(struct control_socket **out, struct ev_loop *loop, const char *path,
		       control_socket_reload_fn on_reload, void *ctx)
{
	struct control_socket *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	control->loop = loop;
	control->fd = -1;
	control->on_reload = on_reload;
	control->ctx = ctx;
	init_watchers(control);
	control->path = strdup(path);
	r = control->path ? unix_listen(path, SOCK_SEQPACKET, 0600, MAX_CLIENTS) : -ENOMEM;
	if (r < 0) {
		log_error("control socket %s: %s", path,
			  r == -EADDRINUSE ? "another instance of this name is running"
					   : strerror(-r));
		control_socket_free(control);
		return r;
	}
	control->fd = r;
	ev_io_set(&control->accept, control->fd, EV_READ);
	ev_io_start(loop, &control->accept);
	*out = control;
	return 0;
}

void control_socket_free(struct control_socket *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		close_client(&control->clients[i]);
	ev_io_stop(control->loop, &control->accept);
	ev_timer_stop(control->loop, &control->retry);
	if (control->fd >= 0) {
		close(control->fd);
		unlink(control->path);
	}
	free(control->path);
	free(control);
}

static int exchange(int fd, const char *path, char *answer, size_t size)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	struct sockaddr_un addr;
	ssize_t len;
	int r = set_address(&addr, path);

	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    send(fd, request_reload, strlen(request_reload), MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	len = recv(fd, answer, size - 1, 0);
	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (len == 0)
		return -ECONNRESET;
	answer[len] = '\0';
	return 0;
}

/* Puts what went wrong between us and the instance into words. */
static void explain(char *why, size_t size, const char *path, int err)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(why, size, "no running instance listens on %s; is the service started?",
			 path);
	else if (err == -EACCES || err == -EPERM)
		snprintf(why, size, "%s: permission denied; run as root or as the instance's user",
			 path);
	else if (err == -ETIMEDOUT)
		snprintf(why, size, "%s: no answer within %d s", path, ANSWER_TIMEOUT_S);
	else
		snprintf(why, size, "%s: %s", path, strerror(-err));
}

int control_socket_request_reload(const char *path, char *why, size_t size)
{
	char answer[MESSAGE_MAX];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	r = fd < 0 ? -errno : exchange(fd, path, answer, sizeof(answer));
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		explain(why, size, path, r);
		return r;
	}
	if (strcmp(answer, answer_ok) == 0)
		return 0;
	if (strncmp(answer, answer_error, strlen(answer_error)) == 0)
		snprintf(why, size, "%s", answer + strlen(answer_error));
	else
		snprintf(why, size, "%s: unexpected answer", path);
	return -EINVAL;
}
