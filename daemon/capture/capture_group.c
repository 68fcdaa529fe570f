/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of a group can do without neither packets nor membership: what a filter rejects nobody
 * has, and there is no way out but to close the socket, with what its ring then holds. So it reads
 * on until what was there at the stop is read, and leaves just after it has read a block: what is
 * lost is what came since. The kernel puts the member that came last into the place of one that
 * leaves; so the next handle joins before the old one goes, microseconds apart, and the flows stay
 * where they are.
 */
#include "capture/capture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/capture_impl.h"

/* What came before its filter was in place is not its own, whenever its turn comes. */
int capture_stand_by(struct capture *c)
{
	kernel_counts_begin(&c->kernel, &c->device);
	c->born = UINT64_MAX;
	capture_set_begin(c, UINT64_MAX);
	c->standing_by = true;
	return 0;
}

bool capture_stands_by(const struct capture *c)
{
	return c->standing_by;
}

void capture_take_turn(struct capture *c)
{
	char why[sizeof(c->fault)] = "out of memory";
	size_t name = strlen(c->device.name) + strlen(": ");
	uint64_t untold; /* of handles before it: it begins at 0 */

	if (!c->standing_by || c->stopping)
		return;
	c->standing_by = false;
	untold = capture_take_losses(c);
	/* Whoever is told knows the interface. */
	if (capture_begin(c, why, sizeof(why)) != 0)
		snprintf(c->fault, sizeof(c->fault), "%s", strlen(why) > name ? why + name : why);
	capture_add_losses(c, untold);
}

void capture_leave(struct capture *c, struct capture *next)
{
	bool member = c->opt.fanout && !c->standing_by;
	int fd = -1;

	if (member) {
		capture_unwatch(c);
		fd = pcap_handle_close_all_but_socket(&c->device);
	}
	if (next)
		capture_take_turn(next);
	if (fd >= 0) {
		kernel_counts_end(&c->kernel, fd);
		close(fd);
	}
	if (member && c->stopping && !c->inexact)
		kernel_counts_lose(&c->kernel, capture_unseen(c) - capture_early(c));
}

static bool differ_in_filter_alone(const struct capture_options *a, const struct capture_options *b)
{
	return a->snaplen == b->snaplen && a->buffer_size == b->buffer_size &&
	       a->buffer_timeout_ms == b->buffer_timeout_ms && a->promiscuous == b->promiscuous &&
	       a->immediate == b->immediate && a->direction == b->direction &&
	       a->precision == b->precision && a->time_stamp_type == b->time_stamp_type &&
	       a->fanout == b->fanout;
}

bool capture_adopt(struct capture *c, struct capture *fresh)
{
	/* One that could not join sees what the members see. */
	return !c->stopping && !*c->fault && c->device.index == fresh->device.index &&
	       c->linktype == fresh->linktype && differ_in_filter_alone(&c->opt, &fresh->opt) &&
	       pcap_handle_adopt(&c->device, &fresh->device) == 0;
}
