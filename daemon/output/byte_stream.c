/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write end of a pipe reports EPOLLERR when its last reader closes, also while nothing is
 * written: an ev_io for EV_READ sees it.
 */
#include "output/byte_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "output/descriptor.h"
#include "output/target.h"

#define BUFFER_SIZE (STREAM_LIMIT + STREAM_RECORD_MAX)
#define RECORDS_MAX (BUFFER_SIZE / 16) /* no record is shorter than a pcap record's header */
#define RETRY_SEC   0.1 /* how often a FIFO without a reader, or a full disk, is tried */

struct byte_stream {
	struct ev_loop *loop;
	struct target *target;  /* NULL: an inherited descriptor */
	struct descriptor desc; /* none: a FIFO that waits for its reader */
	int failed;             /* 0, STREAM_E_CLOSED or -errno: for good */
	enum { OPEN, SETTLING, SETTLED } fate;

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
	void (*on_settled)(void *ctx, int err);
	void (*on_full)(void *ctx); /* NULL: a full disk is not waited for */
	void *ctx;
	bool drop_part;
};

const char *byte_stream_name(const struct byte_stream *sf)
{
	return sf->target ? target_name(sf->target) : "standard output";
}

bool byte_stream_is_stream(const struct byte_stream *sf)
{
	return sf->desc.kind != DESCRIPTOR_FILE || sf->desc.fd < 0;
}

size_t byte_stream_waiting(const struct byte_stream *sf)
{
	return sf->tail - sf->head;
}

uint64_t byte_stream_size(const struct byte_stream *sf)
{
	return sf->base + sf->tail;
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

uint8_t *byte_stream_unwritten(struct byte_stream *sf, size_t *len)
{
	size_t written = sf->base + sf->head;

	if (written != 0 && (written != sf->header_len || !descriptor_can_rewrite(&sf->desc)))
		return NULL;
	written = sf->header_len - sf->base; /* where in buf the header ends */
	*len = sf->tail - written;
	return sf->buf + written;
}

bool byte_stream_replace_header(struct byte_stream *sf, const void *data, size_t len)
{
	if (sf->base + sf->head > 0)
		return descriptor_can_rewrite(&sf->desc) &&
		       pwrite(sf->desc.fd, data, len, sf->desc.start) == (ssize_t)len;
	if (sf->tail < len)
		return false;
	memcpy(sf->buf, data, len);
	return true;
}

void byte_stream_append(struct byte_stream *sf, size_t len)
{
	sf->tail += len;
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
	if (sf->desc.kind != DESCRIPTOR_FILE || sf->head <= whole)
		return;
	end = lseek(sf->desc.fd, 0, SEEK_CUR);
	if (end < 0 || ftruncate(sf->desc.fd, end - (off_t)(sf->head - whole)))
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
	const char *part = byte_stream_part(sf);

	if (sf->failed >= 0)
		return;
	if (!part && sf->target && target_is_untouched(sf->target))
		log_error("cannot write to %s: %s; it is left as it was", byte_stream_name(sf),
			  strerror(-sf->failed));
	else
		log_error("cannot write to %s: %s; %" PRIu64 " packet(s) are in %s",
			  byte_stream_name(sf), strerror(-sf->failed), byte_stream_written(sf),
			  part ? part : "it");
}

static int wait_for_space(struct byte_stream *sf)
{
	sf->blocked = true;
	sf->announced = true;
	ev_timer_start(sf->loop, &sf->retry);
	sf->on_full(sf->ctx);
	return STREAM_E_BLOCKED;
}

int byte_stream_flush(struct byte_stream *sf)
{
	ssize_t n = 0;

	if (sf->failed)
		return sf->failed;
	if (sf->blocked || sf->desc.fd < 0) {
		sf->announced = true;
		return byte_stream_waiting(sf) || sf->desc.fd < 0 ? STREAM_E_BLOCKED : 0;
	}
	if (sf->target && sf->head < sf->tail)
		n = target_begin(sf->target, sf->desc.fd);
	if (n < 0)
		return fail(sf, (int)n);
	while (sf->head < sf->tail) {
		n = descriptor_write(&sf->desc, sf->buf + sf->head, byte_stream_waiting(sf));
		if (n == -EAGAIN) {
			sf->blocked = true;
			sf->announced = true;
			ev_io_start(sf->loop, &sf->writable);
			return STREAM_E_BLOCKED;
		}
		if ((n == -ENOSPC || n == -EDQUOT) && sf->on_full)
			return wait_for_space(sf);
		if (n < 0)
			return fail(sf, (int)n);
		advance(sf, (size_t)n);
	}
	return 0;
}

int byte_stream_flush_within(struct byte_stream *sf, unsigned int ms)
{
	struct pollfd pfd = {.fd = sf->desc.fd, .events = POLLOUT};
	double deadline = ev_time() + ms / 1e3, left = ms / 1e3;
	int r = byte_stream_flush(sf);

	/* Who reads on gets it all, in as many pieces as it takes. */
	while (r == STREAM_E_BLOCKED && sf->desc.fd >= 0 && left > 0 && !ev_is_active(&sf->retry)) {
		if (poll(&pfd, 1, (int)(left * 1e3) + 1) > 0) {
			sf->blocked = false;
			r = byte_stream_flush(sf);
		}
		left = deadline - ev_time();
	}
	return r;
}

/* ---- its fate ---- */

const char *byte_stream_part(const struct byte_stream *sf)
{
	return sf->target ? target_part(sf->target) : NULL;
}

/* One without a packet is not worth keeping. */
static void keep_part(struct byte_stream *sf)
{
	if (sf->target && byte_stream_written(sf) > 0 && !sf->drop_part)
		target_keep_part(sf->target);
	sf->fate = SETTLED;
}

static void on_completed(void *ctx, int err)
{
	struct byte_stream *sf = ctx;

	sf->fate = SETTLED;
	if (err < 0) {
		sf->failed = err;
		keep_part(sf);
	}
	sf->on_settled(sf->ctx, err);
}

static int complete(struct byte_stream *sf)
{
	int r = target_complete(sf->target, sf->desc.fd);

	if (r == TARGET_E_LATER) {
		sf->fate = SETTLING;
		return STREAM_E_BLOCKED;
	}
	if (r < 0) {
		sf->failed = r;
		keep_part(sf);
	}
	sf->fate = SETTLED;
	return r;
}

int byte_stream_settle(struct byte_stream *sf, bool whole)
{
	if (sf->fate == SETTLED)
		return 0;
	if (sf->fate == SETTLING && whole)
		return STREAM_E_BLOCKED;
	if (whole && !sf->failed && sf->target && sf->desc.fd >= 0)
		return complete(sf);
	keep_part(sf);
	return 0;
}

bool byte_stream_is_settling(const struct byte_stream *sf)
{
	return sf->fate == SETTLING;
}

/* ---- the loop ---- */

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
	ssize_t n = recv(sf->desc.fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_hangup(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct byte_stream *sf = w->data;
	struct pollfd pfd = {.fd = sf->desc.fd};

	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLERR | POLLHUP))) {
		fail(sf, -EPIPE);
		sf->on_closed(sf->ctx, 0);
	} else if (sf->desc.kind != DESCRIPTOR_SOCKET || !discard_input(sf)) {
		ev_io_stop(sf->loop, &sf->hangup);
	}
}

