/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of partitions is read at a time, in one queue: each from its first record, and after a
 * few of them from a few before its end. A batch comes whole, so each costs one or two of them.
 * Where those hold packets and blocks, a record in the middle, and in the middle of what is then
 * left, tells where the one kind turned into the other.
 *
 * What is left in the queue of before a jump, or of a partition that was stopped, librdkafka drops;
 * what it may let through has an offset below the one that is waited for.
 */
#include "kafka/survey_reader.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

#define RECORDS 32 /* of a partition's beginning, and of its end */
#define WINDOW  128
#define BATCH   256
#define WAIT_MS 100
#define STRAYS  (2 * BATCH) /* of before a jump: more than are at hand */

/* The turn is looked for to this part of a partition. */
#define PRECISION 256

/* One partition on its way: WAITS, HEAD, perhaps TAIL, perhaps TURN, ENDED. */
enum phase { WAITS, HEAD, TAIL, TURN, ENDED };

struct reading {
	struct survey_partition *p;
	enum phase phase;
	int64_t next; /* the least offset that may come now */
	int64_t left; /* records of this phase */
	/* TURN: it lies between these; what is at `after` and beyond is of before a jump. */
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
	rd->phase = HEAD;
	rd->next = p->begin;
	/* With so few there is no tail apart. */
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

/* Jumps to the middle of what is left; or that is little enough. */
static void halve(struct reader *r, struct topic_reading *t, struct reading *rd)
{
	struct survey_partition *p = rd->p;

	if (rd->after - rd->before <= (p->end - p->begin) / PRECISION + 1) {
		p->turn = rd->after;
		end_reading(r, t, rd, RD_KAFKA_RESP_ERR_NO_ERROR);
		return;
	}
	rd->phase = TURN;
	rd->strays = 0;
	rd->next = rd->before + (rd->after - rd->before) / 2;
	if (rd_kafka_seek(t->rkt, p->id, rd->next, 0))
		end_reading(r, t, rd, rd_kafka_last_error());
}

static bool is_packets(const struct survey_part *part)
{
	return part->packets <= part->records;
}

/* Head and tail are known, and what lies between is not; where offsets are missing it stays so. */
static bool has_turn(const struct reading *rd)
{
	const struct survey_partition *p = rd->p;

	return rd->before < rd->after && !p->gaps && is_packets(&p->early) != is_packets(&p->late);
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
	if ((one.packets <= 1) == is_packets(&rd->p->early))
		rd->before = msg->offset + 1;
	else
		rd->after = rd->next;
	record_sample_clear(&one);
	halve(r, t, rd);
}

static void after_head(struct reader *r, struct topic_reading *t, struct reading *rd)
{
	struct survey_partition *p = rd->p;
	int64_t tail = p->end - RECORDS;

	if (rd->phase == TAIL && has_turn(rd)) {
		halve(r, t, rd);
		return;
	}
	if (rd->phase == TAIL || rd->next >= p->end) {
		end_reading(r, t, rd, RD_KAFKA_RESP_ERR_NO_ERROR);
		return;
	}
	rd->phase = TAIL;
	rd->left = RECORDS;
	rd->before = rd->next;
	rd->after = tail;
	if (tail <= rd->next)
		return; /* it goes on there */
	rd->next = tail;
	if (rd_kafka_seek(t->rkt, p->id, tail, 0))
		end_reading(r, t, rd, rd_kafka_last_error());
}

static void take_record(struct reader *r, struct topic_reading *t, struct reading *rd,
			const rd_kafka_message_t *msg)
{
	struct survey_partition *p = rd->p;
	struct survey_part *part = rd->phase == TAIL ? &p->late : &p->early;
	uint64_t packets = p->sample.packets;

	if (msg->offset < rd->next)
		return;
	p->gaps |= msg->offset > rd->next;
	rd->next = msg->offset + 1;
	if (msg->offset < p->end) /* else it came meanwhile */
		record_sample_add(&p->sample, msg);
	part->records++;
	part->packets += p->sample.packets - packets;
	part->bytes += msg->key_len + msg->len;
	if (--rd->left <= 0 || rd->next >= p->end)
		after_head(r, t, rd);
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
	}
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
