/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that were read and not looked at yet lie in one buffer, which grows to what savefile
 * asks for. At the end of the file, or at damage, what lies before it has been given.
 */
#include "capture/readfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "capture/infile.h"
#include "packet/filter.h"
#include "packet/filter_table.h"
#include "packet/savefile.h"

#define CHUNK (256 * 1024) /* bytes to read at a time */
#define START (512 * 1024) /* of a regular file, before it is looked at: packets to judge it by */

struct readfile {
	char *filter;
	struct infile *in;
	struct savefile *savefile;
	struct filter_table *table; /* NULL: no filter */
	uint8_t *bytes;
	size_t room, at, len; /* from `at` to `len`: not looked at yet */
	uint64_t offset;      /* of bytes[at] in the file, unpacked */
	uint64_t place;       /* the same in the file as it is, about; atomic */
	uint64_t skip;        /* bytes from there on that are of no use */
	bool ended;           /* no more come */
	bool opened;          /* what was in the way of that is told otherwise */
	struct decoder_item item;
	uint64_t untold; /* of pcap, which has no interfaces */
	struct readfile_counts counts;
};

/* ---- what is wrong, and where ---- */

static int fail(const struct readfile *f, const char *text, char *why, size_t size)
{
	char after[64] = "", place[48] = "";

	if (f->opened)
		snprintf(after, sizeof(after), "after %" PRIu64 " packet(s): ", f->counts.packets);
	if (f->offset > 0)
		snprintf(place, sizeof(place), " (at byte %" PRIu64 "%s)", f->offset,
			 infile_is_unpacked(f->in) ? ", unpacked" : "");
	snprintf(why, size, "%s: %s%s%s%s", readfile_name(f), after, text, place,
		 f->opened ? "; those before it are sent" : "");
	return -EIO;
}

/* ---- bytes ---- */

/* 1; 0: the end of the file; -errno with `why`. */
static int read_more(struct readfile *f, char *why, size_t size)
{
	char text[256];
	ssize_t n = infile_read(f->in, f->bytes + f->len, f->room - f->len, text, sizeof(text));

	if (n < 0)
		return fail(f, text, why, size);
	f->len += (size_t)n;
	f->ended = n == 0;
	return n > 0;
}

/* Room for that many from the first that was not looked at, and for a chunk to read. */
static int make_room(struct readfile *f, size_t need)
{
	size_t left = f->len - f->at;
	uint8_t *bytes;

	if (left > 0 && f->at > 0)
		memmove(f->bytes, f->bytes + f->at, left);
	f->at = 0;
	f->len = left;
	if (need + CHUNK <= f->room)
		return 0;
	bytes = realloc(f->bytes, need + CHUNK);
	if (!bytes)
		return -ENOMEM;
	f->bytes = bytes;
	f->room = need + CHUNK;
	return 0;
}

/* There are that many then, unless the file ends: 1; 0; -errno with `why`. */
static int fill(struct readfile *f, size_t need, char *why, size_t size)
{
	int r = 1;

	if (make_room(f, need) < 0)
		return fail(f, "out of memory", why, size);
	while (r > 0 && f->len < need)
		r = read_more(f, why, size);
	return r;
}

static void drop(struct readfile *f, uint64_t n)
{
	uint64_t here = f->len - f->at;

	here = n < here ? n : here;
	f->at += here;
	f->offset += here;
	f->skip = n - here;
}

static int skip(struct readfile *f, char *why, size_t size)
{
	int r = 1;

	while (r > 0 && f->skip > 0) {
		r = fill(f, 1, why, size);
		drop(f, f->skip);
	}
	return r;
}

/* The file ends. 0: where it should. */
static int judge_end(const struct readfile *f, char *why, size_t size)
{
	if (f->offset == 0 && f->len == f->at)
		return fail(f, "truncated dump file: it is empty", why, size);
	if (f->len > f->at || f->skip > 0)
		return fail(f, "truncated dump file: its last part is not whole", why, size);
	return 0;
}

static void take_place(struct readfile *f, uint64_t place)
{
	__atomic_store_n(&f->place, place, __ATOMIC_RELAXED);
}

static int end(struct readfile *f, char *why, size_t size)
{
	uint64_t is_read, of_file;

	infile_position(f->in, &is_read, &of_file);
	take_place(f, is_read);
	return judge_end(f, why, size);
}

/* What comes next, in f->item. 1; 0: the end; -errno with `why`. */
static int step(struct readfile *f, enum decoder_found *found, char *why, size_t size)
{
	int r = skip(f, why, size);

	while (r > 0) {
		*found = savefile_next(f->savefile, f->bytes + f->at, f->len - f->at, f->ended,
				       &f->item);
		if (*found == DECODER_BAD)
			return fail(f, f->item.why, why, size);
		if (*found != DECODER_SHORT) {
			drop(f, f->item.used);
			take_place(f, infile_place(f->in, f->offset));
			return 1;
		}
		r = fill(f, f->item.need, why, size);
	}
	return r == 0 ? end(f, why, size) : r;
}

/* ---- the filter ---- */

