/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a producing instance, for its own files: producer_role.c is its life,
 * producer_input.c the way of its packets, producer_report.c what became of them and what is said
 * of that.
 */
#pragma once

#include "app/role.h"

#include "app/report.h"
#include "packet/packet.h"

struct role {
	struct role_options opt;
	const struct config *cfg;
	struct own_traffic *own;   /* NULL when nothing is left out */
	struct members *members;   /* NULL without a fanout group */
	struct delivery *delivery; /* NULL until the input is open */
	struct relay *relay;       /* of the delivery */
	struct producer *producer; /* likewise */
	struct live_capture *live;
	struct replay *replay;
	struct replay_check *check;    /* with it */
	const struct config *next_cfg; /* of a reload that is pending */
	struct outclient *next;        /* likewise; NULL: the client stays */
	ev_timer limit; /* fires once when max-packets is reached: not from within the input */
	char input_state[160];

	uint64_t taken, bytes, own_packets;
	uint64_t
		lost; /* what packets that were left out told of losses: for the next one to tell */
	uint64_t last_us;     /* capture time of the last packet */
	uint64_t file_done;   /* bytes of the file whose packets were taken */
	int64_t file_left;    /* bytes that are left; -1: not known */
	uint64_t undelivered; /* given up at the end, and not kept in the spool */
	uint64_t maybe;       /* given up, though Kafka may have them */
	uint64_t again;       /* Kafka has them, and so has the spool */
	bool failed;          /* the input could not be opened */
	bool ending, ended, limit_reached, said_start, said_flush;
	struct viewer *viewer; /* NULL: no packet is shown */

	char failure[512]; /* what ended the input before its end; "": nothing did */
	bool input_done;   /* all that the run was to take was taken */
	bool cut_short;    /* a file that has an end was not read up to there */

	struct report report;
	char waiting[256]; /* what for, when the end was given up */
};

void producer_report_measure(struct role *s, struct progress *out);
/* Takes a packet from the input (packet_fn). -ECANCELED: the run has all that it was to take. */
int producer_input_take(void *ctx, const struct packet *pkt);
/* The same; what a file says of its origin goes into the record only if that is asked for. */
int producer_input_take_from_file(void *ctx, const struct packet *pkt);

/* The counters as they are now. */
void producer_report_read(const struct role *s, struct counters *out);
void producer_report_log(struct role *s);
void producer_report_summarize(struct role *s, char *buf, size_t size);

/* The closing lines; the exit status. */
int producer_report_close(struct role *s, bool interrupted);

/* Its part of the metrics. */
void producer_metrics_read(struct role *s, struct metrics *out);
