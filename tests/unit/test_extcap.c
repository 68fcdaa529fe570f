/* SPDX-License-Identifier: Apache-2.0 */
/* Wireshark's calls: taken apart, answered, and made into the command line of a consumer. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "extcap/extcap.h"
#include "extcap/extcap_call.h"
#include "extcap/extcap_control.h"
#include "extcap/extcap_dialog.h"
#include "extcap/extcap_files.h"
#include "extcap/extcap_remembered.h"
#include "extcap/extcap_words.h"
#include "lines.h"
#include "with_cfg.h"

#define CAPTURE "--capture --extcap-interface pycapa --fifo /f "
#define GIVEN   "--brokers b:1 --topic t "
/* What every capture has. */
#define ALWAYS                                                                                     \
	"--write-file=/f --consumer --quiet --format=pcapng --pretty-print=0 --log-level=INFO "    \
	"--stats-interval=10s --shutdown-timeout=250ms "
#define NOW_S 1700000000

static char why[512];

static int parse(struct extcap_call *call, struct line *line, const char *text)
{
	line_set(line, text);
	return extcap_call_parse(call, line->argc, line->argv, why, sizeof(why));
}

/* ---- calls ---- */

static void test_a_users_command_line_is_no_call(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = {
		{"-c -k b:1 -t extcap", false},
		{"--exit-at-end -c", false},
		{"--capture", false},
		{"--extcap-interfaces --extcap-version=4.0", true},
		{"--extcap-interface pycapa --extcap-dlts", true},
		{"--capture --extcap-interface pycapa --fifo /f", true},
	};
	struct line line;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		line_set(&line, cases[i].text);
		assert_int_equal(extcap_call_is(line.argc, line.argv), cases[i].is);
	}
}

static void test_what_a_call_asks_for(void **state)
{
	static const struct {
		const char *text;
		enum extcap_action action;
	} cases[] = {
		{"--extcap-interfaces --extcap-version=4.0", EXTCAP_INTERFACES},
		{"--extcap-dlts --extcap-interface pycapa", EXTCAP_DLTS},
		{"--extcap-config --extcap-interface pycapa", EXTCAP_CONFIG},
		{"--extcap-config --extcap-interface pycapa --extcap-reload-option topic",
		 EXTCAP_RELOAD},
		{"--extcap-capture-filter tcp --extcap-interface pycapa", EXTCAP_FILTER},
		{CAPTURE "--extcap-capture-filter tcp", EXTCAP_CAPTURE},
		{CAPTURE "--extcap-cleanup-postkill", EXTCAP_CLEANUP},
		{"--extcap-interface pycapa --extcap-of-the-future=x", EXTCAP_CLEANUP},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct extcap_call call;
		struct line line;

		assert_int_equal(parse(&call, &line, cases[i].text), 0);
		assert_int_equal(call.action, cases[i].action);
		extcap_call_clear(&call);
	}
}

static void test_values_follow_or_stand_behind_an_equals_sign(void **state)
{
	struct extcap_call call;
	struct line line;

	assert_int_equal(parse(&call, &line,
			       CAPTURE "--topic=t=1 --brokers b:1 --filter tcp~port~80 "
				       "--extcap-control-in /in --extcap-control-out=/out "
				       "--username"),
			 -EINVAL);
	assert_string_equal(why, "--username needs a value");
	assert_string_equal(call.interface, "pycapa");
	assert_string_equal(call.fifo, "/f");
	assert_string_equal(call.control_in, "/in");
	assert_string_equal(call.control_out, "/out");
	assert_string_equal(call.values[EXTCAP_ARG_TOPIC], "t=1");
	assert_string_equal(call.values[EXTCAP_ARG_FILTER], "tcp port 80");
	assert_null(call.values[EXTCAP_ARG_USERNAME]);
	assert_string_equal(extcap_call_value(&call, EXTCAP_ARG_START), "now");
	extcap_call_clear(&call);
}

