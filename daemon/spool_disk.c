/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files form a list from the oldest to the newest. Packets are numbered through it; the first
 * packet of the oldest file has the number 0, of which some may be delivered already.
 *
 * Packets are encoded into a buffer and written in pieces of it. When the disk takes no more, the
 * file is cut back to its last whole piece, the buffer stays, and is written later, to the same
 * file or to a new one: a file begins with a description of all kinds of packet that the spool
 * has seen before the buffer's first packet, so the buffer fits everywhere.
 *
 * New files get even numbers. The odd ones are for packets that have to go in between at the end
 * of a run (they were sent to Kafka before those in the spool came, and never got there).
 */
#include "spool_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pcapng.h"
#include "spool_dir.h"
#include "spool_file.h"

#define WRITE_SIZE (256u << 10)

struct segment {
	struct segment *next;
	uint64_t number;  /* of the file */
	uint64_t first;   /* number of its first packet */
	uint64_t packets; /* whole and written */
	uint64_t usable;  /* how many can be read; less after damage was found */
	uint64_t bytes;
	const char *topic;
};

/* The name of a topic, kept for as long as the spool. */
struct name {
	struct name *next;
	char text[];
};

struct spool_disk {
	struct spool_dir *dir;
	uint64_t segment_size;
	bool sync;                   /* what is written shall reach the disk soon */
	struct segment *head, *tail; /* in the order of their packets */
	struct name *names;
	uint64_t last_number; /* the highest of any file there was */
	uint64_t first, end;  /* packet numbers: not delivered yet, next to be written */

	/* the file that is being written */
	int fd;               /* -1: none */
	struct segment *open; /* its entry; not in the list when it goes in between */
	struct segment between;
	uint64_t before; /* where what is in the buffer goes */
	bool dirty;

	uint8_t *buf;
	size_t fill;
	uint64_t in_buf; /* packets */
	const char *buf_topic;
	struct spool_kinds kinds;
	uint32_t kinds_before; /* how many of them were known before the buffer */

	/* the file that is being read */
	struct spool_reader *reader;
	struct segment *reading; /* NULL: nothing was read yet */
	uint64_t read;           /* number of the next packet of it */
};

static const char *keep_name(struct spool_disk *d, const char *text)
{
	struct name *n;
	size_t size = strlen(text) + 1;

	for (n = d->names; n; n = n->next)
		if (!strcmp(n->text, text))
			return n->text;
	n = malloc(sizeof(*n) + size);
	if (!n)
		return NULL;
	memcpy(n->text, text, size);
	n->next = d->names;
	d->names = n;
	return n->text;
}

static struct segment *add_segment(struct spool_disk *d, uint64_t number)
{
	struct segment *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->number = number;
	s->first = d->end;
	if (d->tail)
		d->tail->next = s;
	else
		d->head = s;
	d->tail = s;
	return s;
}

/* Says what is wrong with a file, cuts off what was not finished. */
static void mend(struct spool_disk *d, uint64_t number, int fd, const struct spool_file_info *info)
{
	if (!info->torn)
		return;
	log_warn("spool: %s/%s ends within a packet: %" PRIu64 " packets are whole, the last "
		 "%" PRIu64 " bytes are cut off",
		 spool_dir_path(d->dir), spool_dir_name(d->dir, number), info->packets, info->torn);
	if (ftruncate(fd, (off_t)info->bytes) < 0)
		log_warn("spool: cannot cut %s: %s", spool_dir_name(d->dir, number),
			 strerror(errno));
}

