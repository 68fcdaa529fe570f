/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the table of settings for the checks of what is written about them, a line a setting,
 * fields separated by tabs: name, short option, type, scope (option, file, both), role (producer,
 * consumer, both), default, range, unit, what a change costs (now, capture, client, restart), help.
 * An empty field is "-".
 */
#include <stdio.h>

#include "config/settings_value.h"

static const char *dash(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "-";
}

int main(void)
{
	static const char *const scopes[] = {
		[SETTING_OPTION] = "option", [SETTING_FILE] = "file", [SETTING_BOTH] = "both"};
	static const char *const roles[] = {[SETTING_PRODUCER] = "producer",
					    [SETTING_CONSUMER] = "consumer",
					    [SETTING_ANY] = "both"};
	static const char *const changes[] = {[CONFIG_CHANGE_NOW] = "now",
					      [CONFIG_CHANGE_CAPTURE] = "capture",
					      [CONFIG_CHANGE_CLIENT] = "client",
					      [CONFIG_CHANGE_RESTART] = "restart"};
	const struct setting *s;
	char range[128];
	size_t n;

	for (s = settings_table(&n); n > 0; n--, s++) {
		settings_format_range(range, sizeof(range), s);
		printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s->name, dash(s->short_name),
		       settings_form(s)->name, scopes[s->scope], roles[s->role],
		       dash(s->initial != NULL ? s->initial : s->shown), dash(range), dash(s->unit),
		       changes[s->change], s->help);
	}
	return ferror(stdout) != 0;
}
