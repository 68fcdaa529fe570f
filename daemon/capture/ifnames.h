/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of network interfaces by their index, as packets of the interface `any` tell it. The
 * kernel is asked once for each index, and again when rtnetlink says that it has changed.
 *
 * An interface that is gone keeps its last name, for packets that were captured before.
 */
#pragma once

#include <stddef.h>

struct ifnames;

/* 0 or -ENOMEM. */
int ifnames_new(struct ifnames **out);

/* The length of the name, which is borrowed until the next call; 0: it is not known. */
size_t ifnames_get(struct ifnames *n, int index, const char **name);

/* An interface is new, or may have another name. 0: any of them, as events were lost. */
void ifnames_changed(struct ifnames *n, int index);

/* NULL is legal. */
void ifnames_free(struct ifnames *n);