/* Takes one file of an earlier run in. 0 or -errno. */
static int take_file(struct spool_disk *d, uint64_t number)
{
	struct spool_file_info info;
	struct segment *s;
	int r, fd = spool_dir_open(d->dir, number, O_RDWR);

	if (fd < 0) {
		log_error("spool: cannot open %s/%s: %s", spool_dir_path(d->dir),
			  spool_dir_name(d->dir, number), strerror(-fd));
		return fd;
	}
	r = spool_file_scan(fd, &info);
	if (r == 0)
		mend(d, number, fd, &info);
	close(fd);
	if (r == SPOOL_FILE_E_FOREIGN) {
		log_error("spool: %s/%s is not a file of a spool, or damaged: it stays as it is",
			  spool_dir_path(d->dir), spool_dir_name(d->dir, number));
		return 0;
	}
	if (r < 0) {
		log_error("spool: cannot read %s/%s: %s", spool_dir_path(d->dir),
			  spool_dir_name(d->dir, number), strerror(-r));
		return r;
	}
	if (r == SPOOL_FILE_E_EMPTY || info.packets == 0) {
		spool_dir_remove(d->dir, number);
		return 0;
	}
	s = add_segment(d, number);
	if (!s || !(s->topic = keep_name(d, info.topic)))
		return -ENOMEM;
	s->packets = s->usable = info.packets;
	s->bytes = info.bytes;
	d->end += info.packets;
	return 0;
}

static void stop_reading(struct spool_disk *d)
{
	spool_reader_free(d->reader);
	d->reader = NULL;
	d->reading = NULL;
}

static void remove_segment(struct spool_disk *d, struct segment *s)
{
	if (d->reading == s)
		stop_reading(d);
	if (d->open == s) {
		close(d->fd);
		d->fd = -1;
		d->open = NULL;
	}
	spool_dir_remove(d->dir, s->number);
	d->head = s->next;
	if (!d->head)
		d->tail = NULL;
	free(s);
}

/* The position of the last run may say that the oldest file is delivered in part or whole. */
static void apply_position(struct spool_disk *d)
{
	struct spool_position pos;

	spool_dir_read_position(d->dir, &pos);
	if (pos.number > d->last_number)
		d->last_number = pos.number;
	while (d->head && d->head->number < pos.number && !(d->head->number & 1))
		remove_segment(d, d->head); /* a removal that did not last */
	d->first = d->head ? d->head->first : d->end;
	if (d->head && d->head->number == pos.number)
		d->first += pos.packets < d->head->packets ? pos.packets : d->head->packets;
	d->read = d->first;
}

static int take_files(struct spool_disk *d)
{
	uint64_t *numbers;
	size_t n;
	int r = spool_dir_list(d->dir, &numbers, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++) {
		d->last_number = numbers[i];
		r = take_file(d, numbers[i]);
	}
	free(numbers);
	return r;
}

int spool_disk_new(struct spool_disk **out, const char *directory, uint64_t segment_size, bool sync)
{
	struct spool_disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->fd = -1;
	d->segment_size = segment_size;
	d->sync = sync;
	d->before = SPOOL_DISK_END;
	d->buf = malloc(WRITE_SIZE + spool_file_packet_max(PACKET_MAX_LEN));
	r = d->buf ? spool_dir_new(&d->dir, directory) : -ENOMEM;
	if (r == 0)
		r = take_files(d);
	if (r < 0) {
		spool_disk_free(d);
		return r;
	}
	apply_position(d);
	*out = d;
	return 0;
}

uint64_t spool_disk_first(const struct spool_disk *d)
{
	return d->first;
}

uint64_t spool_disk_end(const struct spool_disk *d)
{
	return d->end;
}

uint64_t spool_disk_bytes(const struct spool_disk *d)
{
	uint64_t n = 0;

	for (const struct segment *s = d->head; s; s = s->next)
		n += s->bytes;
	return n;
}

uint64_t spool_disk_unwritten(const struct spool_disk *d)
{
	return d->in_buf;
}

bool spool_disk_dirty(const struct spool_disk *d)
{
	return d->dirty;
}

int spool_disk_sync(struct spool_disk *d)
{
	if (!d->dirty)
		return 0;
	if (d->fd >= 0 && fdatasync(d->fd) < 0)
		return -errno;
	spool_dir_sync(d->dir);
	d->dirty = false;
	return 0;
}

/* Ends the file that is being written: its last block says how many packets it holds. */
static void close_open(struct spool_disk *d)
{
	uint8_t tail[PCAPNG_STATISTICS_SIZE];
	struct segment *s = d->open;
	size_t n;

	if (!s)
		return;
	n = pcapng_put_statistics(tail, s->packets);
	if (spool_write_all(d->fd, tail, n, s->bytes) == 0)
		s->bytes += n;
	else if (ftruncate(d->fd, (off_t)s->bytes) < 0)
		log_debug("spool: cannot cut a file back: %s", strerror(errno));
	if (d->sync)
		spool_disk_sync(d);
	close(d->fd);
	d->fd = -1;
	d->open = NULL;
}

