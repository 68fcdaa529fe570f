/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "app/change.h"
#include "config/partition_set.h"
#include "config/settings.h"
#include "with_cfg.h"

const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the last string that it read when a syntax error follows. */
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

/*
 * The property test of the configuration: for each key of the table a valid value, one of the
 * wrong type, one out of range and a typo of its name, each on line 3.
 */
struct values {
	const char *valid, *wrong_type, *out_of_range; /* NULL: there is none such */
	const char *words;                             /* of what is said of the last one */
};

static struct values values_of(const struct setting *s)
{
	switch (s->type) {
	case SETTING_BOOL:
		return (struct values){strcmp(s->initial, "true") == 0 ? "false" : "true", "1",
				       NULL, NULL};
	case SETTING_INTEGER:
	case SETTING_OPTIONAL:
		return (struct values){"12", "\"12\"", "-1", "'-1' is out of range"};
	case SETTING_SIZE:
		return (struct values){s->max < 64 << 20 ? "\"2M\"" : "\"64M\"", "true",
				       "\"1000000T\"", "'1000000T' is out of range"};
	case SETTING_TIME:
		return (struct values){"\"5s\"", "1.5", "\"400d\"", "'400d' is out of range"};
	case SETTING_ENUM:
		return (struct values){NULL, "7", "\"frob\"", "'frob' is not one of"};
	case SETTING_OFFSET:
		return (struct values){"\"-15m\"", "false", "\"soon\"", "'soon'"};
	case SETTING_POINT:
		return (struct values){"\"-15m\"", "5", "\"soon\"", "'soon' is not a time"};
	case SETTING_PROPERTIES:
		return (struct values){"( \"client.id=a\" )", "5", "( \"linger.ms=-1\" )",
				       "linger.ms"};
	default:
		if (s->check == partition_set_check)
			return (struct values){"\"0-3,7\"", "{ }", "\"a\"", "'a' is not a list"};
		if (!strcmp(s->name, "metrics-listen") || !strcmp(s->name, "listen"))
			return (struct values){"\"[::1]:9917\"", "{ }", "\"abc\"",
					       "is no address to listen on"};
		if (!strcmp(s->name, "ring-buffer") || !strcmp(s->name, "autostop"))
			return (struct values){"\"packets:5\"", "{ }", "\"packet:5\"",
					       "is not one of"};
		return (struct values){"\"abc\"", "{ }", s->min > 0 ? "\"\"" : NULL,
				       "must not be empty"};
	}
}

/* One that is not the default, where there is more than one. */
static const char *another_choice(const struct setting *s)
{
	const struct setting_choice *c = s->choices;

	while (c[1].name != NULL && strcmp(c->name, s->initial) == 0)
		c++;
	return c->name;
}

/* What has to be set with it. */
static const char *mode_for(const struct setting *s)
{
	if (s->saved)
		return "read-file = \"/dev/null\";";
	if (!strcmp(s->name, "ring-buffer"))
		return "mode = \"consumer\"; write-file = \"/tmp/a.pcap\";";
	return s->role == SETTING_CONSUMER ? "mode = \"consumer\";" : "";
}

/* It is what was set, and not by default. */
static void assert_took(const struct config *cfg, const struct setting *s, const char *value)
{
	char plain[64], text[256];
	size_t len = strlen(value);
	bool quoted = value[0] == '"';

	if (s->type == SETTING_PROPERTIES) {
		assert_int_equal(cfg->properties.n, 1);
		assert_string_equal(cfg->properties.list[0].name, "client.id");
		assert_string_equal(cfg->properties.list[0].value, "a");
		return;
	}
	snprintf(plain, sizeof(plain), "%.*s", (int)(quoted ? len - 2 : len), value + quoted);
	settings_format(text, sizeof(text), cfg, s);
	assert_string_equal(text, plain);
}

static void expect(const struct setting *s, const char *name, const char *value, const char *words)
{
	const struct config *cfg;
	struct kept kept;
	char text[512];
	size_t n;

	snprintf(text, sizeof(text), "%s\n# 99999999999\n%s = %s;\n", mode_for(s), name, value);
	n = load_text(&cfg, &kept, text);
	if (words == NULL && n > 0)
		fail_msg("%s = %s was refused: %s", name, value, kept.text);
	if (words == NULL)
		assert_took(cfg, s, value);
	config_unref(cfg);
	if (words != NULL &&
	    (n == 0 || strncmp(kept.text, "t.cfg:3: ", 9) != 0 || strstr(kept.text, words) == NULL))
		fail_msg("%s = %s said '%s', not '%s'", name, value, kept.text, words);
}

