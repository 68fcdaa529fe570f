/* SPDX-License-Identifier: Apache-2.0 */
/* One handle, from its baseline to its last count, over a kernel that does as a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/capture_error.h"
#include "capture/ifnames.h"
#include "capture/kernel_filter.h"
#include "capture/pcap_handle.h"
#include "capture/socket_counts.h"
#include "packet/filter.h"

#define RING     32
#define START_S  1600000000 /* when a test begins, wall clock */
#define START_US (START_S * 1000000ULL)
#define SNAPLEN  64

/* A handle as the kernel and libpcap have it. */
struct kernel {
	struct pcap_stat stat, asked; /* asked: as it was when somebody asked last */
	struct pcap_stat libpcap;     /* the sum of what libpcap was told */
	uint64_t ring[RING];          /* the packets' times, µs */
	size_t n, read;
	uint64_t below[RING]; /* ns, what their times have beyond that */
	bool nanoseconds;
	int block; /* packets that pcap_dispatch() gives at most; 0: as many as it is asked for */
	unsigned int late; /* packets that come into the room that a dispatch makes */
	bool rejects, closed, broken, gone, mute; /* mute: has no counts to tell */
	bool asked_stats;                         /* since it is gone */
};

static struct {
	struct kernel kernels[2];
	size_t opened;
	struct pcap_handle device; /* what pcap_handle_open() finds */
	int open_answer;
	int64_t now_us, wall_us; /* since the test began; how far the wall clock was set ahead */
	uint64_t below;          /* ns, of now */
	int fd;                  /* always readable */
	struct ev_loop *loop;
	/* what the sink was given, and answers */
	uint64_t calls, taken;
	uint64_t time_us; /* of the last */
	uint16_t nanos;
	uint32_t caplen;         /* of the last */
	uint64_t told[2 * RING]; /* what each taken packet says was lost before it */
	char origin[80];         /* what the last says of where it was captured: HOST/INTERFACE */
	uint16_t linktype;
	bool no_index; /* packets are of an interface that has no name */
	int answer;
	int lost, stopped, errors;
	/* a group's */
	uint32_t fanout;
	bool stand_by;
	int begun, begin_answer;
	uint64_t ring_size;
} world;

#define LEFT 1000 /* the socket of a handle that is closed but for it: plus its number */

/* ---- what stands around it ---- */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t us = world.now_us + (id == CLOCK_REALTIME ? world.wall_us : 0);

	ts->tv_sec = (id == CLOCK_REALTIME ? START_S : 100) + us / 1000000;
	ts->tv_nsec = us % 1000000 * 1000 + (long)world.below;
	return 0;
}

int pcap_handle_open(struct pcap_handle *d, const struct capture_options *opt, char *why,
		     size_t size)
{
	*d = world.device;
	d->pcap = (pcap_t *)(void *)&world.kernels[world.opened];
	world.kernels[world.opened].nanoseconds = d->nanoseconds;
	world.opened += world.open_answer == 0;
	return world.open_answer;
}

int pcap_handle_begin(struct pcap_handle *d, char *why, size_t size)
{
	world.begun++;
	if (world.begin_answer)
		snprintf(why, size, "eth0: The interface disappeared");
	return world.begin_answer;
}

int pcap_handle_adopt(struct pcap_handle *d, struct pcap_handle *other)
{
	return 0;
}

enum capture_link pcap_handle_look(const struct pcap_handle *d)
{
	return CAPTURE_LINK_UP;
}

const char *pcap_handle_link_name(const struct pcap_handle *d)
{
	return "Ethernet";
}

void pcap_handle_close(struct pcap_handle *d)
{
	if (d->pcap)
		((struct kernel *)(void *)d->pcap)->closed = true;
}

int pcap_handle_close_all_but_socket(struct pcap_handle *d)
{
	struct kernel *k = (struct kernel *)(void *)d->pcap;

	k->closed = true;
	d->pcap = NULL;
	return LEFT + (int)(k - world.kernels);
}

int capture_file_linktype(void *pcap, uint16_t *out)
{
	*out = world.linktype;
	return 0;
}

size_t ifnames_get(struct ifnames *n, int index, const char **name)
{
	*name = "eth1, not the end";
	return index == 0x01020304 ? 4 : 0;
}

int kernel_filter_reject_all(int fd)
{
	world.kernels[fd].rejects = true;
	return 0;
}

int pcap_fileno(pcap_t *p)
{
	return (int)((struct kernel *)(void *)p - world.kernels);
}

int pcap_get_selectable_fd(pcap_t *p)
{
	return world.fd;
}

int pcap_datalink(pcap_t *p)
{
	return DLT_EN10MB;
}

char *pcap_geterr(pcap_t *p)
{
	static char text[] = "The interface disappeared", later[] = "Can't read stats";

	return ((struct kernel *)(void *)p)->asked_stats ? later : text;
}

bool socket_counts_take(int fd, uint32_t *passed, uint32_t *dropped)
{
	struct kernel *k = &world.kernels[fd % LEFT];

	if (k->mute)
		return false;
	*passed = k->stat.ps_recv - k->asked.ps_recv;
	*dropped = k->stat.ps_drop - k->asked.ps_drop;
	k->asked = k->stat;
	return true;
}

