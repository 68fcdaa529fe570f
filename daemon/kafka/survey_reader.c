/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of partitions is read at a time, in one queue: each from its first record, after a few
 * of them from some places between, and from a few before its end. A batch comes whole, so each
 * place costs one or two of them. Where one place has packets and the next one blocks, a record in
 * the middle, and in the middle of what is then left, tells where the one kind turned into the
 * other.
 *
 * What is left in the queue of before a jump, or of a partition that was stopped, librdkafka drops;
 * what it may let through of before a jump forward has an offset below the one that is waited for,
 * or is what is waited for.
 */
#include "kafka/survey_reader.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

#define RECORDS 32 /* of a partition's beginning, and of its end */
#define BETWEEN 8  /* of each place between */
#define LAST    (SURVEY_PARTS - 1)
#define WINDOW  128
#define BATCH   256
#define WAIT_MS 100
#define STRAYS  (2 * BATCH) /* of before a jump: more than are at hand */

/* A turn is looked for to this part of a partition. */
#define PRECISION 256

/* One partition on its way: WAITS, SAMPLE for each place, perhaps TURN between two, ENDED. */
enum phase { WAITS, SAMPLE, TURN, ENDED };

struct reading {
	struct survey_partition *p;
	enum phase phase;
	int place;              /* SAMPLE: 0 to LAST */
	int64_t next;           /* the least offset that may come now */
	int64_t left;           /* records of this place */
	int64_t ends[LAST + 1]; /* of each part: behind what was looked at */
	/* TURN, of a part into the next: it lies between these; what is at `after` and beyond is of
	 * before a jump. */
	size_t part;
	int64_t before, after;
	unsigned int strays; /* of those */
};

struct topic_reading {
	const char *name;
	rd_kafka_topic_t *rkt; /* NULL: not yet needed */
	struct reading *readings;
	size_t n;
};

struct reader {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	struct topic_reading *topics; /* by name, as the survey's */
	size_t n;
	size_t turn, next_topic; /* the next to begin: partition number `turn` of that topic */
	size_t open;             /* begun and not ended */
	int step;                /* from place to place: fewer, where there are many partitions */
	bool all_begun;
};

/* ---- beginning and ending ---- */

static void end_reading(struct reader *r, struct topic_reading *t, struct reading *rd,
			rd_kafka_resp_err_t err)
{
	rd_kafka_consume_stop(t->rkt, rd->p->id);
	rd->p->sample_err = err;
	rd->phase = ENDED;
	r->open--;
}

static bool open_topic(struct reader *r, struct topic_reading *t)
{
	if (!t->rkt)
		t->rkt = rd_kafka_topic_new(r->rk, t->name, NULL);
	return t->rkt != NULL;
}

static void begin_reading(struct reader *r, struct topic_reading *t, struct reading *rd)
{
	struct survey_partition *p = rd->p;
	int64_t there = p->end - p->begin;

	if (p->err || there <= 0)
		return;
	if (!open_topic(r, t) ||
	    rd_kafka_consume_start_queue(t->rkt, p->id, p->begin, r->queue) < 0) {
		p->sample_err = rd_kafka_last_error();
		return;
	}
	rd->phase = SAMPLE;
	rd->next = p->parts[0].begin = p->begin;
	p->n_parts = 1;
	/* With so few they are all read. */
	rd->left = there <= 2L * RECORDS ? there : RECORDS;
	r->open++;
}

/* Begins as many as the window takes. */
static void fill_window(struct reader *r)
{
	bool any = true;

	while (!r->all_begun && r->open < WINDOW) {
		struct topic_reading *t = &r->topics[r->next_topic];

		if (r->next_topic == 0)
			any = false;
		if (r->turn < t->n) {
			any = true;
			begin_reading(r, t, &t->readings[r->turn]);
		}
		if (++r->next_topic < r->n)
			continue;
		r->next_topic = 0;
		r->turn++;
		r->all_begun = !any;
	}
}

/* ---- what comes ---- */

static int compare(const void *name, const void *topic)
{
	return strcmp(name, ((const struct topic_reading *)topic)->name);
}