static void test_every_key(void **state)
{
	const struct setting *s;
	size_t n;

	for (s = settings_table(&n); n > 0; n--, s++) {
		struct values v = values_of(s);
		char typo[64], valid[64], hint[96];

		if (!(s->scope & SETTING_FILE))
			continue;
		if (s->type == SETTING_ENUM && strcmp(s->name, "mode") != 0) {
			snprintf(valid, sizeof(valid), "\"%s\"", another_choice(s));
			v.valid = valid;
		}
		if (v.valid != NULL)
			expect(s, s->name, v.valid, NULL);
		/* A second `mode` is a duplicate key for a consumer's, but this is a producer's. */
		expect(s, s->name, v.wrong_type, "must be");
		if (v.out_of_range != NULL)
			expect(s, s->name, v.out_of_range, v.words);
		snprintf(typo, sizeof(typo), "%sx", s->name);
		snprintf(hint, sizeof(hint), "did you mean %s?", s->name);
		expect(s, typo, v.wrong_type, hint);
	}
}

static void test_numbers(void **state)
{
	const struct config *cfg;
	struct kept kept;

	assert_int_equal(load_text(&cfg, &kept,
				   "spool-size = 10737418240; max-packets = 0x1ffffffff;\n"
				   "filter = \"port 99999999999\"; /* 88888888888888888888\n"
				   "77777777777777777777 */ pretty-print = 5000000000L;\n"),
			 0);
	assert_int_equal(cfg->spool_size, 10737418240);
	assert_int_equal(cfg->max_packets, 0x1ffffffff);
	assert_int_equal(cfg->pretty_print, 5000000000);
	assert_string_equal(cfg->filter, "port 99999999999");
	config_unref(cfg);
	assert_true(load_text(&cfg, &kept, "\nmax-packets = 9223372036854775808;") > 0);
	assert_non_null(strstr(kept.text, "t.cfg:2: a number is too large"));
	config_unref(cfg);
	assert_true(load_text(&cfg, &kept, "snaplen = 4294967296;") > 0);
	assert_non_null(strstr(kept.text, "t.cfg:1: snaplen: '4294967296' is out of range"));
	config_unref(cfg);
}

static void test_all_faults(void **state)
{
	const struct config *cfg;
	struct kept kept;

	assert_int_equal(
		load_text(&cfg, &kept,
			  "snaplen = -1;\nkafka-brokr = \"a\";\n\nkafka-config = (\n"
			  "\"acks=x\",\n\"linger.ms=1\",\n\"nosuch=1\" );\nformat = \"pcap\";"),
		5);
	assert_non_null(strstr(kept.text, "t.cfg:1: snaplen: '-1' is out of range"));
	assert_non_null(strstr(kept.text, "t.cfg:2: unknown key 'kafka-brokr'"));
	assert_non_null(strstr(kept.text, "t.cfg:5: acks: 'x' is not valid"));
	assert_non_null(strstr(kept.text, "t.cfg:7: no Kafka property 'nosuch'"));
	assert_non_null(strstr(kept.text, "t.cfg:8: format is only for a consumer"));
	config_unref(cfg);
}

