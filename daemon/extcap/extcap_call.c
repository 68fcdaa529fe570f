/* SPDX-License-Identifier: Apache-2.0 */
#include "extcap/extcap_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "--extcap-"

/* What Wireshark says beside the arguments of the dialog. */
struct word {
	const char *name; /* without the "--" */
	size_t offset;    /* of the field in the call that its value goes to */
	bool bare;        /* it has no value, and asks for: */
	enum extcap_action action;
};

#define VALUE(field) .offset = offsetof(struct extcap_call, field)

/* In the order of their weight: --capture has --extcap-capture-filter beside it. */
static const struct word words[] = {
	{"extcap-capture-filter", VALUE(filter), .action = EXTCAP_FILTER},
	{"extcap-interfaces", .bare = true, .action = EXTCAP_INTERFACES},
	{"extcap-dlts", .bare = true, .action = EXTCAP_DLTS},
	{"extcap-config", .bare = true, .action = EXTCAP_CONFIG},
	{"extcap-reload-option", VALUE(option), .action = EXTCAP_RELOAD},
	{"capture", .bare = true, .action = EXTCAP_CAPTURE},
	{"extcap-cleanup-postkill", .bare = true, .action = EXTCAP_CLEANUP},
	{"extcap-interface", VALUE(interface)},
	{"extcap-control-in", VALUE(control_in)},
	{"extcap-control-out", VALUE(control_out)},
	{"fifo", VALUE(fifo)},
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))
#define ASKS    7 /* of them, those that ask for something */

bool extcap_call_is(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], PREFIX, strlen(PREFIX)) == 0)
			return true;
	return false;
}

static bool is_named(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, len) == 0 &&
	       (arg[2 + len] == '\0' || arg[2 + len] == '=');
}

static const struct word *find_word(const char *arg)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (is_named(arg, words[i].name))
			return &words[i];
	return NULL;
}

static int find_arg(const char *arg)
{
	for (int i = 0; i < EXTCAP_ARGS; i++)
		if (is_named(arg, extcap_args()[i].name))
			return i;
	return -1;
}

static void forget(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static int keep(char **field, const char *text, char *why, size_t size)
{
	forget(field);
	if (!*text)
		return 0;
	*field = strdup(text);
	if (!*field)
		snprintf(why, size, "out of memory");
	return *field ? 0 : -ENOMEM;
}

/* A property may be a secret: /proc shows the words of every process. */
static void hide(int id, char *text)
{
	if (extcap_args()[id].secret || id == EXTCAP_ARG_PROPERTIES)
		memset(text, '*', strlen(text));
}

/* The value behind a '=', or the next word; NULL: there is none. */
static char *value_of(int argc, char **argv, int *i)
{
	char *equals = strchr(argv[*i], '=');

	if (equals)
		return equals + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

/* Returns 0, or -errno with `why`. */
static int take(struct extcap_call *call, int argc, char **argv, int *i, char *why, size_t size)
{
	char *arg = argv[*i], *value;
	const struct word *word = find_word(arg);
	int id = find_arg(arg), r;

	if (word && word->bare)
		return 0;
	if (!word && id < 0) {
		if (strncmp(arg, PREFIX, strlen(PREFIX)) == 0)
			return 0;
		snprintf(why, size, "no option %.*s: this is a call of Wireshark's, which has %s",
			 (int)strcspn(arg, "="), arg, "others");
		return -EINVAL;
	}
	value = value_of(argc, argv, i);
	if (!value) {
		snprintf(why, size, "%s needs a value", arg);
		return -EINVAL;
	}
	if (word)
		return keep((char **)((char *)call + word->offset), value, why, size);
	r = keep(&call->values[id], value, why, size);
	hide(id, value);
	return r;
}

static enum extcap_action asked(int argc, char **argv)
{
	enum extcap_action action = EXTCAP_CLEANUP;

	for (size_t w = 0; w < ASKS; w++)
		for (int i = 1; i < argc; i++)
			if (is_named(argv[i], words[w].name))
				action = words[w].action;
	return action;
}

int extcap_call_parse(struct extcap_call *call, int argc, char **argv, char *why, size_t size)
{
	int r = 0;

	memset(call, 0, sizeof(*call));
	call->action = asked(argc, argv);
	for (int i = 1; i < argc && r == 0; i++)
		r = take(call, argc, argv, &i, why, size);
	return r;
}

const char *extcap_call_value(const struct extcap_call *call, enum extcap_arg_id id)
{
	return call->values[id] ? call->values[id] : extcap_args()[id].initial;
}

const char *extcap_call_instance(const struct extcap_call *call)
{
	size_t len = strlen(EXTCAP_INTERFACE);
	const char *name = call->interface;

	if (!name || strncmp(name, EXTCAP_INTERFACE, len) != 0 || name[len] != '-')
		return NULL;
	return name + len + 1;
}

void extcap_call_clear(struct extcap_call *call)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (words[i].offset)
			forget((char **)((char *)call + words[i].offset));
	for (size_t i = 0; i < EXTCAP_ARGS; i++)
		forget(&call->values[i]);
}
