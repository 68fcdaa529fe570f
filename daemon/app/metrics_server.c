/* SPDX-License-Identifier: Apache-2.0 */
#include "app/metrics_server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/http_server.h"
#include "app/metrics_file.h"
#include "base/listen_socket.h"

/* What is served of one setting. */
struct place {
	char *where; /* its value; NULL: nothing */
	struct http_server *http;
	struct metrics_file *file;
};

enum { LISTEN, TEXTFILE, PLACES };

struct metrics_server {
	struct metrics_server_options opt;
	struct place now[PLACES], next[PLACES];
	bool changes[PLACES]; /* `next` is to come in the place of `now` */
};

static const char *const names[PLACES] = {
	[LISTEN] = "metrics-listen",
	[TEXTFILE] = "metrics-textfile",
};

/* ---- what is answered ---- */

static char *print(struct metrics_server *m, enum exposition_format format, size_t *len)
{
	struct metrics values = {0};
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	bool failed;

	if (!out)
		return NULL;
	m->opt.read(m->opt.ctx, &values);
	metrics_print(out, &values, format);
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

static char *render(void *ctx, size_t *len)
{
	return print(ctx, EXPOSITION_PROMETHEUS, len);
}

static void answer_metrics(struct metrics_server *m, const char *accept, struct http_answer *out)
{
	enum exposition_format format = exposition_choose(accept);

	out->status = 200;
	out->type = exposition_type(format);
	out->text = print(m, format, &out->len);
}

static void answer_health(struct metrics_server *m, struct http_answer *out)
{
	struct metrics values = {0};

	m->opt.read(m->opt.ctx, &values);
	out->status = *values.trouble ? 503 : 200;
	if (asprintf(&out->text, "%s\n", *values.trouble ? values.trouble : "ok") < 0)
		out->text = NULL;
	out->len = out->text ? strlen(out->text) : 0;
}

static void on_get(void *ctx, const char *path, const char *accept, struct http_answer *out)
{
	if (!strcmp(path, "/metrics")) {
		answer_metrics(ctx, accept, out);
	} else if (!strcmp(path, "/healthz")) {
		answer_health(ctx, out);
	} else {
		out->status = 404;
		out->text = strdup("There are /metrics and /healthz.\n");
		out->len = out->text ? strlen(out->text) : 0;
	}
}

/* ---- places ---- */

static void close_place(struct place *place, bool keep)
{
	http_server_free(place->http);
	metrics_file_free(place->file, keep);
	free(place->where);
	place->http = NULL;
	place->file = NULL;
	place->where = NULL;
}

/* What to do about an error, as the end of its line; "": no more is known. */
static const char *advice(int place, int err)
{
	static const struct {
		int err;
		const char *text;
	} rows[] = {
		{ENOENT, ": its directory does not exist"},
		{EACCES, ": pycapa may not write to its directory"},
		{EROFS, ": in a service, ReadWritePaths= of the unit has to name its directory"},
		{EISDIR, ": name a file in it"},
		{EEXIST, ": something other than a file has this name"},
	};

	if (place == LISTEN)
		return listen_socket_advice(err);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return rows[i].text;
	return "";
}

static int open_listener(struct metrics_server *m, struct place *place, char *why, size_t size)
{
	struct http_server_options opt = {.loop = m->opt.loop, .on_get = on_get, .ctx = m};
	int r = listen_address_parse(&opt.address, place->where, why, size);

	return r < 0 ? r : http_server_new(&place->http, &opt);
}

static int open_file(struct metrics_server *m, struct place *place)
{
	const struct metrics_file_options opt = {.loop = m->opt.loop,
						 .path = place->where,
						 .render = render,
						 .ctx = m};

	return metrics_file_new(&place->file, &opt);
}

/* `where`: its value from now on; NULL: none. */
static int prepare(struct metrics_server *m, int i, const char *where, char *why, size_t size)
{
	struct place *place = &m->next[i];
	const char *was = m->now[i].where;
	int r;

	m->changes[i] = (where == NULL) != (was == NULL) || (where && strcmp(where, was) != 0);
	if (!m->changes[i] || !where)
		return 0;
	place->where = strdup(where);
	if (!place->where)
		r = -ENOMEM;
	else
		r = i == LISTEN ? open_listener(m, place, why, size) : open_file(m, place);
	if (r < 0)
		snprintf(why, size, "%s: %s: %s%s", names[i], where, strerror(-r), advice(i, -r));
	return r;
}

int metrics_server_prepare(struct metrics_server *m, const struct config *cfg, char *why,
			   size_t size)
{
	bool own = !cfg->attended; /* else the file is that of an instance, which may run too */
	int r;

	metrics_server_cancel(m);
	r = prepare(m, LISTEN, own ? cfg->metrics_listen : NULL, why, size);
	if (r == 0)
		r = prepare(m, TEXTFILE, own ? cfg->metrics_textfile : NULL, why, size);
	if (r < 0)
		metrics_server_cancel(m);
	return r;
}

void metrics_server_commit(struct metrics_server *m)
{
	for (int i = 0; i < PLACES; i++) {
		if (!m->changes[i])
			continue;
		close_place(&m->now[i], false);
		m->now[i] = m->next[i];
		m->next[i] = (struct place){0};
		m->changes[i] = false;
		if (m->now[i].file)
			metrics_file_start(m->now[i].file);
	}
}

void metrics_server_cancel(struct metrics_server *m)
{
	for (int i = 0; i < PLACES; i++) {
		close_place(&m->next[i], false);
		m->changes[i] = false;
	}
}

/* ---- life ---- */

int metrics_server_new(struct metrics_server **out, const struct metrics_server_options *opt)
{
	struct metrics_server *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->opt = *opt;
	*out = m;
	return 0;
}

void metrics_server_free(struct metrics_server *m)
{
	if (!m)
		return;
	metrics_server_cancel(m);
	for (int i = 0; i < PLACES; i++)
		close_place(&m->now[i], true);
	free(m);
}
