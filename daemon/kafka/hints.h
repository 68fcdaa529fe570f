/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about an error text of librdkafka, OpenSSL, libsasl or kinit. Pure.
 */
#pragma once

#include <stdbool.h>

/*
 * Returns what to install, set or ask for, without a full stop, to be put behind "text: "; NULL
 * when there is nothing to say that the text does not say itself. `rdkafka_version` is
 * rd_kafka_version(): some errors have another cause with an old library.
 */
const char *hints_for(const char *text, int rdkafka_version);

/* What is to stand behind a text, as two %s: a mark, and what to do; both "" when there is nothing.
 */
struct hint {
	const char *mark, *advice;
};

/* hints_for() the librdkafka that runs; `mark` is what parts it from the text: ": ", "; ". */
struct hint hints_behind(const char *text, const char *mark);

/*
 * True when the text says that the other side refused us, or we it, for good reason (credentials,
 * certificates): trying again at once is of no use, and may lock an account.
 */
bool hints_is_refusal(const char *text);

/*
 * What to warn of at the start, before any broker refuses it: SCRAM with a librdkafka that cannot
 * do it. `mechanism` is sasl.mechanism; NULL when there is nothing to say.
 */
const char *hints_for_mechanism(const char *mechanism, int rdkafka_version);