static void test_an_unknown_argument_is_named(void **state)
{
	struct extcap_call call;
	struct line line;

	assert_int_equal(parse(&call, &line, CAPTURE "--tpoic=x"), -EINVAL);
	assert_non_null(strstr(why, "no option --tpoic"));
	extcap_call_clear(&call);
}

static void test_secrets_are_overwritten_in_argv(void **state)
{
	struct extcap_call call;
	struct line line;

	assert_int_equal(parse(&call, &line,
			       CAPTURE GIVEN "--password hunter2 --keypassword=hunter2 "
					     "--properties sasl.password=hunter2"),
			 0);
	assert_string_equal(call.values[EXTCAP_ARG_PASSWORD], "hunter2");
	assert_string_equal(call.values[EXTCAP_ARG_KEYPASSWORD], "hunter2");
	for (int i = 0; i < line.argc; i++)
		assert_null(strstr(line.argv[i], "hunter"));
	extcap_call_clear(&call);
}

/* ---- the command line of the consumer ---- */

static void join(char *buf, size_t size, const struct extcap_words *words)
{
	size_t len = 0;

	*buf = '\0';
	for (int i = 1; i < words->n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i > 1 ? " " : "",
					words->list[i]);
}

static void check_words(const char *given, const char *wanted)
{
	struct extcap_call call;
	struct extcap_words words;
	struct line line;
	char text[2048];

	assert_int_equal(parse(&call, &line, given), 0);
	if (extcap_words_capture(&words, &call, NOW_S, why, sizeof(why)) < 0)
		fail_msg("%s: %s", given, why);
	join(text, sizeof(text), &words);
	assert_string_equal(text, wanted);
	extcap_words_clear(&words);
	extcap_call_clear(&call);
}

#define LIVE " --kafka-offset=end --no-exit-at-end"