static void start_watching(struct byte_stream *sf)
{
	ev_io_set(&sf->writable, sf->desc.fd, EV_WRITE);
	ev_io_set(&sf->hangup, sf->desc.fd, EV_READ);
	if (sf->desc.kind != DESCRIPTOR_FILE && !isatty(sf->desc.fd))
		ev_io_start(sf->loop, &sf->hangup);
}

static int open_target(struct byte_stream *sf)
{
	int fd, r = target_open(sf->target, &fd);

	if (r == TARGET_E_NO_READER) {
		ev_timer_start(sf->loop, &sf->retry);
		return 0;
	}
	return r < 0 ? r : descriptor_take(&sf->desc, fd);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct byte_stream *sf = w->data;
	int r;

	ev_timer_stop(loop, w);
	if (sf->desc.fd >= 0) {
		sf->blocked = false;
		drain(sf);
		return;
	}
	r = open_target(sf);
	if (r) {
		fail(sf, r);
		sf->on_closed(sf->ctx, r);
	} else if (sf->desc.fd >= 0) {
		start_watching(sf);
		drain(sf);
	}
}

static int make_target(struct byte_stream *sf, const struct byte_stream_options *opt)
{
	const struct target_options target = {
		.loop = opt->loop,
		.path = opt->path,
		.has_end = opt->has_end,
		.worker = opt->worker,
		.on_completed = on_completed,
		.ctx = sf,
	};

	return target_new(&sf->target, &target);
}

static int open_output(struct byte_stream *sf, const struct byte_stream_options *opt)
{
	int r = sf->target ? open_target(sf) : descriptor_inherit(&sf->desc, opt->fd);

	if (r && !((r == -ENOSPC || r == -EDQUOT) && opt->on_full))
		log_error("cannot open %s for writing: %s", byte_stream_name(sf),
			  r == -EBADF ? "it is closed" : strerror(-r));
	else if (sf->desc.fd >= 0)
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
	descriptor_init(&sf->desc);
	sf->on_drained = opt->on_drained;
	sf->on_closed = opt->on_closed;
	sf->on_settled = opt->on_settled;
	sf->on_full = opt->on_full;
	sf->drop_part = opt->drop_part;
	sf->ctx = opt->ctx;
	ev_init(&sf->writable, on_writable);
	ev_init(&sf->hangup, on_hangup);
	ev_timer_init(&sf->retry, on_retry, RETRY_SEC, RETRY_SEC);
	sf->writable.data = sf->hangup.data = sf->retry.data = sf;
	sf->buf = malloc(BUFFER_SIZE);
	sf->ends = malloc(RECORDS_MAX * sizeof(*sf->ends));
	r = sf->buf && sf->ends ? 0 : -ENOMEM;
	if (r == 0 && opt->path)
		r = make_target(sf, opt);
	if (r == 0)
		r = open_output(sf, opt);
	if (r) {
		byte_stream_free(sf);
		return r;
	}
	*out = sf;
	return 0;
}

void byte_stream_free(struct byte_stream *sf)
{
	int r;

	if (!sf)
		return;
	stop_watchers(sf);
	r = descriptor_close(&sf->desc);
	if (r < 0 && !sf->failed)
		log_error("cannot close %s: %s", byte_stream_name(sf), strerror(-r));
	target_free(sf->target);
	free(sf->ends);
	free(sf->buf);
	free(sf);
}
