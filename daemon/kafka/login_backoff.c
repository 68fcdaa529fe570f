/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/login_backoff.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"

#define ADDRESSES   64
#define FIRST_MS    1000
#define MAX_MS      30000
#define REMEMBER_MS 60000 /* librdkafka repeats an error event every 30 s at least */

struct
try {
	uint64_t address; /* its hash; 0: none */
	uint64_t next_ms;
	double wait_ms;
};

struct login_backoff {
	atomic_int refs;
	pthread_mutex_t lock;
	uint64_t until_ms; /* spaced until then */
	struct try tries[ADDRESSES];
};

int login_backoff_new(struct login_backoff **out)
{
	struct login_backoff *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	pthread_mutex_init(&p->lock, NULL);
	*out = p;
	return 0;
}

void login_backoff_ref(struct login_backoff *p)
{
	atomic_fetch_add(&p->refs, 1);
}

void login_backoff_unref(struct login_backoff *p)
{
	if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void login_backoff_refused(struct login_backoff *p, uint64_t now_ms)
{
	pthread_mutex_lock(&p->lock);
	p->until_ms = now_ms + REMEMBER_MS;
	pthread_mutex_unlock(&p->lock);
}

void login_backoff_accepted(struct login_backoff *p)
{
	pthread_mutex_lock(&p->lock);
	p->until_ms = 0;
	memset(p->tries, 0, sizeof(p->tries));
	pthread_mutex_unlock(&p->lock);
}

/* When there are more addresses than rows some share a row and its waiting: slower, never wrong. */
static struct try *find(struct login_backoff *p, uint64_t address)
{
	for (size_t i = 0; i < ADDRESSES; i++) {
		struct try *t = &p->tries[i];

		if (!t->address)
			*t = (struct try){.address = address, .wait_ms = FIRST_MS};
		if (t->address == address)
			return t;
	}
	return &p->tries[address % ADDRESSES];
}

bool login_backoff_may_connect(struct login_backoff *p, const struct sockaddr *addr, socklen_t len,
			       uint64_t now_ms)
{
	struct try *t;
	bool may;

	pthread_mutex_lock(&p->lock);
	t = find(p, XXH3_64bits(addr, len) | 1);
	if (now_ms >= p->until_ms) {
		t->next_ms = now_ms + FIRST_MS;
		t->wait_ms = FIRST_MS;
		may = true;
	} else {
		may = now_ms >= t->next_ms;
		if (may) {
			t->wait_ms = clock_backoff(t->wait_ms, FIRST_MS, MAX_MS);
			t->next_ms = now_ms + (uint64_t)t->wait_ms;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return may;
}
