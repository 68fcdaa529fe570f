/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters of UTF-8 text. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads one well-formed character (RFC 3629) of a text that ends with a NUL. Returns its bytes; 0:
 * none begins here.
 */
size_t utf8_read(const char *text, uint32_t *out);

/* Whether a character steers a terminal (C0, DEL, C1) or the order of what is shown. */
bool utf8_is_steering(uint32_t c);
