/* SPDX-License-Identifier: Apache-2.0 */
#include "extcap/extcap_dialog.h"

#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "version.h"

/* {name=text}; what would end it becomes a parenthesis. */
static void put(FILE *out, const char *name, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return;
	printable_line(copy);
	for (char *c = copy; *c; c++)
		*c = (char)(*c == '{' ? '(' : *c == '}' ? ')' : *c);
	fprintf(out, "{%s=%s}", name, copy);
	free(copy);
}

static void put_given(FILE *out, const char *name, const char *text)
{
	if (text)
		put(out, name, text);
}

static void put_interface(FILE *out, const char *value, const char *display)
{
	fputs("interface ", out);
	put(out, "value", value);
	put(out, "display", display);
	fputc('\n', out);
}

static void put_file(FILE *out, const struct extcap_file *file)
{
	char value[320], display[1024];

	snprintf(value, sizeof(value), EXTCAP_INTERFACE "-%s", file->name);
	snprintf(display, sizeof(display), "Kafka topic %s at %s (pycapa, %s.cfg%s)", file->topic,
		 file->brokers, file->name, file->faulty ? ", which has faults" : "");
	put_interface(out, value, display);
}

void extcap_dialog_interfaces(FILE *out, const struct extcap_file *files, size_t n)
{
	fprintf(out, "extcap {version=%s}{display=pycapa: Kafka topics}\n", PYCAPA_VERSION);
	put_interface(out, EXTCAP_INTERFACE, "Kafka topic (pycapa)");
	for (size_t i = 0; i < n; i++)
		put_file(out, &files[i]);
	fprintf(out,
		"control {number=%d}{type=button}{role=logger}{display=Log}"
		"{tooltip=What pycapa says of the capture: lag, what was skipped, errors}\n",
		EXTCAP_LOGGER);
}

/* The capture is a pcapng, in which each packet has a link type of its own. */
void extcap_dialog_dlts(FILE *out)
{
	fputs("dlt {number=1}{name=EN10MB}{display=As captured (mostly Ethernet)}\n", out);
}

void extcap_dialog_value(FILE *out, enum extcap_arg_id id, const char *value, const char *display,
			 bool is_default)
{
	fprintf(out, "value {arg=%d}", (int)id);
	put(out, "value", value);
	put(out, "display", display);
	fputs(is_default ? "{default=true}\n" : "\n", out);
}

static bool is_list(const struct extcap_arg *arg)
{
	return strcmp(arg->type, "selector") == 0;
}

static void put_arg(FILE *out, enum extcap_arg_id id, const struct extcap_arg *arg)
{
	fprintf(out, "arg {number=%d}{call=--%s}{type=%s}", (int)id, arg->name, arg->type);
	put(out, "display", arg->display);
	put(out, "tooltip", arg->tooltip);
	put(out, "group", arg->group);
	if (!is_list(arg))
		put_given(out, "default", arg->initial);
	if (arg->required)
		fputs("{required=true}", out);
	fprintf(out, "%s\n", arg->more ? arg->more : "");
}

static void put_values(FILE *out, enum extcap_arg_id id, const struct extcap_arg *arg)
{
	for (const struct extcap_choice *c = arg->choices; c && c->value; c++)
		extcap_dialog_value(out, id, c->value, c->display,
				    strcmp(c->value, arg->initial) == 0);
}

/* What else there is, the reload button lists. */
static void put_topics(FILE *out, const char *remembered)
{
	const char *initial = extcap_args()[EXTCAP_ARG_TOPIC].initial;

	extcap_dialog_value(out, EXTCAP_ARG_TOPIC, initial, initial, true);
	if (remembered && strcmp(remembered, initial) != 0)
		extcap_dialog_value(out, EXTCAP_ARG_TOPIC, remembered, remembered, false);
}

void extcap_dialog_config(FILE *out, const struct extcap_call *call, const char *topic)
{
	bool of_file = extcap_call_instance(call) != NULL;

	for (int id = 0; id < EXTCAP_ARGS; id++) {
		const struct extcap_arg *arg = &extcap_args()[id];

		if (of_file && !arg->of_file)
			continue;
		put_arg(out, (enum extcap_arg_id)id, arg);
		if (id == EXTCAP_ARG_TOPIC)
			put_topics(out, topic);
		else
			put_values(out, (enum extcap_arg_id)id, arg);
	}
}
