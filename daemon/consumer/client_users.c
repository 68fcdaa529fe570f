/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/client_users.h"

#include <stdatomic.h>
#include <stdlib.h>

struct client_users {
	atomic_int n;
	void (*gone)(void *arg);
	void *arg;
};

struct client_users *client_users_new(int n, void (*gone)(void *arg), void *arg)
{
	struct client_users *users = malloc(sizeof(*users));

	if (users)
		*users = (struct client_users){.n = n, .gone = gone, .arg = arg};
	return users;
}

bool client_users_let_go(struct client_users *users)
{
	if (atomic_fetch_sub(&users->n, 1) != 1)
		return false;
	free(users);
	return true;
}

void client_users_on_gone(void *arg)
{
	const struct client_users *users = arg;
	void (*gone)(void *arg) = users->gone;
	void *gone_arg = users->arg;

	if (client_users_let_go(arg) && gone)
		gone(gone_arg);
}
