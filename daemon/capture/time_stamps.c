/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/time_stamps.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/printable.h"

static_assert((int)CONFIG_TIME_STAMP_HOST == PCAP_TSTAMP_HOST &&
		      (int)CONFIG_TIME_STAMP_HOST_LOWPREC == PCAP_TSTAMP_HOST_LOWPREC &&
		      (int)CONFIG_TIME_STAMP_HOST_HIPREC == PCAP_TSTAMP_HOST_HIPREC &&
		      (int)CONFIG_TIME_STAMP_ADAPTER == PCAP_TSTAMP_ADAPTER &&
		      (int)CONFIG_TIME_STAMP_ADAPTER_UNSYNCED == PCAP_TSTAMP_ADAPTER_UNSYNCED &&
		      (int)CONFIG_TIME_STAMP_HOST_HIPREC_UNSYNCED ==
			      PCAP_TSTAMP_HOST_HIPREC_UNSYNCED,
	      "libpcap's numbers");

const char *time_stamps_name(enum config_time_stamp_type type)
{
	const char *name = pcap_tstamp_type_val_to_name((int)type);

	return name ? name : "unknown";
}

bool time_stamps_are_own(enum config_time_stamp_type type)
{
	return type == CONFIG_TIME_STAMP_ADAPTER || type == CONFIG_TIME_STAMP_ADAPTER_UNSYNCED ||
	       type == CONFIG_TIME_STAMP_HOST_HIPREC_UNSYNCED;
}

bool time_stamps_set(pcap_t *pcap, enum config_precision precision,
		     enum config_time_stamp_type type)
{
	if (precision == CONFIG_PRECISION_NANO &&
	    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO) != 0)
		return false;
	/* The host's every device has, also one that says nothing of it. */
	return type == CONFIG_TIME_STAMP_HOST || pcap_set_tstamp_type(pcap, (int)type) == 0;
}

/* "host, adapter"; a device that lists none has the host's. */
static void list_types(pcap_t *pcap, char *buf, size_t size)
{
	int *types = NULL, n = pcap_list_tstamp_types(pcap, &types);
	size_t len = 0;

	snprintf(buf, size, "host");
	for (int i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "",
					time_stamps_name((enum config_time_stamp_type)types[i]));
	if (n > 0)
		pcap_free_tstamp_types(types);
}

void time_stamps_explain(pcap_t *pcap, const char *device, enum config_precision precision,
			 enum config_time_stamp_type type, char *why, size_t size)
{
	char types[160];

	if (precision == CONFIG_PRECISION_NANO &&
	    pcap_get_tstamp_precision(pcap) != PCAP_TSTAMP_PRECISION_NANO) {
		snprintf(why, size,
			 "%s: no time stamps of nanosecond precision; time-stamp-precision can be "
			 "micro",
			 device);
		return;
	}
	list_types(pcap, types, sizeof(types));
	snprintf(why, size, "%s: no time stamps of the type %s; time-stamp-type can be %s", device,
		 time_stamps_name(type), types);
}

static void print_types(const char *interface, const int *types, int n)
{
	printf("Time stamp types for ");
	printable_print(stdout, interface);
	printf(" (use option -j to set):\n");
	for (int i = 0; i < n; i++)
		printf("  %s (%s)\n", time_stamps_name((enum config_time_stamp_type)types[i]),
		       pcap_tstamp_type_val_to_description(types[i]));
}

int time_stamps_list(const char *interface)
{
	static const int host = PCAP_TSTAMP_HOST;
	char why[PCAP_ERRBUF_SIZE] = "";
	int *types = NULL, n = PCAP_ERROR;
	pcap_t *pcap = pcap_create(interface, why);

	if (pcap)
		n = pcap_list_tstamp_types(pcap, &types);
	if (n < 0) {
		log_error("%s: cannot list its time stamp types: %s", interface,
			  pcap ? pcap_geterr(pcap) : why);
	} else {
		print_types(interface, n ? types : &host, n ? n : 1);
		pcap_free_tstamp_types(types);
	}
	if (pcap)
		pcap_close(pcap);
	return n < 0 ? -EIO : 0;
}
