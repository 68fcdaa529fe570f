/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a packet in the byte order of the host that captured it: a few link types (USB,
 * netfilter's log, pflog, CAN in Linux's cooked captures) have such numbers in front of the data. A
 * file tells that order by its own; a record of Kafka does not, so they are turned round, as
 * libpcap and Wireshark do it. Pure, bounds-checked.
 */
#pragma once

#include <stdint.h>

/* From the other byte order into the host's, in place. */
void pseudo_header_swap(uint16_t linktype, uint8_t *p, uint32_t len);
