/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/certcheck.h"

#include <stdbool.h>
#include <stdio.h>

/* Results of a verification, openssl-verification-options(1) and X509_STORE_CTX_get_error(3). */
enum {
	CERT_OK = 0,
	CERT_NOT_YET_VALID = 9,
	CERT_HAS_EXPIRED = 10,
	CERT_SELF_SIGNED = 18,
	CERT_SELF_SIGNED_IN_CHAIN = 19,
	CERT_NO_ISSUER_LOCALLY = 20,
	CERT_NO_ISSUER_FIRST = 21,
	CERT_REVOKED = 23,
	CERT_HOST_MISMATCH = 62,
	CERT_ADDRESS_MISMATCH = 64,
};

/* A chain that ends nowhere is found at whichever certificate: it is about all of them. */
static const char *reason(int error, bool is_broker)
{
	switch (error) {
	case CERT_NOT_YET_VALID:
		return is_broker ? "the broker's certificate is not yet valid"
				 : "the CA of the broker's certificate is not yet valid";
	case CERT_HAS_EXPIRED:
		return is_broker ? "the broker's certificate has expired"
				 : "the CA of the broker's certificate has expired";
	case CERT_SELF_SIGNED:
	case CERT_SELF_SIGNED_IN_CHAIN:
	case CERT_NO_ISSUER_LOCALLY:
	case CERT_NO_ISSUER_FIRST:
		return "the broker's certificate is not signed by a CA we trust";
	case CERT_REVOKED:
		return "the broker's certificate was revoked";
	case CERT_HOST_MISMATCH:
	case CERT_ADDRESS_MISMATCH:
		return "the broker's certificate is for another host";
	default:
		return "the broker's certificate was refused";
	}
}

/* Called for each certificate of the chain; returning 1 would accept whatever OpenSSL found. */
static int verify(rd_kafka_t *rk, const char *broker_name, int32_t broker_id, int *x509_error,
		  int depth, const char *buf, size_t size, char *errstr, size_t errstr_size,
		  void *opaque)
{
	if (*x509_error == CERT_OK)
		return 1;
	snprintf(errstr, errstr_size, "%s (X.509 error %d)", reason(*x509_error, depth == 0),
		 *x509_error);
	return 0;
}

void certcheck_install(rd_kafka_conf_t *conf)
{
	/* Refused only by a librdkafka without TLS, which has nothing to check. */
	rd_kafka_conf_set_ssl_cert_verify_cb(conf, verify);
}
