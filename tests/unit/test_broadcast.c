/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of a capture at the other ends of socket pairs. `listening` is a fake: the test says when
 * somebody connects.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "base/bytes.h"
#include "deadline.h"
#include "lines.h"
#include "output/broadcast.h"
#include "output/client.h"
#include "output/listening.h"

#define LINKTYPE_RAW 101

static struct {
	struct ev_loop *loop;
	struct config cfg;
	struct broadcast *b;
	struct listening_options listening;
	bool listens;
	int drained;
	uint8_t *data; /* of a packet */
	uint64_t time_us;
} world;

int listening_new(struct listening **out, const struct listening_options *opt)
{
	world.listening = *opt;
	world.listens = true;
	*out = NULL;
	return 0;
}

void listening_describe(const struct listening *l, char *buf, size_t size)
{
	snprintf(buf, size, "a fake");
}

void listening_free(struct listening *l)
{
	world.listens = false;
}

static void on_drained(void *ctx)
{
	world.drained++;
}

static void open_with(enum config_format format, enum config_offset start, double patience_s)
{
	const struct broadcast_options opt = {.loop = ev_default_loop(0),
					      .cfg = &world.cfg,
					      .patience_s = patience_s,
					      .on_drained = on_drained};

	memset(&world, 0, sizeof(world));
	world.loop = opt.loop;
	world.cfg.format = format;
	world.cfg.start.offset = start;
	world.cfg.listen = (char *)"57012";
	world.data = calloc(1, 65536);
	assert_non_null(world.data);
	assert_int_equal(broadcast_new(&world.b, &opt), 0);
	assert_true(world.listens);
}

/* Nobody is given up, however slow this machine is. */
static void open_as(enum config_format format, enum config_offset start)
{
	open_with(format, start, 100 * DEADLINE_S);
}

static int close_world(void **state)
{
	lines_release();
	broadcast_free(world.b);
	free(world.data);
	assert_false(world.listens);
	return 0;
}

/* ---- clients ---- */

/* Somebody connects; his end. */
static int join(const char *name)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	world.listening.on_client(world.listening.ctx, fds[0], name);
	return fds[1];
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	fail_msg("nothing happens");
}

/* One round of the loop, that waits for something to happen. */
static void turn(void)
{
	struct ev_timer deadline;

	ev_timer_init(&deadline, on_deadline, DEADLINE_S, 0);
	ev_timer_start(world.loop, &deadline);
	ev_run(world.loop, EVRUN_ONCE);
	ev_timer_stop(world.loop, &deadline);
}

/* What there is to be read now, added to `buf`. Returns false at the end. */
static bool read_some(int fd, uint8_t *buf, size_t size, size_t *len)
{
	ssize_t n = 1;

	while (n > 0 && *len < size) {
		n = read(fd, buf + *len, size - *len);
		if (n > 0)
			*len += (size_t)n;
	}
	return n != 0;
}

static size_t read_now(int fd, uint8_t *buf, size_t size)
{
	size_t len = 0;

	assert_true(read_some(fd, buf, size, &len));
	return len;
}

/* Reads what comes until the connection is closed. Returns how many bytes. */
static size_t read_all(int fd, uint8_t *buf, size_t size)
{
	size_t len = 0;

	while (read_some(fd, buf, size, &len)) {
		assert_true(len < size);
		turn();
	}
	close(fd);
	return len;
}

static void put_of(uint16_t linktype, uint16_t nanos, const char *interface, uint32_t size)
{
	const struct packet pkt = {.data = world.data,
				   .caplen = size,
				   .wirelen = size,
				   .linktype = linktype,
				   .time_us = ++world.time_us,
				   .nanos = nanos,
				   .interface = interface,
				   .interface_len = interface ? (uint8_t)strlen(interface) : 0};

	assert_null(broadcast_put(world.b, &pkt, NULL));
}

static void put(unsigned int n)
{
	while (n--)
		put_of(1, 0, NULL, 60);
}

