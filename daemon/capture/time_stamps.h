/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The times that libpcap gives to packets: whose clock they come from and how precise they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <pcap/pcap.h>

#include "config/config.h"

/* "adapter_unsynced", as pcap-tstamp(7) has it. */
const char *time_stamps_name(enum config_time_stamp_type type);

/* The clock is not the host's, or not always set by it. */
bool time_stamps_are_own(enum config_time_stamp_type type);

/*
 * Asks a handle for them, between pcap_create() and pcap_activate(). True: it will do; false: what
 * it can do instead is for time_stamps_explain() to say once it is known that the device is there.
 */
bool time_stamps_set(pcap_t *pcap, enum config_precision precision,
		     enum config_time_stamp_type type);

/* One line that says what the device has instead. */
void time_stamps_explain(pcap_t *pcap, const char *device, enum config_precision precision,
			 enum config_time_stamp_type type, char *why, size_t size);

/* `-J`: prints the types that an interface has, as tcpdump does. 0, or -EIO (logged). */
int time_stamps_list(const char *interface);