int pcap_stats(pcap_t *p, struct pcap_stat *out)
{
	struct kernel *k = (struct kernel *)(void *)p;

	k->asked_stats = k->gone;
	if (k->mute)
		return PCAP_ERROR;
	k->libpcap.ps_recv += k->stat.ps_recv - k->asked.ps_recv;
	k->libpcap.ps_drop += k->stat.ps_drop - k->asked.ps_drop;
	k->libpcap.ps_ifdrop = k->stat.ps_ifdrop;
	k->asked = k->stat;
	*out = k->libpcap;
	return 0;
}

void pcap_breakloop(pcap_t *p)
{
	((struct kernel *)(void *)p)->broken = true;
}

/* A packet with an odd time does not match. */
int pcap_offline_filter(const struct bpf_program *program, const struct pcap_pkthdr *h,
			const u_char *bytes)
{
	return h->ts.tv_usec % 2 == 0;
}

static void arrive_late(struct kernel *k)
{
	for (; k->late; k->late--) {
		k->ring[k->n++] = START_US + (uint64_t)world.now_us;
		k->stat.ps_recv++;
	}
}

int pcap_dispatch(pcap_t *p, int max, pcap_handler cb, u_char *user)
{
	struct kernel *k = (struct kernel *)(void *)p;
	u_char bytes[2 * SNAPLEN] = {0, 0, 0, 0, 1, 2, 3, world.no_index ? 0 : 4};
	int n = 0;

	assert_true(max > 0);
	max = k->block ? k->block : max;
	for (k->broken = false; k->read < k->n && n < max && !k->broken; n++) {
		uint64_t us = k->ring[k->read], below = k->below[k->read];
		uint64_t part = us % 1000000;
		struct pcap_pkthdr h = {
			.ts.tv_sec = (time_t)(us / 1000000),
			.ts.tv_usec = (suseconds_t)(k->nanoseconds ? part * 1000 + below : part),
			.caplen = sizeof(bytes),
			.len = sizeof(bytes),
		};

		k->read++;
		cb(user, &h, bytes);
	}
	arrive_late(k);
	return n == 0 && k->gone ? PCAP_ERROR : n;
}

/* ---- what happens ---- */

static uint64_t now_us(void)
{
	return START_US + (uint64_t)(world.now_us + world.wall_us);
}

/* Packets with a time come into a handle's ring, as its socket's filter lets through. */
static void arrive_at(struct kernel *k, unsigned int n, uint64_t us)
{
	while (n-- && !k->rejects) {
		assert_true(k->n < RING);
		k->ring[k->n] = us;
		k->below[k->n++] = world.below;
		k->stat.ps_recv++;
	}
}

static void arrive(unsigned int n)
{
	world.now_us += 10;
	arrive_at(&world.kernels[0], n, now_us());
}

/* They find no room in the ring. */
static void lose_packets(struct kernel *k, unsigned int n)
{
	k->stat.ps_recv += n;
	k->stat.ps_drop += n;
}

static void run(void)
{
	ev_run(world.loop, EVRUN_NOWAIT);
}

static int sink(void *ctx, const struct packet *pkt)
{
	world.calls++;
	snprintf(world.origin, sizeof(world.origin), "%.*s/%.*s", pkt->host_len, pkt->host,
		 pkt->interface_len, pkt->interface);
	if (world.answer == 0)
		world.told[world.taken++] = pkt->dropcount;
	world.caplen = pkt->caplen;
	world.time_us = pkt->time_us;
	world.nanos = pkt->nanos;
	return world.answer;
}

static void on_lost(void *ctx, const char *why)
{
	assert_string_equal(why, "The interface disappeared");
	world.lost++;
}

static void on_stopped(void *ctx)
{
	world.stopped++;
}

static void on_error(void *ctx, int err)
{
	assert_int_equal(err, -ENOMEM);
	world.errors++;
}

static int try_open(struct capture **out)
{
	const struct capture_options opt = {
		.loop = world.loop,
		.interface = "eth0",
		.buffer_timeout_ms = 100,
		.buffer_size = world.ring_size,
		.fanout = world.fanout,
		.stand_by = world.stand_by,
		.sink = sink,
		.on_lost = on_lost,
		.on_stopped = on_stopped,
		.on_error = on_error,
	};
	char why[160];

	return capture_new(out, &opt, why, sizeof(why));
}

static struct capture *open_capture(void)
{
	struct capture *c = NULL;

	assert_int_equal(try_open(&c), 0);
	return c;
}

static struct capture_counters counters_of(struct capture *c)
{
	struct capture_counters counters, again;

	capture_sample(c);
	capture_read_counters(c, &counters);
	capture_sample(c);
	capture_read_counters(c, &again);
	assert_memory_equal(&counters, &again, offsetof(struct capture_counters, inexact));
	assert_int_equal(counters.inexact, again.inexact);
	return counters;
}

static void assert_counts(struct capture *c, uint64_t received, uint64_t dropped, uint64_t unread)
{
	struct capture_counters counters = counters_of(c);

	assert_int_equal(counters.received, received);
	assert_int_equal(counters.dropped_kernel, dropped);
	assert_int_equal(counters.unread, unread);
	if (world.stopped)
		assert_int_equal(counters.passed, received + dropped + unread);
}

