/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafkalibrary.h"

#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <stddef.h>

const char *kafkalibrary_version(void)
{
	return rd_kafka_version_str();
}

const char *kafkalibrary_file(void)
{
	/* Not the function's own address: that may be one in the program, which jumps to it. */
	const void *in_library = dlsym(RTLD_DEFAULT, "rd_kafka_version_str");
	Dl_info info;

	if (in_library == NULL || dladdr(in_library, &info) == 0 || info.dli_fname == NULL)
		return "built in";
	return info.dli_fname;
}
