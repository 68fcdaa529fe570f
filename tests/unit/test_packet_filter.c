/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter lets through, by link type; libpcap here compiles when the test lets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "consumer/packet_filter.h"
#include "deadline.h"
#include "lines.h"

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;
static atomic_int n_begun;

/* In place of libpcap's: as that one, once the test lets go of the lock. */
int pcap_compile(pcap_t *pcap, struct bpf_program *program, const char *text, int optimize,
		 bpf_u_int32 netmask)
{
	int (*real)(pcap_t *, struct bpf_program *, const char *, int, bpf_u_int32);
	int r;

	*(void **)&real = dlsym(RTLD_NEXT, "pcap_compile");
	atomic_fetch_add(&n_begun, 1);
	pthread_mutex_lock(&compiling);
	r = real(pcap, program, text, optimize, netmask);
	pthread_mutex_unlock(&compiling);
	return r;
}

/* In place of the C library's: no name is known, whatever the machine's name service does. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	return EAI_NONAME;
}

/* IPv4 and UDP from port 1 to port 2, behind 14 bytes of Ethernet. */
static const uint8_t frame[] = {
	2,  0, 0, 0,  0, 1, 2, 0, 0,  0,  0, 2, 8,   0,                     /* Ethernet */
	69, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, /* IPv4 */
	0,  1, 0, 2,  0, 8, 0, 0,                                           /* UDP */
};

static const struct packet ethernet = {.data = frame,
				       .caplen = sizeof(frame),
				       .wirelen = sizeof(frame),
				       .linktype = 1};
/* LINKTYPE_RAW, whose DLT_ number is another. */
static const struct packet raw = {.data = frame + 14,
				  .caplen = sizeof(frame) - 14,
				  .wirelen = 28,
				  .linktype = 101};

struct rig {
	struct ev_loop *loop;
	struct packet_filter *filter;
	int n_ready, n_failed;
	char why[512];
};

static void on_ready(void *ctx)
{
	struct rig *rig = ctx;

	rig->n_ready++;
	ev_break(rig->loop, EVBREAK_ALL);
}

static void on_failed(void *ctx, const char *why)
{
	struct rig *rig = ctx;

	rig->n_failed++;
	snprintf(rig->why, sizeof(rig->why), "%s", why);
	ev_break(rig->loop, EVBREAK_ALL);
}

static void rig_open(struct rig *rig, const char *expression)
{
	*rig = (struct rig){.loop = ev_loop_new(0)};
	const struct packet_filter_options opt = {
		.loop = rig->loop,
		.expression = expression,
		.on_ready = on_ready,
		.on_failed = on_failed,
		.ctx = rig,
	};

	assert_int_equal(packet_filter_new(&rig->filter, &opt), 0);
}

static void rig_close(struct rig *rig)
{
	packet_filter_free(rig->filter, 10000);
	ev_loop_destroy(rig->loop);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
	fail_msg("nothing came within %d s", DEADLINE_S);
}

static void run(struct rig *rig)
{
	ev_timer deadline;

	ev_timer_init(&deadline, on_deadline, DEADLINE_S, 0);
	ev_timer_start(rig->loop, &deadline);
	ev_run(rig->loop, 0);
	ev_timer_stop(rig->loop, &deadline);
}

/* Judges it, after it has waited where it has to. */
static int judge(struct rig *rig, const struct packet *pkt)
{
	int r = packet_filter_judge(rig->filter, pkt);

	if (r == PACKET_E_FULL) {
		assert_true(packet_filter_is_waiting(rig->filter));
		run(rig);
		assert_false(packet_filter_is_waiting(rig->filter));
		r = packet_filter_judge(rig->filter, pkt);
	}
	return r;
}

static void each_link_type_has_its_own_program(void **state)
{
	struct rig rig;

	rig_open(&rig, "udp port 2");
	assert_int_equal(judge(&rig, &raw), 0);
	assert_int_equal(judge(&rig, &ethernet), 0);
	assert_int_equal(packet_filter_left_out(rig.filter), 0);
	rig_close(&rig);

	rig_open(&rig, "udp port 3 or greater 100");
	assert_int_equal(judge(&rig, &ethernet), PACKET_FILTER_E_LEFT_OUT);
	assert_int_equal(judge(&rig, &raw), PACKET_FILTER_E_LEFT_OUT);
	assert_int_equal(packet_filter_left_out(rig.filter), 2);
	rig_close(&rig);
}

/* Of a packet that was cut, the length on the wire counts. */
static void the_length_is_that_on_the_wire(void **state)
{
	struct packet pkt = ethernet;
	struct rig rig;

	rig_open(&rig, "greater 100");
	pkt.wirelen = 100;
	assert_int_equal(judge(&rig, &pkt), 0);
	pkt.wirelen = 99;
	assert_int_equal(judge(&rig, &pkt), PACKET_FILTER_E_LEFT_OUT);
	rig_close(&rig);

	/* Nor is a byte read that was not captured. */
	rig_open(&rig, "udp port 2");
	pkt = ethernet;
	pkt.caplen = 14;
	assert_int_equal(judge(&rig, &pkt), PACKET_FILTER_E_LEFT_OUT);
	rig_close(&rig);
}

