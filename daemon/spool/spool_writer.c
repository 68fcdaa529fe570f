/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets are encoded into a buffer and written in pieces of it. When the disk takes no more, the
 * file is cut back to its last whole piece, and the piece is made again later, for the same file or
 * for a new one: a file begins with a description of all kinds of packet that the spool has seen
 * before the buffer's first packet, so the buffer fits everywhere.
 */
#include "spool/spool_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "spool/spool_file.h"
#include "spool/spool_format.h"

#define WRITE_SIZE (256u << 10)

struct spool_writer {
	struct spool_list *list;
	struct spool_sync *sync;
	uint64_t segment_size;
	bool sync_ended; /* a file that ends shall reach the disk */

	int fd;                     /* of the file that is being written; -1: none */
	struct spool_segment *open; /* its entry */

	uint8_t *buf;
	size_t fill;
	uint64_t in_buf;   /* packets */
	const char *topic; /* theirs */
	struct spool_kinds kinds;
	uint32_t kinds_before; /* how many of them were known before the buffer */
};

int spool_writer_new(struct spool_writer **out, struct spool_list *list, struct spool_sync *sync)
{
	struct spool_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->list = list;
	w->sync = sync;
	w->fd = -1;
	w->buf = malloc(WRITE_SIZE + SPOOL_FILE_PACKET_MAX);
	if (!w->buf) {
		free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void spool_writer_set_limits(struct spool_writer *w, uint64_t segment_size, bool sync_ended)
{
	w->segment_size = segment_size;
	w->sync_ended = sync_ended;
}

const struct spool_segment *spool_writer_open(const struct spool_writer *w)
{
	return w->open;
}

/* The open file is nobody's to write to any more. */
static void let_go(struct spool_writer *w, bool sync)
{
	spool_sync_close(w->sync, w->fd, sync);
	w->fd = -1;
	w->open = NULL;
}

void spool_writer_let_go(struct spool_writer *w)
{
	let_go(w, false);
}

/* The last block of a file says how many packets it holds. */
void spool_writer_end(struct spool_writer *w)
{
	uint8_t tail[SPOOL_FORMAT_STATISTICS_SIZE];
	struct spool_segment *s = w->open;
	size_t n;

	if (!s)
		return;
	n = spool_format_put_statistics(tail, s->packets);
	if (spool_write_all(w->fd, tail, n, s->bytes) == 0)
		s->bytes += n;
	else if (ftruncate(w->fd, (off_t)s->bytes) < 0)
		log_debug("spool: cannot truncate a file: %s", strerror(errno));
	let_go(w, w->sync_ended);
}

/* A new file with its head. The size of that, or -errno. */
static int create_file(struct spool_writer *w, uint64_t *number, uint64_t id)
{
	struct spool_kinds known = {.kind = w->kinds.kind, .n = w->kinds_before};
	uint8_t *head;
	int r, n = spool_file_put_head(&known, w->topic, id, &head);

	if (n < 0)
		return n;
	w->fd = spool_list_create(w->list, number);
	r = w->fd < 0 ? w->fd : spool_write_all(w->fd, head, (size_t)n, 0);
	free(head);
	if (r < 0 && w->fd >= 0) {
		close(w->fd);
		w->fd = -1;
		spool_dir_remove(w->list->dir, *number);
	}
	return r < 0 ? r : n;
}

/* Opens the file that the buffer goes to. 0 or -errno. */
static int open_next(struct spool_writer *w)
{
	struct spool_segment *s;
	uint64_t id = 0, number;
	int n;

	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id))
		id = spool_dir_fresh_number();
	n = create_file(w, &number, id | 1); /* never 0 */
	if (n < 0)
		return n;
	s = spool_list_add(w->list, number, id | 1);
	if (!s) {
		close(w->fd);
		w->fd = -1;
		spool_dir_remove(w->list->dir, number);
		return -ENOMEM;
	}
	s->bytes = (uint64_t)n;
	s->topic = w->topic;
	w->open = s;
	return 0;
}

/* Writes the buffer behind what is there. 0, or -errno: then nothing more is there. */
static int write_piece(struct spool_writer *w)
{
	int r = w->open ? 0 : open_next(w);

	if (r < 0)
		return r;
	r = spool_write_all(w->fd, w->buf, w->fill, w->open->bytes);
	if (r < 0 && ftruncate(w->fd, (off_t)w->open->bytes) < 0)
		log_debug("spool: cannot truncate a file: %s", strerror(errno));
	return r;
}

/* Writes the buffer as one piece. 0, or -errno: then it is as if nothing had been written. */
static int flush(struct spool_writer *w)
{
	int r;

	if (!w->fill)
		return 0;
	if (w->open && spool_dir_is_removed(w->fd))
		let_go(w, false); /* nobody would find what is written there */
	r = write_piece(w);
	if (r == -EFBIG && w->open && w->open->packets) {
		spool_writer_end(w); /* the process may have no larger files, but another one */
		r = write_piece(w);
	}
	if (r < 0)
		return r;
	w->open->bytes += w->fill;
	w->open->packets += w->in_buf;
	w->open->usable += w->in_buf;
	w->list->end += w->in_buf;
	w->fill = 0;
	w->in_buf = 0;
	w->kinds_before = w->kinds.n;
	spool_sync_written(w->sync, w->fd, w->open->bytes);
	if (w->open->bytes >= w->segment_size)
		spool_writer_end(w);
	return 0;
}

/* Gives up what is in the buffer; it is made again. */
static void clear_buffer(struct spool_writer *w)
{
	w->fill = 0;
	w->in_buf = 0;
	w->kinds.n = w->kinds_before; /* their descriptions were in it */
}

/* Makes the open file fit for packets of this topic. 0 or -ENOMEM. */
static int turn_to(struct spool_writer *w, const char *topic)
{
	topic = spool_list_topic(w->list, topic);
	if (!topic)
		return -ENOMEM;
	if (topic != w->topic)
		spool_writer_end(w);
	w->topic = topic;
	return 0;
}

/* True when the buffer is to be written before more comes into it. */
static bool is_piece(const struct spool_writer *w)
{
	return w->fill >= WRITE_SIZE || (w->open && w->open->bytes + w->fill >= w->segment_size);
}

/* Puts packets into the buffer, up to a piece. 0, or -ENOMEM. */
static int fill_buffer(struct spool_writer *w, struct spool_batch *b, struct pktbuf_walk *at)
{
	struct packet pkt;
	uint64_t number;

	while (w->in_buf < b->left && (!w->fill || !is_piece(w)) &&
	       pktbuf_next(b->packets, at, &pkt, &number)) {
		int n = spool_file_put_packet(&w->kinds, &pkt, w->buf + w->fill);

		if (n < 0)
			return n;
		w->fill += (size_t)n;
		w->in_buf++;
	}
	return 0;
}

int spool_writer_write(struct spool_writer *w, struct spool_batch *b)
{
	int r = turn_to(w, b->topic);

	while (r == 0 && b->left) {
		struct pktbuf_walk at = b->at;
		uint64_t n;

		r = fill_buffer(w, b, &at);
		n = w->in_buf;
		if (r == 0)
			r = flush(w);
		if (r == 0) {
			b->at = at;
			b->left -= n;
		}
	}
	if (r < 0)
		clear_buffer(w);
	return r;
}

void spool_writer_free(struct spool_writer *w)
{
	if (!w)
		return;
	spool_writer_end(w);
	spool_kinds_clear(&w->kinds);
	free(w->buf);
	free(w);
}
