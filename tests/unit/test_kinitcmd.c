/* SPDX-License-Identifier: Apache-2.0 */
/* What the shell makes of the command: it is asked itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kinitcmd.h"

#define STRANGE "/o'clock \"x\" $HOME `id` \\ %{client.id} $(id) a  b"

static rd_kafka_conf_t *properties(const char *command, const char *keytab)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set(conf, "security.protocol", "sasl_plaintext", NULL, 0);
	rd_kafka_conf_set(conf, "sasl.kerberos.kinit.cmd", command, NULL, 0);
	if (keytab)
		rd_kafka_conf_set(conf, "sasl.kerberos.keytab", keytab, NULL, 0);
	return conf;
}

/* What the user's command prints: the shell takes the wrapped one apart, then runs that in it. */
static void run(const rd_kafka_conf_t *conf, char *out, size_t size)
{
	char wrapped[2048], line[4096];
	size_t n = sizeof(wrapped);
	FILE *shell;

	assert_int_equal(rd_kafka_conf_get(conf, "sasl.kerberos.kinit.cmd", wrapped, &n),
			 RD_KAFKA_CONF_OK);
	assert_int_equal(strncmp(wrapped, "exec '/", 7), 0);
	assert_null(strstr(wrapped, "%{")); /* nothing is left for librdkafka */
	snprintf(line, sizeof(line), "set -- %s; test \"$2 $3\" = '--run-kinit 7' && sh -c \"$4\"",
		 wrapped + strlen("exec "));
	shell = popen(line, "r");
	assert_non_null(shell);
	n = fread(out, 1, size - 1, shell);
	out[n] = '\0';
	assert_int_equal(pclose(shell), 0);
}

static void test_values_reach_the_command_as_they_are(void **state)
{
	static const char *const keytabs[] = {STRANGE, "/etc/pycapa.keytab", "'", "\"", "$", "\\"};
	static const char command[] =
		"printf '%s|' \"%{sasl.kerberos.keytab}\" '%{sasl.kerberos.keytab}' "
		"%{sasl.kerberos.keytab} \"it's \\\"%{sasl.kerberos.keytab}\" \\\"";
	char why[256], out[2048], expected[2048];

	for (size_t i = 0; i < sizeof(keytabs) / sizeof(keytabs[0]); i++) {
		rd_kafka_conf_t *conf = properties(command, keytabs[i]);
		const char *k = keytabs[i];

		assert_int_equal(kinitcmd_wrap(conf, 7, why, sizeof(why)), 0);
		run(conf, out, sizeof(out));
		snprintf(expected, sizeof(expected), "%s|%s|%s|it's \"%s|\"|", k, k, k, k);
		assert_string_equal(out, expected);
		rd_kafka_conf_destroy(conf);
	}
}

static void test_what_has_no_value_is_said(void **state)
{
	static const struct {
		const char *command, *words;
	} cases[] = {
		{"kinit -t %{sasl.kerberos.keytab}", "Property not available: \"sasl.kerberos."
						     "keytab\""},
		{"kinit %{nonesuch}", "Property not available: \"nonesuch\""},
		{"kinit %{sasl.kerberos.principal", "no } after %{sasl.kerberos"},
	};
	char why[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rd_kafka_conf_t *conf = properties(cases[i].command, NULL);

		assert_int_equal(kinitcmd_wrap(conf, 7, why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, cases[i].words));
		rd_kafka_conf_destroy(conf);
	}
}

static void test_when_kinit_is_run(void **state)
{
	rd_kafka_conf_t *conf = properties("kinit", "/k");

	assert_true(kinitcmd_is_wanted(conf)); /* GSSAPI is librdkafka's default */
	rd_kafka_conf_set(conf, "sasl.kerberos.min.time.before.relogin", "0", NULL, 0);
	assert_false(kinitcmd_is_wanted(conf));
	rd_kafka_conf_set(conf, "sasl.kerberos.min.time.before.relogin", "1000", NULL, 0);
	rd_kafka_conf_set(conf, "sasl.mechanism", "PLAIN", NULL, 0);
	assert_false(kinitcmd_is_wanted(conf));
	rd_kafka_conf_destroy(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_reach_the_command_as_they_are),
		cmocka_unit_test(test_what_has_no_value_is_said),
		cmocka_unit_test(test_when_kinit_is_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
