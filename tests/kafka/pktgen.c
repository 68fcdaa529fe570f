/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends numbered UDP frames on an interface at a steady rate: for the tests.
 *
 *	pktgen INTERFACE COUNT PPS SIZE FLOWS FIRST
 *
 * The payload begins with the sequence number (64 bit, big-endian), counted from FIRST; it picks
 * the flow (its last digits base FLOWS) and with it source address and port. PPS 0 is as fast as
 * it goes. Prints how many the interface took; exits 1 when it refused one.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADERS  42 /* Ethernet, IPv4, UDP */
#define MAX_SIZE 1514
#define SLICE_NS 1000000ULL /* what is due goes out once a millisecond */
#define BURST    64

struct generator {
	int fd;
	uint64_t count;
	uint64_t pps;
	uint64_t size;
	uint64_t flows;
	uint64_t first;
	uint64_t sent;
};

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void put16(uint8_t *p, uint64_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void build(uint8_t *frame, const struct generator *g, uint64_t seq)
{
	static const uint8_t start[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0};
	uint64_t flow = seq % g->flows;
	uint64_t number = htobe64(seq);

	memset(frame, '.', g->size);
	memset(frame, 0, HEADERS);
	memcpy(frame, start, sizeof(start));
	put16(frame + 16, g->size - 14);
	frame[22] = 64;
	frame[23] = 17;
	frame[26] = 10;
	frame[27] = 1;
	put16(frame + 28, flow);
	frame[30] = 10;
	frame[31] = 2;
	frame[33] = 1;
	put16(frame + 24, checksum(frame + 14, 20));
	put16(frame + 34, 5000 + flow % 60000);
	put16(frame + 36, 6000);
	put16(frame + 38, g->size - 34);
	memcpy(frame + HEADERS, &number, sizeof(number));
}

static int send_burst(struct generator *g, unsigned int n)
{
	static uint8_t frames[BURST][MAX_SIZE];
	struct mmsghdr messages[BURST] = {0};
	struct iovec parts[BURST];
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++) {
		build(frames[i], g, g->first + g->sent + i);
		parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = g->size};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	while (done < n) {
		int taken = sendmmsg(g->fd, messages + done, n - done, 0);

		if (taken < 0 && (errno == ENOBUFS || errno == EAGAIN || errno == EINTR))
			continue;
		if (taken < 0) {
			perror("pktgen: sendmmsg");
			g->sent += done;
			return -1;
		}
		done += (unsigned int)taken;
	}
	g->sent += n;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static uint64_t due(const struct generator *g, uint64_t elapsed_ns)
{
	uint64_t n = g->count;

	if (g->pps && elapsed_ns / 1000 * g->pps / 1000000 < n)
		n = elapsed_ns / 1000 * g->pps / 1000000;
	return n - g->sent;
}

static volatile sig_atomic_t stopped;

static void on_term(int number)
{
	(void)number;
	stopped = 1;
}

/* Until all is sent, or SIGTERM comes. */
static int run(struct generator *g)
{
	uint64_t start = now_ns();

	signal(SIGTERM, on_term);
	while (!stopped && g->sent < g->count) {
		uint64_t n = due(g, now_ns() - start);

		if (n == 0) {
			struct timespec pause = {.tv_nsec = SLICE_NS};

			nanosleep(&pause, NULL);
			continue;
		}
		if (send_burst(g, n < BURST ? (unsigned int)n : BURST) < 0)
			return -1;
	}
	return 0;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || address.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "pktgen: %s: %s\n", name, strerror(errno));
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct generator g = {0};
	int r;

	if (argc != 7) {
		fprintf(stderr, "usage: pktgen INTERFACE COUNT PPS SIZE FLOWS FIRST\n");
		return 2;
	}
	g.count = strtoull(argv[2], NULL, 10);
	g.pps = strtoull(argv[3], NULL, 10);
	g.size = strtoull(argv[4], NULL, 10);
	g.flows = strtoull(argv[5], NULL, 10);
	g.first = strtoull(argv[6], NULL, 10);
	if (g.size < HEADERS + 8 || g.size > MAX_SIZE || g.flows == 0) {
		fprintf(stderr, "pktgen: SIZE is 50 to 1514, FLOWS at least 1\n");
		return 2;
	}
	g.fd = open_interface(argv[1]);
	if (g.fd < 0)
		return 1;
	r = run(&g);
	printf("%llu\n", (unsigned long long)g.sent);
	return r < 0;
}
