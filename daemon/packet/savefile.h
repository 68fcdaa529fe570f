/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file of any format that is read, as bytes: which one it is, and what lies where. Pure:
 * whoever has the bytes asks what is at the first of them, and goes on behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/decoder.h"

struct savefile;

/* 0 or -ENOMEM. */
int savefile_new(struct savefile **out);
/* NULL is legal. */
void savefile_free(struct savefile *s);

/*
 * What lies at `p`, where the one before ended, of which `len` bytes are there; `all`: it is known
 * that no more come. DECODER_SHORT at the end of the file is no fault if there are none and
 * something came before. The bytes of a packet are changed where they have the byte order of the
 * host that captured it (pseudo_header.h).
 */
enum decoder_found savefile_next(struct savefile *s, uint8_t *p, size_t len, bool all,
				 struct decoder_item *out);
