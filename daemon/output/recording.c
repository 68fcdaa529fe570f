/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	state      current settling     event and what follows
 *	-----      ------- --------     ----------------------
 *	none       -       any          a packet: a file is opened, -> open
 *	open       x       any          a packet, or the clock, for which it is due: -> ending
 *	ending     x       any          its end is written and nothing settles: it settles, -> none
 *
 * While it is ending no packet is taken: on_drained() tells when there is a file again. One that
 * has settled still counts as settling while it is `held`.
 */
#include "output/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/worker.h"
#include "config/config_ref.h"
#include "config/file_names.h"
#include "output/disk_space.h"
#include "output/file_program.h"
#include "output/file_set.h"
#include "output/printed_names.h"
#include "output/rotation.h"
#include "output/untold.h"

#define PATIENCE_US  1000000 /* so long nothing comes, before the wall clock counts */
#define RETRY_SEC    0.1     /* how often it is tried to open a file on a full disk */
#define CHECK_MIN_US 10000

struct recording {
	struct recording_options opt;
	struct file_limits limits;
	struct file_set *set;
	struct file_program *program; /* NULL: none is run */
	struct printed_names *names;  /* NULL: they are not printed */
	struct capture_file *current, *settling;
	char *path; /* of the current one, or of the next that could not be opened */
	char *settling_path;
	struct rotation rotation;
	struct ev_timer clock;
	struct ev_timer retry;
	struct disk_space space;
	struct untold *untold; /* for the next file */
	double last_at;        /* when a packet came */
	uint64_t patience_us;
	uint64_t written, cut; /* of the files that are gone */
	uint64_t left;         /* files that may still be begun */
	bool ending;           /* the current one */
	bool waits;            /* a packet does, for a file */
	bool held;             /* on_kept() said so */
	bool finishing, failed, abandoned;
};

static uint64_t now_us(const struct recording *rec)
{
	return (uint64_t)(ev_now(rec->opt.loop) * 1e6);
}

/* ---- a full disk ---- */

static void on_full(void *ctx)
{
	struct recording *rec = ctx;

	disk_space_lack(&rec->space);
	if (rec->space.removes && !worker_pending(file_set_worker(rec->set)))
		file_set_remove_oldest(rec->set);
}

/* ---- the end of a file ---- */

static void close_file(struct recording *rec, int err)
{
	if (!rec->failed)
		rec->opt.on_closed(rec->opt.ctx, err);
	rec->failed = true;
}

static void retire(struct recording *rec, struct capture_file **file)
{
	rec->written += capture_file_written(*file);
	rec->cut += capture_file_encoder(*file)->cut;
	capture_file_free(*file);
	*file = NULL;
}

/* The one that was settling is on the disk under its name. */
static void keep(struct recording *rec)
{
	retire(rec, &rec->settling);
	rec->held = rec->opt.on_kept(rec->opt.ctx);
	file_set_add(rec->set, rec->settling_path);
	printed_names_add(rec->names, rec->settling_path);
	file_program_add(rec->program, rec->settling_path);
	free(rec->settling_path);
	rec->settling_path = NULL;
}

static void settle(struct recording *rec)
{
	int r;

	rec->opt.on_rotated(rec->opt.ctx);
	r = capture_file_settle(rec->current, true);
	if (r < 0) {
		close_file(rec, r);
		return;
	}
	rec->settling = rec->current;
	rec->settling_path = rec->path;
	rec->current = NULL;
	rec->path = NULL;
	rec->ending = false;
	ev_timer_stop(rec->opt.loop, &rec->clock);
	if (r == 0) /* it has its name already */
		keep(rec);
	if (!rec->left && !rec->finishing)
		rec->opt.on_enough(rec->opt.ctx);
}

/* Returns 0 when it has ended, or STREAM_E_BLOCKED; on failure too. */
static int end_file(struct recording *rec)
{
	int r;

	if (rec->current && !rec->rotation.packets) {
		retire(rec, &rec->current); /* nothing is in it, and it does not count */
		rec->left++;
	}
	if (!rec->current)
		return 0;
	rec->ending = true;
	if (rec->failed || rec->settling || (rec->held && !rec->finishing))
		return STREAM_E_BLOCKED;
	r = capture_file_end(rec->current, false);
	if (r == STREAM_E_BLOCKED)
		return r;
	if (r) {
		close_file(rec, r < 0 ? r : -EPIPE);
		return STREAM_E_BLOCKED;
	}
	disk_space_count_file(&rec->space);
	settle(rec);
	return rec->failed ? STREAM_E_BLOCKED : 0;
}

static void go_on(struct recording *rec)
{
	if (rec->ending)
		end_file(rec);
	if (rec->waits && !rec->ending && !rec->failed) {
		rec->waits = false;
		rec->opt.on_drained(rec->opt.ctx);
	}
}

static void on_drained(void *ctx)
{
	struct recording *rec = ctx;

	disk_space_find(&rec->space);
	if (!rec->ending)
		rec->waits = true;
	go_on(rec);
}

