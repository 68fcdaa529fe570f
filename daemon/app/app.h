/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One capture instance from start to end: the loop, the signals, reload, shutdown.
 */
#pragma once

#include "cli/options.h"
#include "config/config.h"

struct extcap;

/*
 * Runs the instance until it ends. the reference to `cfg` is taken over; `options` is what reloads
 * read again; `extcap` is told of it, NULL: not run by Wireshark. Returns the exit status: 0, 1, or
 * 2 when the Kafka client cannot be made of these settings. Signals must be blocked
 * (signals_block()).
 */
int app_run(const struct config *cfg, const struct options *options, struct extcap *extcap);
