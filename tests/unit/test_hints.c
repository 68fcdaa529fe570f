/* SPDX-License-Identifier: Apache-2.0 */
/* The texts are those that the libraries really print; see tests/kafka/security. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "kafka/hints.h"

#define OLD     0x020002ff
#define CURRENT 0x020c01ff

#define GSSAPI_START                                                                               \
	"Failed to initialize SASL authentication: SASL handshake failed (start (-1)): "           \
	"SASL(-1): generic failure: GSSAPI Error: "

struct example {
	const char *text;
	const char *expected; /* in the advice; NULL: none */
	bool refusal;
};

static const struct example examples[] = {
	{"sh: 1: kinit: not found", "apt-get install krb5-user", false},
	{"kinit: Key table file '/none' not found while getting initial credentials",
	 "names a file that does not exist", false},
	{"kinit: Permission denied while getting initial credentials", "LoadCredential=", false},
	{"kinit: Keytab contains no suitable keys for nobody@PYCAPA.TEST while getting initial "
	 "credentials",
	 "klist -k", false},
	{"kinit: Client 'nobody@PYCAPA.TEST' not found in Kerberos database while getting initial "
	 "credentials",
	 "does not exist in the realm", false},
	{"kinit: Clock skew too great in KDC reply while getting initial credentials",
	 "synchronise", true},
	{"kinit: Cannot contact any KDC for realm 'PYCAPA.TEST' while getting initial credentials",
	 "does not answer", false},
	{GSSAPI_START
	 "No credentials were supplied, or the credentials were unavailable or "
	 "inaccessible (No Kerberos credentials available (default cache: FILE:/tmp/x))",
	 "there is no ticket", true},
	{GSSAPI_START "Unspecified GSS failure.  Minor code may provide more information (Server "
		      "kfk/localhost@PYCAPA.TEST not found in Kerberos database)",
	 "sasl.kerberos.service.name", true},
	{"Failed to initialize SASL authentication: SASL handshake failed (start (-4)): SASL(-4): "
	 "no mechanism available: No worthy mechs found (after 0ms in state AUTH_REQ)",
	 "libsasl2-modules-gssapi-mit", false},
	{"Invalid sasl.kerberos.kinit.cmd value: Property not available: \"sasl.kerberos.keytab\"",
	 "set sasl.kerberos.keytab", false},
	{"SASL authentication error: Authentication failed: Invalid username or password (after "
	 "303ms in state AUTH_REQ)",
	 "sasl.password is wrong", true},
	{"SASL GSSAPI mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's "
	 "supported mechanisms: PLAIN",
	 "sasl.mechanism", true},
	{"kfk:9092/bootstrap: Failed to resolve 'kfk:9092': Name or service not known (after 1ms "
	 "in "
	 "state CONNECT)",
	 "check --kafka-broker", false},
	{"kfk:9092/1: Failed to resolve 'kfk:9092': Name or service not known (after 1ms in state "
	 "CONNECT)",
	 "advertised.listeners", false},
	{"127.0.0.1:80/bootstrap: Receive failed: Invalid response size 1213486160 (0..100000000): "
	 "increase receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
	 "a web server answers", false},
	{"127.0.0.1:443/bootstrap: Receive failed: Invalid response size 352518912 (0..100000000): "
	 "increase receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
	 "the port requires TLS", false},
	{"127.0.0.1:22/bootstrap: Receive failed: Invalid response size 1397966893 "
	 "(0..100000000): increase receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
	 "is not Kafka", false},
	{"b:9092/1: Receive failed: Invalid response size 200000000 (0..100000000): increase "
	 "receive.message.max.bytes (after 900ms in state UP)",
	 NULL, false},
	{"ssl.key.location failed: error:0A080009:SSL routines::PEM lib", "ssl.key.password",
	 false},
	{"ssl.key.location failed: error:05800074:x509 certificate routines::key values mismatch",
	 "does not belong", false},
	{"ssl.ca.location failed: error:05880002:x509 certificate routines::system lib",
	 "cannot be read", false},
	{"Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert "
	 "number 42",
	 "requires a client certificate", true},
	{"Receive failed: error:0A000416:SSL routines::sslv3 alert certificate unknown: SSL alert "
	 "number 46",
	 "refused our certificate", true},
	{"SSL handshake failed: error:0A000415:SSL routines::sslv3 alert certificate expired: SSL "
	 "alert number 45",
	 "has expired", true},
	{"SSL handshake failed: error:0A000414:SSL routines::sslv3 alert certificate revoked: SSL "
	 "alert number 44",
	 "was revoked", true},
	{"SSL handshake failed: error:0A000418:SSL routines::tlsv1 alert unknown ca: SSL alert "
	 "number 48",
	 "does not trust the CA", true},
	{"SSL handshake failed: error:0A000413:SSL routines::sslv3 alert unsupported certificate: "
	 "SSL alert number 43",
	 "clientAuth", true},
	{"SSL handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure: SSL "
	 "alert number 40",
	 "see TLS in", true},
	{"SSL handshake failed: error:0A000438:SSL routines::tlsv1 alert internal error: SSL alert "
	 "number 80",
	 "see TLS in", true},
	{"Failed to initialize SASL authentication: SASL GSSAPI authentication not supported by "
	 "broker",
	 "2.11", false},
	{"SSL handshake failed: error:0A000086:SSL routines::certificate verify failed",
	 "ssl.ca.location", true},
	{"the broker's certificate has expired (X.509 error 10)", "operator", true},
	{"the broker's certificate is for another host (X.509 error 62)", "--kafka-broker", true},
	{"the broker's certificate is not signed by a CA we trust (X.509 error 20)",
	 "ssl.ca.location", true},
	{"SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading (after "
	 "2ms in state SSL_HANDSHAKE)",
	 "does not speak TLS", false},
	{"Broker: Topic authorization failed", "Write and Describe", false},
	{"Broker: Group authorization failed", "Read on the group", false},
	{"Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
	 NULL, false},
};

