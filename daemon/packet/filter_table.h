/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter expression as programs, one for each link type that comes: an expression is right or
 * wrong for a link type. Packets of those for which it does not compile are left out, and counted.
 *
 * It compiles nothing itself: filter_compile_linktype() may take long, and whoever uses the table
 * knows on which thread. No allocation, lock or system call for a packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

struct bpf_program;
struct filter_table;

/* The expression is copied. 0 or -ENOMEM. */
int filter_table_new(struct filter_table **out, const char *expression);
/* NULL is legal. */
void filter_table_free(struct filter_table *t);

/* Makes room for a link type. 1; 0: there was; -ENOMEM. */
int filter_table_reserve(struct filter_table *t, uint16_t linktype);

/* What was compiled for a link type that has room; the program is taken, and emptied. */
void filter_table_put(struct filter_table *t, uint16_t linktype, struct bpf_program *program);
/* It does not compile for this one, as libpcap says why. */
void filter_table_put_unfit(struct filter_table *t, uint16_t linktype, const char *why);

#define FILTER_TABLE_E_MISSING  1 /* nothing was put for its link type yet */
#define FILTER_TABLE_E_LEFT_OUT 2

/* 0: it passes; or FILTER_TABLE_E_*. */
int filter_table_judge(struct filter_table *t, const struct packet *pkt);

uint64_t filter_table_left_out(const struct filter_table *t);

/* The expression for a message, shortened if it is long. */
void filter_table_show(const struct filter_table *t, char *buf, size_t size);

#define FILTER_TABLE_UNFIT_SIZE 1536

/* One line: how many packets of which link types it does not compile for. False: none came. */
bool filter_table_say_unfit(const struct filter_table *t, char *buf, size_t size);