/* 0: it fits this link type; 1: not, for the reason in `why`; -errno with `why`. */
static int compile(struct readfile *f, uint16_t linktype, char *why, size_t size)
{
	struct bpf_program program;
	char text[PCAP_ERRBUF_SIZE], shown[128];
	int r = filter_table_reserve(f->table, linktype);

	if (r <= 0)
		return r < 0 ? fail(f, strerror(-r), why, size) : 0;
	r = filter_compile_linktype(linktype, f->filter, &program, text, sizeof(text));
	if (r == 0) {
		filter_table_put(f->table, linktype, &program);
		return 0;
	}
	filter_table_show(f->table, shown, sizeof(shown));
	snprintf(why, size, "%s: filter '%s': %s", readfile_name(f), shown, text);
	if (r != -EINVAL)
		return -EIO;
	filter_table_put_unfit(f->table, linktype, text);
	return 1;
}

/* Whether the packet passes, 1 or 0; -errno with `why`. */
static int judge(struct readfile *f, char *why, size_t size)
{
	int r;

	if (!f->table)
		return 1;
	r = filter_table_judge(f->table, &f->item.pkt);
	if (r == FILTER_TABLE_E_MISSING) {
		r = compile(f, f->item.pkt.linktype, why, size);
		if (r < 0)
			return r;
		r = filter_table_judge(f->table, &f->item.pkt);
	}
	return r == 0;
}

bool readfile_say_unfit(const struct readfile *f, char *buf, size_t size)
{
	char text[FILTER_TABLE_UNFIT_SIZE];

	if (!f->table || !filter_table_say_unfit(f->table, text, sizeof(text)))
		return false;
	snprintf(buf, size, "%s: %s", readfile_name(f), text);
	return true;
}

/* ---- packets ---- */

/* Up to the first link type that the filter fits. */
static int find_linktype(struct readfile *f, char *why, size_t size)
{
	enum decoder_found found;
	int r, unfit = 0;

	while ((r = step(f, &found, why, size)) > 0 && found != DECODER_PACKET) {
		if (found != DECODER_INTERFACE)
			continue;
		if (!f->table)
			return 0;
		r = compile(f, f->item.linktype, why, size);
		if (r <= 0)
			return r;
		unfit++;
	}
	if (r >= 0 && unfit > 0)
		r = -EINVAL;
	return r < 0 ? r : 0;
}

/*
 * Variants of pcap are told apart by the first packets: of a file the same ones always. What is
 * wrong with it is told when that is wanted which is not there.
 */
static void read_start(struct readfile *f)
{
	uint64_t is_read, of_file;
	char why[512];

	infile_position(f->in, &is_read, &of_file);
	if (of_file > 0)
		fill(f, START, why, sizeof(why));
}

int readfile_open(struct readfile *f, char *why, size_t size)
{
	int r = infile_open(f->in, why, size);

	if (r < 0)
		return r;
	read_start(f);
	r = find_linktype(f, why, size);
	f->opened = r == 0;
	return r;
}

static uint64_t *untold_of(struct readfile *f)
{
	return f->item.untold ? f->item.untold : &f->untold;
}

static void leave_out(struct readfile *f)
{
	*untold_of(f) += f->item.pkt.dropcount;
	f->counts.untold += f->item.pkt.dropcount;
}

static void give(struct readfile *f, struct packet *pkt)
{
	uint64_t *untold = untold_of(f);

	*pkt = f->item.pkt;
	pkt->dropcount += *untold;
	f->counts.untold -= *untold;
	*untold = 0;
	f->counts.cut += f->item.cut;
	f->counts.misdated += f->item.misdated;
	f->counts.beyond += f->item.beyond;
	f->counts.undated += f->item.undated;
}

int readfile_next(struct readfile *f, struct packet *pkt, char *why, size_t size)
{
	enum decoder_found found;
	int r;

	while ((r = step(f, &found, why, size)) > 0) {
		if (found != DECODER_PACKET)
			continue;
		f->counts.packets++;
		r = judge(f, why, size);
		if (r < 0)
			return r;
		if (r > 0) {
			give(f, pkt);
			return 1;
		}
		leave_out(f);
	}
	return r;
}

/* ---- life ---- */

void readfile_position(const struct readfile *f, uint64_t *done, uint64_t *size)
{
	uint64_t is_read;

	infile_position(f->in, &is_read, size);
	*done = __atomic_load_n(&f->place, __ATOMIC_RELAXED);
}

const struct readfile_counts *readfile_counts(const struct readfile *f)
{
	return &f->counts;
}

const char *readfile_name(const struct readfile *f)
{
	return infile_name(f->in);
}

int readfile_new(struct readfile **out, const char *path, const char *filter)
{
	struct readfile *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	r = make_room(f, 0);
	if (r == 0)
		r = infile_new(&f->in, path);
	if (r == 0)
		r = savefile_new(&f->savefile);
	if (r == 0 && filter && *filter) {
		f->filter = strdup(filter);
		r = f->filter ? filter_table_new(&f->table, filter) : -ENOMEM;
	}
	if (r < 0) {
		readfile_free(f);
		return r;
	}
	*out = f;
	return 0;
}

void readfile_free(struct readfile *f)
{
	if (!f)
		return;
	filter_table_free(f->table);
	savefile_free(f->savefile);
	infile_free(f->in);
	free(f->bytes);
	free(f->filter);
	free(f);
}