/* libpcap reads it to its end: the times of its packets, in microseconds. */
static void assert_capture(const uint8_t *buf, size_t len, int dlt, uint64_t first, uint64_t n)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	FILE *f = fmemopen((void *)(uintptr_t)buf, len, "rb");
	pcap_t *p = pcap_fopen_offline(f, why);

	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), dlt);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(pcap_next_ex(p, &head, &data), 1);
		assert_int_equal((uint64_t)head->ts.tv_usec, first + i);
	}
	assert_int_equal(pcap_next_ex(p, &head, &data), PCAP_ERROR_BREAK);
	pcap_close(p);
}

/* How many blocks of a kind a pcapng file holds. */
static unsigned int blocks(const uint8_t *buf, size_t len, uint32_t kind)
{
	unsigned int n = 0;

	for (size_t at = 0; at < len; at += bytes_get32(buf + at + 4))
		n += bytes_get32(buf + at) == kind;
	return n;
}

static void finish(void)
{
	broadcast_finish(world.b);
	while (!broadcast_flush(world.b))
		turn();
	assert_int_equal(broadcast_clients(world.b), 0);
}

/* ---- joining ---- */

static void each_client_gets_a_capture_from_where_it_joined(void **state)
{
	static const enum config_format formats[] = {CONFIG_FORMAT_PCAP, CONFIG_FORMAT_PCAPNG};
	static uint8_t first[4096], second[4096];
	size_t n_first, n_second;

	for (size_t i = 0; i < 2; i++) {
		int a, b;

		open_as(formats[i], CONFIG_OFFSET_END);
		put(2);
		a = join("a");
		put(3);
		assert_true(broadcast_flush(world.b));
		b = join("b");
		put(4);
		assert_int_equal(broadcast_clients(world.b), 2);
		broadcast_finish(world.b);
		assert_false(world.listens);
		n_first = read_all(a, first, sizeof(first));
		n_second = read_all(b, second, sizeof(second));
		assert_capture(first, n_first, DLT_EN10MB, 3, 7);
		assert_capture(second, n_second, DLT_EN10MB, 6, 4);
		assert_true(broadcast_flush(world.b));
		if (i == 0)
			close_world(state);
	}
	/* The interface before its first packet, and what is counted of it at the end. */
	assert_int_equal(blocks(second, n_second, 1), 1);
	assert_int_equal(blocks(second, n_second, 5), 1);
}

static void who_joins_late_is_told_of_the_interfaces_it_sees(void **state)
{
	static uint8_t buf[8192];
	size_t len;
	int a, b;

	open_as(CONFIG_FORMAT_PCAPNG, CONFIG_OFFSET_END);
	a = join("a");
	put_of(1, 0, "eth0", 60);
	put_of(1, 0, "eth1", 60);
	b = join("b");
	put_of(1, 0, "eth1", 60);
	put_of(1, 0, "eth0", 60);
	put_of(LINKTYPE_RAW, 0, "tun0", 60);
	broadcast_finish(world.b);
	len = read_all(b, buf, sizeof(buf));
	assert_int_equal(blocks(buf, len, 1), 3);
	assert_int_equal(blocks(buf, len, 6), 3);
	close(a);
}

static void a_late_header_says_what_the_packets_will_be(void **state)
{
	static uint8_t buf[1024];
	int a;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	put_of(LINKTYPE_RAW, 7, NULL, 60);
	a = join("a");
	assert_int_equal(read_now(a, buf, sizeof(buf)), 24); /* at once */
	assert_int_equal(bytes_get32(buf), 0xa1b23c4d);
	assert_int_equal(bytes_get32(buf + 20), LINKTYPE_RAW);
	put_of(LINKTYPE_RAW, 7, NULL, 60);
	assert_true(broadcast_flush(world.b));
	assert_int_equal(read_now(a, buf + 24, sizeof(buf) - 24), 16 + 60);
	assert_int_equal(bytes_get32(buf + 24 + 4), 2007);
	close(a);
}