static int set_up(void **state)
{
	memset(&world, 0, sizeof(world));
	world.device.packet_socket = true;
	strcpy(world.device.name, "eth0");
	world.linktype = 1;
	world.device.snaplen = SNAPLEN;
	world.fd = eventfd(1, EFD_NONBLOCK);
	world.loop = ev_loop_new(0);
	return world.fd < 0 || !world.loop;
}

static int tear_down(void **state)
{
	ev_loop_destroy(world.loop);
	close(world.fd);
	for (size_t i = 0; i < world.opened; i++)
		assert_true(world.kernels[i].closed);
	return 0;
}

/* ---- capturing ---- */

static void test_what_was_counted_before_is_not_ours(void **state)
{
	world.kernels[0].stat = (struct pcap_stat){.ps_recv = 5, .ps_drop = 3, .ps_ifdrop = 2};

	struct capture *c = open_capture();
	struct capture_counters counters = counters_of(c);

	assert_int_equal(counters.passed, 0);
	assert_int_equal(counters.dropped_kernel, 0);
	assert_int_equal(counters.dropped_interface, 0);
	capture_free(c);
}

static void test_nothing_is_read_before_it_is_run(void **state)
{
	struct capture *c = open_capture();

	arrive(2);
	run();
	assert_int_equal(world.taken, 0);
	capture_run(c);
	run();
	assert_counts(c, 2, 0, 0);
	assert_int_equal(counters_of(c).bytes, 4 * SNAPLEN);
	capture_free(c);
}

static void test_what_the_ring_has_no_room_for_is_dropped(void **state)
{
	struct capture *c = open_capture();

	capture_run(c);
	arrive(3);
	lose_packets(&world.kernels[0], 2);
	world.kernels[0].stat.ps_ifdrop += 4;
	run();
	assert_counts(c, 3, 2, 0);
	assert_int_equal(counters_of(c).passed, 5);
	assert_int_equal(counters_of(c).dropped_interface, 4);
	capture_free(c);
}

/* ---- where a packet was captured ---- */

static const char *origin_of_next(struct capture *c)
{
	arrive(1);
	run();
	return world.origin;
}

static void test_a_packet_names_its_origin_if_asked(void **state)
{
	const struct annotation_options origin = {.host = "sensor-1"};
	struct capture *c = open_capture();

	capture_run(c);
	assert_string_equal(origin_of_next(c), "/");
	capture_annotate(c, &origin);
	assert_string_equal(origin_of_next(c), "sensor-1/eth0");
	capture_annotate(c, NULL);
	assert_string_equal(origin_of_next(c), "/");
	capture_free(c);
}

static void test_a_packet_of_any_names_the_interface_it_came_by(void **state)
{
	struct ifnames *names = (struct ifnames *)&world;
	const struct annotation_options origin = {.host = "sensor-1", .names = names};
	struct capture *c;

	world.device.any = true;
	strcpy(world.device.name, "any");
	world.linktype = 276; /* LINUX_SLL2 */
	c = open_capture();
	capture_annotate(c, &origin);
	capture_run(c);
	assert_string_equal(origin_of_next(c), "sensor-1/eth1");
	world.answer = PACKET_E_FULL;
	origin_of_next(c);
	*world.origin = '\0';
	world.answer = 0;
	capture_run(c);
	assert_string_equal(world.origin, "sensor-1/eth1"); /* it was parked */
	world.no_index = true;
	assert_string_equal(origin_of_next(c), "sensor-1/any");
	capture_free(c);
}

/* ---- losses, as packets tell them ---- */

