/* SPDX-License-Identifier: Apache-2.0 */
/* The program of a filter in the kernel, on a packet socket. */
#pragma once

#include <stdbool.h>

#include "config/config.h"

struct bpf_program;

/* From now on the socket lets nothing in. 0 or -errno. */
int kernel_filter_reject_all(int fd);

/*
 * Would the kernel take it? 0; -EINVAL: it has over 4,096 instructions, or an offset that the
 * kernel does not know; -ENOMEM: net.core.optmem_max is too small for it.
 */
int kernel_filter_probe(const struct bpf_program *program);

/* The socket lets in what the program says, from now on. 0 or -errno, as of the probe. */
int kernel_filter_attach(int fd, const struct bpf_program *program);

/*
 * The same program, for the packets of one direction alone: what libpcap leaves out by itself is
 * missing from the kernel's count. A cooked link type (DLT_) tells it in its header, of others only
 * the kernel knows it. To be freed by pcap_freecode(). 0 or -ENOMEM.
 */
int kernel_filter_for_direction(struct bpf_program *out, const struct bpf_program *program, int dlt,
				enum config_direction direction);

/* True when the socket has a filter in the kernel. */
bool kernel_filter_is_set(int fd);

/* True when it looks at what only the kernel knows: it is of no use on a packet's bytes. */
bool kernel_filter_is_needed(const struct bpf_program *program);