static void the_first_packets_decide_where_none_was_seen(void **state)
{
	static uint8_t buf[1024];
	int a, b;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	a = join("a");
	assert_true(broadcast_flush(world.b)); /* of a batch that had nothing for it */
	assert_int_equal(read_now(a, buf, sizeof(buf)), 0);
	put_of(LINKTYPE_RAW, 0, NULL, 60);
	put_of(LINKTYPE_RAW, 7, NULL, 60);
	assert_true(broadcast_flush(world.b));
	assert_int_equal(read_now(a, buf, sizeof(buf)), 24 + 2 * 76);
	assert_int_equal(bytes_get32(buf), 0xa1b23c4d);
	assert_int_equal(bytes_get32(buf + 20), LINKTYPE_RAW);
	assert_int_equal(bytes_get32(buf + 24 + 4), 1000);
	assert_int_equal(bytes_get32(buf + 24 + 76 + 4), 2007);
	close(a);
	close_world(state);

	/* On a quiet topic it is not waited for longer than a moment. */
	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	b = join("b");
	while (read_now(b, buf, sizeof(buf)) == 0)
		turn();
	assert_int_equal(bytes_get32(buf), 0xa1b2c3d4);
	close(b);
}

static const struct encoder *put_raw(void)
{
	const struct packet raw = {.data = (const uint8_t *)"some",
				   .caplen = 4,
				   .wirelen = 4,
				   .linktype = LINKTYPE_RAW};

	return broadcast_put(world.b, &raw, NULL);
}

static void what_no_client_can_hold_is_told(void **state)
{
	const struct encoder *refused;
	int a, b;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	assert_null(put_raw()); /* nobody is there */
	put(1);
	a = join("a");
	put(1);
	assert_true(broadcast_flush(world.b));
	refused = put_raw();
	assert_non_null(refused);
	assert_int_equal(refused->refusal, ENCODER_LINKTYPE);
	assert_int_equal(refused->linktype, 1);
	b = join("b"); /* its header says what came last */
	assert_null(put_raw());
	close(a);
	close(b);
}

/* Not by the output, which counts what nobody can hold. */
static void what_one_client_cannot_hold_is_told_of_it(void **state)
{
	static uint8_t buf[4096];
	int a, b;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	lines_catch();
	put(1);
	a = join("a");
	put(1);
	assert_true(broadcast_flush(world.b));
	put_of(1, 7, NULL, 60);
	assert_non_null(put_raw());
	assert_int_equal(lines_with("left out"), 0);
	b = join("b"); /* its header says what came last */
	assert_null(put_raw());
	assert_null(put_raw());
	assert_int_equal(lines_with("client a: a packet is left out, 2 so far: of another link "
				    "type than the capture's; --format pcapng holds all"),
			 1);
	finish();
	assert_int_equal(lines_with("Client a has all, 2 packet(s) (1 without their nanoseconds); "
				    "3 left out: of another link type than the capture's; "
				    "--format pcapng holds all\n"),
			 1);
	assert_int_equal(lines_with("Client b has all, 2 packet(s)\n"), 1);
	assert_int_equal(lines_with("left out, "), 1);
	read_all(a, buf, sizeof(buf));
	close(b);
}

/* ---- the pace ---- */

static void a_live_read_waits_for_nobody(void **state)
{
	int a;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	lines_catch();
	assert_true(broadcast_has_room(world.b));
	put(3);
	assert_true(broadcast_flush(world.b));
	assert_false(broadcast_is_held(world.b));
	a = join("192.0.2.1:1234");
	while (broadcast_clients(world.b)) {
		assert_true(broadcast_has_room(world.b));
		put_of(1, 0, NULL, 65535);
		assert_true(broadcast_flush(world.b));
	}
	/* The kernel holds some more than the limit. */
	assert_true((world.time_us - 3) * 65551 > CLIENT_BACKLOG_MAX);
	assert_true((world.time_us - 3) * 65551 < CLIENT_BACKLOG_MAX + 16 * 1024 * 1024);
	assert_int_equal(broadcast_cut_off(world.b), 1);
	assert_int_equal(lines_with("client 192.0.2.1:1234 cut off after"), 1);
	assert_int_equal(lines_with("more than 32 MiB wait for it"), 1);
	put(1);
	assert_true(broadcast_flush(world.b));
	assert_int_equal(lines_with("cut off"), 1);
	assert_int_equal(world.drained, 0);
	close(a);
}