static void on_closed(void *ctx, int err)
{
	close_file(ctx, err);
}

static void tell_settled(struct recording *rec)
{
	if (rec->finishing && !recording_is_settling(rec))
		rec->opt.on_settled(rec->opt.ctx);
}

static void on_idle(void *ctx)
{
	tell_settled(ctx);
}

static void on_settled(void *ctx, int err)
{
	struct recording *rec = ctx;

	if (err < 0) {
		close_file(rec, err);
	} else {
		keep(rec);
		go_on(rec);
	}
	tell_settled(rec);
}

void recording_go_on(struct recording *rec)
{
	if (!rec->held)
		return;
	rec->held = false;
	go_on(rec);
}

/* ---- a file ---- */

static void watch_clock(struct recording *rec)
{
	double since = ev_now(rec->opt.loop) - rec->last_at; /* negative: the clock was set */
	uint64_t quiet = since > 0 ? (uint64_t)(since * 1e6) : 0;
	uint64_t wait = rotation_wait(&rec->rotation, now_us(rec), quiet, rec->patience_us);

	ev_timer_stop(rec->opt.loop, &rec->clock);
	if (wait == ROTATION_NEVER || !rec->current || rec->ending)
		return;
	if (wait == 0) {
		end_file(rec);
		return;
	}
	ev_timer_set(&rec->clock, (double)(wait + CHECK_MIN_US) / 1e6, 0);
	ev_timer_start(rec->opt.loop, &rec->clock);
}

static void on_clock(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	watch_clock(w->data);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	ev_timer_stop(loop, w);
	go_on(w->data);
}

static int open_file(struct recording *rec, uint64_t us)
{
	const struct config *cfg = rec->opt.cfg;
	struct capture_file_options opt = {
		.format = cfg->format,
		.stream = {.loop = rec->opt.loop,
			   .has_end = true,
			   .worker = file_set_worker(rec->set),
			   .on_full = on_full,
			   .pack = file_names_is_zstd(cfg->write_file),
			   .drop_part = cfg->start.offset == CONFIG_OFFSET_STORED,
			   .on_drained = on_drained,
			   .on_closed = on_closed,
			   .on_settled = on_settled,
			   .ctx = rec},
	};

	if (!rec->path)
		rec->path = file_set_next(rec->set, us);
	opt.stream.path = rec->path;
	return rec->path ? capture_file_new(&rec->current, &opt) : -ENOMEM;
}

static void tell_losses(void *ctx, const struct packet *pkt)
{
	const struct recording *rec = ctx;

	capture_file_note_losses(rec->current, pkt);
}

/* Returns 0 or PACKET_E_FULL. */
static int begin(struct recording *rec, uint64_t us)
{
	int r = open_file(rec, us);

	if (r == -ENOSPC || r == -EDQUOT) {
		on_full(rec);
		rec->waits = true;
		ev_timer_start(rec->opt.loop, &rec->retry);
		return PACKET_E_FULL;
	}
	if (r < 0) {
		close_file(rec, r);
		return PACKET_E_FULL;
	}
	rotation_begin(&rec->rotation, &rec->limits, us, now_us(rec));
	rec->left--;
	untold_tell(&rec->untold, tell_losses, rec);
	return 0;
}

int recording_file(struct recording *rec, uint64_t us, uint64_t n, struct capture_file **file)
{
	if (rec->failed)
		return PACKET_E_FULL;
	if (rec->current && !rec->ending &&
	    rotation_is_due(&rec->rotation, &rec->limits, us, n, capture_file_size(rec->current),
			    now_us(rec)))
		end_file(rec);
	if (rec->ending) {
		rec->waits = true;
		return PACKET_E_FULL;
	}
	if (!rec->current && (!rec->left || begin(rec, us)))
		return PACKET_E_FULL;
	*file = rec->current;
	return 0;
}

void recording_count(struct recording *rec, uint64_t n)
{
	bool first = rec->rotation.packets == 0;

	rotation_count(&rec->rotation, n);
	rec->last_at = ev_now(rec->opt.loop);
	if (first)
		watch_clock(rec);
	if (!rec->left && rec->current && !rec->ending &&
	    rotation_is_full(&rec->rotation, &rec->limits, capture_file_size(rec->current)))
		end_file(rec);
}

void recording_note_losses(struct recording *rec, const struct packet *pkt)
{
	if (rec->current && !rec->ending)
		capture_file_note_losses(rec->current, pkt);
	else if (rec->opt.cfg->format == CONFIG_FORMAT_PCAPNG) /* the other tells none */
		untold_add(&rec->untold, pkt);
}

int recording_flush(struct recording *rec)
{
	int r = rec->current && !rec->ending ? capture_file_flush(rec->current) : 0;

	if (r == 0 && rec->current && !rec->ending)
		disk_space_find(&rec->space);
	return r == 0 && (rec->waits || rec->ending) ? STREAM_E_BLOCKED : r;
}

/* ---- the end ---- */

bool recording_is_safe(const struct recording *rec)
{
	return !rec->settling && (!rec->current || !rec->rotation.packets);
}

