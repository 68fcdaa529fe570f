/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table, looked through from the top: the first row whose words all occur in the text. The
 * words are those of librdkafka 2.0.2 and 2.12.1, MIT Kerberos 1.20, OpenSSL 3.0 and Kafka 4.3.
 */
#include "kafka/hints.h"

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <string.h>

/* librdkafka below 2.6.1 sends its nonce twice; Kafka from 3.7.2, 3.8.1 on refuses that. */
#define SCRAM_WORKS 0x020601ff

#define SCRAM_TOO_OLD                                                                              \
	"librdkafka below 2.6.1 cannot do SCRAM with Kafka 3.7.2, 3.8.1 or later, whatever the "   \
	"password: run pycapa with a current librdkafka (docs/security.md)"

struct row {
	const char *words[2];
	const char *advice;
	int below; /* only for a librdkafka older than this; 0: for all */
	bool refusal;
};

#define FAULT(word, other, advice)                                                                 \
	{                                                                                          \
		{word, other}, advice, 0, false                                                    \
	}
#define REFUSAL(word, other, advice)                                                               \
	{                                                                                          \
		{word, other}, advice, 0, true                                                     \
	}

static const struct row rows[] = {
	/* Kerberos: getting the ticket (kinit, or librdkafka before it runs it) */
	FAULT("kinit: not found", NULL, "install kinit: apt-get install krb5-user"),
	FAULT("kinit: command not found", NULL, "install kinit: apt-get install krb5-user"),
	FAULT("Property not available", "sasl.kerberos.keytab",
	      "set sasl.kerberos.keytab to the path of the keytab, and sasl.kerberos.principal"),
	FAULT("Key table file", "not found",
	      "sasl.kerberos.keytab names a file that does not exist"),
	FAULT("Permission denied", "initial credentials",
	      "the keytab must be readable by the user that pycapa runs as (LoadCredential= in the "
	      "service)"),
	FAULT("contains no suitable keys", NULL,
	      "the keytab has no key of sasl.kerberos.principal; klist -k KEYTAB lists those it "
	      "has"),
	FAULT("kinit: Client", "not found in Kerberos database",
	      "sasl.kerberos.principal does not exist in the realm"),
	FAULT("Preauthentication failed", NULL,
	      "the keytab is older than the principal's key: export it again"),
	FAULT("Password incorrect", NULL,
	      "the keytab is older than the principal's key: export it again"),
	FAULT("does not specify default realm", NULL,
	      "give sasl.kerberos.principal with its realm (NAME@REALM), or set default_realm in "
	      "/etc/krb5.conf"),
	FAULT("Cannot contact any KDC", NULL, "the KDC that /etc/krb5.conf names does not answer"),
	FAULT("Cannot find KDC", NULL, "set the realm's kdc in /etc/krb5.conf, and check DNS"),
	REFUSAL("Clock skew too great", NULL,
		"the clocks of this host, the KDC and the broker differ by more than Kerberos "
		"allows: synchronise them (timedatectl)"),

	/* Kerberos: using it */
	FAULT("No worthy mechs found", NULL,
	      "install the Kerberos plugin: apt-get install libsasl2-modules-gssapi-mit"),
	FAULT("missing a GSSAPI module", NULL,
	      "install the Kerberos plugin: apt-get install libsasl2-modules-gssapi-mit"),
	REFUSAL("No Kerberos credentials available", NULL,
		"there is no ticket; kinit's own error is in the log before this one"),
	REFUSAL("Ticket expired", NULL,
		"the ticket was not renewed in time: see kinit's errors in the log, and "
		"sasl.kerberos.min.time.before.relogin"),
	REFUSAL("Server ", "not found in Kerberos database",
		"the KDC does not know this broker: sasl.kerberos.service.name must be the first "
		"part of the broker's principal, and its second part the host name that the broker "
		"advertises"),
	REFUSAL("GSSAPI Error", NULL, "see Kerberos in docs/security.md"),

	/* Kafka 4.0.0 does not offer the oldest JoinGroup, by which an old library knows GSSAPI. */
	FAULT("SASL GSSAPI authentication not supported by broker", NULL,
	      "Kerberos with Kafka 4.0.0 needs librdkafka 2.11 or later; brokers from 4.0.1 on "
	      "also work with older versions"),

	/* SASL */
	{{"invalid credentials with SASL mechanism SCRAM", NULL}, SCRAM_TOO_OLD, SCRAM_WORKS, true},
	REFUSAL("invalid credentials with SASL mechanism SCRAM", NULL,
		"sasl.username or sasl.password is wrong, or the user has no credential for this "
		"mechanism"),
	REFUSAL("Invalid username or password", NULL, "sasl.username or sasl.password is wrong"),
	REFUSAL("Unsupported SASL mechanism", NULL,
		"set sasl.mechanism to one that the broker offers"),
	REFUSAL("SASL authentication error", NULL, "check the credentials"),

	/* TLS: our files */
	FAULT("ssl.key.location failed", "key values mismatch",
	      "the key does not belong to ssl.certificate.location"),
	FAULT("ssl.key.location failed", "system lib", "the file cannot be read"),
	FAULT("ssl.key.location failed", NULL,
	      "it is not a PEM private key, or ssl.key.password is wrong or missing"),
	FAULT("ssl.certificate.location failed", "system lib", "the file cannot be read"),
	FAULT("ssl.certificate.location failed", NULL, "it is not a PEM certificate"),
	FAULT("ssl.ca.location failed", "system lib", "the file cannot be read"),
	FAULT("ssl.ca.location failed", NULL, "it contains no PEM certificate"),

	/* TLS: the two sides */
	REFUSAL("broker's certificate has expired", NULL, "the broker's operator must renew it"),
	REFUSAL("broker's certificate is not yet valid", NULL, "check this host's clock"),
	REFUSAL("broker's certificate is for another host", NULL,
		"use the name in the certificate in --kafka-broker, and have the broker advertise "
		"it"),
	REFUSAL("broker's certificate is not signed by a CA we trust", NULL,
		"set ssl.ca.location to the CA of the brokers"),
	REFUSAL("broker's certificate", NULL, "see TLS in docs/security.md"),
	REFUSAL("certificate verify failed", NULL, "set ssl.ca.location to the CA of the brokers"),
	REFUSAL("alert bad certificate", NULL,
		"the broker requires a client certificate that it trusts: set "
		"ssl.certificate.location and ssl.key.location"),
	REFUSAL("alert certificate required", NULL,
		"the broker requires a client certificate: set ssl.certificate.location and "
		"ssl.key.location"),
	REFUSAL("alert certificate expired", NULL,
		"ssl.certificate.location has expired: replace it and reload"),
	REFUSAL("alert certificate revoked", NULL,
		"ssl.certificate.location was revoked: replace it and reload"),
	REFUSAL("alert certificate unknown", NULL,
		"the broker refused our certificate: it has expired, or the broker does not trust "
		"its CA"),
	REFUSAL("alert unknown ca", NULL,
		"the broker does not trust the CA of ssl.certificate.location"),
	REFUSAL("alert unsupported certificate", NULL,
		"ssl.certificate.location is not a client certificate (extendedKeyUsage "
		"clientAuth)"),
	REFUSAL("SSL alert number", NULL, "see TLS in docs/security.md"),
	FAULT("connecting to a PLAINTEXT broker listener", NULL,
	      "the port does not speak TLS: check the port and security.protocol"),
	FAULT("unexpected eof", "SSL_HANDSHAKE",
	      "the port does not speak TLS: check the port and security.protocol"),
	FAULT("connecting to a SSL listener", NULL, "set security.protocol to SSL or SASL_SSL"),
	FAULT("connection closed by peer", "APIVERSION_QUERY",
	      "the port may need TLS or SASL: check security.protocol"),

	/* Names. */
	FAULT("/bootstrap: Failed to resolve", NULL, "check --kafka-broker and DNS"),
	FAULT("Failed to resolve", NULL,
	      "the broker advertises a name that this host cannot resolve: correct the "
	      "broker's advertised.listeners, or DNS or /etc/hosts here"),

	/* Not Kafka. The four bytes that a reply begins with are read as its size. */
	FAULT("Invalid response size 1213486160", NULL, /* "HTTP" */
	      "a web server answers on this port, not Kafka: check --kafka-broker"),
	FAULT("Invalid response size 35251", NULL, /* 15 03 0?: an alert of TLS */
	      "the port requires TLS: set security.protocol to SSL or SASL_SSL"),
	FAULT("Invalid response size", "APIVERSION_QUERY",
	      "what answers on this port is not Kafka: check --kafka-broker"),

	/* ACLs */
	FAULT("Topic authorization failed", NULL,
	      "grant the principal Write and Describe on the topic (a consumer: Read and "
	      "Describe)"),
	FAULT("Group authorization failed", NULL,
	      "grant the principal Read on the group (group.id)"),
	FAULT("Cluster authorization failed", NULL,
	      "grant the principal Write on the topic, or on an old broker IdempotentWrite on the "
	      "cluster"),
};

static bool matches(const struct row *row, const char *text)
{
	return strstr(text, row->words[0]) && (!row->words[1] || strstr(text, row->words[1]));
}

const char *hints_for(const char *text, int rdkafka_version)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((!rows[i].below || rdkafka_version < rows[i].below) && matches(&rows[i], text))
			return rows[i].advice;
	return NULL;
}

struct hint hints_behind(const char *text, const char *mark)
{
	const char *advice = hints_for(text, rd_kafka_version());

	return advice ? (struct hint){mark, advice} : (struct hint){"", ""};
}

bool hints_is_refusal(const char *text)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (matches(&rows[i], text))
			return rows[i].refusal;
	return false;
}

const char *hints_for_mechanism(const char *mechanism, int rdkafka_version)
{
	if (strncmp(mechanism, "SCRAM-", 6) == 0 && rdkafka_version < SCRAM_WORKS)
		return SCRAM_TOO_OLD;
	return NULL;
}
