/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to which sequence number everything is settled, when single ones settle in any order. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct settled;

int settled_new(struct settled **out);
void settled_free(struct settled *s);

/* The number is settled: delivered, or failed for good. Each at most once. */
void settled_mark(struct settled *s, uint64_t seq);

bool settled_has(const struct settled *s, uint64_t seq);

/* All numbers below this one are settled. */
uint64_t settled_below(const struct settled *s);
