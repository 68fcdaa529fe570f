/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an app tells of itself where its settings want that.
 */
#pragma once

struct app;

/* Serves the metrics. 0, or -errno (logged): an address or a file cannot be had. */
int app_metrics_open(struct app *a);
