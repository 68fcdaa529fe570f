/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read is known by number, and each file by the numbers of its packets: so reading goes on
 * at the right packet when files are removed, damaged or taken away, or when packets were read from
 * memory meanwhile.
 */
#include "spool/spool_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/spool_file.h"
#include "spool/spool_list.h"
#include "spool/spool_sync.h"
#include "spool/spool_writer.h"

struct spool_disk {
	struct spool_list list;
	struct spool_sync *sync;
	struct spool_writer *writer;

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

/* Removes the oldest file. */
static void remove_head(struct spool_disk *d)
{
	const struct spool_segment *s = d->list.head;

	if (d->reading == s)
		stop_reading(d);
	if (s == spool_writer_open(d->writer))
		spool_writer_let_go(d->writer);
	spool_list_remove(&d->list);
}

int spool_disk_new(struct spool_disk **out, const char *directory, uint64_t segment_size,
		   uint32_t sync_ms)
{
	struct spool_disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	r = spool_list_open(&d->list, directory);
	if (r == 0)
		r = spool_sync_new(&d->sync, d->list.dir, sync_ms);
	if (r == 0)
		r = spool_writer_new(&d->writer, &d->list, d->sync);
	if (r < 0) {
		spool_disk_free(d);
		return r;
	}
	spool_writer_set_limits(d->writer, segment_size, sync_ms > 0);
	d->read = d->list.first;
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
	spool_writer_set_limits(d->writer, segment_size, sync_ms > 0);
	spool_sync_set_interval(d->sync, sync_ms);
}

void spool_disk_sync(struct spool_disk *d)
{
	spool_sync_all(d->sync);
}

int spool_disk_write(struct spool_disk *d, struct spool_batch *b)
{
	return spool_writer_write(d->writer, b);
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
	if (s == spool_writer_open(d->writer))
		spool_writer_end(d->writer); /* nothing more behind the damage */
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
		if (s == spool_writer_open(d->writer) && below < d->list.end)
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
	spool_writer_free(d->writer);
	spool_sync_free(d->sync);
	spool_list_close(&d->list);
	free(d);
}
