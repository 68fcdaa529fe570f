/* SPDX-License-Identifier: Apache-2.0 */
#include "app/consumer_output.h"

#include "config/run_end.h"
#include "consumer/packet_filter.h"
#include "output/output.h"
#include "output/recording.h"

static void on_drained(void *ctx)
{
	struct role *s = ctx;

	if (!packet_filter_is_waiting(s->filter))
		consumer_resume(s->consumer);
	if (s->stopping)
		consumer_role_close(s);
}

static void on_output_ended(void *ctx, int status)
{
	struct role *s = ctx;

	s->reader_gone = status == 0;
	s->broken_off = status != 0 && !s->ended && run_end_is_set(s->opt.cfg);
	consumer_role_end(s, status);
	if (s->stopping)
		consumer_role_close(s);
}

static void on_enough(void *ctx)
{
	consumer_role_end(ctx, 0);
}

static void on_settled(void *ctx)
{
	consumer_role_close(ctx);
}

static void tell_origin(void *ctx, struct pretty_origin *out)
{
	struct role *s = ctx;

	out->topic = s->opt.cfg->topic;
	consumer_origin(s->consumer, &out->partition, &out->offset);
}

/* ---- a set of files, and what the group may commit ---- */

static void on_rotated(void *ctx)
{
	const struct role *s = ctx;

	consumer_mark(s->consumer);
}

static bool on_kept(void *ctx)
{
	struct role *s = ctx;

	s->rotated_files++;
	return consumer_kept(s->consumer);
}

static bool is_safe(void *ctx)
{
	const struct role *s = ctx;

	return recording_is_safe(output_recording(s->output));
}

static bool secure(void *ctx)
{
	const struct role *s = ctx;

	return recording_rotate(output_recording(s->output));
}

static void on_committed(void *ctx)
{
	const struct role *s = ctx;

	recording_go_on(output_recording(s->output));
}

void consumer_output_join(const struct role *s, struct consumer_options *opt)
{
	if (!output_recording(s->output))
		return;
	opt->is_safe = is_safe;
	opt->secure = secure;
	opt->on_committed = on_committed;
}

void consumer_output_retire(const struct role *s)
{
	if (!output_recording(s->output))
		return;
	consumer_withhold(s->retired);
	recording_go_on(output_recording(s->output));
}

/* ---- life ---- */

int consumer_output_open(struct role *s)
{
	const struct output_options opt = {
		.loop = s->opt.loop,
		.cfg = s->opt.cfg,
		.origin = tell_origin,
		.on_drained = on_drained,
		.on_ended = on_output_ended,
		.on_enough = on_enough,
		.on_settled = on_settled,
		.on_rotated = on_rotated,
		.on_kept = on_kept,
		.ctx = s,
	};

	return output_new(&s->output, &opt);
}
