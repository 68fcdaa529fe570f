/* SPDX-License-Identifier: Apache-2.0 */
/* A reload of a consumer whose old client hangs: the loop waits for nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "app/change.h"
#include "app/role.h"
#include "config/config_ref.h"
#include "consumer/consumer.h"
#include "kafka/kafkashow.h"
#include "output/output.h"
#include "output/recording.h"

struct consumer {
	struct consumer_options opt;
	bool closing, withheld;
	int freed;
	unsigned int wait_ms;
};

static struct {
	struct consumer consumers[3];
	int n, put, went_on;
	bool records; /* a set of files */
} world;

int consumer_new(struct consumer **out, const struct consumer_options *opt)
{
	*out = &world.consumers[world.n++];
	(*out)->opt = *opt;
	return 0;
}

void consumer_close(struct consumer *c)
{
	c->closing = true;
}

void consumer_free(struct consumer *c, unsigned int wait_ms)
{
	if (!c)
		return;
	c->freed++;
	c->wait_ms = wait_ms;
}

int consumer_positions(struct consumer *c, struct consumer_position **out)
{
	*out = NULL;
	return 0;
}

void consumer_counts(const struct consumer *c, struct consumer_counts *out)
{
	*out = (struct consumer_counts){.read = 0};
}

void consumer_withhold(struct consumer *c)
{
	c->withheld = true;
}

void consumer_mark(struct consumer *c)
{
}

bool consumer_kept(struct consumer *c)
{
	return false;
}

struct recording *output_recording(const struct output *o)
{
	return world.records ? (struct recording *)&world : NULL;
}

bool recording_is_safe(const struct recording *rec)
{
	return false;
}

bool recording_rotate(struct recording *rec)
{
	return true;
}

void recording_go_on(struct recording *rec)
{
	world.went_on++;
}

void consumer_drain(struct consumer *c)
{
}

void consumer_stop(struct consumer *c)
{
}

void consumer_resume(struct consumer *c)
{
}

void consumer_origin(const struct consumer *c, int32_t *partition, int64_t *offset)
{
}

int64_t consumer_lag(const struct consumer *c)
{
	return 0;
}

int64_t consumer_left(const struct consumer *c)
{
	return 0;
}

uint64_t consumer_progress(const struct consumer *c)
{
	return 0;
}

enum consumer_condition consumer_condition(const struct consumer *c)
{
	return CONSUMER_READING;
}

const struct kafka *consumer_kafka(const struct consumer *c)
{
	return NULL;
}

void consumer_waiting_for(const struct consumer *c, char *buf, size_t size)
{
}

unsigned int change_between(const struct config *before, const struct config *after,
			    difference_fn fn, void *ctx)
{
	return CONFIG_CHANGE_CLIENT;
}

int output_new(struct output **out, const struct output_options *opt)
{
	return 0;
}

void output_free(struct output *o)
{
}

int output_reload(struct output *o, const struct config *cfg, char *why, size_t size)
{
	return 0;
}

int output_put(struct output *o, const struct packet *pkt)
{
	return world.put;
}

void output_note_losses(struct output *o, const struct packet *pkt)
{
}

bool output_flush(struct output *o)
{
	return true;
}

void output_finish(struct output *o, bool whole)
{
}

bool output_is_settling(const struct output *o)
{
	return false;
}

const char *output_program(const struct output *o)
{
	return NULL;
}

void output_abandon(struct output *o)
{
}

const char *output_part(const struct output *o)
{
	return NULL;
}

uint64_t output_taken(const struct output *o)
{
	return 0;
}

uint64_t output_written(const struct output *o)
{
	return 0;
}

void output_log_left_out(const struct output *o)
{
}

void output_log_cut(const struct output *o)
{
}

void output_log_failure(const struct output *o)
{
}

size_t output_waiting(const struct output *o)
{
	return 0;
}

bool output_is_held(const struct output *o)
{
	return false;
}

bool output_clients(const struct output *o, uint64_t *clients, uint64_t *cut_off)
{
	return false;
}

bool output_takes_blocks(const struct output *o)
{
	return false;
}

int output_put_block(struct output *o, const struct plain_block *b)
{
	return BLOCK_E_EACH;
}

void kafkashow_describe(char *buf, size_t size, const struct config *cfg)
{
	*buf = '\0';
}

static char topic[] = "pcap";

