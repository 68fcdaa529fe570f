/* SPDX-License-Identifier: Apache-2.0 */
#include "config/difference.h"

#include <stdlib.h>
#include <string.h>

#include "config/settings_value.h"

/* A setting's value as text of any length; NULL without memory. */
static char *format(const struct config *cfg, const struct setting *setting)
{
	int n = settings_format(NULL, 0, cfg, setting);
	char *text = malloc((size_t)n + 1);

	if (text != NULL)
		settings_format(text, (size_t)n + 1, cfg, setting);
	return text;
}

/*
 * What is read from a file is opened once: nothing of the input changes then. Nor does what a
 * consumer asks of its topic.
 */
static enum config_change cost_of(const struct setting *setting, const struct config *running)
{
	bool fixed = running->read_file != NULL || running->mode == CONFIG_MODE_CONSUMER;

	if (fixed && setting->change == CONFIG_CHANGE_CAPTURE)
		return CONFIG_CHANGE_RESTART;
	return setting->change;
}

static unsigned int compare(const struct setting *setting, const struct config *before,
			    const struct config *after, difference_fn fn, void *ctx)
{
	struct difference d = {.name = setting->name, .change = cost_of(setting, before)};
	char *old, *new;
	bool differs;

	if (setting->type == SETTING_ACTION || setting->type == SETTING_PROPERTIES)
		return 0;
	old = format(before, setting);
	new = format(after, setting);
	/* Without memory the values cannot be shown; a change it may still be. */
	differs = old == NULL || new == NULL || strcmp(old, new) != 0;
	d.before = old != NULL && new != NULL ? old : "?";
	d.after = old != NULL && new != NULL ? new : "?";
	if (differs && fn != NULL)
		fn(ctx, &d);
	free(old);
	free(new);
	return differs ? (unsigned int)d.change : 0;
}

unsigned int difference_between(const struct config *before, const struct config *after,
				difference_fn fn, void *ctx)
{
	const struct setting *table;
	unsigned int changes = 0;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++)
		changes |= compare(&table[i], before, after, fn, ctx);
	return changes;
}