static void test_syntax(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"a = ;", "t.cfg:1: syntax error"},
		{"snaplen = 5;\nsnaplen = 6;", "t.cfg:2: duplicate setting name"},
		{"a = 1;\n kafka-topic = pcap;",
		 "t.cfg:2: syntax error: put double quotes around strings, times and sizes"},
		{"from = 2018-12-23;", "t.cfg:1: syntax error: put double quotes"},
		{"from = @1545562210;", "t.cfg:1: syntax error: put double quotes"},
		{"from = now;", "t.cfg:1: syntax error: put double quotes"},
		{"slack = 10m;", "t.cfg:1: syntax error: put double quotes"},
		{"to = -15m;", "t.cfg:1: syntax error: put double quotes"},
		{"snaplen = 99999999999 5;", "t.cfg:1: syntax error\n"},
		{"snaplen = -1.5e3 = 5;", "t.cfg:1: syntax error\n"},
		{"\nkafka-topic = \"pcap;\nfilter = \"tcp\";\n# \"\n",
		 "t.cfg:2: syntax error: a quote is missing"},
		{"kafka-topic = pcap\";\n\nfilter = \"tcp\";\nlog-level = \"INFO\";",
		 "t.cfg:1: a quote is missing"},
		{"filter = \"tcp or\nudp\";\nsnaplen = = 5;", "t.cfg:3: syntax error\n"},
		{"kafka-config = (\"client.id=a\" # one\n\"acks=1\");",
		 "t.cfg:2: a comma is missing before a string in this list"},
		{"\nfilter = \"x\n\n", "t.cfg:2: a string that begins here has no closing quote"},
		{"/*\n/* */ /*", "t.cfg:2: a comment that begins here"},
		{"@include", "t.cfg:1: write @include"},
		{"\n@include \"/nonexistent/x\"",
		 "t.cfg:2: cannot read /nonexistent/x: No such file"},
	};
	const struct config *cfg;
	struct kept kept;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load_text(&cfg, &kept, cases[i].text), 1);
		if (strstr(kept.text, cases[i].words) == NULL)
			fail_msg("'%s' said: %s", cases[i].text, kept.text);
		config_unref(cfg);
	}
}

/* conf/kafka: each property there has a comma, whatever follows the @include. */
static void test_a_list_may_end_with_a_comma(void **state)
{
	static const char *const lists[] = {
		"(\"client.id=a\",)",
		"[ \"client.id=a\" , ]",
		"(\"client.id=a\", # one, \"two\",\n/* , */\n)",
		"(\"client.id=a\",\n\"acks=1\",\n);\nfilter = \"tcp, (udp,)\"",
	};
	const struct config *cfg;
	struct kept kept;
	char text[256];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(text, sizeof(text), "kafka-config = %s;\n", lists[i]);
		if (load_text(&cfg, &kept, text) > 0)
			fail_msg("'%s' said: %s", text, kept.text);
		assert_string_equal(cfg->properties.list[0].value, "a");
		config_unref(cfg);
	}
	assert_int_equal(load_text(&cfg, &kept, "kafka-config = (\"acks=1\",,);"), 1);
	config_unref(cfg);
	assert_int_equal(load_text(&cfg, &kept, "kafka-config = (,);"), 1);
	config_unref(cfg);
}

/* Includes count from the file that they stand in, and faults name the file that they are in. */
static void test_includes(void **state)
{
	char dir[] = "/tmp/pycapa-test-XXXXXX", sub[64], path[128], words[256];
	struct kept kept;
	struct config_builder builder;

	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(path, sizeof(path), "%s/a.cfg", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	put_cfg(dir, "a.cfg", "@include \"sub/b.cfg\"\nsnaplen = 9;\nmax-packets = \"z\";\n");
	put_cfg(sub, "b.cfg", "# b\n@include \"c.cfg\"\nkafka-topic = \"b\";\n");
	put_cfg(sub, "c.cfg", "\n\npretty-print = true;\n");
	kept_start(&kept);
	assert_int_equal(config_builder_start(&builder, &kept.faults, NOW_MS), 0);
	assert_int_equal(cfgfile_load(&builder, path), 0);
	assert_int_equal(kept.faults.count, 2);
	snprintf(words, sizeof(words), "%s/c.cfg:3: pretty-print must be a number", sub);
	assert_non_null(strstr(kept.text, words));
	snprintf(words, sizeof(words), "%s:3: max-packets must be a number", path);
	assert_non_null(strstr(kept.text, words));
	assert_string_equal(builder.cfg->topic, "b");
	assert_int_equal(builder.cfg->snaplen, 9);
	assert_null(config_builder_take(&builder));
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {"sub/c.cfg", "sub/b.cfg", "a.cfg"};

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(sub);
	rmdir(dir);
}

/* A mark that Windows' editors put in front; two texts outside of a list are one, as ever. */
static void test_accepted(void **state)
{
	const struct config *cfg;
	struct kept kept;

	assert_int_equal(load_text(&cfg, &kept, "\xef\xbb\xbf# x\nsnaplen = 7;"), 0);
	assert_int_equal(cfg->snaplen, 7);
	config_unref(cfg);
	assert_int_equal(load_text(&cfg, &kept,
				   "filter = \"tcp or\"\n\" udp\"; kafka-config = (\"acks=all\","
				   "\"client.id=a\"); kafka-topic = \"b\" \"c\";"),
			 0);
	assert_string_equal(cfg->filter, "tcp or udp");
	assert_string_equal(cfg->topic, "bc");
	assert_int_equal(cfg->properties.n, 2);
	config_unref(cfg);
}

/* Messages name the broker that the client is given. */
static void test_brokers(void **state)
{
	static const struct {
		const char *text, *brokers;
	} cases[] = {
		{"", "localhost:9092"},
		{"kafka-broker = \"a:1\";", "a:1"},
		{"kafka-config = (\"bootstrap.servers=b:2\"); kafka-broker = \"a:1\";", "b:2"},
		{"kafka-config = (\"bootstrap.servers=b:2\", \"metadata.broker.list=c:3\","
		 "\"linger.ms=1\");",
		 "c:3"},
	};
	const struct config *cfg;
	struct kept kept;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load_text(&cfg, &kept, cases[i].text), 0);
		assert_string_equal(cfg->brokers, cases[i].brokers);
		config_unref(cfg);
	}
}