static void test_where_to_start_and_to_stop(void **state)
{
	static const char *const cases[][2] = {
		{"", "--kafka-offset=end --no-exit-at-end"},
		{"--start begin", "--kafka-offset=begin --no-exit-at-end"},
		{"--start begin --end end", "--kafka-offset=begin --exit-at-end"},
		{"--start time --starttime 1700000000",
		 "--kafka-offset=@1700000000 --no-exit-at-end"},
		{"--start time --starttime 1700000000.5 --end time --endtime 2026-11-23",
		 "--from=@1700000000.5 --to=2026-11-23"},
		{"--start begin --end time --endtime 1700000000", "--to=@1700000000"},
		{"--start time --starttime -15m", "--kafka-offset=-15m --no-exit-at-end"},
		{"--start time --starttime -1h30m --end time --endtime -5m",
		 "--from=-1h30m --to=-5m"},
		{"--end time --endtime 1800000000", "--from=@1700000000 --to=@1800000000"},
		/* A time that is not chosen has no effect: the dialog always passes one. */
		{"--starttime 1 --endtime 2", "--kafka-offset=end --no-exit-at-end"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char given[512], wanted[512];

		snprintf(given, sizeof(given), CAPTURE GIVEN "%s", cases[i][0]);
		snprintf(wanted, sizeof(wanted), ALWAYS "--kafka-topic=t --kafka-broker=b:1 %s",
			 cases[i][1]);
		check_words(given, wanted);
	}
}

static void test_filters_reorder_and_properties(void **state)
{
	check_words(CAPTURE GIVEN "--filter tcp",
		    ALWAYS "--kafka-topic=t --kafka-broker=b:1" LIVE " -- tcp");
	check_words(CAPTURE GIVEN "--filter tcp --extcap-capture-filter port~80~or~port~81", ALWAYS
		    "--kafka-topic=t --kafka-broker=b:1" LIVE " -- (tcp) and (port 80 or port 81)");
	check_words(CAPTURE GIVEN "--reorder 50", ALWAYS "--kafka-topic=t --kafka-broker=b:1" LIVE);
	check_words(CAPTURE GIVEN "--reorder 200",
		    ALWAYS "--kafka-topic=t --kafka-broker=b:1" LIVE " --reorder=200ms");
	check_words(CAPTURE GIVEN "--properties ~client.id=x;;~a=b~c~;d=e",
		    ALWAYS "--kafka-topic=t --kafka-broker=b:1 --kafka-config=client.id=x "
			   "--kafka-config=a=b c --kafka-config=d=e" LIVE);
}

static void test_security(void **state)
{
	check_words(CAPTURE GIVEN "--protocol plaintext --mechanism GSSAPI --username u",
		    ALWAYS "--kafka-topic=t --kafka-broker=b:1" LIVE);
	check_words(CAPTURE GIVEN "--protocol sasl_ssl --mechanism PLAIN --username u --password "
				  "@p --cafile /ca",
		    ALWAYS
		    "--kafka-topic=t --kafka-broker=b:1 "
		    "--kafka-config=security.protocol=sasl_ssl "
		    "--kafka-config=sasl.mechanism=PLAIN --kafka-config=sasl.username=u "
		    "--kafka-config=sasl.password=@@p --kafka-config=ssl.ca.location=/ca" LIVE);
}

static void test_a_file_wins_over_the_defaults_of_the_dialog(void **state)
{
	check_words(CAPTURE "--config /x.cfg --brokers localhost:9092 --topic pcap --reorder 50",
		    ALWAYS "--config=/x.cfg" LIVE);
	check_words(CAPTURE "--config /x.cfg --brokers b:1 --topic t",
		    ALWAYS "--config=/x.cfg --kafka-topic=t --kafka-broker=b:1" LIVE);
	setenv("CONFIGURATION_DIRECTORY", "/dir", 1);
	check_words("--capture --fifo /f --extcap-interface pycapa-site",
		    ALWAYS "--config=/dir/site.cfg" LIVE);
}

static void test_what_is_missing_is_one_line(void **state)
{
	static const char *const cases[][2] = {
		{CAPTURE "--brokers b:1",
		 "no topic is given: set it in the options of this interface (Wireshark: the "
		 "gear wheel; tshark: -o extcap.pycapa.topic:VALUE)"},
		{CAPTURE "--topic t", "no brokers are given: "},
		{"--capture --extcap-interface pycapa-a.10 --fifo /f --start time",
		 "no start time is given: set it in the options of this interface (Wireshark: "
		 "the gear wheel; tshark: -o extcap.pycapa_a_1_.starttime:VALUE)"},
		{CAPTURE "--topic= --brokers b:1", "no topic is given: "},
		{CAPTURE GIVEN "--start time", "no start time is given: "},
		{CAPTURE GIVEN "--end time", "no end time is given: "},
		{CAPTURE GIVEN "--start beginn", "start 'beginn' is none of now, begin, time"},
		{CAPTURE GIVEN "--end 10:15", "end '10:15' is none of never, end, time"},
		{"--capture --extcap-interface pycapa-../x --fifo /f", "pycapa-../x: "},
		{"--capture --extcap-interface pycapa " GIVEN, "no --fifo is given: "},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct extcap_call call;
		struct extcap_words words;
		struct line line;

		assert_int_equal(parse(&call, &line, cases[i][0]), 0);
		assert_int_equal(extcap_words_capture(&words, &call, NOW_S, why, sizeof(why)),
				 -EINVAL);
		assert_ptr_equal(strstr(why, cases[i][1]), why);
		assert_null(strchr(why, '\n'));
		extcap_words_clear(&words);
		extcap_call_clear(&call);
	}
}

/* Whatever is chosen is a command line that is right. */
static void check_accepted(const char *given)
{
	struct options *options = NULL;
	const struct config *cfg = NULL;
	enum options_action action;
	struct extcap_call call;
	struct extcap_words words;
	struct line line;

	assert_int_equal(parse(&call, &line, given), 0);
	assert_int_equal(extcap_words_capture(&words, &call, NOW_S, why, sizeof(why)), 0);
	assert_int_equal(options_parse_attended(&options, words.n, words.list, &cfg, &action,
						extcap_words_field),
			 0);
	assert_int_equal(action, OPTIONS_RUN);
	assert_true(cfg->attended);
	assert_string_equal(cfg->write_file, "/f");
	assert_int_equal(cfg->format, CONFIG_FORMAT_PCAPNG);
	config_unref(cfg);
	options_free(options);
	extcap_words_clear(&words);
	extcap_call_clear(&call);
}

static void test_every_choice_of_the_dialog_is_accepted(void **state)
{
	for (int id = 0; id < EXTCAP_ARGS; id++) {
		const struct extcap_arg *arg = &extcap_args()[id];
		char given[512];

		for (const struct extcap_choice *c = arg->choices; c && c->value; c++) {
			snprintf(given, sizeof(given),
				 CAPTURE GIVEN
				 "--protocol sasl_plaintext --mechanism GSSAPI "
				 "--username u --password p "
				 "--starttime 1700000000 --endtime 1700000001 --%s %s",
				 arg->name, c->value);
			check_accepted(given);
		}
	}
	check_accepted(CAPTURE GIVEN "--reorder 50 --filter tcp --extcap-capture-filter udp");
}

/* What a capture says at once, on stderr. */
static void said(char *buf, size_t size, const char *given)
{
	struct options *options = NULL;
	const struct config *cfg = NULL;
	enum options_action action;
	struct extcap *x = NULL;
	struct line line;
	int r;

	line_set(&line, given);
	lines_catch();
	r = extcap_new(&x, line.argc, line.argv);
	if (r == EXTCAP_E_CAPTURE) {
		char **argv = extcap_words(x, &line.argc);

		r = options_parse_attended(&options, line.argc, argv, &cfg, &action,
					   extcap_words_field);
	}
	fflush(stderr);
	lines_with("\n");
	lines_release();
	log_set_sink(NULL, NULL);
	extcap_free(x);
	if (r >= 0)
		fail_msg("%s is taken", given);
	snprintf(buf, size, "%.*s", (int)strcspn(lines.text, "\n"), lines.text);
}

static void test_a_fault_names_the_field_of_the_dialog(void **state)
{
	static const char *const cases[][2] = {
		{CAPTURE GIVEN "--start time --starttime noon", "Start time: 'noon' is not a time"},
		{CAPTURE GIVEN "--start time --starttime noon --end time --endtime now",
		 "Start time: 'noon' is not a time"},
		{CAPTURE GIVEN "--end time --endtime noon", "End time: 'noon' is not a time"},
		{CAPTURE "--topic t --brokers http://b", "Brokers: "},
		{CAPTURE "--topic a/b --brokers b:1", "Topic: 'a/b' is not a valid topic name"},
		{CAPTURE GIVEN "--reorder soon", "Reorder (ms): 'soon' is not a time"},
		{CAPTURE GIVEN "--properties linger.mss=1", "no Kafka property 'linger.mss'"},
	};
	char text[512], wanted[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		said(text, sizeof(text), cases[i][0]);
		snprintf(wanted, sizeof(wanted), "pycapa: %s", cases[i][1]);
		if (strncmp(text, wanted, strlen(wanted)) != 0)
			fail_msg("%s", text);
	}
}

static void test_an_interface_that_is_not_there_is_refused(void **state)
{
	static const char *const calls[] = {"--extcap-dlts", "--extcap-config",
					    "--capture --fifo f", "--extcap-capture-filter tcp"};
	char given[128], text[512];

	setenv("CONFIGURATION_DIRECTORY", "/nowhere", 1);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		snprintf(given, sizeof(given), "--extcap-interface nope %s", calls[i]);
		said(text, sizeof(text), given);
		assert_string_equal(text, "pycapa: no interface nope: --extcap-interfaces lists "
					  "them");
		snprintf(given, sizeof(given), "--extcap-interface pycapa-x %s", calls[i]);
		said(text, sizeof(text), given);
		assert_string_equal(text, "pycapa: no interface pycapa-x: there is no "
					  "/nowhere/x.cfg");
	}
}

