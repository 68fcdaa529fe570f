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
#include <netdb.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/thread.h"
#include "deadline.h"
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

/* In place of the C library's: no name is known, whatever the machine's name service does. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	return EAI_NONAME;
}

static void a_check_that_ends_in_time(void **state)
{
	char why[256] = "";

	assert_int_equal(filter_check_expression("tcp port 80", UINT_MAX, why, sizeof(why)), 0);
	assert_int_equal(filter_check_expression("tcp prot 80", UINT_MAX, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "syntax error"));
	assert_int_equal(filter_check_expression("host no-such-host.invalid", UINT_MAX, why,
						 sizeof(why)),
			 FILTER_E_NAME);
	assert_true(thread_may_exit());
}

static void a_syntax_error_says_where(void **state)
{
	static const struct {
		const char *filter, *said;
	} cases[] = {
		{"tcp prot 80", " at 'prot' (word 2)"},
		{"edge", " at 'edge' (word 1)"},
		{"tcp port 80 or udp prt 53", " at 'prt' (word 6)"},
		{"tcp or or udp", " at 'or' (word 3)"},
		{" \n udp \t port  53) and\nip ", " at '53)' (word 3)"},
		{"host 10.0.0.1 and", " at its end"},
		{"udp[10", " at its end"},
		{"(tcp", " at its end"},
		{"host no-such-host.invalid or or udp", ""}, /* its name is wrong, too */
	};
	char why[256], want[320];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = cases[i].said;

		filter_check_expression(cases[i].filter, UINT_MAX, why, sizeof(why));
		snprintf(want, sizeof(want), "can't parse filter expression: syntax error%s", said);
		if (strcmp(why, *said ? want : "unknown host 'no-such-host.invalid'") != 0)
			fail_msg("'%s': %s", cases[i].filter, why);
	}
}

/* Each was found in libpcap's source: what its scanner takes for the keyword, and what not. */
static void the_words_that_ask_for_a_direction(void **state)
{
	static const struct {
		const char *filter, *word;
	} cases[] = {
		{"inbound", "inbound"},
		{"tcp and not outbound", "outbound"},
		{"udp and(outbound)", "outbound"},
		{"", NULL},
		{" ", NULL},
		{"tcp port 80", NULL},
		{"host \\inbound", NULL},
		{"host inbound.example.org", NULL},
		{"host my-inbound", NULL},
		{"host inbounds or host xoutbound", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *word = filter_direction(cases[i].filter);

		if (!word != !cases[i].word || (word && strcmp(word, cases[i].word) != 0))
			fail_msg("'%s': %s", cases[i].filter, word ? word : "none");
	}
}

/* LINKTYPE_ numbers, which are not all DLT_ numbers; and no live capture's knowledge. */
static void a_link_type_is_a_file_s(void **state)
{
	static const struct {
		const char *filter;
		uint16_t linktype;
		int r;
	} cases[] = {
		{"udp", 1, 0},
		{"udp", 101, 0},       /* RAW, whose DLT_ is 12 */
		{"udp", 276, 0},       /* LINUX_SLL2 */
		{"udp", 195, -EINVAL}, /* IEEE802_15_4_WITHFCS */
		{"udp", 65535, -EINVAL},
		{"ifindex 1", 276, 0},
		{"ifindex 1", 1, -EINVAL},
		{"host no-such-host.invalid", 1, FILTER_E_NAME},
	};
	struct bpf_program code;
	char why[256], name[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = filter_compile_linktype(cases[i].linktype, cases[i].filter, &code, why,
						sizeof(why));

		if (r != cases[i].r)
			fail_msg("'%s' for %u: %d", cases[i].filter, cases[i].linktype, r);
		if (r == 0)
			pcap_freecode(&code);
		else
			assert_true(*why);
	}
	filter_linktype_name(101, name, sizeof(name));
	assert_string_equal(name, "101 (RAW)");
	filter_linktype_name(65535, name, sizeof(name));
	assert_string_equal(name, "65535");
}

static void a_check_that_takes_longer_is_left_to_itself(void **state)
{
	char why[256] = "";

	pthread_mutex_lock(&compiling);
	assert_int_equal(filter_check_expression("tcp prot 80", 20, why, sizeof(why)), 0);
	assert_false(thread_may_exit());
	pthread_mutex_unlock(&compiling);
	/* It ends by itself; a leak or a use after free is the sanitizers' to find. */
	for (uint64_t until = thread_now_ms() + DEADLINE_S * 1000; !thread_may_exit();
	     sched_yield())
		assert_true(thread_now_ms() < until);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_that_ends_in_time),
		cmocka_unit_test(a_syntax_error_says_where),
		cmocka_unit_test(the_words_that_ask_for_a_direction),
		cmocka_unit_test(a_link_type_is_a_file_s),
		cmocka_unit_test(a_check_that_takes_longer_is_left_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
