/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many still use a client of librdkafka: the workers whose calls hang, and whoever frees it.
 * The last one takes it along.
 */
#pragma once

#include <stdbool.h>

struct client_users;

/* `n` users; NULL: no memory. */
struct client_users *client_users_new(int n, void (*gone)(void *arg), void *arg);

/* One less. True: it was the last, and `users` is freed; gone() is not called. Any thread. */
bool client_users_let_go(struct client_users *users);

/* The same for worker_release(): the last one calls gone(arg), which may be NULL. */
void client_users_on_gone(void *users);