static void assert_told(const uint64_t *want, size_t n)
{
	assert_int_equal(world.taken, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(world.told[i], want[i]);
}

static void test_the_first_packet_after_a_loss_tells_it(void **state)
{
	static const uint64_t want[] = {0, 0, 0, 5, 0, 1};
	struct capture *c = open_capture();

	capture_run(c);
	arrive(3);
	lose_packets(&world.kernels[0], 5); /* the ring is full: we were asleep */
	world.kernels[0].late = 2;
	run();
	run();
	lose_packets(&world.kernels[0], 1);
	run();
	arrive(1);
	run();
	assert_told(want, 6);
	assert_counts(c, 6, 6, 0);
	capture_free(c);
}

/* Somebody wants to know the counters while much is unread; more is lost until it is read. */
static void test_each_loss_is_told_at_its_place(void **state)
{
	static const uint64_t want[] = {0, 0, 5, 0, 7, 0, 9};
	struct capture *c = open_capture();

	arrive(2);
	lose_packets(&world.kernels[0], 5);
	assert_counts(c, 0, 5, 0);
	arrive(2);
	lose_packets(&world.kernels[0], 7);
	assert_counts(c, 0, 12, 0);
	arrive(2);
	lose_packets(&world.kernels[0], 9);
	capture_run(c);
	run();
	arrive(1);
	run();
	assert_told(want, 7);
	capture_free(c);
}

/* With no more room to remember places, a loss is told late, but never early, and all are told. */
static void test_more_losses_than_can_be_remembered(void **state)
{
	struct capture *c = open_capture();
	uint64_t sum = 0;

	for (unsigned int i = 0; i < RING - 1; i++) {
		arrive(1);
		lose_packets(&world.kernels[0], 1);
		assert_counts(c, 0, i + 1, 0);
	}
	arrive(1);
	capture_run(c);
	run();
	assert_int_equal(world.taken, RING);
	for (unsigned int i = 0; i < RING; i++) {
		sum += world.told[i];
		assert_true(sum <= i); /* so many were lost before it */
	}
	assert_int_equal(sum, RING - 1);
	capture_free(c);
}

/* What is cut off, or refused by a filter of ours, is in the ring all the same. */
static void test_packets_that_are_left_out_tell_nothing(void **state)
{
	static const uint64_t want[] = {0, 3};
	struct capture *c;

	world.device.filter = DEVICE_FILTER_HERE;
	c = open_capture();
	arrive_at(&world.kernels[0], 1, START_US + 10);
	arrive_at(&world.kernels[0], 2, START_US + 11); /* odd: refused */
	lose_packets(&world.kernels[0], 3);
	capture_run(c);
	run();
	arrive_at(&world.kernels[0], 2, START_US + 13);
	arrive_at(&world.kernels[0], 1, START_US + 14);
	run();
	assert_told(want, 2);
	capture_free(c);
}

/* On `any` the kernel's count is not ours: a packet that was stamped after the look tells it. */
static void test_where_counts_cannot_be_compared_the_time_tells(void **state)
{
	static const uint64_t want[] = {0, 0, 0, 4, 0};
	struct capture *c;

	world.device.any = true;
	c = open_capture();
	capture_run(c);
	world.kernels[0].stat.ps_recv += 2; /* of lo, which libpcap does not show */
	arrive(2);
	lose_packets(&world.kernels[0], 4);
	run();
	arrive_at(&world.kernels[0], 1, now_us()); /* it was on its way at the look */
	run();
	arrive(2);
	run();
	assert_told(want, 5);
	capture_free(c);
}

static void test_a_parked_packet_tells_it_once(void **state)
{
	static const uint64_t want[] = {0, 3, 0};
	struct capture *c = open_capture();

	capture_run(c);
	arrive(1);
	lose_packets(&world.kernels[0], 3);
	run();
	world.answer = PACKET_E_FULL;
	arrive(2);
	run();
	assert_true(capture_has_parked(c));
	world.answer = 0;
	capture_run(c);
	run();
	assert_told(want, 3);
	capture_free(c);
}

static void test_what_one_handle_has_lost_the_next_one_tells(void **state)
{
	static const uint64_t want[] = {0, 9, 2};
	struct capture *older = open_capture(), *newer = open_capture();

	capture_run(older);
	arrive(1);
	lose_packets(&world.kernels[0], 7);
	run();
	arrive_at(&world.kernels[1], 1, now_us());
	lose_packets(&world.kernels[1], 2);
	capture_sample(newer);
	capture_add_losses(newer, capture_take_losses(older) + 2);
	assert_int_equal(capture_take_losses(older), 0);
	capture_run(newer);
	run();
	world.now_us += 10;
	arrive_at(&world.kernels[1], 1, now_us());
	run();
	assert_told(want, 3);
	capture_free(older);
	capture_free(newer);
}

/* The kernel's have 32 bits. */
static void test_counters_that_wrap(void **state)
{
	struct capture *c;

	world.kernels[0].stat = (struct pcap_stat){UINT32_MAX - 1, UINT32_MAX, UINT32_MAX - 2};
	c = open_capture();
	lose_packets(&world.kernels[0], 7);
	world.kernels[0].stat.ps_ifdrop += 9;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(counters_of(c).dropped_kernel, 7 + i * (1ULL << 30));
		lose_packets(&world.kernels[0], 1U << 30);
	}
	assert_int_equal(counters_of(c).passed, 7 + (1ULL << 32));
	assert_int_equal(counters_of(c).dropped_interface, 9);
	capture_free(c);
}

static void test_counts_that_cannot_be_had_stay(void **state)
{
	struct capture *c = open_capture();

	lose_packets(&world.kernels[0], 2);
	assert_counts(c, 0, 2, 0);
	world.kernels[0].mute = true;
	world.kernels[0].stat = (struct pcap_stat){0};
	assert_counts(c, 0, 2, 0);
	capture_free(c);
}

/* Without its device libpcap says 0, and begins there when one is back. */
static void test_what_the_device_has_lost_is_not_counted_backwards(void **state)
{
	static const struct {
		u_int told;
		uint64_t lost;
	} rows[] = {{10, 10}, {0, 10}, {5, 15}, {5, 15}, {6, 16}};
	struct capture *c = open_capture();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world.kernels[0].stat.ps_ifdrop = rows[i].told;
		assert_int_equal(counters_of(c).dropped_interface, rows[i].lost);
	}
	capture_free(c);
}

