/* SPDX-License-Identifier: Apache-2.0 */
#include "app/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"

struct signals {
	struct ev_loop *loop;
	ev_io io;
	int fd;
	void (*on_signal)(void *ctx, int signo);
	void *ctx;
};

static void fill_set(sigset_t *set)
{
	struct sigaction old;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

int signals_block(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	fill_set(&set);
	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -errno;
	return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct signals *s = w->data;
	struct signalfd_siginfo si;

	/* One at a time: the callback may free us. */
	if (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		s->on_signal(s->ctx, (int)si.ssi_signo);
}

int signals_new(struct signals **out, struct ev_loop *loop, void (*on_signal)(void *ctx, int signo),
		void *ctx)
{
	struct signals *s = calloc(1, sizeof(*s));
	sigset_t set;

	if (!s)
		return -ENOMEM;
	fill_set(&set);
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd < 0) {
		int r = -errno;

		log_error("Cannot wait for signals: %s", strerror(-r));
		free(s);
		return r;
	}
	s->loop = loop;
	s->on_signal = on_signal;
	s->ctx = ctx;
	ev_io_init(&s->io, on_readable, s->fd, EV_READ);
	s->io.data = s;
	ev_io_start(loop, &s->io);
	*out = s;
	return 0;
}

void signals_free(struct signals *s)
{
	if (!s)
		return;
	ev_io_stop(s->loop, &s->io);
	close(s->fd);
	free(s);
}