static void a_slow_client_holds_up_no_other(void **state)
{
	static const enum config_offset starts[] = {CONFIG_OFFSET_END, CONFIG_OFFSET_STORED};
	static uint8_t buf[1024 * 1024];

	for (size_t i = 0; i < 2; i++) {
		size_t got = 0, sent = 0;
		int slow, fast;

		open_as(CONFIG_FORMAT_PCAP, starts[i]);
		slow = join("slow");
		fast = join("fast");
		while (broadcast_clients(world.b) == 2) {
			assert_true(broadcast_has_room(world.b));
			put_of(1, 0, NULL, 65535);
			sent += 65551;
			while (!broadcast_flush(world.b) || got < 24 + sent) {
				got += read_now(fast, buf, sizeof(buf));
				ev_run(world.loop, EVRUN_NOWAIT);
			}
		}
		assert_int_equal(broadcast_cut_off(world.b), 1);
		assert_int_equal(broadcast_clients(world.b), 1);
		assert_int_equal(got, 24 + sent);
		close(slow);
		close(fast);
		if (i == 0)
			close_world(state);
	}
}

static void a_read_from_before_waits_for_a_client(void **state)
{
	static uint8_t buf[1024 * 1024];
	size_t got = 0;
	int a;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_BEGIN);
	assert_false(broadcast_has_room(world.b));
	assert_false(broadcast_flush(world.b));
	assert_true(broadcast_is_held(world.b));
	assert_int_equal(world.drained, 0);
	a = join("a");
	assert_int_equal(world.drained, 1);
	assert_false(broadcast_is_held(world.b));
	do {
		assert_true(broadcast_has_room(world.b));
		put_of(1, 0, NULL, 65535);
	} while (broadcast_flush(world.b));
	assert_int_equal(world.drained, 1);
	while (world.drained == 1) {
		got += read_now(a, buf, sizeof(buf));
		ev_run(world.loop, EVRUN_NOWAIT);
	}
	got += read_now(a, buf, sizeof(buf));
	assert_int_equal(got, 24 + world.time_us * 65551);
	/* The last one leaves. */
	close(a);
	while (broadcast_clients(world.b))
		turn();
	assert_false(broadcast_has_room(world.b));
	assert_int_equal(broadcast_cut_off(world.b), 0);
	close(join("b"));
	assert_int_equal(world.drained, 3);
}

static void on_event(void *ctx)
{
}

static void fill(struct client *c, const struct packet *pkt)
{
	while (client_waiting(c) == 0) {
		client_put(c, pkt, NULL);
		client_flush(c);
	}
}

/* So often, and it is still served. */
static void look(struct client *c, int times)
{
	while (times--)
		client_look(c);
	assert_int_equal(client_state(c), CLIENT_SERVED);
}

static void who_takes_nothing_is_given_up(void **state)
{
	struct client_options opt = {.loop = ev_default_loop(0), .name = "a", .on_event = on_event};
	static uint8_t buf[64 * 1024];
	struct packet pkt = {.caplen = 65535, .wirelen = 65535, .linktype = 1};
	struct client *c;
	int fds[2];

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	opt.fd = fds[0];
	opt.to = pcap_encoder_new();
	opt.like = &pkt;
	assert_non_null(opt.to);
	assert_int_equal(client_new(&c, &opt), 0);
	pkt.data = world.data;
	client_flush(c);
	client_watch(c);
	look(c, 2 * CLIENT_LOOKS); /* nothing waits for it */
	fill(c, &pkt);
	look(c, CLIENT_LOOKS); /* it took some before the first */
	while (read(fds[1], buf, sizeof(buf)) > 0)
		;
	turn();
	fill(c, &pkt);
	look(c, CLIENT_LOOKS); /* and once more */
	client_look(c);
	assert_int_equal(client_state(c), CLIENT_STUCK);
	client_free(c);
	close(fds[1]);
}

/* ---- coming and going ---- */

static void who_leaves_is_gone_at_once(void **state)
{
	int a;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	lines_catch();
	a = join("a");
	put(5);
	assert_true(broadcast_flush(world.b));
	close(a);
	while (broadcast_clients(world.b))
		turn();
	assert_int_equal(lines_with("Client a left, 5 packet(s)"), 1);
	assert_int_equal(broadcast_cut_off(world.b), 0);
	put(1);
	assert_true(broadcast_flush(world.b));
}

