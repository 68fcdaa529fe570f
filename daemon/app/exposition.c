/* SPDX-License-Identifier: Apache-2.0 */
#include "app/exposition.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/printable.h"

#define LABEL_MAX 512

static const char openmetrics[] = "application/openmetrics-text";

const char *exposition_type(enum exposition_format format)
{
	return format == EXPOSITION_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- which format (RFC 9110, 12.5.1) ---- */

/* In thousandths: "0.5" is 500. Not by strtod(), which has the locale's idea of a point. */
static unsigned int read_quality(const char *text)
{
	unsigned int q = *text == '1' ? 1000 : 0, unit = 100;

	if (text[0] != '0' || text[1] != '.')
		return q;
	for (text += 2; *text >= '0' && *text <= '9' && unit > 0; text++, unit /= 10)
		q += unit * (unsigned int)(*text - '0');
	return q;
}

/* Of one media range with its parameters. */
static unsigned int quality_of(const char *range, size_t len)
{
	char text[128];
	const char *q;

	snprintf(text, sizeof(text), "%.*s", (int)len, range);
	q = strstr(text, ";q=");
	if (q)
		return read_quality(q + strlen(";q="));
	q = strstr(text, "; q=");
	return q ? read_quality(q + strlen("; q=")) : 1000;
}

/* The best of the ranges that name this type; 0: none does. */
static unsigned int asked_for(const char *accept, const char *type)
{
	unsigned int best = 0;

	while (*accept) {
		size_t len = strcspn(accept, ","), name = strcspn(accept, " ;,");

		if (name == strlen(type) && !strncasecmp(accept, type, name)) {
			unsigned int q = quality_of(accept, len);

			best = q > best ? q : best;
		}
		accept += len;
		accept += strspn(accept, ", \t");
	}
	return best;
}

enum exposition_format exposition_choose(const char *accept)
{
	unsigned int om = accept ? asked_for(accept, openmetrics) : 0;

	return om > 0 && om >= asked_for(accept, "text/plain") ? EXPOSITION_OPENMETRICS
							       : EXPOSITION_PROMETHEUS;
}

/* ---- the text ---- */

void exposition_begin(struct exposition *e, FILE *out, enum exposition_format format)
{
	*e = (struct exposition){.out = out, .format = format};
}

static const char *suffix_of(enum exposition_kind kind)
{
	if (kind == EXPOSITION_COUNTER)
		return "_total";
	return kind == EXPOSITION_INFO ? "_info" : "";
}

static const char *type_of(const struct exposition *e)
{
	static const char *const types[] = {
		[EXPOSITION_COUNTER] = "counter",
		[EXPOSITION_GAUGE] = "gauge",
		[EXPOSITION_HISTOGRAM] = "histogram",
		[EXPOSITION_INFO] = "info",
	};

	if (e->kind == EXPOSITION_INFO && e->format == EXPOSITION_PROMETHEUS)
		return "gauge";
	return types[e->kind];
}

/* Both formats take these escapes. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*text == '\\' || *text == '"')
			fputc('\\', out);
		fputc(*text, out);
	}
}

void exposition_family(struct exposition *e, const char *name, enum exposition_kind kind,
		       const char *help)
{
	const char *suffix = e->format == EXPOSITION_PROMETHEUS ? suffix_of(kind) : "";

	e->name = name;
	e->kind = kind;
	fprintf(e->out, "# HELP %s%s %s\n", name, suffix, help);
	fprintf(e->out, "# TYPE %s%s %s\n", name, suffix, type_of(e));
}

static void put_label(FILE *out, const struct exposition_label *label)
{
	char value[LABEL_MAX];

	snprintf(value, sizeof(value), "%s", label->value);
	printable_line(value);
	fprintf(out, "%s=\"", label->name);
	put_escaped(out, value);
	fputc('"', out);
}

/* All of a sample but its value. */
static void begin_sample(struct exposition *e, const struct exposition_label *labels, size_t n)
{
	fprintf(e->out, "%s%s", e->name, suffix_of(e->kind));
	for (size_t i = 0; i < n; i++) {
		fputc(i ? ',' : '{', e->out);
		put_label(e->out, &labels[i]);
	}
	fputs(n ? "} " : " ", e->out);
}

void exposition_integer(struct exposition *e, const struct exposition_label *labels, size_t n,
			uint64_t value)
{
	begin_sample(e, labels, n);
	fprintf(e->out, "%" PRIu64 "\n", value);
}

void exposition_seconds(struct exposition *e, const struct exposition_label *labels, size_t n,
			uint64_t us)
{
	begin_sample(e, labels, n);
	fprintf(e->out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* OpenMetrics wants the shortest form with a point: 0.005, 2.5, 10.0. */
static void format_bound(char *buf, size_t size, uint32_t ms)
{
	int len = snprintf(buf, size, "%" PRIu32 ".%03" PRIu32, ms / 1000, ms % 1000);

	while (len > 2 && buf[len - 1] == '0' && buf[len - 2] != '.')
		buf[--len] = '\0';
}

void exposition_histogram(struct exposition *e, const uint32_t *bounds_ms, const uint64_t *counts,
			  size_t n, uint64_t sum_ms)
{
	uint64_t count = 0;
	char bound[32];

	for (size_t i = 0; i <= n; i++) {
		count += counts[i];
		if (i < n)
			format_bound(bound, sizeof(bound), bounds_ms[i]);
		fprintf(e->out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", e->name,
			i < n ? bound : "+Inf", count);
	}
	fprintf(e->out, "%s_sum %" PRIu64 ".%03" PRIu64 "\n", e->name, sum_ms / 1000,
		sum_ms % 1000);
	fprintf(e->out, "%s_count %" PRIu64 "\n", e->name, count);
}

void exposition_end(struct exposition *e)
{
	if (e->format == EXPOSITION_OPENMETRICS)
		fputs("# EOF\n", e->out);
}
