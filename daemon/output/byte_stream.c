/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_NONBLOCK belongs to the open file description, which a shell shares with everything else it
 * started on that pipe or terminal. So a pipe, FIFO or terminal is opened again through
 * /proc/self/fd, which gives a description of our own; a socket takes MSG_DONTWAIT per call. Only
 * where reopening is not allowed (a pipe of another user) the flag is set on the shared one, and
 * restored at the end. Regular files and block devices never block in that sense.
 *
 * The write end of a pipe reports EPOLLERR when its last reader closes, also while nothing is
 * written: an ev_io for EV_READ sees it.
 */
#include "output/byte_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define BUFFER_SIZE      (STREAM_LIMIT + STREAM_RECORD_MAX)
#define RECORDS_MAX      (BUFFER_SIZE / 16) /* no record is shorter than a pcap record's header */
#define READER_RETRY_SEC 0.1                /* how often a FIFO without a reader is tried */

enum stream_kind {
	KIND_FILE,   /* always takes what is written, or fails */
	KIND_STREAM, /* pipe, FIFO, terminal: non-blocking, watched */
	KIND_SOCKET,
};

struct byte_stream {
	struct ev_loop *loop;
	char *path; /* NULL: an inherited descriptor */
	int fd;     /* -1: a FIFO that waits for its reader */
	enum stream_kind kind;
	int restore_flags; /* -1: none were changed */
	bool append;       /* O_APPEND: what is written cannot be changed */
	off_t start;       /* of a regular file: where our first byte is */
	int failed;        /* 0, STREAM_E_CLOSED or -errno: for good */

	struct ev_io writable;
	struct ev_io hangup;
	struct ev_timer retry;
	bool blocked;   /* the last write did not take all: `writable` runs */
	bool announced; /* the caller waits for on_drained */

	uint8_t *buf;
	size_t head; /* first byte that waits */
	size_t tail; /* one past the last */
	size_t base; /* where in the stream buf[0] is */
	size_t header_len;
	uint32_t *ends;  /* where in buf each record that waits ends */
	size_t n_ends;   /* records in buf, written ones included until the next reset */
	size_t n_done;   /* how many of those are written */
	uint64_t before; /* records written before those */

	void (*on_drained)(void *ctx);
	void (*on_closed)(void *ctx, int err);
	void *ctx;
};

const char *byte_stream_name(const struct byte_stream *sf)
{
	return sf->path ? sf->path : "standard output";
}

bool byte_stream_is_stream(const struct byte_stream *sf)
{
	return sf->kind != KIND_FILE || sf->fd < 0;
}

size_t byte_stream_waiting(const struct byte_stream *sf)
{
	return sf->tail - sf->head;
}

uint64_t byte_stream_written(const struct byte_stream *sf)
{
	return sf->before + sf->n_done;
}

/* The bytes before head are written: forget them, and the records they held. */
static void compact(struct byte_stream *sf)
{
	if (sf->head == 0)
		return;
	memmove(sf->buf, sf->buf + sf->head, sf->tail - sf->head);
	memmove(sf->ends, sf->ends + sf->n_done, (sf->n_ends - sf->n_done) * sizeof(*sf->ends));
	sf->n_ends -= sf->n_done;
	for (size_t i = 0; i < sf->n_ends; i++)
		sf->ends[i] -= (uint32_t)sf->head;
	sf->before += sf->n_done;
	sf->n_done = 0;
	sf->base += sf->head;
	sf->tail -= sf->head;
	sf->head = 0;
}

uint8_t *byte_stream_reserve(struct byte_stream *sf, size_t len)
{
	if (byte_stream_waiting(sf) > STREAM_LIMIT || len > STREAM_RECORD_MAX) {
		sf->announced = true;
		return NULL;
	}
	if (sf->tail + len > BUFFER_SIZE || sf->n_ends == RECORDS_MAX) {
		compact(sf);
		if (sf->n_ends == RECORDS_MAX) {
			sf->announced = true;
			return NULL;
		}
	}
	return sf->buf + sf->tail;
}

void byte_stream_commit(struct byte_stream *sf, size_t len)
{
	sf->tail += len;
	sf->ends[sf->n_ends++] = (uint32_t)sf->tail;
}

void byte_stream_put_header(struct byte_stream *sf, const void *data, size_t len)
{
	memcpy(sf->buf + sf->tail, data, len);
	sf->tail += len;
	sf->header_len = len;
}

static bool can_rewrite(const struct byte_stream *sf)
{
	return sf->kind == KIND_FILE && sf->fd >= 0 && !sf->append && sf->start >= 0;
}

uint8_t *byte_stream_unwritten(struct byte_stream *sf, size_t *len)
{
	size_t written = sf->base + sf->head;

	if (written != 0 && (written != sf->header_len || !can_rewrite(sf)))
		return NULL;
	written = sf->header_len - sf->base; /* where in buf the header ends */
	*len = sf->tail - written;
	return sf->buf + written;
}

