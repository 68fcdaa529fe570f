/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "deadline.h"
#include "with_cfg.h"

struct folder {
	char path[64];
};

static size_t load_file(const struct folder *folder, const char *name, struct kept *kept)
{
	char path[128];
	struct config_builder builder;

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	kept_start(kept);
	assert_int_equal(config_builder_start(&builder, &kept->faults, NOW_MS), 0);
	cfgfile_load(&builder, path);
	config_unref(config_builder_take(&builder));
	return kept->faults.count;
}

/* One file of more than any limit, one line of it. */
static void write_long_line(const struct folder *folder, const char *name)
{
	char path[128];

	put_cfg(folder->path, name, "# ");
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	assert_int_equal(truncate(path, 3LL << 30), 0);
}

/*
 * Nothing that a file names is waited for, or read without an end: a fifo, a device, a directory,
 * a line of 3 GiB, files in a circle, and ten that include the next one a hundred times each.
 */
static void test_files_that_are_none(void **state)
{
	static const struct {
		const char *name, *text, *words;
	} cases[] = {
		{"pipe", NULL, "pipe: it is a fifo, not a regular file"},
		{"long", NULL, "long: it is larger than 1024 KiB"},
		{"sub", NULL, "sub: it is a directory, not a regular file"},
		{"a.cfg", "\n@include \"pipe\"\n", "a.cfg:2: cannot read "},
		{"b.cfg", "@include \"/dev/zero\"\n", "/dev/zero: it is a device, not a regular"},
		{"c.cfg", "#\n@include \"c.cfg\"\n", "c.cfg:2: cannot read "},
		{"d.cfg", "@include \"e.cfg\"\n", "e.cfg:1: cannot read "},
		{"e.cfg", "@include \"./sub/../d.cfg\"\n", "in a circle"},
		{"f.cfg", "kafka-config = ( \"client.id=@pipe\" );\n",
		 "cannot read the value from "},
		{"x0", NULL, "more than 1000 files"},
	};
	struct folder folder = {"/tmp/pycapa-test-XXXXXX"};
	struct kept kept;
	char path[128], text[4096];

	assert_non_null(mkdtemp(folder.path));
	snprintf(path, sizeof(path), "%s/pipe", folder.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/sub", folder.path);
	assert_int_equal(mkdir(path, 0700), 0);
	write_long_line(&folder, "long");
	for (int i = 0; i < 9; i++) {
		text[0] = '\0';
		for (size_t n = 0; n < 100; n++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "@include \"x%d\"\n", i + 1);
		snprintf(path, sizeof(path), "x%d", i);
		put_cfg(folder.path, path, i < 8 ? text : "");
	}
	alarm(DEADLINE_S); /* what waits for ever ends by it */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].text != NULL)
			put_cfg(folder.path, cases[i].name, cases[i].text);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (load_file(&folder, cases[i].name, &kept) != 1 ||
		    strstr(kept.text, cases[i].words) == NULL)
			fail_msg("%s said '%s', not '%s'", cases[i].name, kept.text,
				 cases[i].words);
	}
	alarm(0);
	snprintf(text, sizeof(text), "rm -r %s", folder.path);
	assert_int_equal(system(text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
