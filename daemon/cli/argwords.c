/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules are those of Python's argparse for what the old tool had:
 *
 * - `--name=value` or `--name value`; a prefix that fits one name only is that name. A prefix that
 *   fitted one name only in the old tool goes on to mean it, whatever was added since.
 * - `-s100`, `-s 100`, `-s=100`; letters without a value cluster (`-pieth0`). `-pp` and `-ll` are
 *   options of two letters, found before the cluster is; `-l` is a prefix of `-ll`.
 * - A value does not begin with '-', unless it is '-' alone or a number (`-o -15m`).
 *
 * Beyond argparse: `--no-name` for what is true or false, `-pp10` and `-llDEBUG`, a '=' behind a
 * letter inside a cluster, and words that are no options, which are the filter expression.
 */
#include "cli/argwords.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/closest_name.h"
#include "kafka/kafkaprops.h"

struct parser {
	struct argwords *words;
	struct faults *faults;
	char **argv;
	int argc;
	int next; /* the argument after the one at hand */
	bool stop;
};

/* What a long name was found to be. */
struct match {
	const struct setting *setting;
	bool negated;
};

void argword_label(char buf[ARGWORD_LABEL], const struct setting *setting)
{
	if (setting->short_name != NULL)
		snprintf(buf, ARGWORD_LABEL, "-%s/--%s", setting->short_name, setting->name);
	else
		snprintf(buf, ARGWORD_LABEL, "--%s", setting->name);
}

static int out_of_memory(struct parser *p)
{
	config_faults_add(p->faults, NULL, "out of memory");
	return -ENOMEM;
}

/* Overwrites the value of NAME=VALUE in argv when it is a secret; a file's name is none. */
static void mask(char *text)
{
	char *equals = strchr(text, '=');
	bool secret;

	if (equals == NULL)
		return;
	*equals = '\0';
	secret = kafkaprops_is_secret(text);
	*equals = '=';
	if (secret && (equals[1] != '@' || equals[2] == '@'))
		memset(equals + 1, '*', strlen(equals + 1));
}

static int add(struct parser *p, const struct setting *setting, char *text)
{
	struct argwords *words = p->words;
	struct argword *grown = reallocarray(words->list, words->n + 1, sizeof(*grown));

	if (grown == NULL)
		return out_of_memory(p);
	words->list = grown;
	grown[words->n].setting = setting;
	grown[words->n].text = strdup(text);
	if (grown[words->n].text == NULL)
		return out_of_memory(p);
	words->n++;
	if (setting->type == SETTING_PROPERTIES)
		mask(text);
	p->stop = setting->type == SETTING_ACTION &&
		  (strcmp(setting->name, "help") == 0 || strcmp(setting->name, "version") == 0);
	return 0;
}

static int add_true(struct parser *p, const struct setting *setting)
{
	char text[] = "true";

	return add(p, setting, text);
}

/* A value that may be left out, and is; a word behind it is one like others (options.c). */
static int add_none(struct parser *p, const struct setting *setting)
{
	char text[] = "";

	return add(p, setting, text);
}

static bool is_value(const char *arg)
{
	return arg[0] != '-' || arg[1] == '\0' || isdigit((unsigned char)arg[1]) ||
	       (arg[1] == '.' && isdigit((unsigned char)arg[2]));
}

/* Adds a setting whose value is the next argument, if it needs one. */
static int add_next(struct parser *p, const struct setting *setting)
{
	char label[ARGWORD_LABEL], bare[8];

	/* Where it may stand alone, a word behind it is the expression's unless it is a number. */
	if (p->next < p->argc && (setting->bare ? isdigit((unsigned char)p->argv[p->next][0]) != 0
						: is_value(p->argv[p->next])))
		return add(p, setting, p->argv[p->next++]);
	if (setting->bare) {
		snprintf(bare, sizeof(bare), "%s", setting->bare);
		return add(p, setting, bare);
	}
	argword_label(label, setting);
	config_faults_add(p->faults, label, "needs a value: %s", setting->metavar);
	return -EINVAL;
}

/* True when `name` (or "no-" and it) begins with the first len bytes of `word`. */
static bool begins(const char *name, bool negated, const char *word, size_t len)
{
	if (negated) {
		size_t n = len < 3 ? len : 3;

		if (strncmp("no-", word, n) != 0)
			return false;
		word += n;
		len -= n;
	}
	return strncmp(name, word, len) == 0;
}

/* Counts the long options that begin so; the last found is in *match, an exact one alone. */
static size_t count_matches(struct match *match, const char *word, size_t len, bool old_only)
{
	const struct setting *table;
	size_t n, found = 0;

	table = settings_table(&n);
	for (size_t i = 0; i < 2 * n; i++) {
		const struct setting *s = &table[i / 2];
		bool negated = i % 2 == 1;

		if (!(s->scope & SETTING_OPTION) || (old_only && !s->old) ||
		    (negated && s->type != SETTING_BOOL) || !begins(s->name, negated, word, len))
			continue;
		*match = (struct match){s, negated};
		if (strlen(s->name) + (negated ? 3 : 0) == len)
			return 1;
		found++;
	}
	return found;
}

static void explain_unknown(struct parser *p, const char *arg, size_t len)
{
	const struct setting *table;
	struct closest_name near;
	char name[ARGWORD_LABEL];
	size_t n;

	snprintf(name, sizeof(name), "%.*s", (int)len, arg + 2);
	closest_name_start(&near, name);
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (table[i].scope & SETTING_OPTION)
			closest_name_offer(&near, table[i].name);
	}
	if (near.best != NULL)
		config_faults_add(p->faults, NULL, "no option --%s: did you mean --%s?", name,
				  near.best);
	else
		config_faults_add(p->faults, NULL, "no option --%s: -h shows all", name);
}

