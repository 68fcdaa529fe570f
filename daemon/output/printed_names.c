/* SPDX-License-Identifier: Apache-2.0 */
#include "output/printed_names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "output/byte_stream.h"

#define LAST_MS 1000

struct printed_names {
	struct byte_stream *stream;
	uint64_t left_out;
};

static void on_drained(void *ctx)
{
}

/* Those that follow are left out, and counted. */
static void on_closed(void *ctx, int err)
{
}

static int descriptor_of(const char *where)
{
	if (!strcmp(where, "-") || !strcmp(where, "stdout"))
		return STDOUT_FILENO;
	return strcmp(where, "stderr") ? -1 : STDERR_FILENO;
}

void printed_names_add(struct printed_names *names, const char *path)
{
	size_t len = strlen(path);
	uint8_t *room;
	int r;

	if (!names)
		return;
	room = byte_stream_reserve(names->stream, len + 2);
	if (!room) {
		names->left_out++;
		return;
	}
	snprintf((char *)room, len + 2, "%s\n", path);
	byte_stream_commit(names->stream, len + 1);
	r = byte_stream_flush(names->stream);
	if (r == STREAM_E_CLOSED || r < 0)
		names->left_out++;
}

static int open_stream(struct printed_names *names, struct ev_loop *loop, const char *where)
{
	struct byte_stream_options opt = {
		.loop = loop,
		.fd = descriptor_of(where),
		.on_drained = on_drained,
		.on_closed = on_closed,
		.ctx = names,
	};

	opt.path = opt.fd < 0 ? where : NULL;
	return byte_stream_new(&names->stream, &opt);
}

int printed_names_new(struct printed_names **out, struct ev_loop *loop,
		      const struct file_limits *limits)
{
	struct printed_names *names;
	char *where;
	int r = -ENOMEM;

	*out = NULL;
	if (!limits->print_name)
		return 0;
	names = calloc(1, sizeof(*names));
	where = strndup(limits->print_name, limits->print_len);
	if (names && where)
		r = open_stream(names, loop, where);
	free(where);
	if (r < 0) {
		free(names);
		return r;
	}
	*out = names;
	return 0;
}

void printed_names_free(struct printed_names *names)
{
	if (!names)
		return;
	byte_stream_flush_within(names->stream, LAST_MS);
	byte_stream_log_failure(names->stream);
	if (names->left_out)
		log_warn("%" PRIu64 " name(s) of files were not printed to %s", names->left_out,
			 byte_stream_name(names->stream));
	byte_stream_free(names->stream);
	free(names);
}