/* What the command line refuses a file may not have either, with its line; an option overrules. */
static void test_same_rule_as_options(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"\nkafka-broker = \"host:99999\";", "t.cfg:2: kafka-broker: 'host:99999': "},
		{"kafka-config = (\n\"bootstrap.servers=::1\");", "t.cfg:2: bootstrap.servers: "},
		{"kafka-config = (\"linger.ms=1\",\n\"retries=5x\");", "t.cfg:2: retries: '5x'"},
		{"kafka-config = (\"security.protocol=ssl\");\nkafka-broker = \"PLAINTEXT://a:1\";",
		 "t.cfg:2: 'PLAINTEXT://a:1': security.protocol is ssl"},
		{"max-packets = -1;", "t.cfg:1: max-packets: '-1' is out of range"},
		{"read-file = \"f\";\nsnaplen = 5;", "t.cfg:2: snaplen is only for an interface"},
		{"interface = \"eth0\";\npace = 5;",
		 "t.cfg:2: pace is only for a file that is read"},
		{"mode = \"consumer\";\nsnaplen = 5;", "t.cfg:2: snaplen is only for a producer"},
		{"mode = \"consumer\";\nkafka-offset = \"@1795428900000\";",
		 "t.cfg:2: kafka-offset: '@1795428900000' looks like milliseconds"},
	};
	const struct config *cfg;
	struct kept kept;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (load_text(&cfg, &kept, cases[i].text) != 1 ||
		    strstr(kept.text, cases[i].words) == NULL)
			fail_msg("'%s' said: %s", cases[i].text, kept.text);
		config_unref(cfg);
	}
}

/* A name that no interface can have is one of the key or of the file. */
static void test_long_interface(void **state)
{
	const struct config *cfg;
	struct kept kept;

	assert_int_equal(load_text(&cfg, &kept, "interface = \"fifteen-letters\";"), 0);
	config_unref(cfg);
	assert_int_equal(load_text(&cfg, &kept, "interface = \"bluetooth-monitor\";"), 0);
	config_unref(cfg);
	assert_int_equal(load_text(&cfg, &kept, "\ninterface = \"sixteen-letters0\";"), 1);
	assert_non_null(strstr(kept.text, "t.cfg:2: 'sixteen-letters0': no interface has"));
	config_unref(cfg);
}

struct seen {
	char text[2048];
};

static void see(void *ctx, const struct difference *d)
{
	struct seen *seen = ctx;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%s:%s>%s:%d\n", d->name, d->before,
		 d->after, d->change);
}

static void test_differences(void **state)
{
	const struct config *a, *b;
	struct kept kept;
	struct seen seen = {""};

	assert_int_equal(load_text(&a, &kept,
				   "snaplen = 100; kafka-config = (\"linger.ms=1\","
				   "\"sasl.password=one\",\"acks=all\");"),
			 0);
	assert_int_equal(load_text(&b, &kept,
				   "stats-interval = 5; spool-directory = \"/x\";"
				   "kafka-config = (\"linger.ms=2\",\"sasl.password=two\","
				   "\"client.id=c\");"),
			 0);
	assert_int_equal(change_between(a, b, see, &seen),
			 CONFIG_CHANGE_CAPTURE | CONFIG_CHANGE_CLIENT | CONFIG_CHANGE_NOW |
				 CONFIG_CHANGE_RESTART);
	assert_string_equal(seen.text, "kafka-config linger.ms:1>2:4\n"
				       "kafka-config sasl.password:****>****:4\n"
				       "kafka-config acks:all>:4\n"
				       "kafka-config client.id:>c:4\n"
				       "snaplen:100>65535:2\n"
				       "spool-directory:>/x:8\n"
				       "stats-interval:1m>5s:1\n");
	config_unref(a);
	config_unref(b);
}

