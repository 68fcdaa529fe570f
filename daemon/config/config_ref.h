/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a configuration. It is made by one (cli/config_builder), immutable from then on, and
 * shared: who keeps it holds a reference, and lets it go when it has a newer one or ends. So each
 * module has the settings that it works by, for as long as it does, whatever a reload brings.
 * For the loop's thread alone.
 */
#pragma once

#include "config/config.h"

/* A configuration of all defaults, to be filled in, with one reference. 0 or -ENOMEM. */
int config_new(struct config **out);

/*
 * One more reference to `cfg`, which is returned. One that config_new() has not made (a fixture of
 * a test) is not counted, and outlives its users.
 */
const struct config *config_ref(const struct config *cfg);

/* Gives a reference back; the last one frees, secrets are overwritten first. NULL is legal. */
void config_unref(const struct config *cfg);

/* Has every log entry from now on name this instance. 0 or -ENOMEM. */
int config_set_identity(const struct config *cfg);

/* Keeps `cfg` (may be NULL) in place of the one that *held has a reference to. */
void config_hold(const struct config **held, const struct config *cfg);
