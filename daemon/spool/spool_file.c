/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage costs what it hits. Within a packet its checksum tells, and the next block begins where
 * it should. Where no block begins, the reader looks for what has the form of a packet.
 */
#include "spool/spool_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "packet/pcapng.h"

/* Bytes read at a time; it holds the largest block, and then some. */
#define READ_SIZE (2u << 20)

#define COMMENT_PREFIX "packets for the Kafka topic "

struct spool_reader {
	int fd;
	uint64_t offset;    /* of buf[0] in the file */
	size_t start, fill; /* what of buf is still to be parsed */
	uint64_t whole;     /* where in the file what was taken last ends */
	bool begun;         /* the section is read */
	bool checked;       /* all packets have a checksum */
	struct spool_kinds kinds;
	uint8_t buf[READ_SIZE];
};

void spool_kinds_clear(struct spool_kinds *k)
{
	free(k->kind);
	*k = (struct spool_kinds){0};
}

static int add_kind(struct spool_kinds *k, uint16_t linktype, uint8_t resolution)
{
	if (k->n == k->allocated) {
		uint32_t n = k->allocated ? k->allocated * 2 : 4;
		struct spool_kind *grown = reallocarray(k->kind, n, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		k->kind = grown;
		k->allocated = n;
	}
	k->kind[k->n++] = (struct spool_kind){linktype, resolution};
	return 0;
}

int spool_file_put_head(const struct spool_kinds *k, const char *topic, uint64_t id, uint8_t **out)
{
	char comment[sizeof(COMMENT_PREFIX) + SPOOL_TOPIC_MAX] = COMMENT_PREFIX;
	uint8_t *buf =
		malloc(SPOOL_FORMAT_SECTION_MAX + (size_t)k->n * SPOOL_FORMAT_INTERFACE_SIZE);
	size_t n;

	if (!buf)
		return -ENOMEM;
	strncat(comment, topic, SPOOL_TOPIC_MAX - 1);
	n = spool_format_put_section(buf, "pycapa", comment, id);
	for (uint32_t i = 0; i < k->n; i++)
		n += spool_format_put_interface(buf + n, k->kind[i].linktype,
						k->kind[i].resolution);
	*out = buf;
	return (int)n;
}

int spool_file_put_packet(struct spool_kinds *k, const struct packet *pkt, uint8_t *buf)
{
	uint8_t resolution = pcapng_resolution(pkt->time_us);
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < k->n; i++)
		if (k->kind[i].linktype == pkt->linktype && k->kind[i].resolution == resolution)
			break;
	if (i == k->n) {
		int r = add_kind(k, pkt->linktype, resolution);

		if (r < 0)
			return r;
		n = spool_format_put_interface(buf, pkt->linktype, resolution);
	}
	n += spool_format_put_packet(buf + n, i, resolution, pkt);
	return (int)n;
}

