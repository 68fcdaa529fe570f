/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets are encoded into a buffer and written in pieces of it. When the disk takes no more, the
 * file is cut back to its last whole piece, and the piece is made again later, for the same file or
 * for a new one: a file begins with a description of all kinds of packet that the spool has seen
 * before the buffer's first packet, so the buffer fits everywhere.
 */
#include "spool/spool_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "spool/spool_file.h"
#include "spool/spool_format.h"
#include "spool/spool_list.h"
#include "spool/spool_sync.h"

#define WRITE_SIZE (256u << 10)

struct spool_disk {
	struct spool_list list;
	struct spool_sync *sync;
	uint64_t segment_size;
	_Atomic uint64_t written; /* list.end */
	bool sync_ended;          /* a file that ends shall reach the disk */

	/* the file that is being written */
	int fd;                     /* -1: none */
	struct spool_segment *open; /* its entry */

	uint8_t *buf;
	size_t fill;
	uint64_t in_buf; /* packets */
	const char *buf_topic;
	struct spool_kinds kinds;
	uint32_t kinds_before; /* how many of them were known before the buffer */

	/* the file that is being read */
	struct spool_reader *reader;
	struct spool_segment *reading; /* NULL: nothing was read yet */
	uint64_t reader_at;            /* number of the packet that the reader gives next */
	uint64_t read;                 /* of the one that is wanted next; not lower */
	struct log_limit read_limit;
};

/* What of a file is lost; once for all of it that was found. */
static void tell_damage(struct spool_disk *d, struct spool_segment *s, const char *why)
{
	if (!s->damaged)
		return;
	log_error("spool: %s/%s is damaged (%s): %" PRIu64 " of its %" PRIu64 " packets are lost",
		  spool_dir_path(d->list.dir), spool_dir_name(d->list.dir, s->number), why,
		  s->damaged, s->packets);
	s->damaged = 0;
}

static void stop_reading(struct spool_disk *d)
{
	if (d->reading)
		tell_damage(d, d->reading, strerror(EBADMSG));
	spool_reader_free(d->reader);
	d->reader = NULL;
	d->reading = NULL;
}

/* The open file is nobody's to write to any more. */
static void let_go(struct spool_disk *d, bool sync)
{
	spool_sync_close(d->sync, d->fd, sync);
	d->fd = -1;
	d->open = NULL;
}

/* Removes the oldest file. */
static void remove_head(struct spool_disk *d)
{
	const struct spool_segment *s = d->list.head;

	if (d->reading == s)
		stop_reading(d);
	if (d->open == s)
		let_go(d, false);
	spool_list_remove(&d->list);
}

int spool_disk_new(struct spool_disk **out, const char *directory, uint64_t segment_size,
		   uint32_t sync_ms)
{
	struct spool_disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->fd = -1;
	d->segment_size = segment_size;
	d->sync_ended = sync_ms > 0;
	d->buf = malloc(WRITE_SIZE + SPOOL_FILE_PACKET_MAX);
	r = d->buf ? spool_list_open(&d->list, directory) : -ENOMEM;
	if (r == 0)
		r = spool_sync_new(&d->sync, d->list.dir, sync_ms);
	if (r < 0) {
		spool_disk_free(d);
		return r;
	}
	d->read = d->list.first;
	atomic_store(&d->written, d->list.end);
	*out = d;
	return 0;
}

uint64_t spool_disk_first(const struct spool_disk *d)
{
	return d->list.first;
}

uint64_t spool_disk_end(const struct spool_disk *d)
{
	return d->list.end;
}

unsigned int spool_disk_unreadable(const struct spool_disk *d)
{
	return d->list.unreadable;
}

uint64_t spool_disk_written(const struct spool_disk *d)
{
	return atomic_load(&d->written);
}

uint64_t spool_disk_sync_steps(const struct spool_disk *d)
{
	return spool_sync_steps(d->sync);
}

unsigned int spool_disk_files(const struct spool_disk *d)
{
	return d->list.files;
}

uint64_t spool_disk_bytes(const struct spool_disk *d)
{
	return spool_list_bytes(&d->list);
}

void spool_disk_set_limits(struct spool_disk *d, uint64_t segment_size, uint32_t sync_ms)
{
	d->segment_size = segment_size;
	d->sync_ended = sync_ms > 0;
	spool_sync_set_interval(d->sync, sync_ms);
}

void spool_disk_sync(struct spool_disk *d)
{
	spool_sync_all(d->sync);
}

/* Ends the file that is being written: its last block says how many packets it holds. */
static void close_open(struct spool_disk *d)
{
	uint8_t tail[SPOOL_FORMAT_STATISTICS_SIZE];
	struct spool_segment *s = d->open;
	size_t n;

	if (!s)
		return;
	n = spool_format_put_statistics(tail, s->packets);
	if (spool_write_all(d->fd, tail, n, s->bytes) == 0)
		s->bytes += n;
	else if (ftruncate(d->fd, (off_t)s->bytes) < 0)
		log_debug("spool: cannot truncate a file: %s", strerror(errno));
	let_go(d, d->sync_ended);
}