/* ---- sentences ---- */

static struct {
	char *text;
	size_t len;
	FILE *file;
} printed;

static FILE *print(void)
{
	free(printed.text);
	printed.file = open_memstream(&printed.text, &printed.len);
	assert_non_null(printed.file);
	return printed.file;
}

/* Each line is a word and attributes, {NAME=TEXT} without a brace in it. */
static void check_sentences(void)
{
	fclose(printed.file);
	for (const char *at = printed.text; *at; at++) {
		at += strcspn(at, " ") + 1;
		while (*at == '{') {
			assert_true(strchr(at, '=') < strchr(at, '}'));
			at += 1 + strcspn(at + 1, "{}\n");
			assert_int_equal(*at++, '}');
		}
		assert_int_equal(*at, '\n');
	}
}

static void test_interfaces_are_one_and_one_a_file(void **state)
{
	char name[] = "site", topic[] = "pcap{1}\n2", brokers[] = "b:1";
	const struct extcap_file files[] = {{name, topic, brokers, false},
					    {name, brokers, brokers, true}};

	extcap_dialog_interfaces(print(), files, 2);
	check_sentences();
	assert_non_null(strstr(printed.text, "\ninterface {value=pycapa}"
					     "{display=Kafka topic (pycapa)}\n"));
	assert_non_null(strstr(printed.text, "\ninterface {value=pycapa-site}"
					     "{display=Kafka topic pcap(1) 2 at b:1 (pycapa, "
					     "site.cfg)}\n"));
	assert_non_null(strstr(printed.text, "at b:1 (pycapa, site.cfg, which has faults)}\n"));
	assert_non_null(strstr(printed.text, "{role=logger}"));
}