/* Whether a reload from one list of properties to the other makes a new client. */
static bool costs_a_client(const char *before, const char *after)
{
	const struct config *a, *b;
	struct kept kept;
	unsigned int changes;

	assert_int_equal(load_text(&a, &kept, before), 0);
	assert_int_equal(load_text(&b, &kept, after), 0);
	changes = change_between(a, b, NULL, NULL);
	config_unref(a);
	config_unref(b);
	assert_int_equal(changes & ~(unsigned int)CONFIG_CHANGE_CLIENT, 0);
	return changes != 0;
}

/* Properties are compared as librdkafka understands them: by real name, the last one, its value. */
static void test_differences_of_properties(void **state)
{
	static const struct {
		const char *before, *after;
		bool differ;
	} cases[] = {
		{"kafka-config = (\"acks=all\");", "kafka-config = (\"request.required.acks=-1\");",
		 false},
		{"kafka-config = (\"enable.idempotence=1\");",
		 "kafka-config = (\"enable.idempotence=true\");", false},
		{"kafka-config = (\"enable.idempotence=1\");",
		 "kafka-config = (\"enable.idempotence=f\");", true},
		{"kafka-config = (\"linger.ms=1\", \"queue.buffering.max.ms=7\");",
		 "kafka-config = (\"queue.buffering.max.ms=7\", \"linger.ms=1\");", true},
		{"kafka-config = (\"sasl.password=1\");", "kafka-config = (\"sasl.password=01\");",
		 true},
		{"", "kafka-config = (\"client.id=c\");", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (costs_a_client(cases[i].before, cases[i].after) != cases[i].differ ||
		    costs_a_client(cases[i].after, cases[i].before) != cases[i].differ)
			fail_msg("%s -> %s", cases[i].before, cases[i].after);
	}
}

static char *read_example(void)
{
	enum { MOST = 1 << 20 };
	FILE *f = fopen(getenv("EXAMPLE_CFG"), "r");
	char *text = calloc(1, MOST);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, MOST - 1, f) > 0);
	fclose(f);
	return text;
}

/* Is on in the example, though not by default. */
static bool is_set_in_example(const struct setting *s)
{
	return strcmp(s->name, "annotate") == 0;
}

/* The commented-out line of a key in the example, uncommented; NULL: it is not there. */
static char *example_line(const char *example, const struct setting *s)
{
	char head[96], *line = NULL, *out;
	const char *at;

	snprintf(head, sizeof(head), "\n%s%s = ", is_set_in_example(s) ? "" : "#", s->name);
	at = strstr(example, head);
	if (at == NULL)
		return NULL;
	at += is_set_in_example(s) ? 1 : 2;
	/* A list goes on over commented lines to its ");". */
	line = strndup(at,
		       (size_t)(strstr(at, s->type == SETTING_PROPERTIES ? ");" : ";") - at) + 2);
	assert_non_null(line);
	for (out = line; (out = strstr(out, "\n#")) != NULL;)
		out[1] = ' ';
	return line;
}

/* Every key stands in the example, with its default where it has one. */
static void test_example_has_all(void **state)
{
	char *example = read_example();
	const struct setting *s;
	const struct config *cfg, *plain;
	struct kept kept;
	size_t n;

	setenv("CREDENTIALS_DIRECTORY", "/", 1);
	for (s = settings_table(&n); n > 0; n--, s++) {
		char text[1024], *line;

		if (!(s->scope & SETTING_FILE) || strcmp(s->name, "spool-directory") == 0 ||
		    s->type == SETTING_PROPERTIES)
			continue;
		line = example_line(example, s);
		if (line == NULL)
			fail_msg("%s is not in the example", s->name);
		snprintf(text, sizeof(text), "%s %s", mode_for(s), line);
		if (load_text(&cfg, &kept, text) > 0)
			fail_msg("%s: %s", line, kept.text);
		assert_int_equal(load_text(&plain, &kept, mode_for(s)), 0);
		if (s->initial != NULL && !is_set_in_example(s) &&
		    change_between(plain, cfg, NULL, NULL) != 0)
			fail_msg("%s is not the default", line);
		free(line);
		config_unref(cfg);
		config_unref(plain);
	}
	assert_non_null(strstr(example, "\n#kafka-config = ("));
	assert_non_null(strstr(example, "\n#spool-directory = \"$STATE_DIRECTORY\";"));
	assert_int_equal(load_text(&cfg, &kept, example), 0);
	assert_true(cfg->annotate); /* a service names host and interface */
	config_unref(cfg);
	free(example);
}