/* The number of a file that stands before the one that begins with packet d->before; 0: none. */
static uint64_t number_between(const struct spool_disk *d)
{
	for (const struct segment *s = d->head; s; s = s->next)
		if (s->first == d->before && s->number > 1)
			return s->number - 1;
	return 0;
}

static int create_file(struct spool_disk *d, uint64_t number)
{
	struct spool_kinds known = {.kind = d->kinds.kind, .n = d->kinds_before};
	uint8_t *head;
	int r, n = spool_file_put_head(&known, d->buf_topic, &head);

	if (n < 0)
		return n;
	d->fd = spool_dir_open(d->dir, number, O_RDWR | O_CREAT | O_EXCL);
	r = d->fd < 0 ? d->fd : spool_write_all(d->fd, head, (size_t)n, 0);
	free(head);
	if (r < 0 && d->fd >= 0) {
		close(d->fd);
		d->fd = -1;
		spool_dir_remove(d->dir, number);
	}
	return r < 0 ? r : n;
}

/* Opens the file that the buffer goes to. 0 or -errno. */
static int open_next(struct spool_disk *d)
{
	uint64_t number = d->before == SPOOL_DISK_END ? 0 : number_between(d);
	struct segment *s = &d->between;
	int n;

	if (!number) {
		d->before = SPOOL_DISK_END;
		number = (d->last_number | 1) + 1;
	}
	n = create_file(d, number);
	if (n < 0)
		return n;
	if (number > d->last_number)
		d->last_number = number;
	if (d->before == SPOOL_DISK_END)
		s = add_segment(d, number);
	else
		*s = (struct segment){.number = number};
	if (!s) {
		close(d->fd);
		d->fd = -1;
		spool_dir_remove(d->dir, number);
		return -ENOMEM;
	}
	s->bytes = (uint64_t)n;
	s->topic = d->buf_topic;
	d->open = s;
	return 0;
}

/* Writes the buffer as one piece. 0, or -errno: then it is as if nothing had been written. */
static int flush(struct spool_disk *d)
{
	int r;

	if (!d->fill)
		return 0;
	r = d->open ? 0 : open_next(d);
	if (r < 0)
		return r;
	r = spool_write_all(d->fd, d->buf, d->fill, d->open->bytes);
	if (r < 0) {
		if (ftruncate(d->fd, (off_t)d->open->bytes) < 0)
			log_debug("spool: cannot cut a file back: %s", strerror(errno));
		return r;
	}
	if (d->sync) /* starts now, so that the sync later has little left to wait for */
		sync_file_range(d->fd, (off_t)d->open->bytes, (off_t)d->fill,
				SYNC_FILE_RANGE_WRITE);
	d->open->bytes += d->fill;
	d->open->packets += d->in_buf;
	d->open->usable += d->in_buf;
	if (d->before == SPOOL_DISK_END)
		d->end += d->in_buf;
	d->fill = 0;
	d->in_buf = 0;
	d->kinds_before = d->kinds.n;
	d->dirty = true;
	if (d->open->bytes >= d->segment_size)
		close_open(d);
	return 0;
}

/* Makes the buffer and the open file fit for packets of this topic and place. */
static int turn_to(struct spool_disk *d, const char *topic, bool apart, uint64_t before)
{
	bool other = topic != d->buf_topic || before != d->before || apart;

	if (other) {
		int r = flush(d);

		if (r < 0)
			return r;
		close_open(d);
	}
	d->buf_topic = topic;
	d->before = before;
	return 0;
}