static void print_config(const char *interface, const char *topic)
{
	struct extcap_call call;
	struct line line;
	char text[128];

	snprintf(text, sizeof(text), "--extcap-config --extcap-interface %s", interface);
	assert_int_equal(parse(&call, &line, text), 0);
	extcap_dialog_config(print(), &call, topic);
	check_sentences();
	extcap_call_clear(&call);
}

static void test_the_dialog(void **state)
{
	print_config("pycapa", "edge");
	assert_non_null(strstr(printed.text, "\nvalue {arg=1}{value=pcap}{display=pcap}"
					     "{default=true}\n"
					     "value {arg=1}{value=edge}{display=edge}\n"));
	for (int id = 0; id < EXTCAP_ARGS; id++) {
		char start[64];

		snprintf(start, sizeof(start), "arg {number=%d}{call=--%s}{type=%s}", id,
			 extcap_args()[id].name, extcap_args()[id].type);
		assert_non_null(strstr(printed.text, start));
	}
	assert_non_null(strstr(printed.text, "{reload=true}"));
	assert_non_null(strstr(printed.text, "value {arg=2}{value=now}"));
	/* A file says where Kafka is and how it is reached. */
	print_config("pycapa-site", "edge");
	assert_non_null(strstr(printed.text, "{call=--start}"));
	assert_null(strstr(printed.text, "{call=--brokers}"));
	assert_null(strstr(printed.text, "{call=--password}"));
	extcap_dialog_dlts(print());
	check_sentences();
}

/* ---- files ---- */

static void test_the_consumers_among_the_files(void **state)
{
	char dir[] = "/tmp/test_extcap.XXXXXX", command[64];
	struct extcap_file *files;

	assert_non_null(mkdtemp(dir));
	setenv("CONFIGURATION_DIRECTORY", dir, 1);
	put_cfg(dir, "site.cfg", "mode = \"consumer\"; kafka-topic = \"t\";\n");
	put_cfg(dir, "archive.cfg", "mode = \"consumer\"; nonsense = 1;\n");
	put_cfg(dir, "eth0.cfg", "kafka-topic = \"t\";\n");
	put_cfg(dir, "broken.cfg", "mode = = \"consumer\"\n");
	put_cfg(dir, "a b.cfg", "mode = \"consumer\";\n");
	put_cfg(dir, "site.cfg.bak", "mode = \"consumer\";\n");
	assert_int_equal(extcap_files_list(&files), 2);
	assert_string_equal(files[0].name, "archive");
	assert_true(files[0].faulty);
	assert_false(files[1].faulty);
	assert_string_equal(files[1].name, "site");
	assert_string_equal(files[1].topic, "t");
	extcap_files_free(files, 2);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(extcap_files_list(&files), 0);
	extcap_files_free(files, 0);
}

