/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "config/listen_address.h"

/* As the kernel will see it. */
static const char *shown(const char *text)
{
	static char buf[160];
	struct listen_address a;
	char why[256] = "", host[INET6_ADDRSTRLEN];
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a.addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a.addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a.addr;

	if (listen_address_parse(&a, text, why, sizeof(why)) < 0)
		snprintf(buf, sizeof(buf), "refused");
	else if (un->sun_family == AF_UNIX)
		snprintf(buf, sizeof(buf), "%s", un->sun_path);
	else if (in->sin_family == AF_INET)
		snprintf(buf, sizeof(buf), "%s %d",
			 inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)),
			 ntohs(in->sin_port));
	else
		snprintf(buf, sizeof(buf), "%s %d",
			 inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)),
			 ntohs(in6->sin6_port));
	return buf;
}

static void test_an_address(void **state)
{
	assert_string_equal(shown("127.0.0.1:9917"), "127.0.0.1 9917");
	assert_string_equal(shown("0.0.0.0:1"), "0.0.0.0 1");
	assert_string_equal(shown("[::1]:65535"), "::1 65535");
	assert_string_equal(shown("[2001:db8::1]:9917"), "2001:db8::1 9917");
	assert_string_equal(shown("/run/x/metrics"), "/run/x/metrics");
}

static void test_without_a_host_it_is_this_one_alone(void **state)
{
	assert_string_equal(shown("9917"), "127.0.0.1 9917");
	assert_string_equal(shown(":9917"), "127.0.0.1 9917");
	assert_string_equal(shown("localhost:9917"), "127.0.0.1 9917");
}

static void test_what_is_no_address(void **state)
{
	static const char *const texts[] = {"",
					    ":",
					    "127.0.0.1",
					    "127.0.0.1:",
					    "127.0.0.1:0",
					    "a:9917",
					    "::1:9917",
					    "127.0.0.1:65536",
					    "127.0.0.1:9917 ",
					    "[::1]",
					    "[::1:9917",
					    "[]:9917",
					    "[127.0.0.1]:1",
					    "*:9917",
					    "run/metrics",
					    "127.0.0.1:-1"};
	char why[256] = "", path[200];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(shown(texts[i]), "refused");
	assert_int_equal(listen_address_check("x", why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "'x' is no address to listen on: write ADDRESS:PORT, as in "
				 "127.0.0.1:9917 or [::1]:9917, or the path of a UNIX socket");
	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[108] = '\0';
	assert_int_equal(listen_address_check(path, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "at most 107 bytes, this has 108"));
	path[107] = '\0';
	assert_int_equal(listen_address_check(path, why, sizeof(why)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address),
		cmocka_unit_test(test_without_a_host_it_is_this_one_alone),
		cmocka_unit_test(test_what_is_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
