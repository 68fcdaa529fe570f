/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in the text formats that Prometheus reads. Pure; errors are the stream's.
 *
 * Prometheus text 0.0.4: prometheus.io/docs/instrumenting/exposition_formats. OpenMetrics 1.0:
 * prometheus.io/docs/specs/om. The two differ in how a family of counters and of infos is named
 * (with or without the _total or _info of its samples), and in the mark of the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum exposition_format {
	EXPOSITION_PROMETHEUS,
	EXPOSITION_OPENMETRICS,
};

enum exposition_kind {
	EXPOSITION_COUNTER, /* its samples are NAME_total */
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_INFO, /* its samples are NAME_info, their value is 1 */
};

/* Values that are no UTF-8, or steer a terminal, are written as printable.h does it. */
struct exposition_label {
	const char *name, *value;
};

struct exposition {
	FILE *out;
	enum exposition_format format;
	const char *name; /* of the family */
	enum exposition_kind kind;
};

/* The Content-Type of a format. */
const char *exposition_type(enum exposition_format format);

/* The format that an Accept header (NULL: there is none) asks for; Prometheus' if in doubt. */
enum exposition_format exposition_choose(const char *accept);

/* `out` is borrowed until exposition_end(). */
void exposition_begin(struct exposition *e, FILE *out, enum exposition_format format);

/* Begins a family: the samples that follow are of it. `name` is kept until the next one. */
void exposition_family(struct exposition *e, const char *name, enum exposition_kind kind,
		       const char *help);

/* A sample. Its labels may be NULL, 0. */
void exposition_integer(struct exposition *e, const struct exposition_label *labels, size_t n,
			uint64_t value);
/* A value in microseconds, written in seconds. */
void exposition_seconds(struct exposition *e, const struct exposition_label *labels, size_t n,
			uint64_t us);

/*
 * A histogram without labels: counts[i] are those above the bound before and up to bounds_ms[i];
 * counts[n] are those above all bounds.
 */
void exposition_histogram(struct exposition *e, const uint32_t *bounds_ms, const uint64_t *counts,
			  size_t n, uint64_t sum_ms);

void exposition_end(struct exposition *e);