/* Whatever waits is told once; one that does not wait is not told. */
static void packets_wait_until_it_is_compiled(void **state)
{
	struct rig rig;

	pthread_mutex_lock(&compiling);
	rig_open(&rig, "udp");
	assert_false(packet_filter_is_waiting(rig.filter));
	for (int i = 0; i < 3; i++)
		assert_int_equal(packet_filter_judge(rig.filter, &ethernet), PACKET_E_FULL);
	assert_true(packet_filter_is_waiting(rig.filter));
	pthread_mutex_unlock(&compiling);
	run(&rig);
	assert_int_equal(rig.n_ready, 1);
	assert_false(packet_filter_is_waiting(rig.filter));
	assert_int_equal(packet_filter_judge(rig.filter, &ethernet), 0);
	assert_int_equal(packet_filter_left_out(rig.filter), 0);
	rig_close(&rig);
}

static void a_stop_does_not_wait(void **state)
{
	int before = atomic_load(&n_begun);
	struct rig rig;

	pthread_mutex_lock(&compiling);
	rig_open(&rig, "udp");
	for (uint64_t until = thread_now_ms() + DEADLINE_S * 1000; atomic_load(&n_begun) == before;
	     sched_yield())
		assert_true(thread_now_ms() < until);
	assert_int_equal(packet_filter_judge(rig.filter, &ethernet), PACKET_E_FULL);
	packet_filter_stop(rig.filter);
	assert_false(packet_filter_is_waiting(rig.filter));
	packet_filter_free(rig.filter, 0);
	rig.filter = NULL;
	assert_false(thread_may_exit());
	pthread_mutex_unlock(&compiling);
	/* It ends by itself; a leak or a use after free is the sanitizers' to find. */
	for (uint64_t until = thread_now_ms() + DEADLINE_S * 1000; !thread_may_exit();
	     sched_yield())
		assert_true(thread_now_ms() < until);
	assert_int_equal(rig.n_ready, 0);
	rig_close(&rig);
}

static void link_types_that_it_does_not_compile_for_are_named_at_the_end(void **state)
{
	static const uint16_t types[] = {195, 195, 250, 251, 252, 253, 254};
	struct packet pkt = ethernet;
	struct rig rig;

	lines_catch();
	packet_filter_log_unfit(NULL);
	rig_open(&rig, "udp");
	assert_int_equal(judge(&rig, &ethernet), 0);
	packet_filter_log_unfit(rig.filter);
	assert_int_equal(lines_with("\n"), 0);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		pkt.linktype = types[i];
		assert_int_equal(judge(&rig, &pkt), PACKET_FILTER_E_LEFT_OUT);
	}
	assert_int_equal(packet_filter_left_out(rig.filter), 7);
	assert_int_equal(lines_with("\n"), 0);
	packet_filter_log_unfit(rig.filter);
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(lines_with("7 packet(s) left out that the filter 'udp' does not compile "
				    "for: 2 of link type 195 (IEEE802_15_4"),
			 1);
	assert_int_equal(lines_with(", 1 of link type 25"), 3);
	assert_int_equal(lines_with("; and of 2 other link type(s)"), 1);
	assert_int_equal(rig.n_failed, 0);
	lines_release();
	rig_close(&rig);
}

/* Told before any packet; those that come are not judged. */
static void an_unknown_name_is_a_failure(void **state)
{
	struct rig rig;

	rig_open(&rig, "host no-such-host.invalid");
	run(&rig);
	assert_int_equal(rig.n_failed, 1);
	assert_string_equal(rig.why, "filter 'host no-such-host.invalid': unknown host "
				     "'no-such-host.invalid'");
	assert_int_equal(packet_filter_judge(rig.filter, &ethernet), PACKET_E_FULL);
	assert_int_equal(packet_filter_left_out(rig.filter), 0);
	rig_close(&rig);
	assert_int_equal(rig.n_ready, 0);
}

static void no_filter(void **state)
{
	assert_false(packet_filter_is_waiting(NULL));
	assert_int_equal(packet_filter_left_out(NULL), 0);
	packet_filter_stop(NULL);
	packet_filter_free(NULL, 0);
}

static int end_catch(void **state)
{
	lines_release();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_type_has_its_own_program),
		cmocka_unit_test(the_length_is_that_on_the_wire),
		cmocka_unit_test(packets_wait_until_it_is_compiled),
		cmocka_unit_test(a_stop_does_not_wait),
		cmocka_unit_test_teardown(
			link_types_that_it_does_not_compile_for_are_named_at_the_end, end_catch),
		cmocka_unit_test(an_unknown_name_is_a_failure),
		cmocka_unit_test(no_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
