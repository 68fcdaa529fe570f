/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/kernel_counts.h"

#include <time.h>

#include "base/clock.h"
#include "capture/socket_counts.h"

void kernel_counts_begin(struct kernel_counts *k, const struct pcap_handle *d)
{
	*k = (struct kernel_counts){.timed = false};
	pcap_stats(d->pcap, &k->last);
}

static void note_drops(struct kernel_counts *k, uint64_t packets)
{
	if (packets == 0)
		return;
	if (k->over) {
		k->passed -= packets;
		return;
	}
	k->dropped += packets;
	losses_note(&k->losses,
		    k->timed ? (uint64_t)clock_ns(CLOCK_REALTIME) / 1000 + 1
			     : k->passed - k->dropped,
		    packets);
}

void kernel_counts_end(struct kernel_counts *k, int fd)
{
	uint32_t passed, dropped;

	if (!socket_counts_take(fd, &passed, &dropped))
		return;
	k->passed += passed;
	note_drops(k, dropped);
}

void kernel_counts_take(struct kernel_counts *k, const struct pcap_handle *d)
{
	if (d->packet_socket)
		kernel_counts_end(k, pcap_fileno(d->pcap));
}

void kernel_counts_lose(struct kernel_counts *k, uint64_t packets)
{
	note_drops(k, packets);
}

/*
 * What the device has lost falls when it goes, as libpcap takes a counter that is not there for 0:
 * what rises from then on counts again.
 */
void kernel_counts_sample(struct kernel_counts *k, const struct pcap_handle *d, bool device)
{
	struct pcap_stat st;
	int32_t ifdrop;

	kernel_counts_take(k, d);
	if (pcap_stats(d->pcap, &st) < 0)
		return;
	k->passed += (uint32_t)(st.ps_recv - k->last.ps_recv);
	note_drops(k, st.ps_drop - k->last.ps_drop);
	ifdrop = (int32_t)(st.ps_ifdrop - k->last.ps_ifdrop);
	if (ifdrop > 0 && device)
		k->dropped_device += (uint32_t)ifdrop;
	k->last = st;
}

void kernel_counts_forget_losses(struct kernel_counts *k)
{
	k->passed -= k->dropped;
	k->dropped = k->dropped_device = 0;
	k->losses.n = 0;
}

uint64_t kernel_counts_take_losses(struct kernel_counts *k, uint64_t number, uint64_t time_us)
{
	return losses_take(&k->losses, k->timed ? time_us : number);
}