static void test_each_text_has_its_advice(void **state)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *e = &examples[i];
		const char *advice = hints_for(e->text, CURRENT);

		if (!e->expected)
			assert_null(advice);
		else if (!advice || !strstr(advice, e->expected))
			fail_msg("%s\n-> %s", e->text, advice ? advice : "(nothing)");
		if (hints_is_refusal(e->text) != e->refusal)
			fail_msg("refusal is not %d: %s", e->refusal, e->text);
	}
}

static void test_scram_depends_on_the_library(void **state)
{
	const char *text = "SASL authentication error: Authentication failed during authentication "
			   "due to invalid credentials with SASL mechanism SCRAM-SHA-256";

	assert_non_null(strstr(hints_for(text, OLD), "below 2.6.1"));
	assert_non_null(strstr(hints_for(text, CURRENT), "sasl.password is wrong"));
	assert_non_null(strstr(hints_for_mechanism("SCRAM-SHA-512", OLD), "below 2.6.1"));
	assert_null(hints_for_mechanism("SCRAM-SHA-512", CURRENT));
	assert_null(hints_for_mechanism("SCRAM-SHA-512", 0x020601ff));
	assert_null(hints_for_mechanism("PLAIN", OLD));
	assert_null(hints_for_mechanism("GSSAPI", OLD));
}

/* Put behind a text, marks and all, whatever there is to say. */
static void test_behind_a_text(void **state)
{
	struct hint hint = hints_behind("Clock skew too great", "; ");

	assert_string_equal(hint.mark, "; ");
	assert_string_equal(hint.advice, hints_for("Clock skew too great", rd_kafka_version()));
	hint = hints_behind("nothing that anybody knows", ": ");
	assert_string_equal(hint.mark, "");
	assert_string_equal(hint.advice, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_text_has_its_advice),
		cmocka_unit_test(test_scram_depends_on_the_library),
		cmocka_unit_test(test_behind_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