int spool_write_all(int fd, const uint8_t *buf, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		buf += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int spool_reader_new(struct spool_reader **out, int fd)
{
	struct spool_reader *r = malloc(sizeof(*r));

	if (!r) {
		close(fd);
		return -ENOMEM;
	}
	r->fd = fd;
	r->offset = 0;
	r->start = r->fill = 0;
	r->whole = 0;
	r->begun = r->checked = false;
	r->kinds = (struct spool_kinds){0};
	*out = r;
	return 0;
}

void spool_reader_free(struct spool_reader *r)
{
	if (!r)
		return;
	spool_kinds_clear(&r->kinds);
	close(r->fd);
	free(r);
}

/* Reads on behind what is in the buffer. Bytes got, 0 at the limit, or -errno. */
static ssize_t fill(struct spool_reader *r, uint64_t limit)
{
	uint64_t have;
	size_t want;
	ssize_t n;

	memmove(r->buf, r->buf + r->start, r->fill - r->start);
	r->offset += r->start;
	r->fill -= r->start;
	r->start = 0;
	have = r->offset + r->fill;
	want = sizeof(r->buf) - r->fill;
	if (have >= limit)
		return 0;
	if (want > limit - have)
		want = (size_t)(limit - have);
	do {
		n = pread(r->fd, r->buf + r->fill, want, (off_t)have);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->fill += (size_t)n;
	return n;
}

/* 1 with a block, 0 when the rest is not there, -EBADMSG or -errno. */
static int next_block(struct spool_reader *r, uint64_t limit, struct spool_format_block *b)
{
	for (;;) {
		ssize_t n;

		switch (spool_format_next(r->buf + r->start, r->fill - r->start, b)) {
		case 0:
			r->start += b->size;
			r->whole = r->offset + r->start;
			return 1;
		case SPOOL_FORMAT_E_BAD:
			return -EBADMSG;
		default:
			n = fill(r, limit);
			if (n <= 0)
				return (int)n;
		}
	}
}

/* A packet of the file; false: it is damaged. */
static bool take_packet(const struct spool_reader *r, const struct spool_format_block *b,
			struct packet *pkt)
{
	const struct spool_kind *k;
	uint32_t interface;

	if (!spool_format_get_packet_interface(b, &interface) || interface >= r->kinds.n)
		return false;
	k = &r->kinds.kind[interface];
	return k->resolution &&
	       spool_format_get_packet(b, k->linktype, k->resolution, r->checked, pkt);
}

/* An interface that is damaged keeps its number, and all packets that name it are lost. */
static int take_interface(struct spool_reader *r, const struct spool_format_block *b)
{
	uint16_t linktype;
	uint8_t resolution;

	if (!spool_format_get_interface(b, &linktype, &resolution))
		linktype = resolution = 0;
	return add_kind(&r->kinds, linktype, resolution);
}

static int take_section(struct spool_reader *r, const struct spool_format_block *b)
{
	char comment[1];
	uint64_t id;

	if (r->begun || !spool_format_get_section(b, comment, sizeof(comment), &id))
		return SPOOL_FILE_E_DAMAGED;
	r->begun = true;
	r->checked = id;
	return 0;
}

/* What a block says, taken in. 1: it is a packet, in `pkt`; 0: it is not; _DAMAGED; -ENOMEM. */
static int take_block(struct spool_reader *r, const struct spool_format_block *b,
		      struct packet *pkt)
{
	uint64_t packets;

	switch (b->type) {
	case SPOOL_FORMAT_SECTION:
		return take_section(r, b);
	case SPOOL_FORMAT_INTERFACE:
		return take_interface(r, b);
	case SPOOL_FORMAT_PACKET:
		return take_packet(r, b, pkt) ? 1 : SPOOL_FILE_E_DAMAGED;
	case SPOOL_FORMAT_STATISTICS:
		return spool_format_get_statistics(b, r->checked, &packets) ? 0
									    : SPOOL_FILE_E_DAMAGED;
	default:
		return SPOOL_FILE_E_DAMAGED;
	}
}

/* By all appearance a packet begins here. 1, 0, or -errno. */
static int is_packet(struct spool_reader *r, uint64_t limit)
{
	struct spool_format_block b;

	for (;;) {
		int n = spool_format_next(r->buf + r->start, r->fill - r->start, &b);

		if (n == 0)
			return spool_format_is_packet(&b);
		if (n == SPOOL_FORMAT_E_BAD || r->offset + r->fill >= limit)
			return 0;
		n = (int)fill(r, limit);
		if (n <= 0)
			return n;
	}
}

/* To the next packet. 1, 0: there is none up to the limit, where the reader is now; -errno. */
static int pass_damage(struct spool_reader *r, uint64_t limit)
{
	const size_t step = sizeof(uint32_t); /* blocks are aligned to it */

	for (;;) {
		int n;

		r->start = r->start + step < r->fill ? r->start + step : r->fill;
		n = is_packet(r, limit);
		if (n)
			return n;
		if (r->start == r->fill)
			return 0;
	}
}

/* The last so many bytes up to the limit, all of which are read, say that they are a whole block.
 */
static bool ends_a_block(const struct spool_reader *r, uint64_t size)
{
	return r->fill >= 4 && bytes_get32(r->buf + r->fill - 4) == size;
}

/* No block begins here, or one that would end behind the limit: damage, or the end of it all. */
static int take_damage(struct spool_reader *r, uint64_t limit, bool is_block)
{
	uint64_t size = limit - r->offset - r->start;
	int n = pass_damage(r, limit);

	if (n < 0 || (n == 0 && is_block && !ends_a_block(r, size)))
		return n;
	r->whole = r->offset + r->start;
	return SPOOL_FILE_E_DAMAGED;
}

int spool_reader_next(struct spool_reader *r, uint64_t limit, struct packet *pkt)
{
	struct spool_format_block b;
	int n;

	while ((n = next_block(r, limit, &b)) > 0) {
		n = take_block(r, &b, pkt);
		if (n)
			return n;
	}
	if (n == 0 && r->start == r->fill)
		return 0;
	return n == 0 || n == -EBADMSG ? take_damage(r, limit, n == 0) : n;
}

/* The topic that the section's comment names, and the id. */
static int read_head(struct spool_reader *r, uint64_t size, struct spool_file_info *out)
{
	char comment[SPOOL_FORMAT_COMMENT_MAX];
	struct spool_format_block b;
	int n = next_block(r, size, &b);
	size_t skip = strlen(COMMENT_PREFIX);

	if (n == 0)
		return SPOOL_FILE_E_CUT;
	if (n == -EBADMSG)
		return SPOOL_FILE_E_FOREIGN;
	if (n < 0)
		return n;
	if (!spool_format_get_section(&b, comment, sizeof(comment), &out->id) ||
	    strncmp(comment, COMMENT_PREFIX, skip) || strlen(comment + skip) >= SPOOL_TOPIC_MAX)
		return SPOOL_FILE_E_FOREIGN;
	strcpy(out->topic, comment + skip);
	r->begun = true;
	r->checked = out->id;
	return 0;
}

static bool read_tail_of(int fd, uint64_t size, size_t length, bool checked, uint64_t *packets)
{
	uint8_t buf[SPOOL_FORMAT_STATISTICS_SIZE];
	struct spool_format_block b;

	return size > length && pread(fd, buf, length, (off_t)(size - length)) == (ssize_t)length &&
	       !spool_format_next(buf, length, &b) && b.size == length &&
	       spool_format_get_statistics(&b, checked, packets);
}

/* A file that was closed in order says at its end how many packets it holds. */
static bool read_tail(int fd, uint64_t size, bool checked, uint64_t *packets)
{
	return read_tail_of(fd, size, SPOOL_FORMAT_STATISTICS_SIZE, true, packets) ||
	       (!checked && read_tail_of(fd, size, SPOOL_FORMAT_STATISTICS_OLD, false, packets));
}

static int count_packets(struct spool_reader *r, uint64_t size, struct spool_file_info *out)
{
	struct packet pkt;
	int n;

	while ((n = spool_reader_next(r, size, &pkt)) > 0)
		out->packets++;
	out->bytes = r->whole;
	out->torn = size - out->bytes;
	return n;
}

static int scan(struct spool_reader *r, uint64_t size, struct spool_file_info *out)
{
	int n = read_head(r, size, out);

	if (n != 0 || !read_tail(r->fd, size, out->id, &out->packets))
		return n ? n : count_packets(r, size, out);
	out->bytes = size;
	return 0;
}

int spool_file_scan(int fd, struct spool_file_info *out)
{
	struct spool_reader *r = NULL;
	struct stat st;
	int n, own = dup(fd);

	*out = (struct spool_file_info){.packets = 0};
	if (own < 0 || fstat(fd, &st) < 0) {
		n = -errno;
		if (own >= 0)
			close(own);
		return n;
	}
	out->inode = st.st_ino;
	n = spool_reader_new(&r, own);
	if (n < 0)
		return n;
	n = scan(r, (uint64_t)st.st_size, out);
	spool_reader_free(r);
	return n;
}

uint64_t spool_file_id(int fd)
{
	uint8_t buf[SPOOL_FORMAT_SECTION_MAX];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);
	struct spool_format_block b;
	char comment[1];
	uint64_t id;

	if (n < 0 || spool_format_next(buf, (size_t)n, &b) ||
	    !spool_format_get_section(&b, comment, sizeof(comment), &id))
		return 0;
	return id;
}