static void test_the_topic_that_wireshark_remembers(void **state)
{
	char dir[] = "/tmp/test_extcap.XXXXXX", sub[64], command[64], *topic;

	assert_non_null(mkdtemp(dir));
	setenv("XDG_CONFIG_HOME", dir, 1);
	assert_null(extcap_remembered_topic());
	snprintf(sub, sizeof(sub), "%s/wireshark", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	put_cfg(sub, "preferences",
		"# of somebody\n\n#extcap.pycapa.topic: pcap\n#extcap.pycapa.brokers: b\n");
	assert_null(extcap_remembered_topic());
	put_cfg(sub, "preferences", "extcap.pycapa.end: never\nextcap.pycapa.topic: edge\n");
	topic = extcap_remembered_topic();
	assert_string_equal(topic, "edge");
	free(topic);
	put_cfg(sub, "preferences", "extcap.pycapa.topic: {no topic}\n");
	assert_null(extcap_remembered_topic());
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* ---- control pipes ---- */

static void test_control_pipes_open_at_once_and_never_block(void **state)
{
	static const uint8_t wanted[] = {'T', 0, 0, 7, 255, 9, 'o', 'h', ' ', 'n', 'o'};
	char dir[] = "/tmp/test_extcap.XXXXXX", in[64], out[64];
	char big[2000];
	struct extcap_control c;
	uint8_t got[64];
	int reader;

	assert_non_null(mkdtemp(dir));
	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	assert_int_equal(mkfifo(in, 0600), 0);
	assert_int_equal(mkfifo(out, 0600), 0);
	alarm(5);
	assert_int_equal(extcap_control_open(&c, in, out), 0);
	/* Now the window's own opening of its writing end succeeds, too. */
	reader = open(in, O_WRONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	close(reader);
	reader = open(out, O_RDONLY | O_NONBLOCK);
	extcap_control_send(&c, EXTCAP_CONTROL_NONE, EXTCAP_COMMAND_ERROR, "oh no");
	assert_int_equal(read(reader, got, sizeof(got)), sizeof(wanted));
	assert_memory_equal(got, wanted, sizeof(wanted));
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < 100; i++) /* more than a pipe holds, and nobody reads */
		extcap_control_send(&c, 0, EXTCAP_COMMAND_ADD, big);
	alarm(0);
	close(reader);
	extcap_control_close(&c);
	assert_int_equal(extcap_control_open(&c, NULL, NULL), 0);
	extcap_control_send(&c, 0, EXTCAP_COMMAND_ADD, "to nobody");
	extcap_control_close(&c);
	unlink(in);
	unlink(out);
	rmdir(dir);
	assert_int_equal(extcap_control_open(&c, in, out), -ENOENT);
	extcap_control_close(&c);
}

/* The messages that wait in a control pipe: "CONTROL COMMAND TEXT|" each. */
static void read_messages(int fd, char *buf, size_t size)
{
	uint8_t got[4096];
	ssize_t n = read(fd, got, sizeof(got));
	size_t len = 0;

	*buf = '\0';
	for (ssize_t at = 0; at + 6 <= n; at += 4 + got[at + 3])
		len += (size_t)snprintf(buf + len, size - len, "%d %d %.*s|", got[at + 4],
					got[at + 5], got[at + 3] - 2, (char *)got + at + 6);
}

static void test_what_a_window_is_told(void **state)
{
	char dir[] = "/tmp/test_extcap.XXXXXX", in[64], out[64], text[512], command[64];
	struct extcap *x;
	struct line line;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	assert_int_equal(mkfifo(in, 0600), 0);
	assert_int_equal(mkfifo(out, 0600), 0);
	fd = open(out, O_RDWR | O_NONBLOCK);
	snprintf(text, sizeof(text), CAPTURE GIVEN "--extcap-control-in %s --extcap-control-out %s",
		 in, out);
	line_set(&line, text);
	assert_int_equal(extcap_new(&x, line.argc, line.argv), EXTCAP_E_CAPTURE);
	log_error("at the start");
	read_messages(fd, text, sizeof(text));
	assert_string_equal(text, "0 2 Error: at the start\n|");
	extcap_set_state(x, "reading");
	extcap_set_status(x, "reading: 1 packets/s");
	log_warn("beware");
	log_error("first");
	log_error("second"); /* in the log alone: a box is to be clicked away */
	read_messages(fd, text, sizeof(text));
	assert_string_equal(text, "255 6 reading|255 6 reading: 1 packets/s|"
				  "0 2 Warning: beware\n|0 2 Error: first\n|255 9 first|"
				  "0 2 Error: second\n|");
	close(open(in, O_WRONLY | O_NONBLOCK)); /* the window */
	assert_int_equal(extcap_finish(x, 0), 0);
	extcap_stop(x);
	assert_int_equal(extcap_finish(x, 1), 0);
	extcap_free(x);
	log_set_sink(NULL, NULL);
	close(fd);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

struct window {
	const char *path;
	atomic_bool opened;
};

/* As Wireshark does, which starts us before. */
static void *open_late(void *arg)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	struct window *w = arg;
	int fd;

	nanosleep(&pause, NULL);
	fd = open(w->path, O_WRONLY);
	atomic_store(&w->opened, fd >= 0);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Its window would hang for ever in opening what nobody reads any more. */
static void test_it_ends_only_after_the_window_has_opened_its_pipe(void **state)
{
	static const char *const calls[] = {CAPTURE "--brokers b:1 ", /* no topic */
					    "--capture --extcap-interface nowhere --fifo /f ",
					    CAPTURE GIVEN};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		char dir[] = "/tmp/test_extcap.XXXXXX", in[64], text[512];
		struct window window = {.path = in};
		struct extcap *x;
		struct line line;
		pthread_t thread;
		bool runs = i == 2;

		assert_non_null(mkdtemp(dir));
		snprintf(in, sizeof(in), "%s/in", dir);
		assert_int_equal(mkfifo(in, 0600), 0);
		snprintf(text, sizeof(text), "%s--extcap-control-in %s", calls[i], in);
		line_set(&line, text);
		assert_int_equal(pthread_create(&thread, NULL, open_late, &window), 0);
		assert_int_equal(extcap_new(&x, line.argc, line.argv) == EXTCAP_E_CAPTURE, runs);
		assert_int_equal(extcap_finish(x, runs ? 0 : 2), runs ? 0 : 2);
		assert_true(window.opened);
		extcap_free(x);
		log_set_sink(NULL, NULL);
		assert_int_equal(pthread_join(thread, NULL), 0);
		unlink(in);
		rmdir(dir);
	}
}

static int forget_printed(void **state)
{
	free(printed.text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_users_command_line_is_no_call),
		cmocka_unit_test(test_what_a_call_asks_for),
		cmocka_unit_test(test_values_follow_or_stand_behind_an_equals_sign),
		cmocka_unit_test(test_an_unknown_argument_is_named),
		cmocka_unit_test(test_secrets_are_overwritten_in_argv),
		cmocka_unit_test(test_where_to_start_and_to_stop),
		cmocka_unit_test(test_filters_reorder_and_properties),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_a_file_wins_over_the_defaults_of_the_dialog),
		cmocka_unit_test(test_what_is_missing_is_one_line),
		cmocka_unit_test(test_every_choice_of_the_dialog_is_accepted),
		cmocka_unit_test(test_a_fault_names_the_field_of_the_dialog),
		cmocka_unit_test(test_an_interface_that_is_not_there_is_refused),
		cmocka_unit_test(test_interfaces_are_one_and_one_a_file),
		cmocka_unit_test(test_the_dialog),
		cmocka_unit_test(test_the_consumers_among_the_files),
		cmocka_unit_test(test_the_topic_that_wireshark_remembers),
		cmocka_unit_test(test_control_pipes_open_at_once_and_never_block),
		cmocka_unit_test(test_it_ends_only_after_the_window_has_opened_its_pipe),
		cmocka_unit_test(test_what_a_window_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, forget_printed);
}
