/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture.h"

#include "capture/capture_impl.h"

/* What the device loses after our end is the next handle's. */
void capture_sample(struct capture *c)
{
	if (c->device.pcap)
		kernel_counts_sample(&c->kernel, &c->device, !c->stopping && !c->end);
}

uint64_t capture_seen(const struct capture *c)
{
	return c->received + c->cut + c->refused;
}

/* What the kernel put into the ring for us and we have not seen. */
uint64_t capture_unseen(const struct capture *c)
{
	uint64_t filled = c->kernel.passed - c->kernel.dropped, seen = capture_seen(c);

	return filled > seen ? filled - seen : 0;
}

/* Where the kernel does not count what passes the filter it is what we took, and what was lost. */
static uint64_t count_passed(const struct capture *c, uint64_t early)
{
	if (c->device.filter == DEVICE_FILTER_LIBPCAP)
		return c->received + c->kernel.dropped;
	return c->kernel.passed - c->cut - c->refused - early;
}

/* A packet on its way while the filters changed is counted, and yet from before ours. */
uint64_t capture_early(const struct capture *c)
{
	uint64_t unseen = capture_unseen(c);

	return unseen < c->early ? unseen : c->early;
}

void capture_read_counters(const struct capture *c, struct capture_counters *out)
{
	uint64_t early = capture_early(c);

	*out = (struct capture_counters){
		.received = c->received,
		.bytes = c->bytes,
		.dropped_kernel = c->kernel.dropped,
		.dropped_interface = c->kernel.dropped_device,
		.passed = count_passed(c, early),
		.unread = c->stopping && !c->inexact ? capture_unseen(c) - early : 0,
		.inexact = c->inexact,
	};
}
