/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259), written. Errors are the stream's.
 */
#pragma once

#include <stdio.h>

/*
 * A string with its quotation marks. Characters that steer a terminal, or the order of what is
 * shown, are escaped, so that it is also safe to show; what is no well-formed UTF-8 becomes U+FFFD,
 * byte by byte.
 */
void json_put_string(FILE *out, const char *text);