/* A new file with its head. The size of that, or -errno. */
static int create_file(struct spool_disk *d, uint64_t *number, uint64_t id)
{
	struct spool_kinds known = {.kind = d->kinds.kind, .n = d->kinds_before};
	uint8_t *head;
	int r, n = spool_file_put_head(&known, d->buf_topic, id, &head);

	if (n < 0)
		return n;
	d->fd = spool_list_create(&d->list, number);
	r = d->fd < 0 ? d->fd : spool_write_all(d->fd, head, (size_t)n, 0);
	free(head);
	if (r < 0 && d->fd >= 0) {
		close(d->fd);
		d->fd = -1;
		spool_dir_remove(d->list.dir, *number);
	}
	return r < 0 ? r : n;
}

/* Opens the file that the buffer goes to. 0 or -errno. */
static int open_next(struct spool_disk *d)
{
	struct spool_segment *s;
	uint64_t id = 0, number;
	int n;

	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id))
		id = spool_dir_fresh_number();
	n = create_file(d, &number, id | 1); /* never 0 */
	if (n < 0)
		return n;
	s = spool_list_add(&d->list, number, id | 1);
	if (!s) {
		close(d->fd);
		d->fd = -1;
		spool_dir_remove(d->list.dir, number);
		return -ENOMEM;
	}
	s->bytes = (uint64_t)n;
	s->topic = d->buf_topic;
	d->open = s;
	return 0;
}

/* Writes the buffer behind what is there. 0, or -errno: then nothing more is there. */
static int write_piece(struct spool_disk *d)
{
	int r = d->open ? 0 : open_next(d);

	if (r < 0)
		return r;
	r = spool_write_all(d->fd, d->buf, d->fill, d->open->bytes);
	if (r < 0 && ftruncate(d->fd, (off_t)d->open->bytes) < 0)
		log_debug("spool: cannot truncate a file: %s", strerror(errno));
	return r;
}

/* Writes the buffer as one piece. 0, or -errno: then it is as if nothing had been written. */
static int flush(struct spool_disk *d)
{
	int r;

	if (!d->fill)
		return 0;
	if (d->open && spool_dir_is_removed(d->fd))
		let_go(d, false); /* nobody would find what is written there */
	r = write_piece(d);
	if (r == -EFBIG && d->open && d->open->packets) {
		close_open(d); /* the process may have no larger files, but another one */
		r = write_piece(d);
	}
	if (r < 0)
		return r;
	d->open->bytes += d->fill;
	d->open->packets += d->in_buf;
	d->open->usable += d->in_buf;
	d->list.end += d->in_buf;
	atomic_store(&d->written, d->list.end);
	d->fill = 0;
	d->in_buf = 0;
	d->kinds_before = d->kinds.n;
	spool_sync_written(d->sync, d->fd, d->open->bytes);
	if (d->open->bytes >= d->segment_size)
		close_open(d);
	return 0;
}

/* Gives up what is in the buffer; it is made again. */
static void clear_buffer(struct spool_disk *d)
{
	d->fill = 0;
	d->in_buf = 0;
	d->kinds.n = d->kinds_before; /* their descriptions were in it */
}

/* Makes the open file fit for packets of this topic. 0 or -ENOMEM. */
static int turn_to(struct spool_disk *d, const char *topic)
{
	topic = spool_list_topic(&d->list, topic);
	if (!topic)
		return -ENOMEM;
	if (topic != d->buf_topic)
		close_open(d);
	d->buf_topic = topic;
	return 0;
}

/* True when the buffer is to be written before more comes into it. */
static bool is_piece(const struct spool_disk *d)
{
	return d->fill >= WRITE_SIZE || (d->open && d->open->bytes + d->fill >= d->segment_size);
}

/* Puts packets into the buffer, up to a piece. 0, or -ENOMEM. */
static int fill_buffer(struct spool_disk *d, struct spool_batch *b, struct pktbuf_walk *at)
{
	struct packet pkt;
	uint64_t number;

	while (d->in_buf < b->left && (!d->fill || !is_piece(d)) &&
	       pktbuf_next(b->packets, at, &pkt, &number)) {
		int n = spool_file_put_packet(&d->kinds, &pkt, d->buf + d->fill);

		if (n < 0)
			return n;
		d->fill += (size_t)n;
		d->in_buf++;
	}
	return 0;
}

int spool_disk_write(struct spool_disk *d, struct spool_batch *b)
{
	int r = turn_to(d, b->topic);

	while (r == 0 && b->left) {
		struct pktbuf_walk at = b->at;
		uint64_t n;

		r = fill_buffer(d, b, &at);
		n = d->in_buf;
		if (r == 0)
			r = flush(d);
		if (r == 0) {
			b->at = at;
			b->left -= n;
		}
	}
	if (r < 0)
		clear_buffer(d);
	return r;
}

