/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What capture.h offers without capturing: interfaces, link types.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/printable.h"
#include "capture/capture.h"

/*
 * libpcap keeps its table of DLT_ to LINKTYPE_ numbers to itself, but writes the number into a
 * savefile's header (pcap-savefile(5): the last 4 bytes; the upper half holds FCS bits). One that
 * is not in the table it reads as the DLT_ of the same number, and does not write.
 */
int capture_file_linktype(void *pcap, uint16_t *out)
{
	char *header = NULL;
	size_t size = 0;
	uint32_t network = (uint32_t)pcap_datalink(pcap);
	FILE *f = open_memstream(&header, &size);
	pcap_dumper_t *dumper = f ? pcap_dump_fopen(pcap, f) : NULL;

	if (dumper) {
		pcap_dump_close(dumper);
		if (size >= 24)
			network = bytes_get32((const uint8_t *)header + 20);
		network &= UINT16_MAX;
	} else if (f) {
		fclose(f);
	}
	free(header);
	if (!f)
		return -ENOMEM;
	if (network > UINT16_MAX)
		return -ENOTSUP;
	*out = (uint16_t)network;
	return 0;
}

const char *capture_library_version(void)
{
	return pcap_lib_version();
}

/* The words tcpdump prints behind an interface's name. */
static void print_flags(bpf_u_int32 flags)
{
	static const char *const wired[] = {"Connected", "Disconnected", NULL};
	static const char *const wireless[] = {"Associated", "Not associated", NULL};
	bpf_u_int32 status = flags & PCAP_IF_CONNECTION_STATUS;
	const char *word = NULL;

	printf(" [%s%s%s", flags & PCAP_IF_UP ? "Up" : "Down",
	       flags & PCAP_IF_RUNNING ? ", Running" : "",
	       flags & PCAP_IF_LOOPBACK ? ", Loopback" : "");
	if (flags & PCAP_IF_WIRELESS)
		printf(", Wireless");
	if (status == PCAP_IF_CONNECTION_STATUS_CONNECTED)
		word = flags & PCAP_IF_WIRELESS ? wireless[0] : wired[0];
	else if (status == PCAP_IF_CONNECTION_STATUS_DISCONNECTED)
		word = flags & PCAP_IF_WIRELESS ? wireless[1] : wired[1];
	printf("%s%s]\n", word ? ", " : "", word ? word : "");
}

char *capture_interface_name(unsigned int number, char *why, size_t size)
{
	char errbuf[PCAP_ERRBUF_SIZE], *name = NULL;
	unsigned int n = 0;
	pcap_if_t *list;

	if (pcap_findalldevs(&list, errbuf) < 0) {
		snprintf(why, size, "cannot list the interfaces: %s", errbuf);
		return NULL;
	}
	for (const pcap_if_t *i = list; i; i = i->next) {
		if (++n == number)
			name = strdup(i->name);
	}
	pcap_freealldevs(list);
	if (!name)
		snprintf(why, size, "no interface %u: 'pycapa -D' lists %u", number, n);
	return name;
}

int capture_list_interfaces(void)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	pcap_if_t *list;
	int n = 0;

	if (pcap_findalldevs(&list, errbuf) < 0) {
		log_error("Cannot list the interfaces: %s", errbuf);
		return -EIO;
	}
	for (const pcap_if_t *i = list; i; i = i->next) {
		printf("%d.", ++n);
		printable_print(stdout, i->name);
		if (i->description) {
			printf(" (");
			printable_print(stdout, i->description);
			printf(")");
		}
		print_flags(i->flags);
	}
	pcap_freealldevs(list);
	return 0;
}
