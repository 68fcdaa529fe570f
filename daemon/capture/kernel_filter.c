/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/kernel_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pcap/pcap.h>

/* A program of libpcap goes to the kernel as it is. */
_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "one instruction, one size");

static int attach(int fd, struct sock_filter *insns, unsigned int n)
{
	struct sock_fprog program = {.len = (unsigned short)n, .filter = insns};

	if (n > BPF_MAXINSNS)
		return -E2BIG;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

int kernel_filter_reject_all(int fd)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(fd, &insn, 1);
}

int kernel_filter_attach(int fd, const struct bpf_program *program)
{
	return attach(fd, (struct sock_filter *)(void *)program->bf_insns, program->bf_len);
}

int kernel_filter_probe(const struct bpf_program *program)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = kernel_filter_attach(fd, program);
	close(fd);
	return r;
}

/* packet(7)'s type of a packet. */
static struct bpf_insn load_type(int dlt)
{
	switch (dlt) {
	case DLT_LINUX_SLL:
		return (struct bpf_insn)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0);
	case DLT_LINUX_SLL2:
		return (struct bpf_insn)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 10);
	default:
		return (struct bpf_insn)BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
						 (bpf_u_int32)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	}
}

int kernel_filter_for_direction(struct bpf_program *out, const struct bpf_program *program, int dlt,
				enum config_direction direction)
{
	bool in = direction == CONFIG_DIRECTION_IN;
	const struct bpf_insn begin[] = {
		load_type(dlt),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, !in, in),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	unsigned int n = direction == CONFIG_DIRECTION_INOUT ? 0 : sizeof(begin) / sizeof(begin[0]);

	*out = (struct bpf_program){.bf_len = program->bf_len + n};
	out->bf_insns = malloc(out->bf_len * sizeof(*out->bf_insns));
	if (!out->bf_insns)
		return -ENOMEM;
	/* Jumps are relative: the program is as good behind it. */
	memcpy(out->bf_insns, begin, n * sizeof(begin[0]));
	memcpy(out->bf_insns + n, program->bf_insns, program->bf_len * sizeof(begin[0]));
	return 0;
}

bool kernel_filter_is_set(int fd)
{
	socklen_t n = 0; /* asks for the number of instructions alone */

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n) == 0 && n > 0;
}

bool kernel_filter_is_needed(const struct bpf_program *program)
{
	for (unsigned int i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		if (BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS &&
		    insn->k >= (bpf_u_int32)SKF_AD_OFF)
			return true;
	}
	return false;
}