/* Files that hold none of them are gone by now: the next one begins behind. */
void spool_disk_skip(struct spool_disk *d, struct spool_batch *b, uint64_t below)
{
	struct packet pkt;
	uint64_t number;

	if (d->list.end >= below)
		return;
	while (b->left && d->list.end < below) {
		pktbuf_next(b->packets, &b->at, &pkt, &number);
		b->left--;
		d->list.end++;
	}
	atomic_store(&d->written, d->list.end);
	spool_disk_pass(d, d->list.end);
}

void spool_disk_pass(struct spool_disk *d, uint64_t below)
{
	d->read = below > d->read ? below : d->read;
}

/* Opens a segment for reading. */
static int start_reading(struct spool_disk *d, struct spool_segment *s)
{
	int r, fd = spool_dir_open(d->list.dir, s->number, O_RDONLY);

	stop_reading(d);
	if (fd < 0)
		return fd;
	r = spool_reader_new(&d->reader, fd);
	if (r < 0)
		return r;
	d->reading = s;
	d->reader_at = s->first - s->skip; /* what an earlier run has delivered has no number */
	return 0;
}

/* Reads over what is delivered, or was read elsewhere. */
static int skip_to_read(struct spool_disk *d)
{
	struct packet pkt;
	int r = 1;

	for (; d->reader_at != d->read && r > 0; d->reader_at++)
		r = spool_reader_next(d->reader, d->reading->bytes, &pkt);
	if (r > 0)
		return 0;
	stop_reading(d);
	return r < 0 ? r : -EBADMSG;
}

/* What is left of a segment is lost: goes on behind it. */
static void give_up_rest(struct spool_disk *d, struct spool_segment *s, int why)
{
	uint64_t end = s->first + s->packets;

	s->damaged += end - d->read;
	tell_damage(d, s, strerror(-why));
	s->gone = why == -ENOENT;
	if (d->open == s)
		close_open(d); /* nothing more behind the damage */
	s->usable = d->read - s->first;
	d->read = end;
}

/* A segment was not read. 0: what it lost is given up; -errno: time or an operator mends it. */
static int on_unreadable(struct spool_disk *d, struct spool_segment *s, int why)
{
	uint64_t held;

	if (why == -EBADMSG || why == -ENOENT) {
		give_up_rest(d, s, why);
		return 0;
	}
	stop_reading(d); /* and begins at this packet again */
	if (why != -ENOMEM && log_limit_pass(&d->read_limit, 60, &held))
		log_warn("spool: cannot read %s/%s: %s; it is tried again, and newer packets wait "
			 "behind it",
			 spool_dir_path(d->list.dir), spool_dir_name(d->list.dir, s->number),
			 strerror(-why));
	return why;
}

/* The next packet of a segment, on to `out`. 0, or -errno. */
static int read_packet(struct spool_disk *d, struct spool_segment *s, struct pktbuf *out,
		       size_t *got)
{
	struct packet pkt;
	int r = s == d->reading ? 0 : start_reading(d, s);

	if (r == 0)
		r = skip_to_read(d);
	if (r < 0)
		return r;
	r = spool_reader_next(d->reader, s->bytes, &pkt);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG; /* fewer than it should hold */
	if (r == SPOOL_FILE_E_DAMAGED) {
		s->damaged++;
	} else {
		r = pktbuf_push(out, &pkt, d->read);
		if (r < 0)
			return r;
		*got += pkt.caplen + sizeof(pkt);
	}
	d->reader_at = ++d->read;
	if (d->read == s->first + s->packets)
		tell_damage(d, s, strerror(EBADMSG));
	return 0;
}

int spool_disk_read(struct spool_disk *d, struct pktbuf *out, size_t bytes, const char **topic)
{
	struct spool_segment *s;
	size_t got = 0;
	int r = 0;

	*topic = NULL;
	while (r == 0 && got < bytes) {
		s = spool_list_find(d->reading ? d->reading : d->list.head, d->read);
		if (!s || (got && s->topic != *topic))
			break;
		*topic = s->topic;
		r = read_packet(d, s, out, &got);
		if (r < 0)
			r = on_unreadable(d, s, r);
	}
	return r;
}

uint64_t spool_disk_read_to(const struct spool_disk *d)
{
	return d->read;
}

void spool_disk_acknowledge(struct spool_disk *d, uint64_t below)
{
	struct spool_segment *s;

	if (below <= d->list.first)
		return;
	d->list.first = below;
	while ((s = d->list.head) && below >= s->first + s->usable) {
		/* Not while it may still grow by the packets that are being written. */
		if (s == d->open && below < d->list.end)
			break;
		spool_list_note(&d->list, s->packets);
		remove_head(d);
	}
	spool_list_remove_left(&d->list);
	if (s && below > s->first)
		spool_list_note(&d->list, below - s->first);
	spool_sync_noted(d->sync);
}

void spool_disk_free(struct spool_disk *d)
{
	if (!d)
		return;
	stop_reading(d);
	close_open(d);
	spool_sync_free(d->sync);
	spool_list_close(&d->list);
	spool_kinds_clear(&d->kinds);
	free(d->buf);
	free(d);
}
