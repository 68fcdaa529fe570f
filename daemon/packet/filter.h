/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter expression (pcap-filter(7)): checked and compiled.
 *
 * To compile may take tens of seconds: the names in it are looked up, and the time it takes grows
 * with the square of the terms. Never on the loop. After 2 s one line says what is waited for.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bpf_program;
struct pcap;

/* A host or network in it is not known now; it may be later. */
#define FILTER_E_NAME 1

/* For the link type of an open handle. 0; FILTER_E_NAME or -EINVAL, with one line in `why`. */
int filter_compile(struct pcap *pcap, const char *filter, struct bpf_program *out, char *why,
		   size_t size);

/* The same, for a link type, and nothing but the answer. */
int filter_check(const char *filter, int dlt, char *why, size_t size);

/*
 * For the packets of a LINKTYPE_ number, as a capture file has them: what only a live capture knows
 * (the direction, the number of an interface) is -EINVAL, unless the link-layer header says it.
 */
int filter_compile_linktype(uint16_t linktype, const char *filter, struct bpf_program *out,
			    char *why, size_t size);

/* The number of a link type, and libpcap's name: "276 (LINUX_SLL2)". */
void filter_linktype_name(uint16_t linktype, char *buf, size_t size);

/*
 * Without knowing the link type: 0 when it is right for any, or when it takes longer than `wait_ms`
 * to tell; FILTER_E_NAME or -EINVAL, with `why` as for Ethernet.
 */
int filter_check_expression(const char *filter, unsigned int wait_ms, char *why, size_t size);

/* The word in it that asks which way a packet went: "inbound" or "outbound"; NULL: there is none.
 */
const char *filter_direction(const char *filter);