bool byte_stream_replace_header(struct byte_stream *sf, const void *data, size_t len)
{
	if (sf->base + sf->head > 0)
		return can_rewrite(sf) && pwrite(sf->fd, data, len, sf->start) == (ssize_t)len;
	if (sf->tail < len)
		return false;
	memcpy(sf->buf, data, len);
	return true;
}

void byte_stream_append(struct byte_stream *sf, size_t len)
{
	sf->tail += len;
}

static ssize_t write_some(struct byte_stream *sf)
{
	const uint8_t *at = sf->buf + sf->head;
	size_t len = byte_stream_waiting(sf);
	ssize_t n;

	do {
		if (sf->kind == KIND_SOCKET)
			n = send(sf->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(sf->fd, at, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Takes note of `n` bytes that were written. */
static void advance(struct byte_stream *sf, size_t n)
{
	sf->head += n;
	if (sf->head == sf->tail)
		sf->n_done = sf->n_ends;
	while (sf->n_done < sf->n_ends && sf->ends[sf->n_done] <= sf->head)
		sf->n_done++;
	if (sf->head < sf->tail)
		return;
	sf->before += sf->n_done;
	sf->n_done = sf->n_ends = 0;
	sf->base += sf->head;
	sf->head = sf->tail = 0;
}

static void stop_watchers(struct byte_stream *sf)
{
	ev_io_stop(sf->loop, &sf->writable);
	ev_io_stop(sf->loop, &sf->hangup);
	ev_timer_stop(sf->loop, &sf->retry);
}

/* A regular file that holds part of a record (disk full) gets its last bytes cut off again. */
static void cut_partial_record(struct byte_stream *sf)
{
	size_t whole = sf->n_done ? sf->ends[sf->n_done - 1] : 0;
	off_t end;

	if (whole == 0 && sf->base == 0)
		whole = sf->header_len;
	if (sf->kind != KIND_FILE || sf->head <= whole)
		return;
	end = lseek(sf->fd, 0, SEEK_CUR);
	if (end < 0 || ftruncate(sf->fd, end - (off_t)(sf->head - whole)))
		log_warn("%s ends in an incomplete record", byte_stream_name(sf));
}

static int fail(struct byte_stream *sf, int err)
{
	stop_watchers(sf);
	if (err == -EPIPE || err == -ECONNRESET) {
		sf->failed = STREAM_E_CLOSED;
		return sf->failed;
	}
	cut_partial_record(sf);
	sf->failed = err;
	return err;
}

void byte_stream_log_failure(const struct byte_stream *sf)
{
	if (sf->failed < 0)
		log_error("cannot write to %s: %s; %" PRIu64 " packet(s) are in it",
			  byte_stream_name(sf), strerror(-sf->failed), byte_stream_written(sf));
}

int byte_stream_flush(struct byte_stream *sf)
{
	if (sf->failed)
		return sf->failed;
	if (sf->blocked || sf->fd < 0) {
		sf->announced = true;
		return byte_stream_waiting(sf) || sf->fd < 0 ? STREAM_E_BLOCKED : 0;
	}
	while (sf->head < sf->tail) {
		ssize_t n = write_some(sf);

		if (n == -EAGAIN) {
			sf->blocked = true;
			sf->announced = true;
			ev_io_start(sf->loop, &sf->writable);
			return STREAM_E_BLOCKED;
		}
		if (n < 0)
			return fail(sf, (int)n);
		advance(sf, (size_t)n);
	}
	return 0;
}

int byte_stream_flush_within(struct byte_stream *sf, unsigned int ms)
{
	struct pollfd pfd = {.fd = sf->fd, .events = POLLOUT};
	double deadline = ev_time() + ms / 1e3, left = ms / 1e3;
	int r = byte_stream_flush(sf);

	/* Who reads on gets it all, in as many pieces as it takes. */
	while (r == STREAM_E_BLOCKED && sf->fd >= 0 && left > 0) {
		if (poll(&pfd, 1, (int)(left * 1e3) + 1) > 0) {
			sf->blocked = false;
			r = byte_stream_flush(sf);
		}
		left = deadline - ev_time();
	}
	return r;
}

static void drain(struct byte_stream *sf)
{
	int r = byte_stream_flush(sf);

	if (r == STREAM_E_BLOCKED)
		return;
	ev_io_stop(sf->loop, &sf->writable);
	if (r) {
		sf->on_closed(sf->ctx, r < 0 ? r : 0);
	} else if (sf->announced) {
		sf->announced = false;
		sf->on_drained(sf->ctx);
	}
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct byte_stream *sf = w->data;

	sf->blocked = false;
	drain(sf);
}

/* What a reader sends us is no concern of ours; an end of it is not yet the end of reading. */
static bool discard_input(struct byte_stream *sf)
{
	char scratch[4096];
	ssize_t n = recv(sf->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_hangup(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct byte_stream *sf = w->data;
	struct pollfd pfd = {.fd = sf->fd};

	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLERR | POLLHUP))) {
		fail(sf, -EPIPE);
		sf->on_closed(sf->ctx, 0);
	} else if (sf->kind != KIND_SOCKET || !discard_input(sf)) {
		ev_io_stop(sf->loop, &sf->hangup);
	}
}

static void start_watching(struct byte_stream *sf)
{
	ev_io_set(&sf->writable, sf->fd, EV_WRITE);
	ev_io_set(&sf->hangup, sf->fd, EV_READ);
	if (sf->kind != KIND_FILE && !isatty(sf->fd))
		ev_io_start(sf->loop, &sf->hangup);
}

/* A description of our own for what `fd` has open. Returns 0 or -errno. */
static int reopen_nonblocking(int *fd)
{
	char name[32];
	int own;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", *fd);
	own = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own < 0)
		return -errno;
	close(*fd);
	*fd = own;
	return 0;
}

static int share_nonblocking(struct byte_stream *sf)
{
	int flags = fcntl(sf->fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		return 0;
	if (fcntl(sf->fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	sf->restore_flags = flags;
	return 0;
}

/* Finds out what the descriptor is, and makes sure that writing to it does not block. */
static int take_descriptor(struct byte_stream *sf)
{
	struct stat st;
	int flags = fcntl(sf->fd, F_GETFL);
	int r;

	if (flags < 0 || fstat(sf->fd, &st))
		return -errno;
	sf->append = flags & O_APPEND;
	sf->start = lseek(sf->fd, 0, SEEK_CUR);
	if (S_ISSOCK(st.st_mode)) {
		sf->kind = KIND_SOCKET;
		return 0;
	}
	if (!S_ISFIFO(st.st_mode) && !isatty(sf->fd))
		return 0;
	sf->kind = KIND_STREAM;
	r = reopen_nonblocking(&sf->fd);
	if (r == -ENXIO) /* a pipe whose reader has gone already: the first write will say so */
		return 0;
	return r ? share_nonblocking(sf) : 0;
}

/*
 * Duplicates an inherited descriptor, and keeps everybody else in this process off stdout. One that
 * was closed when we were started is open, but not for writing (hardening.c).
 */
static int open_inherited(struct byte_stream *sf, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		return -EBADF;
	sf->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (sf->fd < 0)
		return -errno;
	if (fd == STDOUT_FILENO)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	return take_descriptor(sf);
}

static int open_path(struct byte_stream *sf)
{
	struct stat st;

	sf->fd = open(sf->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		      0666);
	if (sf->fd < 0 && errno == ENXIO && !stat(sf->path, &st) && S_ISFIFO(st.st_mode)) {
		ev_timer_start(sf->loop, &sf->retry);
		return 0;
	}
	return sf->fd < 0 ? -errno : take_descriptor(sf);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct byte_stream *sf = w->data;
	int r;

	ev_timer_stop(loop, w);
	r = open_path(sf);
	if (r) {
		fail(sf, r);
		sf->on_closed(sf->ctx, r);
	} else if (sf->fd >= 0) {
		start_watching(sf);
		drain(sf);
	}
}

static int open_output(struct byte_stream *sf, const struct byte_stream_options *opt)
{
	int r = opt->path ? open_path(sf) : open_inherited(sf, opt->fd);

	if (r)
		log_error("cannot open %s for writing: %s", byte_stream_name(sf),
			  r == -EBADF ? "it is closed" : strerror(-r));
	else if (sf->fd >= 0)
		start_watching(sf);
	return r;
}

int byte_stream_new(struct byte_stream **out, const struct byte_stream_options *opt)
{
	struct byte_stream *sf = calloc(1, sizeof(*sf));
	int r;

	if (!sf)
		return -ENOMEM;
	sf->loop = opt->loop;
	sf->fd = -1;
	sf->restore_flags = -1;
	sf->on_drained = opt->on_drained;
	sf->on_closed = opt->on_closed;
	sf->ctx = opt->ctx;
	ev_init(&sf->writable, on_writable);
	ev_init(&sf->hangup, on_hangup);
	ev_timer_init(&sf->retry, on_retry, READER_RETRY_SEC, READER_RETRY_SEC);
	sf->writable.data = sf->hangup.data = sf->retry.data = sf;
	sf->path = opt->path ? strdup(opt->path) : NULL;
	sf->buf = malloc(BUFFER_SIZE);
	sf->ends = malloc(RECORDS_MAX * sizeof(*sf->ends));
	r = sf->buf && sf->ends && (sf->path || !opt->path) ? open_output(sf, opt) : -ENOMEM;
	if (r) {
		byte_stream_free(sf);
		return r;
	}
	*out = sf;
	return 0;
}

void byte_stream_free(struct byte_stream *sf)
{
	if (!sf)
		return;
	stop_watchers(sf);
	if (sf->restore_flags >= 0)
		fcntl(sf->fd, F_SETFL, sf->restore_flags);
	if (sf->fd >= 0 && close(sf->fd) && errno != EINTR && !sf->failed)
		log_error("cannot close %s: %s", byte_stream_name(sf), strerror(errno));
	free(sf->ends);
	free(sf->buf);
	free(sf->path);
	free(sf);
}
