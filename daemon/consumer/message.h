/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consumed Kafka message as a packet.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "packet/packet.h"

/*
 * Fills `pkt` from the message, whose bytes it borrows. Returns NULL, or why the message is no
 * packet of ours, in a few words (static). Empty values are packets (captures do hold some), null
 * ones are not.
 */
const char *message_to_packet(const rd_kafka_message_t *msg, struct packet *pkt);
