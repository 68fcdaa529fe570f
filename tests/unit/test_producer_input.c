/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a packet from the input on: what is left out, and what the next packet then tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "app/producer_role_impl.h"
#include "app/replay_check.h"
#include "output/viewer.h"
#include "packet/own_traffic.h"
#include "producer/relay.h"

static struct {
	bool own;   /* the next packet is */
	int answer; /* of the relay */
	bool holds; /* the check of a file's times is not over */
	struct packet sent;
	unsigned int n_sent, shown, limits;
} world;

bool own_traffic_match(struct own_traffic *o, const struct packet *pkt)
{
	return world.own;
}

int relay_send(struct relay *r, const struct packet *pkt)
{
	if (world.answer == 0) {
		world.sent = *pkt;
		world.n_sent++;
	}
	return world.answer;
}

bool replay_check_holds(struct replay_check *c, const struct packet *pkt)
{
	return world.holds;
}

void viewer_show(struct viewer *v, uint64_t number, const struct packet *pkt)
{
	world.shown++;
}

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	world.limits++;
}

static struct role begin(const struct config *cfg)
{
	memset(&world, 0, sizeof(world));
	return (struct role){.cfg = cfg, .own = (struct own_traffic *)(void *)&world};
}

static int take(struct role *s, uint64_t dropcount)
{
	const struct packet pkt = {.caplen = 60, .dropcount = dropcount};

	return producer_input_take(s, &pkt);
}

static void what_is_left_out_leaves_its_losses_to_the_next(void **state)
{
	const struct config cfg = {.max_packets = 0};
	struct role s = begin(&cfg);

	world.own = true;
	assert_int_equal(take(&s, 3), 0);
	assert_int_equal(take(&s, 0), 0);
	assert_int_equal(s.own_packets, 2);
	world.own = false;
	world.answer = PACKET_E_FULL;
	assert_int_equal(take(&s, 4), PACKET_E_FULL);
	world.answer = 0;
	assert_int_equal(take(&s, 4), 0);
	assert_int_equal(world.sent.dropcount, 7);
	assert_int_equal(take(&s, 0), 0);
	assert_int_equal(world.sent.dropcount, 0);
	assert_int_equal(world.n_sent, 2);
	assert_int_equal(s.taken, 2);
}

static void a_run_takes_no_more_than_it_is_to(void **state)
{
	const struct config cfg = {.max_packets = 2, .pretty_print = 2};
	struct role s = begin(&cfg);

	assert_int_equal(take(&s, 0), 0);
	assert_int_equal(world.limits, 0);
	assert_int_equal(take(&s, 0), 0);
	assert_int_equal(world.limits, 1);
	assert_int_equal(world.shown, 1);
	assert_int_equal(take(&s, 0), -ECANCELED);
	assert_int_equal(world.n_sent, 2);
}

static void a_file_names_its_origin_if_asked(void **state)
{
	const struct packet pkt = {.caplen = 60,
				   .dropcount = 1,
				   .host = "h",
				   .host_len = 1,
				   .interface = "eth0",
				   .interface_len = 4};
	struct config cfg = {.annotate = false};
	struct role s = begin(&cfg);

	world.holds = true;
	assert_int_equal(producer_input_take_from_file(&s, &pkt), PACKET_E_FULL);
	assert_int_equal(world.n_sent, 0);
	world.holds = false;
	assert_int_equal(producer_input_take_from_file(&s, &pkt), 0);
	assert_int_equal(world.sent.host_len + world.sent.interface_len, 0);
	assert_null(world.sent.host);
	assert_null(world.sent.interface);
	assert_int_equal(world.sent.dropcount, 1);
	cfg.annotate = true;
	assert_int_equal(producer_input_take_from_file(&s, &pkt), 0);
	assert_memory_equal(&world.sent, &pkt, sizeof(pkt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_leaves_its_losses_to_the_next),
		cmocka_unit_test(a_run_takes_no_more_than_it_is_to),
		cmocka_unit_test(a_file_names_its_origin_if_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
