/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of a consuming instance, and what it says: there is room again, it has ended, a file
 * is complete.
 */
#pragma once

#include "app/consumer_role_impl.h"

/* Returns 0 or -errno (logged). */
int consumer_output_open(struct role *s);

/* A consumer is about to be made: of a set of files, its group is told what is in those that are on
 * the disk under their names. */
void consumer_output_join(const struct role *s, struct consumer_options *opt);
/* Another has taken the place of s->retired: what that one took, and is in no such file yet, is the
 * other's to commit. */
void consumer_output_retire(const struct role *s);
