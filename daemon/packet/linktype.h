/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link layers other than Ethernet, for dissect.c alone. Pure, bounds-checked.
 */
#pragma once

#include <stdint.h>

#include "packet/frame.h"

/* As dissect_link(), for a frame of LINKTYPE_ number `linktype`. */
void linktype_dissect(uint16_t linktype, const uint8_t *p, uint32_t len, struct frame *out);