bool recording_rotate(struct recording *rec)
{
	if (rec->failed || rec->abandoned || rec->space.lacks)
		return false;
	end_file(rec);
	return !recording_is_safe(rec) && !rec->failed && !rec->space.lacks;
}

void recording_finish(struct recording *rec)
{
	rec->finishing = true;
	if (rec->failed)
		recording_abandon(rec);
	else
		end_file(rec);
}

static bool is_at_disk(const struct recording *rec)
{
	return rec->settling || rec->current || worker_pending(file_set_worker(rec->set));
}

bool recording_is_settling(const struct recording *rec)
{
	if (rec->failed || rec->abandoned)
		return false;
	return rec->settling ||
	       (rec->finishing && (is_at_disk(rec) || file_program_is_busy(rec->program)));
}

void recording_abandon(struct recording *rec)
{
	rec->abandoned = true;
	ev_timer_stop(rec->opt.loop, &rec->clock);
	file_program_abandon(rec->program);
	if (rec->settling)
		capture_file_settle(rec->settling, false);
	if (rec->current)
		capture_file_settle(rec->current, false);
}

/* ---- what there is ---- */

const char *recording_part(const struct recording *rec)
{
	const char *part = rec->settling ? capture_file_part(rec->settling) : NULL;

	return !part && rec->current ? capture_file_part(rec->current) : part;
}

uint64_t recording_written(const struct recording *rec)
{
	return rec->written + (rec->settling ? capture_file_written(rec->settling) : 0) +
	       (rec->current ? capture_file_written(rec->current) : 0);
}

size_t recording_waiting(const struct recording *rec)
{
	size_t waiting = rec->current ? capture_file_waiting(rec->current) : 0;

	return waiting ? waiting : rec->waits || rec->ending;
}

void recording_log_failure(const struct recording *rec)
{
	if (rec->settling)
		capture_file_log_failure(rec->settling);
	if (rec->current)
		capture_file_log_failure(rec->current);
}

void recording_log_left_out(const struct recording *rec)
{
	uint64_t untold = untold_sum(rec->untold);

	if (untold)
		log_info("%" PRIu64 " lost packet(s), told after the last file, are in none",
			 untold);
	file_program_log_left_out(rec->program);
}

const char *recording_program(const struct recording *rec)
{
	return recording_is_settling(rec) && !is_at_disk(rec) ? rec->opt.cfg->postrotate : NULL;
}

uint64_t recording_cut(const struct recording *rec)
{
	return rec->cut + (rec->settling ? capture_file_encoder(rec->settling)->cut : 0) +
	       (rec->current ? capture_file_encoder(rec->current)->cut : 0);
}

/* ---- life ---- */

int recording_new(struct recording **out, const struct recording_options *opt)
{
	struct recording *rec = calloc(1, sizeof(*rec));
	struct file_set_options set = {
		.loop = opt->loop,
		.path = opt->cfg->write_file,
		.packed = opt->cfg->postrotate != NULL,
		.again = opt->cfg->start.offset == CONFIG_OFFSET_STORED,
		.on_removed = on_idle,
		.ctx = rec,
	};
	const struct file_program_options program = {
		.loop = opt->loop,
		.command = opt->cfg->postrotate,
		.on_idle = on_idle,
		.ctx = rec,
	};
	int r;

	if (!rec)
		return -ENOMEM;
	rec->opt = *opt;
	config_ref(opt->cfg);
	rec->space.path = opt->cfg->write_file;
	rec->space.removes = opt->cfg->disk_full == CONFIG_DISK_FULL_REMOVE;
	rec->limits = file_limits_of(opt->cfg->ring_buffer);
	rec->left = file_limits_of(opt->cfg->autostop).files;
	rec->left = rec->left ? rec->left : UINT64_MAX;
	rec->patience_us = PATIENCE_US + opt->cfg->reorder_ms * UINT64_C(1000);
	ev_timer_init(&rec->clock, on_clock, 0, 0);
	ev_timer_init(&rec->retry, on_retry, RETRY_SEC, RETRY_SEC);
	rec->clock.data = rec->retry.data = rec;
	set.limits = &rec->limits;
	r = file_program_new(&rec->program, &program);
	if (r == 0)
		r = printed_names_new(&rec->names, opt->loop, &rec->limits);
	if (r == 0)
		r = file_set_new(&rec->set, &set);
	if (r < 0) {
		recording_free(rec);
		return r;
	}
	*out = rec;
	return 0;
}

void recording_free(struct recording *rec)
{
	if (!rec)
		return;
	ev_timer_stop(rec->opt.loop, &rec->clock);
	ev_timer_stop(rec->opt.loop, &rec->retry);
	capture_file_free(rec->settling);
	capture_file_free(rec->current);
	file_set_free(rec->set);
	file_program_free(rec->program);
	printed_names_free(rec->names);
	untold_free(&rec->untold);
	config_unref(rec->opt.cfg);
	free(rec->settling_path);
	free(rec->path);
	free(rec);
}
