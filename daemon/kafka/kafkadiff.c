/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafkadiff.h"

#include <stdio.h>
#include <string.h>

#include "kafka/kafkaprops.h"
#include "kafka/user_properties.h"

#define MASK "****"

struct comparison {
	difference_fn fn;
	void *ctx;
	unsigned int changes;
};

static void differ(struct comparison *cmp, const char *name, const char *before, const char *after)
{
	struct difference d = {.name = name,
			       .before = before,
			       .after = after,
			       .change = CONFIG_CHANGE_CLIENT};

	cmp->changes |= CONFIG_CHANGE_CLIENT;
	if (cmp->fn != NULL)
		cmp->fn(cmp->ctx, &d);
}

/* Whether librdkafka reads the same in both. */
static bool is_same_value(const struct user_properties *old, const struct config_property *before,
			  const struct user_properties *new, const struct config_property *after)
{
	char was[256], is[256];
	const char *a, *b;

	if (strcmp(before->value, after->value) == 0)
		return true;
	if (kafkaprops_is_secret(after->name))
		return false;
	a = user_properties_text(old, before->name, was, sizeof(was));
	b = user_properties_text(new, after->name, is, sizeof(is));
	return *a != '\0' && strcmp(a, b) == 0;
}

/* `before` and `after`: the last words on one property; NULL: none. */
static void compare(struct comparison *cmp, const struct config_property *before,
		    const struct config_property *after, bool same)
{
	const char *name = after != NULL ? after->name : before->name;
	const char *old = before != NULL ? before->value : "";
	const char *new = after != NULL ? after->value : "";
	char label[256];

	if (same && before->stamp == after->stamp)
		return;
	snprintf(label, sizeof(label), "kafka-config %s%s", name, same ? " (its file)" : "");
	if (kafkaprops_is_secret(name)) {
		old = before != NULL ? MASK : "";
		new = after != NULL ? MASK : "";
	}
	differ(cmp, label, old, new);
}

static void compare_all(struct comparison *cmp, const struct config *before,
			const struct config *after, const struct user_properties *old,
			const struct user_properties *new)
{
	for (size_t i = 0; i < before->properties.n; i++) {
		const struct config_property *was = &before->properties.list[i];
		const struct config_property *is = user_properties_find(new, was->name);

		if (user_properties_find(old, was->name) == was)
			compare(cmp, was, is, is != NULL && is_same_value(old, was, new, is));
	}
	for (size_t i = 0; i < after->properties.n; i++) {
		const struct config_property *is = &after->properties.list[i];

		if (user_properties_find(new, is->name) == is &&
		    user_properties_find(old, is->name) == NULL)
			compare(cmp, NULL, is, false);
	}
}

unsigned int kafkadiff(const struct config *before, const struct config *after, difference_fn fn,
		       void *ctx)
{
	struct comparison cmp = {.fn = fn, .ctx = ctx};
	struct user_properties *old = user_properties_new(before),
			       *new = user_properties_new(after);

	/* Without memory it cannot be told what changed; something it may be. */
	if (old == NULL || new == NULL)
		differ(&cmp, "kafka-config", "?", "?");
	else
		compare_all(&cmp, before, after, old, new);
	user_properties_free(old);
	user_properties_free(new);
	return cmp.changes;
}