/* On their way while the filters changed: the kernel counted some before the baseline. */
static void test_packets_from_before_the_filter_are_left_out(void **state)
{
	struct capture *c;

	arrive_at(&world.kernels[0], 3, now_us() - 2);
	c = open_capture();
	capture_run(c);
	arrive_at(&world.kernels[0], 2, now_us() - 1);
	arrive(1);
	run();
	capture_stop(c);
	world.now_us += 1000000;
	run();
	assert_int_equal(world.stopped, 1);
	assert_counts(c, 1, 0, 0);
	capture_free(c);
}

static void test_a_filter_in_the_program_counts_what_matches(void **state)
{
	struct capture *c;

	world.device.filter = DEVICE_FILTER_HERE;
	c = open_capture();
	capture_run(c);
	arrive_at(&world.kernels[0], 3, START_US + 2);
	arrive_at(&world.kernels[0], 4, START_US + 3);
	run();
	assert_int_equal(world.caplen, SNAPLEN);
	assert_int_equal(counters_of(c).passed, 3);
	capture_stop(c);
	run();
	assert_counts(c, 3, 0, 0);
	capture_free(c);
}

static void test_where_the_kernel_counts_otherwise_it_is_inexact(void **state)
{
	struct capture *c;

	world.device.any = true;
	c = open_capture();
	capture_run(c);
	arrive(1);
	lose_packets(&world.kernels[0], 2);
	run();
	world.kernels[0].stat.ps_recv += 5; /* what lo shows twice */
	capture_stop(c);
	assert_true(counters_of(c).inexact);
	assert_int_equal(counters_of(c).unread, 0);
	assert_false(capture_is_empty(c));
	capture_free(c);

	world.device.any = false;
	world.device.packet_socket = false;
	world.device.filter = DEVICE_FILTER_LIBPCAP;
	c = open_capture();
	world.kernels[1].stat.ps_recv += 5; /* of which the filter takes none */
	lose_packets(&world.kernels[1], 2);
	assert_true(counters_of(c).inexact);
	assert_int_equal(counters_of(c).passed, 2);
	capture_free(c);
}

/* ---- parked ---- */

static void test_a_packet_that_is_not_taken_is_offered_again(void **state)
{
	struct capture *c = open_capture();

	world.answer = PACKET_E_FULL;
	capture_run(c);
	arrive(3);
	run();
	run();
	assert_true(capture_has_parked(c));
	assert_int_equal(world.kernels[0].read, 1);
	assert_int_equal(world.calls, 1); /* nobody is asked again and again */
	capture_run(c);                   /* still none */
	run();
	assert_true(capture_has_parked(c));
	world.answer = 0;
	capture_run(c);
	run();
	assert_false(capture_has_parked(c));
	assert_int_equal(world.taken, 3);
	assert_counts(c, 3, 0, 0);
	capture_free(c);
}

static void test_a_stop_waits_for_what_is_parked(void **state)
{
	struct capture *c = open_capture();

	world.answer = PACKET_E_FULL;
	capture_run(c);
	arrive(1);
	run();
	capture_stop(c);
	world.now_us += 1000000;
	run();
	assert_int_equal(world.stopped, 0);
	assert_false(capture_is_empty(c));
	assert_counts(c, 1, 0, 0);
	world.answer = 0;
	capture_run(c);
	run();
	assert_int_equal(world.stopped, 1);
	assert_counts(c, 1, 0, 0);
	assert_true(capture_is_empty(c));
	capture_free(c);
}

/* ---- the sink's errors ---- */

static void test_what_the_sink_fails_for_is_not_received(void **state)
{
	struct capture *c = open_capture();

	world.answer = -ENOMEM;
	capture_run(c);
	arrive(3);
	run();
	run();
	assert_int_equal(world.errors, 1);
	assert_int_equal(counters_of(c).received, 0);
	assert_int_equal(counters_of(c).bytes, 0);
	/* It may be run again, and reads on. */
	world.answer = 0;
	capture_run(c);
	run();
	assert_int_equal(world.errors, 1);
	assert_int_equal(counters_of(c).received, 2);
	capture_free(c);
}

static void test_a_sink_that_fails_for_a_parked_packet(void **state)
{
	struct capture *c = open_capture();

	world.answer = PACKET_E_FULL;
	capture_run(c);
	arrive(2);
	run();
	world.answer = -ENOMEM;
	capture_run(c);
	run();
	assert_int_equal(world.errors, 1);
	assert_false(capture_has_parked(c));
	assert_int_equal(counters_of(c).received, 0);
	assert_int_equal(counters_of(c).bytes, 0);
	capture_free(c);
}

/* ---- the end ---- */

static void test_a_stop_reads_the_ring_empty(void **state)
{
	struct capture *c = open_capture();

	capture_run(c);
	arrive(2);
	lose_packets(&world.kernels[0], 1);
	capture_stop(c);
	arrive(5); /* nobody's */
	assert_counts(c, 0, 1, 2);
	run();
	assert_int_equal(world.stopped, 1);
	assert_counts(c, 2, 1, 0);
	run();
	assert_int_equal(world.stopped, 1);
	capture_free(c);
}