static void who_comes_and_goes_does_not_fill_the_log(void **state)
{
	int joined, left;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	lines_catch();
	for (int i = 0; i < 80; i++) {
		close(join("a"));
		while (broadcast_clients(world.b))
			turn();
	}
	joined = (int)lines_with("Client a joined");
	left = (int)lines_with("Client a left");
	assert_int_equal(joined + left, 100);
	assert_int_equal(joined, left);
}

static void what_a_client_says_is_ignored(void **state)
{
	static uint8_t buf[1024];
	int a;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	put(1);
	a = join("a");
	assert_int_equal(write(a, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	turn();
	put(1);
	broadcast_finish(world.b);
	assert_capture(buf, read_all(a, buf, sizeof(buf)), DLT_EN10MB, 2, 1);
}

static void there_is_a_most_of_clients(void **state)
{
	int fds[BROADCAST_CLIENTS_MAX + 1];
	char byte;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	lines_catch();
	for (int i = 0; i <= BROADCAST_CLIENTS_MAX; i++)
		fds[i] = join("a");
	assert_int_equal(broadcast_clients(world.b), BROADCAST_CLIENTS_MAX);
	assert_int_equal(read(fds[BROADCAST_CLIENTS_MAX], &byte, 1), 0);
	assert_int_equal(lines_with("client a turned away: 32 are connected"), 1);
	for (int i = 0; i <= BROADCAST_CLIENTS_MAX; i++)
		close(fds[i]);
	finish();
}

static void the_end_waits_for_who_reads(void **state)
{
	static uint8_t buf[8 * 1024 * 1024];
	int stuck, slow;

	open_as(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END);
	stuck = join("stuck");
	slow = join("slow");
	for (int i = 0; i < 64; i++)
		put_of(1, 0, NULL, 65535);
	broadcast_finish(world.b);
	assert_false(broadcast_flush(world.b));
	assert_true(broadcast_is_held(world.b));
	assert_int_equal(read_all(slow, buf, sizeof(buf)), 24 + 64 * 65551);
	assert_false(broadcast_flush(world.b));
	close(stuck);
	finish();
	assert_int_equal(world.drained, 1);
	assert_int_equal(broadcast_cut_off(world.b), 0);
}

static void the_end_does_not_wait_for_who_takes_nothing(void **state)
{
	int stuck;

	open_with(CONFIG_FORMAT_PCAP, CONFIG_OFFSET_END, 0.01);
	lines_catch();
	stuck = join("stuck");
	for (int i = 0; i < 64; i++)
		put_of(1, 0, NULL, 65535);
	broadcast_finish(world.b);
	assert_false(broadcast_flush(world.b));
	finish();
	assert_int_equal(world.drained, 1);
	assert_int_equal(broadcast_cut_off(world.b), 1);
	assert_int_equal(lines_with("client stuck cut off after 64 packet(s): it takes nothing"),
			 1);
	close(stuck);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_client_gets_a_capture_from_where_it_joined,
					  close_world),
		cmocka_unit_test_teardown(who_joins_late_is_told_of_the_interfaces_it_sees,
					  close_world),
		cmocka_unit_test_teardown(a_late_header_says_what_the_packets_will_be, close_world),
		cmocka_unit_test_teardown(the_first_packets_decide_where_none_was_seen,
					  close_world),
		cmocka_unit_test_teardown(what_no_client_can_hold_is_told, close_world),
		cmocka_unit_test_teardown(what_one_client_cannot_hold_is_told_of_it, close_world),
		cmocka_unit_test_teardown(a_live_read_waits_for_nobody, close_world),
		cmocka_unit_test_teardown(a_slow_client_holds_up_no_other, close_world),
		cmocka_unit_test_teardown(a_read_from_before_waits_for_a_client, close_world),
		cmocka_unit_test_teardown(who_takes_nothing_is_given_up, close_world),
		cmocka_unit_test_teardown(who_leaves_is_gone_at_once, close_world),
		cmocka_unit_test_teardown(who_comes_and_goes_does_not_fill_the_log, close_world),
		cmocka_unit_test_teardown(what_a_client_says_is_ignored, close_world),
		cmocka_unit_test_teardown(there_is_a_most_of_clients, close_world),
		cmocka_unit_test_teardown(the_end_waits_for_who_reads, close_world),
		cmocka_unit_test_teardown(the_end_does_not_wait_for_who_takes_nothing, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
