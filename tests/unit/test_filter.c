/* SPDX-License-Identifier: Apache-2.0 */
/* A check of a filter is not awaited for ever: libpcap here compiles when the test lets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/thread.h"
#include "packet/filter.h"

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

/* In place of libpcap's: as that one, once the test lets go of the lock. */
int pcap_compile(pcap_t *pcap, struct bpf_program *program, const char *text, int optimize,
		 bpf_u_int32 netmask)
{
	int (*real)(pcap_t *, struct bpf_program *, const char *, int, bpf_u_int32);
	int r;

	*(void **)&real = dlsym(RTLD_NEXT, "pcap_compile");
	pthread_mutex_lock(&compiling);
	r = real(pcap, program, text, optimize, netmask);
	pthread_mutex_unlock(&compiling);
	return r;
}

static void a_check_that_ends_in_time(void **state)
{
	char why[256] = "";

	assert_int_equal(filter_check_expression("tcp port 80", UINT_MAX, why, sizeof(why)), 0);
	assert_int_equal(filter_check_expression("tcp prot 80", UINT_MAX, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "syntax error"));
	assert_true(thread_may_exit());
}

static void a_check_that_takes_longer_is_left_to_itself(void **state)
{
	char why[256] = "";

	pthread_mutex_lock(&compiling);
	assert_int_equal(filter_check_expression("tcp prot 80", 20, why, sizeof(why)), 0);
	assert_false(thread_may_exit());
	pthread_mutex_unlock(&compiling);
	/* It ends by itself; a leak or a use after free is the sanitizers' to find. */
	for (uint64_t until = thread_now_ms() + 10000; !thread_may_exit(); sched_yield())
		assert_true(thread_now_ms() < until);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_that_ends_in_time),
		cmocka_unit_test(a_check_that_takes_longer_is_left_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
