/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/retry.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define FIRST_S 1

void retry_begin(struct retry *r)
{
	r->told = r->uncertain = false;
}

static bool is_another(const struct retry *r)
{
	return r->uncertain || (r->told && !netdev_is_as(&r->now, &r->tried));
}

bool retry_tell(struct retry *r, const struct netdev *now)
{
	if (now) {
		r->told = true;
		r->now = *now;
	} else {
		r->uncertain = true;
	}
	if (!is_another(r))
		return false;
	r->delay_s = 0;
	return true;
}

double retry_delay(struct retry *r)
{
	return r->delay_s = clock_backoff(r->delay_s, FIRST_S, RETRY_MAX_S);
}

double retry_fail(struct retry *r, const struct netdev *tried)
{
	r->tried = *tried;
	if (!is_another(r))
		return retry_delay(r);
	r->delay_s = 0;
	return 0;
}

bool retry_is_news(struct retry *r, const char *why)
{
	char text[sizeof(r->said)];

	snprintf(text, sizeof(text), "%s", why);
	if (!strcmp(r->said, text))
		return false;
	memcpy(r->said, text, sizeof(text));
	return true;
}

void retry_clear(struct retry *r)
{
	*r = (struct retry){.delay_s = 0};
}