static void explain_ambiguous(struct parser *p, const char *word, size_t len)
{
	const struct setting *table;
	char names[512] = "";
	size_t n, used = 0;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (!(table[i].scope & SETTING_OPTION) || !begins(table[i].name, false, word, len))
			continue;
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s--%s",
					 used > 0 ? ", " : "", table[i].name);
		if (used >= sizeof(names))
			break;
	}
	config_faults_add(p->faults, NULL, "--%.*s is ambiguous: it can mean %s", (int)len, word,
			  names[0] != '\0' ? names : "more than one option");
}

static int add_matched(struct parser *p, const struct match *match, char *value)
{
	char label[ARGWORD_LABEL], no[] = "false";

	if (match->setting->optional)
		return value != NULL ? add(p, match->setting, value) : add_none(p, match->setting);
	if (match->setting->metavar != NULL)
		return value != NULL ? add(p, match->setting, value) : add_next(p, match->setting);
	if (value == NULL)
		return match->negated ? add(p, match->setting, no) : add_true(p, match->setting);
	if (match->setting->type == SETTING_BOOL && !match->negated)
		return add(p, match->setting, value);
	argword_label(label, match->setting);
	config_faults_add(p->faults, label, "takes no value");
	return -EINVAL;
}

static int parse_long(struct parser *p, char *arg)
{
	size_t len = strcspn(arg + 2, "=");
	char *value = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
	struct match match;
	size_t found;

	found = count_matches(&match, arg + 2, len, true);
	if (found != 1)
		found = count_matches(&match, arg + 2, len, false);
	/* An exact new name wins over the old name that it is a prefix of. */
	else if (strlen(match.setting->name) != len) {
		struct match exact;

		if (count_matches(&exact, arg + 2, len, false) == 1)
			match = exact;
	}
	if (found == 1)
		return add_matched(p, &match, value);
	if (found == 0)
		explain_unknown(p, arg, len);
	else
		explain_ambiguous(p, arg + 2, len);
	return -EINVAL;
}

static const struct setting *find_short(const char *name, size_t len)
{
	const struct setting *table;
	size_t n;

	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		const char *s = table[i].short_name;

		if (s != NULL && strlen(s) == len && strncmp(s, name, len) == 0)
			return &table[i];
	}
	return NULL;
}

/* Adds a setting whose value stands behind its letters, or is the next argument. */
static int add_attached(struct parser *p, const struct setting *setting, char *rest)
{
	if (*rest == '\0')
		return add_next(p, setting);
	return add(p, setting, *rest == '=' ? rest + 1 : rest);
}

static int explain_letter(struct parser *p, const char *arg, const char *at)
{
	if (at == arg + 1 && at[1] == '\0')
		config_faults_add(p->faults, NULL, "no option %s: -h shows all", arg);
	else
		config_faults_add(p->faults, NULL, "no option -%c (in '%s'): -h shows all", *at,
				  arg);
	return -EINVAL;
}

static int parse_cluster(struct parser *p, char *arg)
{
	for (char *at = arg + 1; *at != '\0'; at++) {
		const struct setting *s = find_short(at, 1);
		int r;

		if (s == NULL)
			return explain_letter(p, arg, at);
		if (s->metavar != NULL && !s->optional)
			return add_attached(p, s, at + 1);
		r = s->optional ? add_none(p, s) : add_true(p, s);
		if (r < 0 || p->stop)
			return r;
	}
	return 0;
}

static int parse_short(struct parser *p, char *arg)
{
	size_t len = strcspn(arg + 1, "=");
	const struct setting *s = strlen(arg) > 2 ? find_short(arg + 1, 2) : NULL;
	bool level = s != NULL && s->type == SETTING_ENUM;

	/* -pp and -ll; with a value behind them only where it can be none of the cluster. */
	if (s != NULL && (len == 2 || level || isdigit((unsigned char)arg[3])))
		return add_attached(p, s, arg + 3);
	if (arg[1] == 'l')
		return add_attached(p, find_short("ll", 2), arg + 2);
	return parse_cluster(p, arg);
}

static int add_expression(struct parser *p, const char *word)
{
	char *joined;
	int r;

	if (p->words->expression == NULL)
		r = asprintf(&joined, "%s", word);
	else
		r = asprintf(&joined, "%s %s", p->words->expression, word);
	if (r < 0)
		return out_of_memory(p);
	free(p->words->expression);
	p->words->expression = joined;
	return 0;
}

int argwords_parse(struct argwords *words, int argc, char **argv, struct faults *faults)
{
	struct parser p = {.words = words, .faults = faults, .argv = argv, .argc = argc, .next = 1};
	bool options = true;
	int r = 0;

	memset(words, 0, sizeof(*words));
	while (r == 0 && p.next < argc && !p.stop) {
		char *arg = argv[p.next++];

		if (!options || arg[0] != '-' || arg[1] == '\0')
			r = add_expression(&p, arg);
		else if (strcmp(arg, "--") == 0)
			options = false;
		else if (arg[1] == '-')
			r = parse_long(&p, arg);
		else
			r = parse_short(&p, arg);
	}
	return r;
}

void argwords_clear(struct argwords *words)
{
	for (size_t i = 0; i < words->n; i++) {
		explicit_bzero(words->list[i].text, strlen(words->list[i].text));
		free(words->list[i].text);
	}
	free(words->list);
	free(words->expression);
	memset(words, 0, sizeof(*words));
}