static void test_an_empty_ring_may_be_filled_until_the_deadline(void **state)
{
	struct capture *c = open_capture();

	world.now_us += 1000000;
	assert_false(capture_is_empty(c));
	capture_stop(c);
	assert_false(capture_is_empty(c));
	world.now_us += 1000000;
	assert_true(capture_is_empty(c));
	capture_free(c);
}

/* A block is handed over when its time has passed; what never comes is waited for no longer. */
static void test_a_stop_waits_for_what_the_kernel_counted(void **state)
{
	struct capture *c = open_capture();

	capture_run(c);
	world.kernels[0].stat.ps_recv += 1;
	capture_stop(c);
	run();
	assert_int_equal(world.stopped, 0);
	assert_false(capture_is_empty(c));
	world.kernels[0].rejects = false;
	world.kernels[0].block = 1;
	arrive(3);
	world.now_us += 1000000;
	while (!world.stopped) /* as long as something comes */
		run();
	assert_counts(c, 3, 0, 1);
	capture_free(c);
}

static void test_libpcaps_own_devices_end_when_nothing_comes(void **state)
{
	struct capture *c;

	world.device.packet_socket = false;
	world.device.filter = DEVICE_FILTER_LIBPCAP;
	c = open_capture();
	capture_run(c);
	arrive(2);
	world.now_us += 10;
	capture_stop(c);
	arrive(1); /* after the stop */
	run();
	assert_int_equal(world.stopped, 0);
	run();
	assert_int_equal(world.stopped, 1);
	assert_int_equal(world.taken, 2);
	capture_free(c);
}

static void test_a_device_that_is_lost_is_read_empty(void **state)
{
	struct capture *c = open_capture();

	capture_run(c);
	arrive(2);
	world.kernels[0].gone = true;
	run();
	assert_int_equal(world.lost, 0);
	run();
	assert_int_equal(world.lost, 1);
	run();
	assert_int_equal(world.lost, 1);
	assert_int_equal(world.stopped, 1);
	assert_counts(c, 2, 0, 0);
	capture_free(c);
}

/* Else no packet would be ours any more until the clock is where it was. */
static void test_a_clock_that_was_set_back_loses_nothing(void **state)
{
	struct capture *c = open_capture();

	capture_run(c);
	world.wall_us = -3600000000LL;
	arrive(2);
	run();
	assert_int_equal(counters_of(c).received, 2);
	assert_true(counters_of(c).inexact);
	capture_free(c);
}

/* ---- the hand-over ---- */

static void arrive_in_both(unsigned int n)
{
	world.now_us += 10;
	for (size_t i = 0; i < 2; i++)
		arrive_at(&world.kernels[i], n, now_us());
}

static void test_two_handles_take_each_packet_once(void **state)
{
	struct capture *older = open_capture(), *newer = open_capture();

	capture_run(older);
	arrive_in_both(3);
	world.now_us += 10;
	capture_hand_over(older, newer);
	arrive_at(&world.kernels[0], 1, now_us()); /* at the moment of the cut */
	arrive_at(&world.kernels[1], 1, now_us());
	arrive_in_both(3);
	run();
	capture_stop(older);
	run();
	assert_int_equal(world.stopped, 1);
	assert_counts(older, 3, 0, 0);
	capture_run(newer);
	run();
	capture_stop(newer);
	run();
	assert_int_equal(world.stopped, 2);
	assert_counts(newer, 4, 0, 0);
	assert_int_equal(world.taken, 7);
	capture_free(older);
	capture_free(newer);
}

/* Both rings are full about the moment of the cut. */
static void test_what_two_handles_lose_is_counted_and_told_once(void **state)
{
	static const uint64_t want[] = {0, 5, 0, 3};
	struct capture *older = open_capture(), *newer = open_capture();

	capture_run(older);
	arrive_in_both(1);
	for (size_t i = 0; i < 2; i++)
		lose_packets(&world.kernels[i], 5);
	run();
	arrive_in_both(1);
	world.now_us += 10;
	capture_hand_over(older, newer);
	arrive_in_both(1);
	for (size_t i = 0; i < 2; i++)
		lose_packets(&world.kernels[i], 3);
	run();
	capture_stop(older);
	run();
	assert_int_equal(world.stopped, 1);
	assert_counts(older, 2, 5, 0);
	assert_int_equal(capture_take_losses(older), 0);
	capture_run(newer);
	run();
	world.now_us += 10;
	arrive_at(&world.kernels[1], 1, now_us());
	run();
	capture_stop(newer);
	run();
	assert_counts(newer, 2, 3, 0);
	assert_told(want, 4);
	capture_free(older);
	capture_free(newer);
}

/* The one of microseconds cuts off what the other has beyond them. */
static void test_handles_of_two_precisions_take_each_packet_once(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct capture *older, *newer;

		memset(world.kernels, 0, sizeof(world.kernels));
		world.opened = 0;
		world.taken = 0;
		world.device.nanoseconds = i == 0;
		older = open_capture();
		world.device.nanoseconds = i == 1;
		newer = open_capture();
		capture_run(older);
		world.below = 999;
		arrive_in_both(1);
		world.now_us += 10;
		world.below = 200; /* a packet in the microsecond of the cut, before it */
		arrive_in_both(1);
		world.below = 500;
		capture_hand_over(older, newer);
		world.now_us -= 10;
		world.below = 700; /* and one after it */
		arrive_in_both(1);
		run();
		assert_int_equal(world.taken, 1);
		assert_int_equal(world.nanos, i == 0 ? 999 : 0);
		capture_stop(older);
		run();
		capture_run(newer);
		run();
		assert_int_equal(world.taken, 3);
		assert_int_equal(world.time_us, now_us());
		assert_int_equal(world.nanos, i == 1 ? 700 : 0);
		capture_free(older);
		capture_free(newer);
	}
}

