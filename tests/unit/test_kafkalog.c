/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "kafka/kafkalog.h"
#include "lines.h"

#define COMMAND "exec '/usr/bin/pycapa' --run-kinit 5 'kinit -w SECRET'"

struct example {
	const char *fac, *text, *shown;
};

static const struct example examples[] = {
	{"SASLREFRESH", "Refreshing Kerberos ticket with command: " COMMAND,
	 "Refreshing Kerberos ticket with command: ****"},
	{"SASLREFRESH", "Slow Kerberos ticket refresh: 6001ms: " COMMAND,
	 "Slow Kerberos ticket refresh: 6001ms: ****"},
	{"SASLREFRESH", "Kerberos ticket refresh failed: " COMMAND ": exited with code 127",
	 "Kerberos ticket refresh failed: ****: exited with code 127"},
	{"SASLREFRESH", "Kerberos ticket refresh failed: " COMMAND ": received signal 9",
	 "Kerberos ticket refresh failed: ****: received signal 9"},
	/* Cut by librdkafka, and with what looks like a result in the command. */
	{"SASLREFRESH", "failed: exec '/usr/bin/pycapa' --run-kinit 5 'x '\\''a'\\'': SECRET",
	 "failed: ****"},
	{"SASLREFRESH", "failed: exec '/usr/bin/pycapa' --run-kinit 5 'x: exited with code SECRET",
	 "failed: ****"},
	{"SASLREFRESH", "Kerberos ticket refreshed in 12ms", "Kerberos ticket refreshed in 12ms"},
	{"CONF", "[thrd:app]:   sasl.kerberos.kinit.cmd = kinit -w SECRET",
	 "[thrd:app]:   sasl.kerberos.kinit.cmd = ****"},
	{"CONF", "[thrd:app]:   linger.ms = 5", "[thrd:app]:   linger.ms = 5"},
	{"CONF", "[thrd:app]: Client configuration:", "[thrd:app]: Client configuration:"},
	{"", "Invalid sasl.oauthbearer.config: non-integral 'lifeSeconds=': SECRET",
	 "Invalid sasl.oauthbearer.config ****"},
	{"", "Unrecognized sasl.oauthbearer.config beginning at: SECRET",
	 "Unrecognized sasl.oauthbearer.config ****"},
	{"", "SASL/OAUTHBEARER extension values must only consist of x: SECRET",
	 "SASL/OAUTHBEARER extension ****"},
	{"", "Connect to ipv4#127.0.0.1:9092 failed", "Connect to ipv4#127.0.0.1:9092 failed"},
};

static void test_secrets_are_blanked_and_the_rest_stays(void **state)
{
	char text[256];

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		snprintf(text, sizeof(text), "%s", examples[i].text);
		kafkalog_hide(examples[i].fac, text);
		assert_string_equal(text, examples[i].shown);
	}
}

static void test_what_a_broker_forbids_outlives_its_answers(void **state)
{
	struct kafkalog *l = NULL;

	assert_int_equal(kafkalog_new(&l), 0);
	kafkalog_error(l, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "forbidden", true);
	kafkalog_connection(l, "b:9092", true, NULL);
	assert_string_equal(kafkalog_last_error(l), "forbidden");
	kafkalog_success(l);
	assert_string_equal(kafkalog_last_error(l), "");
	kafkalog_error(l, RD_KAFKA_RESP_ERR__AUTHENTICATION, "password", false);
	kafkalog_connection(l, "b:9092", true, NULL);
	assert_string_equal(kafkalog_last_error(l), "");
	kafkalog_unref(l);
}

static void test_a_handle_that_librdkafka_replaces_is_no_fault(void **state)
{
	struct kafkalog *l = NULL;

	lines_catch();
	assert_int_equal(kafkalog_new(&l), 0);
	kafkalog_write(l, "GETPID",
		       "[thrd:main]: Failed to acquire idempotence PID from broker b:1/bootstrap: "
		       "Local: Broker handle destroyed without termination: retrying",
		       LOG_WARNING);
	assert_int_equal(lines_with("GETPID"), 0);
	kafkalog_write(l, "GETPID",
		       "[thrd:main]: Failed to acquire idempotence PID from broker b:1/1: "
		       "Broker: Coordinator not available: retrying",
		       LOG_WARNING);
	assert_int_equal(lines_with("GETPID"), 1);
	kafkalog_unref(l);
	lines_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_are_blanked_and_the_rest_stays),
		cmocka_unit_test(test_what_a_broker_forbids_outlives_its_answers),
		cmocka_unit_test(test_a_handle_that_librdkafka_replaces_is_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
