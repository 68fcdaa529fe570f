/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcapng.h"

/* Bytes read at a time; it holds the largest block, and then some. */
#define READ_SIZE (2u << 20)

#define COMMENT_PREFIX "packets for the Kafka topic "

struct spool_reader {
	int fd;
	uint64_t offset;    /* of buf[0] in the file */
	size_t start, fill; /* what of buf is still to be parsed */
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

int spool_file_put_head(const struct spool_kinds *k, const char *topic, uint8_t **out)
{
	char comment[sizeof(COMMENT_PREFIX) + SPOOL_TOPIC_MAX] = COMMENT_PREFIX;
	uint8_t *buf = malloc(PCAPNG_SECTION_MAX + (size_t)k->n * PCAPNG_INTERFACE_SIZE);
	size_t n;

	if (!buf)
		return -ENOMEM;
	strncat(comment, topic, SPOOL_TOPIC_MAX - 1);
	n = pcapng_put_section(buf, "pycapa", comment);
	for (uint32_t i = 0; i < k->n; i++)
		n += pcapng_put_interface(buf + n, k->kind[i].linktype, k->kind[i].resolution);
	*out = buf;
	return (int)n;
}

size_t spool_file_packet_max(uint32_t caplen)
{
	return PCAPNG_INTERFACE_SIZE + pcapng_packet_size(caplen);
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
		n = pcapng_put_interface(buf, pkt->linktype, resolution);
	}
	n += pcapng_put_packet(buf + n, i, resolution, pkt);
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
static int next_block(struct spool_reader *r, uint64_t limit, struct pcapng_block *b)
{
	for (;;) {
		ssize_t n;

		switch (pcapng_next(r->buf + r->start, r->fill - r->start, b)) {
		case 0:
			r->start += b->size;
			return 1;
		case PCAPNG_E_BAD:
			return -EBADMSG;
		default:
			n = fill(r, limit);
			if (n <= 0)
				return (int)n;
		}
	}
}

/* What a block says, taken in. 1: it is a packet, in `pkt`; 0: it is not; -EBADMSG; -ENOMEM. */
static int take_block(struct spool_reader *r, const struct pcapng_block *b, struct packet *pkt)
{
	uint32_t interface;
	uint16_t linktype;
	uint8_t resolution;

	switch (b->type) {
	case PCAPNG_INTERFACE:
		if (!pcapng_get_interface(b, &linktype, &resolution))
			return -EBADMSG;
		return add_kind(&r->kinds, linktype, resolution);
	case PCAPNG_PACKET:
		if (!pcapng_get_packet_interface(b, &interface) || interface >= r->kinds.n ||
		    !pcapng_get_packet(b, r->kinds.kind[interface].resolution, pkt))
			return -EBADMSG;
		pkt->linktype = r->kinds.kind[interface].linktype;
		return 1;
	default:
		return 0;
	}
}

int spool_reader_next(struct spool_reader *r, uint64_t limit, struct packet *pkt)
{
	struct pcapng_block b;
	int n;

	while ((n = next_block(r, limit, &b)) > 0) {
		n = take_block(r, &b, pkt);
		if (n)
			return n;
	}
	return n;
}

/* Where the block that the reader took last begins and ends. */
static uint64_t reader_position(const struct spool_reader *r)
{
	return r->offset + r->start;
}

/* The topic that the section's comment names. */
static int read_head(struct spool_reader *r, uint64_t size, char *topic)
{
	char comment[PCAPNG_COMMENT_MAX];
	struct pcapng_block b;
	int n = next_block(r, size, &b);
	size_t skip = strlen(COMMENT_PREFIX);

	if (n == 0)
		return SPOOL_FILE_E_EMPTY;
	if (n == -EBADMSG)
		return SPOOL_FILE_E_FOREIGN;
	if (n < 0)
		return n;
	if (!pcapng_get_section(&b, comment, sizeof(comment)) ||
	    strncmp(comment, COMMENT_PREFIX, skip) || strlen(comment + skip) >= SPOOL_TOPIC_MAX)
		return SPOOL_FILE_E_FOREIGN;
	strcpy(topic, comment + skip);
	return 0;
}

/* A file that was closed in order says at its end how many packets it holds. */
static bool read_tail(int fd, uint64_t size, uint64_t *packets)
{
	uint8_t buf[PCAPNG_STATISTICS_SIZE];
	struct pcapng_block b;

	return size > sizeof(buf) &&
	       pread(fd, buf, sizeof(buf), (off_t)(size - sizeof(buf))) == (ssize_t)sizeof(buf) &&
	       !pcapng_next(buf, sizeof(buf), &b) && b.size == sizeof(buf) &&
	       pcapng_get_statistics(&b, packets);
}

static int count_packets(struct spool_reader *r, uint64_t size, struct spool_file_info *out)
{
	struct pcapng_block b;
	struct packet pkt;
	int n;

	out->bytes = reader_position(r);
	while ((n = next_block(r, size, &b)) > 0) {
		n = take_block(r, &b, &pkt);
		if (n < 0)
			break;
		out->packets += (uint64_t)n;
		out->bytes = reader_position(r);
	}
	out->torn = size - out->bytes;
	return n == -EBADMSG ? 0 : n;
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
	n = spool_reader_new(&r, own);
	if (n < 0)
		return n;
	n = read_head(r, (uint64_t)st.st_size, out->topic);
	if (n == 0) {
		if (read_tail(fd, (uint64_t)st.st_size, &out->packets))
			out->bytes = (uint64_t)st.st_size;
		else
			n = count_packets(r, (uint64_t)st.st_size, out);
	}
	spool_reader_free(r);
	return n;
}