/* A clock of the adapter's tells nothing of what is from before the filter. */
static void test_the_clock_of_an_adapter_may_be_behind(void **state)
{
	struct capture *c;

	world.device.own_clock = true;
	c = open_capture();
	capture_run(c);
	arrive_at(&world.kernels[0], 2, 5000000);
	run();
	assert_int_equal(world.taken, 2);
	assert_true(counters_of(c).inexact);
	capture_free(c);
}

/* Both see the device's count. */
static void lose_in_device(unsigned int n)
{
	world.kernels[0].stat.ps_ifdrop += n;
	world.kernels[1].stat.ps_ifdrop += n;
}

static void test_what_the_device_loses_is_counted_by_one_handle(void **state)
{
	struct capture *older = open_capture(), *newer = open_capture();

	lose_in_device(1);
	capture_hand_over(older, newer);
	lose_in_device(10);
	capture_stop(older);
	assert_int_equal(counters_of(older).dropped_interface, 1);
	lose_in_device(100);
	capture_stop(newer);
	lose_in_device(1000);
	assert_int_equal(counters_of(newer).dropped_interface, 110);
	capture_free(older);
	capture_free(newer);
}

/* ---- a group ---- */

static struct capture *open_member(void)
{
	world.fanout = 8;
	return open_capture();
}

/* What a filter rejects no other member has. */
static void test_a_member_has_packets_until_it_leaves(void **state)
{
	struct capture *c = open_member();

	capture_run(c);
	arrive(2);
	capture_stop(c);
	arrive(1);
	run();
	assert_int_equal(world.stopped, 1);
	assert_int_equal(world.taken, 3);
	arrive(2); /* before it is closed */
	capture_leave(c, NULL);
	assert_true(world.kernels[0].closed);
	assert_counts(c, 3, 2, 0);
	assert_int_equal(counters_of(c).passed, 5);
	assert_int_equal(capture_take_losses(c), 2);
	capture_free(c);
}

/* With more than it can take it leaves as soon as it has what was there at the stop. */
static void test_a_member_that_is_always_behind_leaves_all_the_same(void **state)
{
	struct capture *c = open_member();

	world.kernels[0].block = 2;
	capture_run(c);
	arrive(4);
	capture_stop(c);
	arrive(6);
	run();
	assert_int_equal(world.stopped, 0);
	assert_int_equal(world.taken, 2);
	run();
	assert_int_equal(world.stopped, 1);
	assert_int_equal(world.taken, 4);
	capture_leave(c, NULL);
	assert_counts(c, 4, 6, 0);
	capture_free(c);
}

static void test_the_next_one_begins_as_the_older_one_leaves(void **state)
{
	struct capture *older = open_member(), *newer;

	world.stand_by = true;
	newer = open_capture();
	assert_true(capture_stands_by(newer));
	assert_int_equal(world.begun, 1);
	arrive_in_both(1); /* the newer one's came before there was a filter */
	capture_run(older);
	capture_stop(older);
	run();
	assert_int_equal(world.stopped, 1);
	world.now_us += 10;
	capture_leave(older, newer);
	assert_int_equal(world.begun, 2);
	assert_false(capture_stands_by(newer));
	capture_run(newer);
	world.now_us += 10;
	arrive_at(&world.kernels[1], 2, now_us());
	run();
	assert_int_equal(world.taken, 3);
	capture_stop(newer);
	run();
	capture_leave(newer, NULL);
	assert_counts(older, 1, 0, 0);
	assert_counts(newer, 2, 0, 0);
	capture_free(older);
	capture_free(newer);
}

static void test_one_that_cannot_join_is_lost(void **state)
{
	struct capture *older = open_member(), *newer;

	world.stand_by = true;
	newer = open_capture();
	world.begin_answer = CAPTURE_E_OTHER;
	capture_leave(older, newer);
	capture_run(newer);
	run();
	assert_int_equal(world.lost, 1);
	assert_int_equal(world.taken, 0);
	capture_free(older);
	capture_free(newer);
}

static void test_one_that_could_not_join_adopts_no_filter(void **state)
{
	struct capture *c, *newer;

	world.fanout = 8;
	world.stand_by = true;
	c = open_capture();
	world.begin_answer = CAPTURE_E_OTHER;
	capture_take_turn(c);
	newer = open_capture();
	assert_false(capture_adopt(c, newer));
	capture_free(newer);
	capture_free(c);
}

static void test_one_that_stands_by_tells_what_was_lost_before_its_turn(void **state)
{
	struct capture *c;

	world.fanout = 8;
	world.stand_by = true;
	c = open_capture();
	capture_add_losses(c, 5);
	capture_take_turn(c);
	assert_int_equal(capture_take_losses(c), 5);
	capture_free(c);
}

