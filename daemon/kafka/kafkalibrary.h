/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which librdkafka runs. The loader chooses, anew at each start: Debian's, that of the package
 * pycapa-librdkafka, or what LD_LIBRARY_PATH names.
 */
#pragma once

#define KAFKALIBRARY_LICENCE "BSD-2-Clause"

/* Its version, "2.0.2". */
const char *kafkalibrary_version(void);

/* The file that it was loaded from; "built in" when there is none. */
const char *kafkalibrary_file(void);
