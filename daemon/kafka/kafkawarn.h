/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs what is allowed of Kafka's properties but deserves a word: those for the other role,
 * defaults of ours that gave way, a mechanism that the library cannot do, secrets in files that
 * others may read. Once at start and once a reload.
 */
#pragma once

#include "config/config.h"

void kafkawarn(const struct config *cfg);
