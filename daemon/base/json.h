/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259), written.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * A string with its quotation marks. Characters that steer a terminal, or the order of what is
 * shown, are escaped, so that it is also safe to show; what is no well-formed UTF-8 becomes U+FFFD,
 * byte by byte. Errors are the stream's.
 */
void json_put_string(FILE *out, const char *text);

/* The same into memory, without a NUL. Returns its bytes; 0: it has no room, and buf holds no JSON.
 */
size_t json_string(char *buf, size_t size, const char *text);
