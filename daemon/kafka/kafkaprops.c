/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printed table has a heading a level ("## Topic ...") and lines of
 *	name | C/P | range | default | importance | text <br>*Type: type*
 * A default may hold '|' itself (kinit's command does), the first three fields and the importance
 * do not; so the default ends at the last '|' before the importance.
 */
#include "kafka/kafkaprops.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kafkaprops {
	char *text; /* what librdkafka printed, cut into strings */
	struct kafkaprop *table;
	size_t n;
};

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return s;
}

/* Cuts the text field into the text and the type; fills alias and settable. */
static void take_text(struct kafkaprop *prop, char *text)
{
	static const char alias[] = "Alias for `";
	char *type = strstr(text, "<br>*Type: ");

	prop->settable = type == NULL || strstr(type, "see dedicated API") == NULL;
	prop->type = "";
	if (type != NULL) {
		*type = '\0';
		prop->type = type + strlen("<br>*Type: ");
		type[strlen("<br>*Type: ") + strcspn(prop->type, "*")] = '\0';
	}
	prop->text = trim(text);
	if (strncmp(text, alias, strlen(alias)) == 0) {
		char *name = text + strlen(alias), *end = strchr(name, '`');

		if (end != NULL) {
			/* Its text follows the name: `name`: text. */
			*end = '\0';
			prop->alias = name;
			prop->text = end[1] == ':' ? trim(end + 2) : "";
		}
	}
}

/* The '|' before the importance; NULL when the line has none. */
static char *find_importance(char *rest)
{
	static const char *const words[] = {"| high ", "| medium ", "| low "};
	char *first = NULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char *at = strstr(rest, words[i]);

		if (at != NULL && (first == NULL || at < first))
			first = at;
	}
	return first;
}

static bool parse_line(struct kafkaprop *prop, char *line, bool topic)
{
	char *name = strsep(&line, "|"), *role = strsep(&line, "|"), *range = strsep(&line, "|");
	char *importance = line != NULL ? find_importance(line) : NULL;
	char *text = importance != NULL ? strchr(importance + 1, '|') : NULL;

	if (text == NULL)
		return false;
	*importance = '\0';
	memset(prop, 0, sizeof(*prop));
	prop->name = trim(name);
	prop->role = trim(role);
	prop->range = trim(range);
	prop->initial = trim(line);
	prop->topic = topic;
	take_text(prop, trim(text + 1));
	return prop->name[0] != '-' && strcmp(prop->name, "Property") != 0;
}

static bool parse(struct kafkaprops *props)
{
	char *rest = props->text, *line;
	bool topic = false;
	size_t room = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '#')
			topic = strstr(line, "Topic") != NULL;
		if (props->n == room) {
			struct kafkaprop *grown;

			room = room == 0 ? 256 : 2 * room;
			grown = reallocarray(props->table, room, sizeof(*grown));
			if (grown == NULL)
				return false;
			props->table = grown;
		}
		if (parse_line(&props->table[props->n], line, topic))
			props->n++;
	}
	return true;
}

struct kafkaprops *kafkaprops_new(void)
{
	struct kafkaprops *props = calloc(1, sizeof(*props));
	size_t size;
	FILE *out;

	if (props == NULL)
		return NULL;
	out = open_memstream(&props->text, &size);
	if (out != NULL) {
		rd_kafka_conf_properties_show(out);
		if (fclose(out) == 0 && parse(props))
			return props;
	}
	kafkaprops_free(props);
	return NULL;
}

void kafkaprops_free(struct kafkaprops *props)
{
	if (props == NULL)
		return;
	free(props->table);
	free(props->text);
	free(props);
}

const struct kafkaprop *kafkaprops_table(const struct kafkaprops *props, size_t *n)
{
	*n = props->n;
	return props->table;
}

const struct kafkaprop *kafkaprops_find(const struct kafkaprops *props, const char *name,
					bool topic)
{
	for (size_t i = 0; i < props->n; i++) {
		if (props->table[i].topic == topic && strcmp(props->table[i].name, name) == 0)
			return &props->table[i];
	}
	return NULL;
}

const struct kafkaprop *kafkaprops_find_any(const struct kafkaprops *props, const char *name)
{
	const struct kafkaprop *prop = kafkaprops_find(props, name, false);

	return prop != NULL ? prop : kafkaprops_find(props, name, true);
}

const char *kafkaprops_real_name(const struct kafkaprops *props, const char *name)
{
	const struct kafkaprop *prop = kafkaprops_find_any(props, name);

	return prop != NULL && prop->alias != NULL ? prop->alias : name;
}

bool kafkaprops_wrong_role(const struct kafkaprops *props, const char *name, enum config_mode mode)
{
	const struct kafkaprop *prop = kafkaprops_find_any(props, name);

	if (prop == NULL)
		return false;
	return (mode == CONFIG_MODE_PRODUCER && prop->role[0] == 'C') ||
	       (mode == CONFIG_MODE_CONSUMER && prop->role[0] == 'P');
}

bool kafkaprops_is_secret(const char *name)
{
	static const char *const parts[] = {"pass", "secret",    "key.pem",           "token",
					    "jaas", "kinit.cmd", "oauthbearer.config"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasestr(name, parts[i]) != NULL)
			return true;
	}
	return false;
}
