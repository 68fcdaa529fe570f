/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a consuming instance, for its own files: consumer_role.c is its life,
 * consumer_output.c what becomes of its output, consumer_report.c what it counts and what is said
 * of that.
 */
#pragma once

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/report.h"
#include "app/role.h"
#include "consumer/consumer.h"
#include "consumer/packet_filter.h"

struct role {
	struct role_options opt;
	struct output *output;
	struct consumer *consumer;
	struct consumer *retired;     /* being closed after a reload; else NULL */
	struct kafkalog *log;         /* of whichever consumer */
	struct packet_filter *filter; /* NULL: every packet is taken */
	ev_timer tell_end;            /* outside of everybody's callbacks, */
	ev_timer renew;               /* as this: another consumer goes on */

	uint64_t bytes;                /* captured bytes of the packets put */
	uint64_t foreign;              /* packets that the capture cannot hold */
	uint64_t rotated_files;        /* whole, under their names */
	uint64_t last_us;              /* capture time of the last packet, taken or filtered */
	int64_t began_ms;              /* by the wall clock */
	int64_t whole;                 /* records of a bounded read, the most that there were */
	struct consumer_counts before; /* of the consumers that were replaced */

	bool ended;       /* nothing more is taken */
	bool reader_gone; /* no failure */
	bool complete;    /* its time is over */
	bool cut_short;   /* stopped before all that was asked for was taken */
	bool broken_off;  /* the output failed before that */
	int status;
	char why[512]; /* what failed, but for the output; when cut short: what it waited for */
	bool stopping; /* app has called stop() */
	bool hurried;  /* the output is not waited for: there is nothing to write but a header */
	bool closing;  /* the consumer is being closed */
	bool stopped;  /* app is to be told so by `tell_end` */

	struct report report;
};

/* Nothing more is taken; with a status other than 0 it has failed. Legal from anywhere, again too.
 */
void consumer_role_end(struct role *s, int status);
/* Once it is stopping: leaves Kafka when the output is done. */
void consumer_role_close(struct role *s);

void consumer_report_measure(struct role *s, struct progress *out);
/* The counters as they are now. */
void consumer_report_read(const struct role *s, struct counters *out);
void consumer_report_log(struct role *s);
void consumer_report_summarize(struct role *s, char *buf, size_t size);

/* The closing lines; the exit status. */
int consumer_report_close(struct role *s, bool interrupted);

/* Its part of the metrics. */
void consumer_metrics_read(struct role *s, struct metrics *out);
