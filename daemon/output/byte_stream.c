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
#include "output/packer.h"
#include "output/target.h"
#include "output/write_buffer.h"

#define RETRY_SEC 0.1 /* how often a FIFO without a reader, or a full disk, is tried */

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

	struct write_buffer buffer;
	struct packer *packer; /* NULL: it goes as it is */
	bool finished;         /* nothing follows it */

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
	return write_buffer_waiting(&sf->buffer);
}

uint64_t byte_stream_size(const struct byte_stream *sf)
{
	return write_buffer_put(&sf->buffer);
}

uint64_t byte_stream_written(const struct byte_stream *sf)
{
	return write_buffer_records(&sf->buffer);
}

uint8_t *byte_stream_reserve(struct byte_stream *sf, size_t len)
{
	uint8_t *room = write_buffer_reserve(&sf->buffer, len);

	if (!room)
		sf->announced = true;
	return room;
}

void byte_stream_commit(struct byte_stream *sf, size_t len)
{
	write_buffer_commit(&sf->buffer, len);
}

void byte_stream_append(struct byte_stream *sf, size_t len)
{
	write_buffer_append(&sf->buffer, len);
}

void byte_stream_put_header(struct byte_stream *sf, const void *data, size_t len)
{
	write_buffer_put_header(&sf->buffer, data, len);
}

/* What is packed, or written for good. */
static bool is_fixed(const struct byte_stream *sf)
{
	if (sf->packer)
		return packer_has_begun(sf->packer);
	return write_buffer_written(&sf->buffer) > 0 && !descriptor_can_rewrite(&sf->desc);
}

bool byte_stream_replace_header(struct byte_stream *sf, const void *data, size_t len)
{
	if (is_fixed(sf))
		return false;
	if (write_buffer_written(&sf->buffer) > 0)
		return pwrite(sf->desc.fd, data, len, sf->desc.start) == (ssize_t)len;
	return write_buffer_replace_header(&sf->buffer, data, len);
}

uint8_t *byte_stream_unwritten(struct byte_stream *sf, size_t *len)
{
	return is_fixed(sf) ? NULL : write_buffer_body(&sf->buffer, len);
}

static void stop_watchers(struct byte_stream *sf)
{
	ev_io_stop(sf->loop, &sf->writable);
	ev_io_stop(sf->loop, &sf->hangup);
	ev_timer_stop(sf->loop, &sf->retry);
}

/* A regular file that holds part of a record (disk full) gets its last bytes cut off again; one
 * that is packed those of a piece, which cannot be unpacked in part. */
static void cut_partial_record(struct byte_stream *sf)
{
	size_t partial =
		sf->packer ? packer_partial(sf->packer) : write_buffer_partial(&sf->buffer);
	off_t end;

	if (sf->desc.kind != DESCRIPTOR_FILE || !partial)
		return;
	end = lseek(sf->desc.fd, 0, SEEK_CUR);
	if (end < 0 || ftruncate(sf->desc.fd, end - (off_t)partial))
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

void byte_stream_finish(struct byte_stream *sf)
{
	sf->finished = true;
}

static bool has_more(const struct byte_stream *sf)
{
	return byte_stream_waiting(sf) ||
	       (sf->packer && sf->finished && !packer_is_done(sf->packer));
}

/* Returns how many of the bytes that wait are written now, or -errno. */
static ssize_t write_some(struct byte_stream *sf)
{
	size_t len;
	const uint8_t *data = write_buffer_peek(&sf->buffer, &len);

	return sf->packer ? packer_write(sf->packer, &sf->desc, data, len, sf->finished)
			  : descriptor_write(&sf->desc, data, len);
}

int byte_stream_flush(struct byte_stream *sf)
{
	ssize_t n = 0;

	if (sf->failed)
		return sf->failed;
	if (sf->blocked || sf->desc.fd < 0) {
		sf->announced = true;
		return has_more(sf) || sf->desc.fd < 0 ? STREAM_E_BLOCKED : 0;
	}
	if (sf->target && has_more(sf))
		n = target_begin(sf->target, sf->desc.fd);
	if (n < 0)
		return fail(sf, (int)n);
	while (has_more(sf)) {
		n = write_some(sf);
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
		write_buffer_consume(&sf->buffer, (size_t)n);
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
	r = write_buffer_init(&sf->buffer);
	if (r == 0 && opt->pack)
		r = packer_new(&sf->packer);
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
	packer_free(sf->packer);
	write_buffer_clear(&sf->buffer);
	free(sf);
}
