/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says why a broker's certificate was refused: librdkafka alone has one text for all reasons.
 */
#pragma once

#include <librdkafka/rdkafka.h>

/* Has the client explain what OpenSSL refuses; it accepts nothing that OpenSSL does not. */
void certcheck_install(rd_kafka_conf_t *conf);
