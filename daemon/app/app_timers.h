/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ticks of an app that follow from its settings: the stats line, the look for a stall.
 */
#pragma once

#include <ev.h>

struct app;

/* `interval` in seconds, 0: never. One that it has already is not put off. */
void app_timers_set(struct app *a, ev_timer *timer, double interval);

/* After the settings changed. A reload that leaves an interval alone does not put its tick off. */
void app_timers_start(struct app *a);