/* A service keeps what it captures, without a word on it; what is read from a file it need not. */
static void test_spool_in_a_service(void **state)
{
	static const struct {
		const char *service, *text, *directory;
	} cases[] = {
		{"/var/lib/pycapa/t", "", "/var/lib/pycapa/t"},
		{"/var/lib/pycapa/t:/var/lib/other", "", "/var/lib/pycapa/t"},
		{"/var/lib/pycapa/t", "spool-directory = \"\";", NULL},
		{"/var/lib/pycapa/t", "spool-directory = \"/x\";", "/x"},
		{"/s", "spool-directory = \"$STATE_DIRECTORY/deep\";", "/s/deep"},
		{"/var/lib/pycapa/t", "read-file = \"f\";", NULL},
		{"/var/lib/pycapa/t", "mode = \"consumer\";", NULL},
		{"", "", NULL},
		{NULL, "", NULL},
		{NULL, "spool-directory = \"\";", NULL},
		{NULL, "spool-directory = \"$STATE_DIRECTORY\";", "/var/lib/pycapa/t"},
	};
	const struct config *cfg;
	struct kept kept;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].service != NULL)
			setenv("STATE_DIRECTORY", cases[i].service, 1);
		if (load_text(&cfg, &kept, cases[i].text) > 0)
			fail_msg("'%s' said: %s", cases[i].text, kept.text);
		if (cases[i].directory == NULL)
			assert_null(cfg->spool_directory);
		else
			assert_string_equal(cfg->spool_directory, cases[i].directory);
		config_unref(cfg);
		unsetenv("STATE_DIRECTORY");
	}
}

/* What is said of the file with `list`, which includes properties: "" when nothing is. */
static void check_list_over_files(const char *dir, const char *list, const char *properties,
				  const char *wanted)
{
	char path[128];
	struct kept kept;
	struct config_builder builder;

	put_cfg(dir, "a.cfg", list);
	put_cfg(dir, "b.cfg", properties);
	snprintf(path, sizeof(path), "%s/a.cfg", dir);
	kept_start(&kept);
	assert_int_equal(config_builder_start(&builder, &kept.faults, NOW_MS), 0);
	cfgfile_load(&builder, path);
	config_unref(config_builder_take(&builder));
	if (wanted[0] == '\0' ? kept.text[0] != '\0' : strstr(kept.text, wanted) == NULL)
		fail_msg("'%s' with '%s' said: %s", list, properties, kept.text);
}

static void test_a_list_over_files(void **state)
{
	char dir[] = "/tmp/pycapa-test-XXXXXX", path[128];

	assert_non_null(mkdtemp(dir));
	check_list_over_files(dir, "kafka-config = (\n@include \"b.cfg\"\n);\n",
			      "\"client.id=a\",\n# no more\n", "");
	check_list_over_files(dir, "kafka-config = (\n@include \"b.cfg\"\n\"acks=1\");\n",
			      "\"client.id=a\",\n", "");
	check_list_over_files(dir, "kafka-config = (\"acks=1\"\n@include \"b.cfg\"\n);\n",
			      "\"client.id=a\",\n", "b.cfg:1: a comma is missing before a string");
	check_list_over_files(dir, "kafka-config = (\n@include \"b.cfg\"\n\"acks=1\");\n",
			      "\"client.id=a\"\n", "a.cfg:3: a comma is missing before a string");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%c.cfg", dir, "ab"[i]);
		unlink(path);
	}
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_all_faults),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_a_list_may_end_with_a_comma),
		cmocka_unit_test(test_a_list_over_files),
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_brokers),
		cmocka_unit_test(test_long_interface),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_differences_of_properties),
		cmocka_unit_test(test_example_has_all),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_same_rule_as_options),
		cmocka_unit_test(test_spool_in_a_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