/* At a stop: then it is not to begin any more. */
static void test_one_that_stands_by_can_be_stopped(void **state)
{
	struct capture *older = open_member(), *newer;

	world.stand_by = true;
	newer = open_capture();
	capture_stop(newer);
	capture_leave(older, newer);
	assert_int_equal(world.begun, 1);
	capture_run(newer);
	run();
	assert_int_equal(world.stopped, 1);
	capture_free(older);
	capture_free(newer);
}

static void test_a_filter_is_adopted_where_nothing_else_differs(void **state)
{
	struct capture *older = open_member(), *newer;

	world.stand_by = true;
	newer = open_capture();
	assert_true(capture_adopt(older, newer));
	capture_free(newer);
	world.opened = 1;
	world.ring_size = 1 << 20;
	newer = open_capture();
	assert_false(capture_adopt(older, newer));
	capture_free(newer);
	capture_free(older);
}

/* ---- opening ---- */

static void test_what_cannot_be_opened_is_closed(void **state)
{
	struct capture *c = NULL;

	world.open_answer = CAPTURE_E_DOWN;
	assert_int_equal(try_open(&c), CAPTURE_E_DOWN);
	assert_null(c);
	assert_true(world.kernels[0].closed);
}

static void test_errors_of_opening(void **state)
{
	assert_true(capture_is_away(CAPTURE_E_MISSING) && capture_is_away(CAPTURE_E_DOWN));
	assert_false(capture_is_away(CAPTURE_E_PERMISSION) || capture_is_away(-ENODEV));
	assert_int_equal(capture_errno(CAPTURE_E_MISSING), -ENODEV);
	assert_int_equal(capture_errno(CAPTURE_E_DOWN), -ENODEV);
	assert_int_equal(capture_errno(CAPTURE_E_PERMISSION), -EPERM);
	assert_int_equal(capture_errno(CAPTURE_E_FILTER), -EINVAL);
	assert_int_equal(capture_errno(CAPTURE_E_NAME), -EINVAL);
	assert_int_equal(capture_errno(CAPTURE_E_OTHER), -EIO);
	assert_int_equal(capture_errno(-ENOMEM), -ENOMEM);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_counted_before_is_not_ours),
		TEST(test_nothing_is_read_before_it_is_run),
		TEST(test_what_the_ring_has_no_room_for_is_dropped),
		TEST(test_a_packet_names_its_origin_if_asked),
		TEST(test_a_packet_of_any_names_the_interface_it_came_by),
		TEST(test_the_first_packet_after_a_loss_tells_it),
		TEST(test_each_loss_is_told_at_its_place),
		TEST(test_more_losses_than_can_be_remembered),
		TEST(test_packets_that_are_left_out_tell_nothing),
		TEST(test_where_counts_cannot_be_compared_the_time_tells),
		TEST(test_a_parked_packet_tells_it_once),
		TEST(test_what_one_handle_has_lost_the_next_one_tells),
		TEST(test_counters_that_wrap),
		TEST(test_counts_that_cannot_be_had_stay),
		TEST(test_what_the_device_has_lost_is_not_counted_backwards),
		TEST(test_packets_from_before_the_filter_are_left_out),
		TEST(test_a_filter_in_the_program_counts_what_matches),
		TEST(test_where_the_kernel_counts_otherwise_it_is_inexact),
		TEST(test_a_packet_that_is_not_taken_is_offered_again),
		TEST(test_a_stop_waits_for_what_is_parked),
		TEST(test_what_the_sink_fails_for_is_not_received),
		TEST(test_a_sink_that_fails_for_a_parked_packet),
		TEST(test_a_stop_reads_the_ring_empty),
		TEST(test_an_empty_ring_may_be_filled_until_the_deadline),
		TEST(test_a_stop_waits_for_what_the_kernel_counted),
		TEST(test_libpcaps_own_devices_end_when_nothing_comes),
		TEST(test_a_device_that_is_lost_is_read_empty),
		TEST(test_a_clock_that_was_set_back_loses_nothing),
		TEST(test_two_handles_take_each_packet_once),
		TEST(test_what_two_handles_lose_is_counted_and_told_once),
		TEST(test_handles_of_two_precisions_take_each_packet_once),
		TEST(test_the_clock_of_an_adapter_may_be_behind),
		TEST(test_what_the_device_loses_is_counted_by_one_handle),
		TEST(test_what_cannot_be_opened_is_closed),
		TEST(test_a_member_has_packets_until_it_leaves),
		TEST(test_a_member_that_is_always_behind_leaves_all_the_same),
		TEST(test_the_next_one_begins_as_the_older_one_leaves),
		TEST(test_one_that_cannot_join_is_lost),
		TEST(test_one_that_could_not_join_adopts_no_filter),
		TEST(test_one_that_stands_by_tells_what_was_lost_before_its_turn),
		TEST(test_one_that_stands_by_can_be_stopped),
		TEST(test_a_filter_is_adopted_where_nothing_else_differs),
		cmocka_unit_test(test_errors_of_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
