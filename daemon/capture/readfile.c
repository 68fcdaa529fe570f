/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpcap gets a stream of ours, whose first bytes we have seen. In the header of a pcap file (not
 * pcapng) the snap length is made 0, for which libpcap puts the largest of the link type.
 */
#include "capture/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "capture/capture.h"
#include "packet/filter.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HEAD_LEN    24 /* of a pcap file's header (pcap-savefile(5)) */
#define SNAPLEN_AT  16
#define SNAPLEN_LEN 4
#define STREAM_SIZE (64 * 1024)

struct readfile {
	char *path, *filter;
	int fd;
	uint8_t head[HEAD_LEN];
	size_t head_len, head_at; /* what of it there is, and what the stream has given */
	uint64_t read, size;      /* bytes of the file; atomic */
	FILE *stream;             /* libpcap's, once it has taken it */
	pcap_t *pcap;
	bool classic; /* pcap, not pcapng */
	uint16_t linktype;
	struct readfile_counts counts;
};

/* ---- what the first bytes tell ---- */

static const uint8_t PCAPNG[] = {0x0a, 0x0d, 0x0d, 0x0a};

static const struct packer {
	const char *name, *command;
	uint8_t len, magic[6];
} PACKERS[] = {
	{"gzip", "zcat", 2, {0x1f, 0x8b}},
	{"compress", "zcat", 2, {0x1f, 0x9d}},
	{"zstd", "zstdcat", 4, {0x28, 0xb5, 0x2f, 0xfd}},
	{"lz4", "lz4cat", 4, {0x04, 0x22, 0x4d, 0x18}},
	{"xz", "xzcat", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
	{"bzip2", "bzcat", 3, {'B', 'Z', 'h'}},
	{"zip", "unzip -p", 4, {'P', 'K', 3, 4}},
};

static const struct packer *packer_of(const struct readfile *f)
{
	for (size_t i = 0; i < COUNT(PACKERS); i++)
		if (f->head_len >= PACKERS[i].len &&
		    !memcmp(f->head, PACKERS[i].magic, PACKERS[i].len))
			return &PACKERS[i];
	return NULL;
}

static int refuse_packed(const struct readfile *f, const struct packer *p, char *why, size_t size)
{
	bool is_stdin = !strcmp(f->path, "-");

	snprintf(why, size, "%s: compressed with %s; unpack it: %s%s%s | pycapa -p -r -",
		 readfile_name(f), p->name, p->command, is_stdin ? "" : " ",
		 is_stdin ? "" : f->path);
	return -EIO;
}

/* ---- the stream ---- */

/* May wait for a FIFO's writer, as its opening: there a thread can be cancelled. */
static ssize_t read_fd(struct readfile *f, void *buf, size_t size)
{
	ssize_t n;
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	do
		n = read(f->fd, buf, size);
	while (n < 0 && errno == EINTR);
	pthread_setcancelstate(old, NULL);
	if (n > 0)
		__atomic_add_fetch(&f->read, (uint64_t)n, __ATOMIC_RELAXED);
	return n;
}

static ssize_t read_stream(void *cookie, char *buf, size_t size)
{
	struct readfile *f = cookie;
	size_t left = f->head_len - f->head_at;

	if (left == 0)
		return read_fd(f, buf, size);
	if (size > left)
		size = left;
	memcpy(buf, f->head + f->head_at, size);
	f->head_at += size;
	return (ssize_t)size;
}

static void take_size(struct readfile *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
		__atomic_store_n(&f->size, (uint64_t)st.st_size, __ATOMIC_RELAXED);
}

static int open_fd(struct readfile *f)
{
	int old;

	if (!strcmp(f->path, "-")) {
		f->fd = STDIN_FILENO;
		return 0;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
	pthread_setcancelstate(old, NULL);
	return f->fd < 0 ? -errno : 0;
}

static int read_head(struct readfile *f)
{
	ssize_t n;

	while (f->head_len < HEAD_LEN) {
		n = read_fd(f, f->head + f->head_len, HEAD_LEN - f->head_len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		f->head_len += (size_t)n;
	}
	f->classic = f->head_len < sizeof(PCAPNG) || memcmp(f->head, PCAPNG, sizeof(PCAPNG)) != 0;
	if (f->classic && f->head_len == HEAD_LEN)
		memset(f->head + SNAPLEN_AT, 0, SNAPLEN_LEN);
	return 0;
}

static int open_pcap(struct readfile *f, char *why, size_t size)
{
	const cookie_io_functions_t functions = {.read = read_stream};
	const struct packer *packer = packer_of(f);
	char text[PCAP_ERRBUF_SIZE] = "";

	if (packer)
		return refuse_packed(f, packer, why, size);
	f->stream = fopencookie(f, "r", functions);
	if (!f->stream || setvbuf(f->stream, NULL, _IOFBF, STREAM_SIZE) != 0) {
		snprintf(why, size, "%s: out of memory", readfile_name(f));
		return -ENOMEM;
	}
	f->pcap = pcap_fopen_offline_with_tstamp_precision(f->stream, PCAP_TSTAMP_PRECISION_NANO,
							   text);
	if (!f->pcap) {
		snprintf(why, size, "%s: %s", readfile_name(f), text);
		return -EIO;
	}
	f->stream = NULL;
	return 0;
}

static int set_filter(struct readfile *f, char *why, size_t size)
{
	char text[PCAP_ERRBUF_SIZE];
	struct bpf_program prog;
	int r;

	if (!*f->filter)
		return 0;
	r = filter_compile(f->pcap, f->filter, &prog, text, sizeof(text));
	if (r == 0) {
		r = pcap_setfilter(f->pcap, &prog);
		pcap_freecode(&prog);
		snprintf(text, sizeof(text), "%s", pcap_geterr(f->pcap));
	}
	if (r != 0)
		snprintf(why, size, "%s: filter '%s': %s", readfile_name(f), f->filter, text);
	return r != 0 ? -EINVAL : 0;
}

int readfile_open(struct readfile *f, char *why, size_t size)
{
	int r = open_fd(f);

	if (r == 0) {
		take_size(f);
		r = read_head(f);
	}
	if (r < 0) {
		snprintf(why, size, "%s: %s", readfile_name(f), strerror(-r));
		return r;
	}
	r = open_pcap(f, why, size);
	if (r == 0)
		r = set_filter(f, why, size);
	if (r < 0)
		return r;
	r = capture_file_linktype(f->pcap, &f->linktype);
	if (r < 0)
		snprintf(why, size, "%s: its link type: %s", readfile_name(f), strerror(-r));
	return r;
}

/* ---- packets ---- */

/* libpcap takes longer ones for a few link types (D-Bus, USB), and nothing else here does. */
static uint32_t cut(struct readfile *f, uint32_t caplen)
{
	if (caplen <= PACKET_MAX_LEN)
		return caplen;
	f->counts.cut++;
	return PACKET_MAX_LEN;
}

/*
 * libpcap reads the unsigned seconds of a pcap file as signed: they turn negative in 2038. Those of
 * pcapng are of 64 bits, and mean it; some write a time before 1970 as one that has wrapped around.
 */
static void put_time(struct readfile *f, const struct pcap_pkthdr *h, struct packet *pkt)
{
	int64_t sec = f->classic && h->ts.tv_sec < 0 ? (uint32_t)h->ts.tv_sec : h->ts.tv_sec;

	if (sec >= 0 && sec < INT64_MAX / 1000000) {
		pkt->time_us = (uint64_t)sec * 1000000 + (uint64_t)h->ts.tv_usec / 1000;
		pkt->nanos = (uint16_t)(h->ts.tv_usec % 1000);
		return;
	}
	f->counts.misdated++;
}

int readfile_next(struct readfile *f, struct packet *pkt, char *why, size_t size)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	int n = pcap_next_ex(f->pcap, &h, &data);

	if (n == PCAP_ERROR_BREAK)
		return 0;
	if (n != 1) {
		snprintf(why, size, "%s: after %" PRIu64 " packet(s): %s; those before it are sent",
			 readfile_name(f), f->counts.packets, pcap_geterr(f->pcap));
		return -EIO;
	}
	f->counts.packets++;
	*pkt = (struct packet){
		.data = data,
		.caplen = cut(f, h->caplen),
		.wirelen = h->len,
		.linktype = f->linktype,
	};
	put_time(f, h, pkt);
	return 1;
}

/* ---- life ---- */

void readfile_position(const struct readfile *f, uint64_t *read, uint64_t *size)
{
	*read = __atomic_load_n(&f->read, __ATOMIC_RELAXED);
	*size = __atomic_load_n(&f->size, __ATOMIC_RELAXED);
}

const struct readfile_counts *readfile_counts(const struct readfile *f)
{
	return &f->counts;
}

const char *readfile_name(const struct readfile *f)
{
	return strcmp(f->path, "-") ? f->path : "stdin";
}

int readfile_new(struct readfile **out, const char *path, const char *filter)
{
	struct readfile *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->fd = -1;
	f->path = strdup(path);
	f->filter = strdup(filter ? filter : "");
	if (!f->path || !f->filter) {
		readfile_free(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

void readfile_free(struct readfile *f)
{
	if (!f)
		return;
	if (f->pcap)
		pcap_close(f->pcap);
	if (f->stream)
		fclose(f->stream);
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	free(f->path);
	free(f->filter);
	free(f);
}