static struct topic_reading *find_topic(const struct reader *r, const rd_kafka_message_t *msg)
{
	if (!msg->rkt)
		return NULL;
	return bsearch(rd_kafka_topic_name(msg->rkt), r->topics, r->n, sizeof(*r->topics), compare);
}

static int compare_ids(const void *id, const void *reading)
{
	int32_t a = *(const int32_t *)id, b = ((const struct reading *)reading)->p->id;

	return (a > b) - (a < b);
}

static struct reading *find_reading(const struct topic_reading *t, int32_t partition)
{
	return bsearch(&partition, t->readings, t->n, sizeof(*t->readings), compare_ids);
}

static void jump(struct reader *r, struct topic_reading *t, struct reading *rd, int64_t to)
{
	rd->next = to;
	if (rd_kafka_seek(t->rkt, rd->p->id, to, 0))
		end_reading(r, t, rd, rd_kafka_last_error());
}

/* Whether a part and the next are of two kinds; where offsets are missing that stays so. */
static bool is_turn(const struct survey_partition *p, size_t part)
{
	return !p->gaps && survey_part_is_packets(&p->parts[part]) !=
				   survey_part_is_packets(&p->parts[part + 1]);
}

/* Jumps to the middle of what is left, until that is little enough; then to the next turn. */
static void find_turns(struct reader *r, struct topic_reading *t, struct reading *rd)
{
	struct survey_partition *p = rd->p;

	for (; rd->part + 1 < p->n_parts; rd->part++) {
		if (rd->phase != TURN) {
			rd->before = rd->ends[rd->part];
			rd->after = p->parts[rd->part + 1].begin;
		}
		rd->phase = TURN;
		if (is_turn(p, rd->part) &&
		    rd->after - rd->before > (p->end - p->begin) / PRECISION + 1) {
			rd->strays = 0;
			jump(r, t, rd, rd->before + (rd->after - rd->before) / 2);
			return;
		}
		p->parts[rd->part + 1].begin = rd->after;
		rd->phase = SAMPLE;
	}
	end_reading(r, t, rd, RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* One record of between: of which kind it is. */
static void take_middle(struct reader *r, struct topic_reading *t, struct reading *rd,
			const rd_kafka_message_t *msg)
{
	struct record_sample one = {0};

	if (msg->offset < rd->next || (msg->offset >= rd->after && ++rd->strays < STRAYS))
		return;
	if (msg->offset >= rd->after) {
		end_reading(r, t, rd, RD_KAFKA_RESP_ERR_NO_ERROR);
		return;
	}
	record_sample_add(&one, msg);
	if ((one.packets <= 1) == survey_part_is_packets(&rd->p->parts[rd->part]))
		rd->before = msg->offset + 1;
	else
		rd->after = rd->next;
	record_sample_clear(&one);
	find_turns(r, t, rd);
}

static int64_t place_of(const struct survey_partition *p, int place)
{
	return place == LAST ? p->end - RECORDS : p->begin + (p->end - p->begin) / LAST * place;
}

/* One is done; those between that are in another are left out. */
static void next_place(struct reader *r, struct topic_reading *t, struct reading *rd)
{
	struct survey_partition *p = rd->p;
	int64_t tail = place_of(p, LAST), at;

	rd->ends[p->n_parts - 1] = rd->next;
	do {
		rd->place += r->step;
		at = place_of(p, rd->place);
	} while (rd->place < LAST && (at <= rd->next || at + BETWEEN > tail));
	if (rd->place > LAST || rd->next >= p->end) {
		find_turns(r, t, rd);
		return;
	}
	rd->left = rd->place == LAST ? RECORDS : BETWEEN;
	p->parts[p->n_parts++].begin = at > rd->next ? at : rd->next;
	if (at > rd->next) /* else it goes on there */
		jump(r, t, rd, at);
}

static void take_record(struct reader *r, struct topic_reading *t, struct reading *rd,
			const rd_kafka_message_t *msg)
{
	struct survey_partition *p = rd->p;
	struct survey_part *part = &p->parts[p->n_parts - 1];
	uint64_t packets = p->sample.packets;

	if (msg->offset < rd->next)
		return;
	p->gaps |= msg->offset > rd->next;
	rd->next = msg->offset + 1;
	if (msg->offset < p->end) { /* else it came meanwhile */
		record_sample_add(&p->sample, msg);
		part->records++;
		part->packets += p->sample.packets - packets;
		part->bytes += msg->key_len + msg->len;
	}
	if (--rd->left <= 0 || rd->next >= p->end)
		next_place(r, t, rd);
}

static void take_end(struct reader *r, struct topic_reading *t, struct reading *rd,
		     const rd_kafka_message_t *msg)
{
	if (msg->offset < rd->next)
		return;
	rd->p->gaps |= rd->next < rd->p->end; /* the marker of a transaction */
	end_reading(r, t, rd, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void take(struct reader *r, const rd_kafka_message_t *msg)
{
	struct topic_reading *t = find_topic(r, msg);
	struct reading *rd = t ? find_reading(t, msg->partition) : NULL;

	if (!rd || rd->phase == WAITS || rd->phase == ENDED)
		return;
	if (rd->phase == TURN && !msg->err)
		take_middle(r, t, rd, msg);
	else if (rd->phase == TURN && msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return; /* of the tail */
	else if (!msg->err)
		take_record(r, t, rd, msg);
	else if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		take_end(r, t, rd, msg);
	else
		end_reading(r, t, rd, msg->err);
}

static void read_some(struct reader *r)
{
	rd_kafka_message_t *batch[BATCH];
	ssize_t n = 1;

	batch[0] = rd_kafka_consume_queue(r->queue, WAIT_MS);
	if (!batch[0])
		return;
	do {
		for (ssize_t i = 0; i < n; i++) {
			take(r, batch[i]);
			rd_kafka_message_destroy(batch[i]);
		}
		n = rd_kafka_consume_batch_queue(r->queue, 0, batch, BATCH);
	} while (n > 0);
}

/* ---- all of it ---- */

static bool prepare(struct reader *r, struct survey *s)
{
	size_t partitions = 0;

	r->topics = calloc(s->n + 1, sizeof(*r->topics));
	r->queue = rd_kafka_queue_new(r->rk);
	if (!r->topics || !r->queue)
		return false;
	r->n = s->n;
	for (size_t i = 0; i < s->n; i++) {
		struct topic_reading *t = &r->topics[i];

		t->name = s->topics[i].name;
		t->readings = calloc(s->topics[i].n + 1, sizeof(*t->readings));
		if (!t->readings)
			return false;
		t->n = s->topics[i].n;
		for (size_t j = 0; j < t->n; j++)
			t->readings[j].p = &s->topics[i].partitions[j];
		partitions += t->n;
	}
	r->step = partitions <= WINDOW ? 1 : LAST / 2;
	r->all_begun = r->n == 0;
	return true;
}

static void clear(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->topics[i].readings);
		if (r->topics[i].rkt)
			rd_kafka_topic_destroy(r->topics[i].rkt);
	}
	free(r->topics);
	if (r->queue)
		rd_kafka_queue_destroy(r->queue);
}

static bool is_untold(const struct reading *rd)
{
	return rd->phase != ENDED && !rd->p->err && !rd->p->sample_err && rd->p->end > rd->p->begin;
}

/* Those that are not through when the time is up. */
static void end_rest(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct topic_reading *t = &r->topics[i];

		for (size_t j = 0; j < t->n; j++) {
			struct reading *rd = &t->readings[j];

			if (!is_untold(rd))
				continue;
			if (rd->phase == WAITS)
				rd->p->sample_err = RD_KAFKA_RESP_ERR__TIMED_OUT;
			else
				end_reading(r, t, rd, RD_KAFKA_RESP_ERR__TIMED_OUT);
		}
	}
}

void survey_reader_run(struct survey *s, rd_kafka_t *rk, uint64_t until_ms)
{
	struct reader r = {.rk = rk};

	if (prepare(&r, s)) {
		fill_window(&r);
		while (r.open > 0 && thread_now_ms() < until_ms) {
			read_some(&r);
			fill_window(&r);
		}
		end_rest(&r);
	} else {
		s->err = RD_KAFKA_RESP_ERR__FAIL;
	}
	clear(&r);
}