static void test_a_retired_client_is_freed_when_it_is_closed(void **state)
{
	const struct config cfg = {.mode = CONFIG_MODE_CONSUMER, .topic = topic}, next = cfg;
	struct ev_loop *loop = ev_loop_new(0);
	const struct role_options opt = {.loop = loop, .cfg = &cfg};
	struct consumer *old = &world.consumers[0];
	struct role *s = NULL;
	char why[160] = "";

	assert_int_equal(consumer_role_ops.new(&s, &opt), 0);
	assert_int_equal(consumer_role_ops.reload(s, &next, why, sizeof(why)), 0);
	assert_int_equal(old->freed, 0);
	assert_true(old->closing);
	assert_int_equal(consumer_role_ops.reload(s, &next, why, sizeof(why)), -EBUSY);
	old->opt.on_closed(old->opt.ctx, old);
	ev_run(loop, 0); /* until nothing is left that could wake it */
	assert_int_equal(old->freed, 1);
	assert_int_equal(old->wait_ms, 0);
	assert_int_equal(consumer_role_ops.reload(s, &cfg, why, sizeof(why)), 0);
	consumer_role_ops.free(s);
	assert_int_equal(old->freed, 1);
	assert_int_equal(world.consumers[1].freed, 1);
	ev_loop_destroy(loop);
}

/* The role has the settings that it works by, and a reference to no others. */
static void test_a_reload_lets_go_of_the_old_settings(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct role_options opt = {.loop = loop};
	struct config *first, *second;
	struct role *s = NULL;
	char why[160] = "";

	assert_int_equal(config_new(&first), 0);
	assert_int_equal(config_new(&second), 0);
	opt.cfg = first;
	memset(world.consumers, 0, sizeof(world.consumers));
	world.n = 0;
	assert_int_equal(consumer_role_ops.new(&s, &opt), 0);
	assert_int_equal(first->refs, 2);
	assert_int_equal(consumer_role_ops.reload(s, second, why, sizeof(why)), 0);
	assert_int_equal(first->refs, 1);
	assert_int_equal(second->refs, 2);
	consumer_role_ops.free(s);
	assert_int_equal(second->refs, 1);
	config_unref(first);
	config_unref(second);
	ev_loop_destroy(loop);
}

/* The next run, in another format, is to find them; a live read would never get on. */
static void test_the_group_keeps_what_a_bounded_read_left_out(void **state)
{
	const struct packet pkt = {.linktype = 101};
	struct config cfg = {.mode = CONFIG_MODE_CONSUMER, .topic = topic}, next = cfg;
	struct ev_loop *loop = ev_loop_new(0);
	const struct role_options opt = {.loop = loop, .cfg = &cfg};
	const struct consumer *c = world.consumers;
	struct role *s = NULL;
	char why[160] = "";

	memset(world.consumers, 0, sizeof(world.consumers));
	world.n = 0;
	assert_int_equal(consumer_role_ops.new(&s, &opt), 0);
	world.put = OUTPUT_E_LEFT_OUT;
	assert_int_equal(c->opt.take(c->opt.ctx, &pkt), 0);
	assert_false(c->withheld);
	cfg.exit_at_end = next.exit_at_end = true;
	world.put = 0;
	assert_int_equal(c->opt.take(c->opt.ctx, &pkt), 0);
	assert_false(c->withheld);
	world.put = OUTPUT_E_LEFT_OUT;
	assert_int_equal(c->opt.take(c->opt.ctx, &pkt), 0);
	assert_true(c->withheld);
	assert_int_equal(consumer_role_ops.reload(s, &next, why, sizeof(why)), 0);
	assert_true(world.consumers[1].withheld);
	world.put = 0;
	consumer_role_ops.free(s);
	ev_loop_destroy(loop);
}

/* What is in no file that has its name is committed by who goes on, and a file waits for no commit
 * of who went. */
static void test_who_goes_on_commits_what_is_in_the_open_file(void **state)
{
	const struct config cfg = {.mode = CONFIG_MODE_CONSUMER, .topic = topic}, next = cfg;
	struct ev_loop *loop = ev_loop_new(0);
	const struct role_options opt = {.loop = loop, .cfg = &cfg};
	const struct consumer *old = &world.consumers[0], *fresh = &world.consumers[1];
	struct role *s = NULL;
	char why[160] = "";

	memset(&world, 0, sizeof(world));
	world.records = true;
	assert_int_equal(consumer_role_ops.new(&s, &opt), 0);
	assert_false(old->opt.is_safe(old->opt.ctx));
	assert_true(old->opt.secure(old->opt.ctx));
	assert_int_equal(consumer_role_ops.reload(s, &next, why, sizeof(why)), 0);
	assert_true(old->withheld && old->closing);
	assert_false(fresh->withheld);
	assert_int_equal(world.went_on, 1);
	fresh->opt.on_committed(fresh->opt.ctx);
	assert_int_equal(world.went_on, 2);
	consumer_role_ops.free(s);
	world.records = false;
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_retired_client_is_freed_when_it_is_closed),
		cmocka_unit_test(test_a_reload_lets_go_of_the_old_settings),
		cmocka_unit_test(test_the_group_keeps_what_a_bounded_read_left_out),
		cmocka_unit_test(test_who_goes_on_commits_what_is_in_the_open_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