int spool_disk_write(struct spool_disk *d, struct pktbuf *packets, const char *topic, bool apart,
		     uint64_t before)
{
	struct packet pkt;
	int r;

	if (!pktbuf_count(packets))
		return flush(d);
	topic = keep_name(d, topic);
	r = topic ? turn_to(d, topic, apart, before) : -ENOMEM;
	while (r == 0 && pktbuf_peek(packets, &pkt, NULL)) {
		int n;

		if (d->fill >= WRITE_SIZE ||
		    (d->open && d->fill && d->open->bytes + d->fill >= d->segment_size)) {
			r = flush(d);
			if (r < 0)
				return r;
		}
		n = spool_file_put_packet(&d->kinds, &pkt, d->buf + d->fill);
		if (n < 0)
			return n;
		d->fill += (size_t)n;
		d->in_buf++;
		pktbuf_pop(packets);
	}
	return r < 0 ? r : flush(d);
}

/* The segment that holds the packet `read`; NULL when it is not written yet. */
static struct segment *find_segment(struct spool_disk *d)
{
	struct segment *s = d->reading ? d->reading : d->head;

	while (s && d->read >= s->first + s->packets)
		s = s->next;
	return s;
}

/* Opens a segment for reading, and reads over what is delivered or skipped. */
static int start_reading(struct spool_disk *d, struct segment *s)
{
	struct packet pkt;
	int r, fd = spool_dir_open(d->dir, s->number, O_RDONLY);

	stop_reading(d);
	if (fd < 0)
		return fd;
	r = spool_reader_new(&d->reader, fd);
	if (r < 0)
		return r;
	d->reading = s;
	r = 1;
	for (uint64_t n = s->first; n < d->read && r > 0; n++)
		r = spool_reader_next(d->reader, s->bytes, &pkt);
	if (r > 0)
		return 0;
	stop_reading(d);
	return r < 0 ? r : -EBADMSG;
}

/* What is left of a segment cannot be read: goes on behind it. */
static void give_up_rest(struct spool_disk *d, struct segment *s, int why)
{
	uint64_t end = s->first + s->packets;

	log_error("spool: %s/%s is damaged (%s): %" PRIu64 " of its %" PRIu64 " packets are lost",
		  spool_dir_path(d->dir), spool_dir_name(d->dir, s->number), strerror(-why),
		  end - d->read, s->packets);
	s->usable = d->read - s->first;
	d->read = end;
}

int spool_disk_read(struct spool_disk *d, struct pktbuf *out, size_t bytes, const char **topic)
{
	struct segment *s;
	size_t got = 0;

	*topic = NULL;
	while (got < bytes && (s = find_segment(d))) {
		struct packet pkt;
		int r = 1;

		if (*topic && s->topic != *topic)
			break;
		*topic = s->topic;
		if (s != d->reading)
			r = start_reading(d, s);
		if (r >= 0)
			r = spool_reader_next(d->reader, s->bytes, &pkt);
		if (r == -ENOMEM)
			return r;
		if (r <= 0) {
			give_up_rest(d, s, r < 0 ? r : -EBADMSG);
			continue;
		}
		r = pktbuf_push(out, &pkt, d->read);
		if (r < 0) {
			stop_reading(d); /* and begins at this packet again */
			return r;
		}
		got += pkt.caplen + sizeof(pkt);
		d->read++;
	}
	return 0;
}

void spool_disk_acknowledge(struct spool_disk *d, uint64_t below)
{
	struct segment *s;

	if (below <= d->first)
		return;
	d->first = below;
	while ((s = d->head) && below >= s->first + s->usable) {
		/* Not while it may still grow by the packets that are being written. */
		if (s == d->open && below < d->end)
			break;
		spool_dir_write_position(d->dir, &(struct spool_position){.number = s->number,
									  .packets = s->packets});
		remove_segment(d, s);
	}
	if (d->head && below > d->head->first)
		spool_dir_write_position(d->dir,
					 &(struct spool_position){.number = d->head->number,
								  .packets =
									  below - d->head->first});
	d->dirty = true;
}

void spool_disk_free(struct spool_disk *d)
{
	if (!d)
		return;
	close_open(d);
	spool_reader_free(d->reader);
	if (d->dir)
		spool_dir_sync(d->dir);
	for (struct segment *s = d->head, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	for (struct name *n = d->names, *next; n; n = next) {
		next = n->next;
		free(n);
	}
	spool_kinds_clear(&d->kinds);
	spool_dir_free(d->dir);
	free(d->buf);
	free(d);
}
