/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <time.h>

#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <pcap/pcap.h>
#include <sys/syscall.h>

#include "app/change.h"
#include "base/clock.h"
#include "capture/netdev.h"
#include "cli/argwords.h"
#include "with_cfg.h"

/* In place of the C library's: no name is known, whatever the machine's name service does. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	return EAI_NONAME;
}

/* In place of the C library's: so far ahead is the wall clock. */
static time_t ahead_s;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += clock == CLOCK_REALTIME ? ahead_s : 0;
	return (int)r;
}

/* The interfaces that there are: -D lists them from 1. */
static const char *const interfaces[] = {"eth0", "any", "7"};

bool netdev_find(const char *name, struct netdev *out)
{
	return !strcmp(name, "eth0") || !strcmp(name, "7");
}

int pcap_findalldevs(pcap_if_t **list, char *errbuf)
{
	*list = NULL;
	for (size_t i = sizeof(interfaces) / sizeof(interfaces[0]); i > 0; i--) {
		pcap_if_t *dev = calloc(1, sizeof(*dev));

		dev->name = strdup(interfaces[i - 1]);
		dev->next = *list;
		*list = dev;
	}
	return 0;
}

void pcap_freealldevs(pcap_if_t *list)
{
	while (list) {
		pcap_if_t *next = list->next;

		free(list->name);
		free(list);
		list = next;
	}
}

/* A command line, and what came of it. */
static struct {
	struct line line;
	enum options_action action;
	struct options *opt;
	const struct config *cfg;
	char said[1024];
} given;

static int give(const char *words)
{
	line_set(&given.line, words);
	return parse_line(&given.opt, &given.line, &given.cfg, &given.action, given.said,
			  sizeof(given.said));
}

/* One that is to be taken. */
static const struct config *take(const char *words)
{
	if (give(words) != 0)
		fail_msg("'%s' said: %s", words, given.said);
	return given.cfg;
}

static void let_go(void)
{
	config_unref(given.cfg);
	options_free(given.opt);
}

/* What a command line makes of the old tool's settings, in one text. */
static void summary(char *buf, size_t size, const struct config *cfg)
{
	snprintf(buf, size, "%s k=%s t=%s i=%s m=%llu pp=%llu ll=%d s=%u x=%zu",
		 cfg->mode == CONFIG_MODE_PRODUCER ? "p" : "c", cfg->brokers, cfg->topic,
		 cfg->interface != NULL ? cfg->interface : "-",
		 (unsigned long long)cfg->max_packets, (unsigned long long)cfg->pretty_print,
		 (int)cfg->log_level, cfg->snaplen, cfg->properties.n);
}

static void test_old_options(void **state)
{
	static const struct {
		const char *line;
		const char *expect;
	} cases[] = {
		{"-p", "p k=localhost:9092 t=pcap i=eth0 m=0 pp=0 ll=2 s=65535 x=0"},
		{"-c", "c k=localhost:9092 t=pcap i=- m=0 pp=0 ll=2 s=65535 x=0"},
		{"--producer --interface en0 --kafka-broker h:1 --kafka-topic x --max-packets 10",
		 "p k=h:1 t=x i=en0 m=10 pp=0 ll=2 s=65535 x=0"},
		{"-pieth1 -kh:2 -tx -m5 -s100", "p k=h:2 t=x i=eth1 m=5 pp=0 ll=2 s=100 x=0"},
		{"-p -i=eth1 -s=9 --snap=10",
		 "p k=localhost:9092 t=pcap i=eth1 m=0 pp=0 ll=2 s=10 x=0"},
		{"-p -pp 10 -ll debug",
		 "p k=localhost:9092 t=pcap i=eth0 m=0 pp=10 ll=3 s=65535 x=0"},
		{"-p -pp=10 -l Warn",
		 "p k=localhost:9092 t=pcap i=eth0 m=0 pp=10 ll=1 s=65535 x=0"},
		{"-ppp", "p k=localhost:9092 t=pcap i=eth0 m=0 pp=0 ll=2 s=65535 x=0"},
		{"-ppp -pp3 -llERROR",
		 "p k=localhost:9092 t=pcap i=eth0 m=0 pp=3 ll=0 s=65535 x=0"},
		{"-p -m 0 -pp 0 -s 0",
		 "p k=localhost:9092 t=pcap i=eth0 m=0 pp=0 ll=2 s=262144 x=0"},
		{"-p -X acks=all -Xlinger.ms=5 -X=client.id=a=b",
		 "p k=localhost:9092 t=pcap i=eth0 m=0 pp=0 ll=2 s=65535 x=3"},
		{"--c", "c k=localhost:9092 t=pcap i=- m=0 pp=0 ll=2 s=65535 x=0"},
		{"--pro --i a --m 1 --l INFO --s 7 --pre 2 --kafka-b b --kafka-t c",
		 "p k=b t=c i=a m=1 pp=2 ll=2 s=7 x=0"},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		summary(text, sizeof(text), take(cases[i].line));
		assert_int_equal(given.action, OPTIONS_RUN);
		assert_string_equal(text, cases[i].expect);
		let_go();
	}
}

/*
 * A prefix that named one option of the old tool (argparse takes any that is unique) names it for
 * ever, whatever was added: `--con` is --consumer, though there is a --config.
 */
static void test_old_prefixes(void **state)
{
	static const char *const names[] = {"help",         "producer",     "consumer",
					    "kafka-broker", "kafka-topic",  "interface",
					    "max-packets",  "pretty-print", "log-level",
					    "snaplen"};
	const size_t n = sizeof(names) / sizeof(names[0]);
	size_t tried = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(settings_find(names[i])->old);
		for (size_t len = 1; len <= strlen(names[i]); len++) {
			const struct setting *s = settings_find(names[i]);
			char program[] = "pycapa", option[64], value[] = "7";
			char *argv[] = {program, option, value};
			struct argwords words;
			struct kept kept;
			size_t same = 0;

			for (size_t j = 0; j < n; j++)
				same += strncmp(names[j], names[i], len) == 0;
			if (same > 1)
				continue;
			kept_start(&kept);
			snprintf(option, sizeof(option), "--%.*s", (int)len, names[i]);
			if (argwords_parse(&words, s->metavar != NULL ? 3 : 2, argv,
					   &kept.faults) != 0)
				fail_msg("%s: %s", option, kept.text);
			assert_int_equal(words.n, 1);
			if (words.list[0].setting != s)
				fail_msg("%s is --%s, not --%s", option,
					 words.list[0].setting->name, names[i]);
			assert_string_equal(words.list[0].text, s->metavar != NULL ? "7" : "true");
			argwords_clear(&words);
			tried++;
		}
	}
	assert_true(tried > 50);
}

static void test_new_options(void **state)
{
	const struct config *cfg;

	cfg = take("-p -B 4096 --no-promisc --own-traffic --partition host --buffer-timeout 4 "
		   "--annotate --spool-size 1G --stats-interval 0 ip[0] -t dns -- -1 = 68");
	assert_int_equal(cfg->buffer_size, 4 << 20);
	assert_int_equal(cfg->buffer_timeout_ms, 4);
	assert_false(cfg->promiscuous);
	assert_true(cfg->own_traffic);
	assert_true(cfg->annotate);
	assert_int_equal(cfg->partition, CONFIG_PARTITION_HOST);
	assert_int_equal(cfg->spool_size, 1 << 30);
	assert_int_equal(cfg->stats_interval_ms, 0);
	assert_string_equal(cfg->topic, "dns");
	assert_string_equal(cfg->filter, "ip[0] -1 = 68");
	let_go();

	cfg = take("-ce -w -");
	assert_true(cfg->exit_at_end);
	assert_int_equal(cfg->start.offset, CONFIG_OFFSET_BEGIN);
	assert_null(cfg->write_file);
	let_go();

	cfg = take("-c -o Earliest -t a -t a");
	assert_int_equal(cfg->start.offset, CONFIG_OFFSET_BEGIN);
	assert_string_equal(cfg->start.text, "begin");
	let_go();

	cfg = take("-c -e -o -10");
	assert_int_equal(cfg->start.offset, CONFIG_OFFSET_TAIL);
	assert_int_equal(cfg->start.value, 10);
	let_go();

	cfg = take("-p -r -");
	assert_string_equal(cfg->read_file, "-");
	assert_null(cfg->interface);
	let_go();
}

/* A live reader is to see packets soon; a read that ends can wait. */
static void test_how_long_packets_wait(void **state)
{
	static const struct {
		const char *line;
		uint32_t ms;
	} rows[] = {
		{"-c", 50},
		{"-c -e", 600000},
		{"-c --from -2h --to -1h", 600000},
		{"-c --to 2222-01-01", 50},
		{"-c -e -o stored", 50},
		{"-c -e --reorder 0", 0},
		{"-c --reorder 2s", 2000},
		{"-c -e --reorder 50", 50},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(take(rows[i].line)->reorder_ms, rows[i].ms);
		let_go();
	}
}

/* The names are tcpdump's. */
static void test_options_of_a_capture(void **state)
{
	const struct config *cfg;

	cfg = take("-p");
	assert_int_equal(cfg->time_stamp_precision, CONFIG_PRECISION_MICRO);
	assert_int_equal(cfg->time_stamp_type, CONFIG_TIME_STAMP_HOST);
	assert_int_equal(cfg->direction, CONFIG_DIRECTION_INOUT);
	assert_false(cfg->immediate_mode);
	let_go();

	cfg = take("-p -Q in --time-stamp-precision=nano -j adapter_unsynced --immediate-mode");
	assert_int_equal(cfg->time_stamp_precision, CONFIG_PRECISION_NANO);
	assert_int_equal(cfg->time_stamp_type, CONFIG_TIME_STAMP_ADAPTER_UNSYNCED);
	assert_int_equal(cfg->direction, CONFIG_DIRECTION_IN);
	assert_true(cfg->immediate_mode);
	let_go();
}

/* Alone, or with a number: a word behind it is none. */
static void test_a_pace(void **state)
{
	static const struct {
		const char *line;
		uint32_t pace;
		const char *filter;
	} cases[] = {
		{"-p -r f", 0, NULL},
		{"-p -r f --pace", 1, NULL},
		{"-p --pace -r f", 1, NULL},
		{"-p -r f --pace 10 tcp", 10, "tcp"},
		{"-p -r f --pace=10", 10, NULL},
		{"-p -r f --pace tcp port 80", 1, "tcp port 80"},
	};
	const struct config *cfg;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg = take(cases[i].line);
		assert_int_equal(cfg->pace, cases[i].pace);
		assert_string_equal(cfg->filter ? cfg->filter : "",
				    cases[i].filter ? cases[i].filter : "");
		let_go();
	}
}

static void test_a_number_is_an_interface_of_the_list(void **state)
{
	static const struct {
		const char *line;
		const char *interface; /* NULL: refused */
	} cases[] = {
		{"-p -i 1", "eth0"},    {"-pi2", "any"},    {"-p -i 7", "7"},
		{"-p -i eth1", "eth1"}, {"-p -i 1x", "1x"}, {"-p -i 3", "7"},
		{"-p -i 4", NULL},      {"-p -i 0", NULL},  {"-p -i 999999", "999999"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = give(cases[i].line);

		assert_int_equal(r, cases[i].interface ? 0 : -EINVAL);
		if (r < 0) {
			assert_non_null(strstr(given.said, "-i/--interface: no interface "));
			assert_non_null(strstr(given.said, ": 'pycapa -D' lists 3"));
			continue;
		}
		assert_string_equal(given.cfg->interface, cases[i].interface);
		let_go();
	}
}

/* What a range of time implies. */
static void test_ranges(void **state)
{
	static const struct {
		const char *line;
		bool exit_at_end;
		enum config_offset start;
	} cases[] = {
		{"-c --from -2h", true, CONFIG_OFFSET_BEGIN},
		{"-c --to -1h", true, CONFIG_OFFSET_BEGIN},
		{"-c --from -2h --to -1h --slack all", true, CONFIG_OFFSET_BEGIN},
		{"-c --from -2h --to 2222-01-01T00:00:00Z", false, CONFIG_OFFSET_BEGIN},
		{"-c --from 2222-01-01", false, CONFIG_OFFSET_BEGIN},
		{"-c --from now", false, CONFIG_OFFSET_BEGIN},
		{"-c --from -2h --to now", true, CONFIG_OFFSET_BEGIN},
		{"-c --from now --to +5m", false, CONFIG_OFFSET_BEGIN},
		{"-c --from 2222-01-01 -e", true, CONFIG_OFFSET_BEGIN},
		{"-c --partitions 0-3", false, CONFIG_OFFSET_END},
		{"-c --slack 1h", false, CONFIG_OFFSET_END},
	};
	const struct config *cfg;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg = take(cases[i].line);
		if (cfg->exit_at_end != cases[i].exit_at_end || cfg->start.offset != cases[i].start)
			fail_msg("'%s' starts at %d, exits: %d", cases[i].line, cfg->start.offset,
				 cfg->exit_at_end);
		let_go();
	}
}

/* An expression may be right for another link type than Ethernet, or for another day. */
static void test_filters_that_compile_somewhere(void **state)
{
	static const char *const lines[] = {
		"-p type mgt subtype beacon",
		"-p vpi 5",
		"-p fisu",
		"-p inbound and tcp",
		"-p host no-such-host.invalid",
		"-p wlan host ff:ff:ff:ff:ff:ff",
		"-c port 80",
		"-c type mgt subtype beacon",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		take(lines[i]);
		let_go();
	}
}

static void test_actions(void **state)
{
	static const struct {
		const char *line;
		enum options_action action;
	} cases[] = {
		{"-h", OPTIONS_HELP},
		{"--h", OPTIONS_HELP},
		{"-p -h --nonsense", OPTIONS_HELP},
		{"-V", OPTIONS_VERSION},
		{"-D", OPTIONS_LIST_INTERFACES},
		{"-J", OPTIONS_LIST_TIME_STAMP_TYPES},
		{"-i 1 --list-time-stamp-types", OPTIONS_LIST_TIME_STAMP_TYPES},
		{"-L", OPTIONS_LIST_TOPICS},
		{"-X list", OPTIONS_LIST_PROPERTIES},
		{"-c -X dump", OPTIONS_DUMP_PROPERTIES},
		{"--reload eth0", OPTIONS_RELOAD},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take(cases[i].line);
		assert_int_equal(given.action, cases[i].action);
		if (given.action == OPTIONS_RELOAD)
			assert_string_equal(options_reload_instance(given.opt), "eth0");
		if (given.action == OPTIONS_LIST_TIME_STAMP_TYPES)
			assert_string_equal(options_interface(given.opt), "eth0");
		let_go();
	}
}

/* Where Kafka is, and which topic: the word may stand anywhere. */
static void test_lists_of_topics(void **state)
{
	static const struct {
		const char *line, *brokers, *topic;
		bool all, json;
	} cases[] = {
		{"-L", "localhost:9092", NULL, false, false},
		{"--list-topics --json -k a:1", "a:1", NULL, false, true},
		{"-L x", "localhost:9092", "x", false, false},
		{"-L -k a:1 x", "a:1", "x", false, false},
		{"-Lk a:1 --all x", "a:1", "x", true, false},
		{"-c -L -t x", "localhost:9092", "x", false, false},
		{"-q -L x -t x -ll debug -X acks=all", "localhost:9092", "x", false, false},
		{"--list-topics=x --all --json", "localhost:9092", "x", true, true},
		{"--list-topics -X bootstrap.servers=b:2 x", "b:2", "x", false, false},
	};
	const struct options_listing *listing;
	const struct config *cfg;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg = take(cases[i].line);
		assert_int_equal(given.action, OPTIONS_LIST_TOPICS);
		assert_int_equal(cfg->mode, CONFIG_MODE_CONSUMER);
		assert_string_equal(cfg->brokers, cases[i].brokers);
		listing = options_listing(given.opt);
		assert_int_equal(listing->all, cases[i].all);
		assert_int_equal(listing->json, cases[i].json);
		if (cases[i].topic == NULL)
			assert_null(listing->topic);
		else
			assert_string_equal(listing->topic, cases[i].topic);
		let_go();
	}
}

/* The packets are those of -m. */
static void test_autostop(void **state)
{
	static const struct {
		const char *line, *text;
		uint64_t packets;
	} cases[] = {
		{"-p -i lo -a duration:5", "duration:5", 0},
		{"-c -a packets:7 -a duration:5", "packets:7 duration:5", 7},
		{"-c -m 3 --autostop packets:7", "packets:7", 3},
		{"-p -i lo -apackets:7 -m 9", "packets:7", 7},
		{"-c -w f -b packets:5 -a files:2", "files:2", 0},
		{"-c -a filesize:2", "filesize:2", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct config *cfg = take(cases[i].line);

		assert_string_equal(cfg->autostop, cases[i].text);
		assert_int_equal(cfg->max_packets, cases[i].packets);
		let_go();
	}
}

/* However many there are, none is lost. */
static void test_joined(void **state)
{
	static char line[2048] = "-c";
	const struct config *cfg;

	for (int i = 0; i < 100; i++)
		strcat(line, i % 20 ? ",duration:5" : " -a duration:5");
	cfg = take(strcat(line, " -a packets:7"));
	assert_int_equal(strlen(cfg->autostop), 100 * strlen("duration:5 ") + strlen("packets:7"));
	assert_int_equal(cfg->max_packets, 7);
	let_go();
}

/* What is taken, and does nothing, has a line. */
static void test_what_has_no_effect_is_said(void **state)
{
	static const struct {
		const char *line, *said; /* NULL: nothing */
	} cases[] = {
		{"-p --block-size 8K", "--block-size: block-size has no effect without record"},
		{"-p --block-time 8", "--block-time: block-time has no effect without record"},
		{"-p --record block --block-size 8K --block-time 8", NULL},
		{"-p --partition key --partition-inner", "no effect unless partition is flow or"},
		{"-p --partition host --partition-inner", NULL},
		{"-p --immediate-mode --buffer-timeout 1", "no effect with immediate-mode"},
		{"-p --buffer-timeout 1", NULL},
		{"-p --spool-size 1G", "no effect without --spool-directory"},
		{"-p --spool-sync 1", "no effect without --spool-directory"},
		{"-p --spool-size 1G --spool-directory x", NULL},
		{"-c --slack 1h", "--slack: slack has no effect without --from or --to"},
		{"-c --disk-full remove",
		 "--disk-full: disk-full has no effect without --ring-buffer"},
		{"-c -z gzip", "-z/--postrotate: postrotate has no effect without --ring-buffer"},
		{"-c --slack 1h --to -1h", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take(cases[i].line);
		if (cases[i].said != NULL ? strstr(given.said, cases[i].said) == NULL
					  : given.said[0] != '\0')
			fail_msg("'%s' said: %s", cases[i].line, given.said);
		let_go();
	}
}

/* Each is refused by one line that holds the words. */
static void test_refused(void **state)
{
	static const struct {
		const char *line;
		const char *words;
	} cases[] = {
		{"", "-p captures packets"},
		{"-pc", "choose one"},
		{"-p -Q inbound", "-Q/--direction: 'inbound' is not one of in, out or inout"},
		{"-p --time-stamp-precision pico", "'pico' is not one of micro or nano"},
		{"-p -j gps", "-j/--time-stamp-type: 'gps' is not one of host, host_lowprec, "
			      "host_hiprec, host_hiprec_unsynced, adapter or adapter_unsynced"},
		{"-p -r f -Q in", "-Q/--direction: only for an interface, not for a file"},
		{"-p --pace", "--pace: only for a file that is read"},
		{"-p -i eth0 --pace=2", "--pace: only for a file that is read"},
		{"-p -r f --pace 2x", "--pace: '2x' is not a whole number"},
		{"-p -r f --pace=", "--pace: '' is not a whole number"},
		{"-c --pace", "--pace: only for a producer"},
		{"-c -j host", "-j/--time-stamp-type: only for a producer"},
		/* Brokers. */
		{"-p -k host:99999", "-k/--kafka-broker: 'host:99999': '99999' is not a port"},
		{"-p -k h:9092~-t~x", "it contains a blank"},
		{"-p -k ::1:9092", "write an IPv6 address as [2001:db8::1]:9092"},
		{"-c -X group.id=", "group.id is empty: leave it out"},
		{"-p -X bootstrap.servers=a:b", "bootstrap.servers: 'a:b': 'b' is not a port"},
		{"-p -X metadata.broker.list=http://a:1", "Kafka does not speak 'http'"},
		{"-p -k SSL://a:1", "security.protocol is plaintext, so it would be left out"},
		{"-p -k a:1 -k b:1", "given twice, as a:1 and b:1: write all brokers in one list"},
		/* What a number begins with is not the number. */
		{"-p -X linger.ms=10s", "linger.ms: '10s' is not a number"},
		{"-p -X linger.ms=5,acks=1", "linger.ms: '5,acks=1' is not a number"},
		{"-p -X message.timeout.ms=0x10z", "is not a number"},
		{"-p -X retries=010", "retries: '010' is not a number (librdkafka would read it "
				      "as 8)"},
		{"-p -X linger.ms=nan", "linger.ms: 'nan' is not"},
		{"-p -m -1", "-m/--max-packets: '-1' is out of range: 0 or more"},
		/* When to stop. */
		{"-p -a duration", "-a/--autostop: 'duration' is not one of duration:S, filesize:"},
		{"-p -a interval:60", "-a/--autostop: 'interval:60' is not one of duration:S, f"},
		{"-p -a packets:0",
		 "-a/--autostop: packets:0 is not a number of packets, 1 or more"},
		{"-p -a files:2", "-a/--autostop: a producer writes no files"},
		{"-p -a filesize:2", "-a/--autostop: a producer writes no files"},
		{"-c -a files:2", "-a/--autostop: files: needs --ring-buffer"},
		{"-c -w f -b packets:5 -a filesize:2",
		 "-a/--autostop: filesize: stops a run that "},
		{"-c -pp 1 -a filesize:2", "-a/--autostop: filesize: needs a capture"},
		{"-c -a duration:1m",
		 "-a/--autostop: duration:1m is not a number of seconds without a "
		 "unit, such as duration:60"},
		{"-c -w f -b filesize:10MB",
		 "-b/--ring-buffer: filesize:10MB is not a number of kB "
		 "without a unit, 1 to 1000000000000"},
		{"-c -w f -b interval:86401", "interval:86401 is not a number of seconds without a "
					      "unit, 1 to 86400"},
		{"-c -w f -b packets:1,nametimenum:3", "nametimenum:3 is neither 1, the number fi"},
		{"-c -w f -b files:4",
		 "-b/--ring-buffer: nothing here ends a file: add duration:, "},
		{"-c -b packets:4",
		 "-b/--ring-buffer: a ring buffer needs the name of its files: g"},
		{"-c -w f.pcapng.gz", "-w/--write-file: f.pcapng.gz: pycapa does not compress to "
				      ".gz; give a name that ends in .zst, or in neither"},
		{"-c -w f.XZ -b packets:5", "-w/--write-file: f.XZ: pycapa does not compress to "},
		{"-c -w %Q.pcap -b packets:5",
		 "-w/--write-file: %Q.pcap: '%Q' is no conversion of strftime(3) that"},
		{"-c --listen 127.0.0.1:65536",
		 "--listen: '127.0.0.1:65536': a port is a number from 1 to 65535"},
		{"-p --metrics-listen 99999", "--metrics-listen: '99999': a port is a number"},
		{"-c --listen [::1]:0", "--listen: '[::1]:0': a port is a number from 1 to 65535"},
		{"-c --listen localhost:http", "'localhost:http' is no address to listen on: wri"},
		{"-c -w f -pp 1 -b packets:5 -b printname:-",
		 "-b/--ring-buffer: --pretty-print writes to standard output"},
		{"-p -pp -1", "-pp/--pretty-print: '-1' is out of range: 0 or more"},
		{"-p -m 99999999999999999999999", "is out of range: 0 to 9223372036854775807"},
		{"-p -s 99999999999999999999999", "is out of range: 0 to 262144"},
		{"-p --spool-size 99999999999999999999G", "is out of range: 1M to 1024T"},
		{"-p --spool-sync 9999999999999999999w", "is out of range: 0 to 1h"},
		/* A group. */
		{"-p --fanout 65536", "--fanout: '65536' is out of range: 0 to 65535"},
		{"-p --fanout -1", "--fanout: '-1' is out of range: 0 to 65535"},
		{"-p --fanout x", "--fanout: 'x' is not a whole number"},
		{"-p -r f --fanout 1", "--fanout: only for an interface, not for a file"},
		{"-c --fanout 1", "--fanout: only for a producer"},
		{"-p -i any --fanout 1", "--fanout: a group shares the packets of one interface"},
		/* The first would be dropped. */
		{"-p -i a -i b", "-i/--interface: given twice, as a and b: one instance captures"},
		{"-p -r a -r b", "-r/--read-file: given twice, as a and b: one run reads one file"},
		{"-p -t a -tb", "-t/--kafka-topic: given twice, as a and b"},
		{"-C a -C b", "-C/--config: given twice, as a and b"},
		{"-p --fanout 1 --fanout=2",
		 "--fanout: given twice, as 1 and 2: an instance is in"},
		{"-p --metrics-listen 1 --metrics-listen 2", "--metrics-listen: given twice"},
		{"-p --metrics-textfile a --metrics-textfile b", "--metrics-textfile: given twice"},
		{"-p --spool-directory a --spool-directory b", "--spool-directory: given twice"},
		/* What has no effect. */
		{"-c -i lo", "-i/--interface: only for a producer: leave it out, or use -p"},
		{"-c -s 100", "-s/--snaplen: only for a producer"},
		{"-p -r f -s 100", "-s/--snaplen: only for an interface, not for a file"},
		{"-p -r f --no-promiscuous", "only for an interface, not for a file"},
		{"-p lo", "EXPRESSION: 'lo' is an interface: pass -i lo"},
		{"-p lo tcp port 80", "'lo' is an interface: pass -i lo"},
		{"-c -o @1795428900000", "looks like milliseconds: in seconds it is @1795428900.0"},
		{"-c -o 2026-11-23x", "is not a time: write 2026-11-23T10:15:00Z"},
		{"-c --from @1795428900000", "looks like milliseconds: in seconds it is "
					     "@1795428900.000"},
		{"-c --from yesterday", "--from: 'yesterday' is not a time"},
		{"-c --from 1795428900", "write seconds since 1970 as @1795428900"},
		{"-c --from -2h --to -3h", "the range is empty: --to -3h is not after --from -2h"},
		{"-c --from -2h -o begin", "--from and --to say where to start: leave out -o"},
		{"-c --to 2222-01-01 --slack all",
		 "--to 2222-01-01 is in the future: set --slack to a time"},
		{"-c --slack soon", "--slack: 'soon' is not a time"},
		{"-c --partitions 3-1", "'3-1' is not a list of partitions, such as 0-3,7"},
		{"-c --partitions 1 -o stored", "a group decides which partitions"},
		{"-p --from -2h", "--from: only for a consumer"},
		{"-X dump", "add -p or -c"},
		{"-L x y", "-L/--list-topics: 'x y' is not a valid topic name"},
		{"-L x -t y", "lists all topics or one: leave out y or x"},
		{"--list-topics= -w f", "-w/--write-file: has no effect with -L: leave it out"},
		{"-L -i lo", "-i/--interface: has no effect with -L"},
		{"-p -L", "-p/--producer: has no effect with -L"},
		{"--check-config -C f -L", "--check-config: has no effect with -L"},
		{"-D -L", "-D/--list-interfaces: has no effect with -L"},
		{"-L --from -1h", "--from: has no effect with -L"},
		{"-L -X linger.mss=1", "did you mean linger.ms?"},
		{"-c --json", "--json: is for a list of topics: add -L"},
		{"-D --all", "--all: is for a list of topics: add -L"},
		{"-c --comment-offsets --format pcap -w f",
		 "--comment-offsets: a classic pcap has no comments; give --format pcapng"},
		{"-c --comment-offsets -w f.pcap", "--comment-offsets: a classic pcap has no"},
		{"-c --comment-offsets -w f.pcap.zst", "--comment-offsets: a classic pcap has"},
		{"-p -r f -i eth0", "either a file or an interface: leave out -r or -i"},
		{"-c -e edge", "filter 'edge': can't parse filter expression: syntax error at "
			       "'edge' (word 1); did you mean -t edge?"},
		{"-p -r f --pace fast", "; --pace takes a number, such as --pace 10"},
		{"-c --partition 0", "only for a producer: leave it out, or use --partitions"},
		{"-c -s abc", "-s/--snaplen: only for a producer: leave it out, or use -p"},
		{"-c --from 2026-11-31", "--from: '2026-11-31': there is no such date"},
		{"-p -w f", "only for a consumer"},
		{"-p -o end", "only for a consumer"},
		{"-p -e", "only for a consumer"},
		{"-c -r f", "only for a producer"},
		{"-c --spool-directory /x", "only for a producer"},
		{"-c tcp prot 80", "EXPRESSION: filter 'tcp prot 80': "},
		{"-c inbound and tcp", "filter 'inbound and tcp': inbound is for a live capture"},
		{"-c tcp and (outbound)", "outbound is for a live capture"},
		{"-c host no-such-host.invalid", "unknown host 'no-such-host.invalid'"},
		{"-p -s", "needs a value: BYTES"},
		{"-p -i -t x", "-i/--interface: needs a value"},
		{"-p -s abc", "'abc' is not a whole number"},
		{"-p -s 262145", "out of range: 0 to 262144"},
		{"-p -s -1", "out of range"},
		{"-p -ll loud", "'loud' is not one of DEBUG"},
		{"-p --snapln 5", "did you mean --snaplen?"},
		{"-p --p", "--producer"},
		{"-p -y", "no option -y"},
		{"-c --exit=maybe", "neither true nor false"},
		{"--producer=1", "takes no value"},
		{"-p -t a/b", "not a valid topic name"},
		{"-p -X linger", "NAME=VALUE"},
		{"-p -X lingr.ms=5", "did you mean linger.ms?"},
		{"-p -X acks=many", "'many' is not valid"},
		{"-p -X dr_cb=1", "cannot be set"},
		{"-p -X transactional.id=a", "transactions"},
		{"-c -X enable.partition.eof=true", "end of the topic"},
		{"-c -e -X enable.partition.eof=false", "end of the topic"},
		{"-p -X acks=1 -X enable.idempotence=true", "leave out one"},
		{"-p --spool-size 1M", "spool-segment must not be larger"},
		{"-c -o yesterday", "is not an offset"},
		{"-p tcp prot 80", "EXPRESSION: filter 'tcp prot 80': "},
		{"-p port nosuchport", "unknown port 'nosuchport'"},
		{"-p -i sixteen-letters0", "longer than 15 characters"},
		{"--check-config", "-C FILE"},
		{"-C /nonexistent.cfg", "cannot read the configuration file /nonexistent.cfg"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *newline;

		if (give(cases[i].line) != -EINVAL && strstr(cases[i].line, "nonexistent") == NULL)
			fail_msg("'%s' was taken", cases[i].line);
		if (strstr(given.said, cases[i].words) == NULL ||
		    strncmp(given.said, "pycapa: ", 8) != 0)
			fail_msg("'%s' said: %s", cases[i].line, given.said);
		newline = strchr(given.said, '\n');
		assert_non_null(newline);
		assert_string_equal(newline, "\n");
		config_unref(given.cfg);
	}
}

static void test_secrets_in_argv(void **state)
{
	static const struct {
		const char *line;
		bool taken;
	} cases[] = {
		{"-p -X sasl.password=MARKER", true},
		{"-p -Xsasl.password=MARKER", true},
		{"-pXssl.key.password=MARKER", true},
		{"-p -X=sasl.password=MARKER", true},
		{"-p --kafka-config=sasl.password=MARKER", true},
		{"-p --kafka-con ssl.key.pem=MARKER", true},
		{"-p -X sasl.password=@@MARKER", true},
		{"-p -X sasl.password=x -X saslpassword=MARKER", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool taken = give(cases[i].line) == 0;

		for (int w = 0; w < given.line.argc; w++)
			assert_null(strstr(given.line.argv[w], "MARKER"));
		assert_null(strstr(given.said, "MARKER"));
		if (taken != cases[i].taken)
			fail_msg("'%s' was %s: %s", cases[i].line, taken ? "taken" : "refused",
				 given.said);
		if (!taken)
			continue;
		assert_int_equal(given.cfg->properties.n, 1);
		assert_non_null(strstr(given.cfg->properties.list[0].value, "MARKER"));
		let_go();
	}
	take("-p -X client.id=plain");
	assert_string_equal(given.line.argv[3], "client.id=plain");
	let_go();
}

/* A property where another word should stand is quoted without its value. */
static void test_secrets_in_faults(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"-xsasl.password=MARKER", "no option -x (in '-xsasl.password=****'): -h shows"},
		{"-c sasl.password=MARKER", "filter 'sasl.password=****"},
		{"-c sasl.password=M", "filter 'sasl.password=****"},
		{"-c sasl.password=it's~MARKER", "filter 'sasl.password=****"},
		{"-p sasl.password=MARKER", "sasl.password=****"},
		{"-p tcp or ssl.key.pem=MARKER", "tcp or ssl.key.pem=****"},
		{"-psasl.password=MARKER", "'asl.password=****' is not a whole number"},
		{"-p -s sasl.password=MARKER", "'sasl.password=****' is not a whole number"},
		{"-p -t sasl.password=MARKER", "-t/--kafka-topic: 'sasl.password=****'"},
		{"-p --partition sasl.password=MARKER", "'sasl.password=****' is not one of"},
		{"--sasl.password=MARKER", "no option --sasl.password"},
		{"-p -s plain=5", "'plain=5' is not a whole number"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(give(cases[i].line), -EINVAL);
		if (strstr(given.said, "MARKER") != NULL ||
		    strstr(given.said, cases[i].words) == NULL)
			fail_msg("'%s' said: %s", cases[i].line, given.said);
	}
}

static void write_cfg(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void test_reload(void **state)
{
	char dir[] = "/tmp/pycapa-test-XXXXXX", path[64], words[128], why[512];
	const struct config *cfg, *fresh;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/br-lan.cfg", dir);
	write_cfg(path, "snaplen = 100; filter = \"tcp\"; kafka-topic = \"a\";");
	snprintf(words, sizeof(words), "-C %s -s 50 -X sasl.password=abc", path);
	cfg = take(words);
	assert_string_equal(cfg->interface, "br-lan");
	assert_int_equal(cfg->mode, CONFIG_MODE_PRODUCER);
	assert_int_equal(cfg->snaplen, 50);
	assert_int_equal(options_reload(given.opt, &fresh, why, sizeof(why)), 0);
	assert_int_equal(change_between(cfg, fresh, NULL, NULL), 0);
	config_unref(fresh);

	write_cfg(path, "snaplen = 70; filter = \"udp\"; kafka-topic = \"b\";");
	assert_int_equal(options_reload(given.opt, &fresh, why, sizeof(why)), 0);
	assert_int_equal(change_between(cfg, fresh, NULL, NULL),
			 CONFIG_CHANGE_CAPTURE | CONFIG_CHANGE_CLIENT);
	assert_int_equal(fresh->snaplen, 50);
	assert_string_equal(fresh->properties.list[0].value, "abc");
	config_unref(fresh);

	write_cfg(path, "\nsnaplen = \"x\";\nbroken = 1;\n");
	assert_int_equal(options_reload(given.opt, &fresh, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "br-lan.cfg:2: snaplen must be a number"));
	/* Whoever asked for the reload gets every fault, a line each, or is told that there are
	 * more. */
	assert_non_null(strstr(why, "\n"));
	assert_non_null(strstr(strchr(why, '\n'), "br-lan.cfg:3: unknown key 'broken'"));
	assert_int_equal(options_reload(given.opt, &fresh, why, 120), -EINVAL);
	assert_non_null(strstr(why, "br-lan.cfg:2: snaplen must be a number"));
	assert_non_null(strstr(why, "\nand more: the log has them all"));

	write_cfg(path, "\nfilter = \"port of call\";\n");
	assert_int_equal(options_reload(given.opt, &fresh, why, sizeof(why)), 0);
	snprintf(words, sizeof(words), "%s:2", path);
	assert_string_equal(settings_origin(fresh, "filter"), words);
	config_unref(fresh);
	unlink(path);
	rmdir(dir);
	let_go();
}

/* A time before now is counted from the start, however often the file is read. */
static void test_reload_keeps_the_time(void **state)
{
	char path[] = "/tmp/pycapa-test-XXXXXX", words[128], why[512];
	const struct config *cfg, *fresh;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	snprintf(words, sizeof(words), "-c -o -15m -C %s", path);
	cfg = take(words);
	ahead_s = 60;
	assert_int_equal(options_reload(given.opt, &fresh, why, sizeof(why)), 0);
	assert_int_equal(cfg->start.offset, CONFIG_OFFSET_TIME);
	assert_int_equal(fresh->start.value, cfg->start.value);
	assert_int_equal(change_between(cfg, fresh, NULL, NULL), 0);
	config_unref(fresh);
	let_go();
	ahead_s = 0;
	unlink(path);
}

/* Words with one blank between them, so that it does not matter where a line is broken. */
static void fold(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		char c = *from == '\n' ? ' ' : *from;

		if (c != ' ' || (to > text && to[-1] != ' '))
			*to++ = c;
	}
	*to = '\0';
}

/* A row as the help is to show it, folded: the option, what it takes, its text, its default. */
static void help_of(char *buf, size_t size, const struct setting *s)
{
	bool no = s->type == SETTING_BOOL && s->initial != NULL && strcmp(s->initial, "true") == 0;
	const char *initial = s->initial != NULL ? s->initial : s->shown;
	size_t n = (size_t)snprintf(buf, size, " %s%s%s--%s%s%s%s %s%c%s",
				    s->short_name != NULL ? "-" : "",
				    s->short_name != NULL ? s->short_name : "",
				    s->short_name != NULL ? ", " : "", no ? "no-" : "", s->name,
				    s->metavar != NULL ? " " : "",
				    s->metavar != NULL ? s->metavar : "", no ? "Do not " : "",
				    no ? s->help[0] | 0x20 : s->help[0], s->help + 1);

	for (const struct setting_choice *c = s->choices; c != NULL && c->name != NULL; c++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s",
				      c == s->choices     ? " Values: "
				      : c[1].name != NULL ? ", "
							  : " or ",
				      c->name);
	if (s->choices != NULL)
		n += (size_t)snprintf(buf + n, size - n, ".");
	if (s->metavar != NULL && initial != NULL)
		snprintf(buf + n, size - n, " (default %s", initial);
}

static void test_help_names_all(void **state)
{
	const struct setting *s;
	char *text = NULL, *copy, row[1024];
	size_t size, n;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	options_print_help(out);
	fclose(out);
	copy = strdup(text);
	assert_non_null(copy);
	for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 100);
	free(copy);
	fold(text);
	for (s = settings_table(&n); n > 0; n--, s++) {
		help_of(row, sizeof(row), s);
		if ((strstr(text, row) != NULL) != ((s->scope & SETTING_OPTION) != 0))
			fail_msg("not as it should be: '%s' in '%s'", row, text);
	}
	free(text);
}

/* Also what follows from it: an end that was ahead stays so, whenever the file is read again. */
static void test_reload_keeps_a_range(void **state)
{
	char path[] = "/tmp/pycapa-test-XXXXXX", text[128], words[128], why[512];
	const struct config *cfg, *fresh;
	int64_t end = clock_ns(CLOCK_REALTIME) / 1000000 + 3600000;

	close(mkstemp(path));
	snprintf(text, sizeof(text), "mode = \"consumer\"; from = \"-15m\"; to = \"@%.3f\";",
		 (double)end / 1e3);
	write_cfg(path, text);
	snprintf(words, sizeof(words), "-C %s", path);
	cfg = take(words);
	assert_false(cfg->exit_at_end);
	ahead_s = 7200;
	assert_int_equal(options_reload(given.opt, &fresh, why, sizeof(why)), 0);
	assert_true(fresh->from.us == cfg->from.us && fresh->to.us == cfg->to.us);
	assert_false(fresh->exit_at_end);
	assert_int_equal(change_between(cfg, fresh, NULL, NULL), 0);
	config_unref(fresh);
	let_go();
	ahead_s = 0;
	unlink(path);
}

/* An offset and a range exclude each other; the options beside a file win over it. */
static void test_an_option_says_where_to_start(void **state)
{
	static const struct {
		const char *file, *line;
		enum config_offset start;
		bool range, exit_at_end;
		const char *words; /* NULL: no fault */
	} cases[] = {
		{"from = \"-2h\";", "-o 7", CONFIG_OFFSET_ABSOLUTE, false, false, NULL},
		{"from = \"-2h\"; to = \"-3h\";", "-o end", CONFIG_OFFSET_END, false, false, NULL},
		{"to = \"-2h\";", "-o stored", CONFIG_OFFSET_STORED, false, false, NULL},
		{"kafka-offset = \"end\";", "--from -2h", CONFIG_OFFSET_BEGIN, true, true, NULL},
		{"kafka-offset = \"end\";", "--to -2h", CONFIG_OFFSET_BEGIN, true, true, NULL},
		{"from = \"-2h\";", "--to -1h -o 7", 0, false, false, "leave out -o"},
		{"from = \"-2h\"; kafka-offset = 7;", "", 0, false, false, "leave out -o"},
		{"to = \"-2h\"; kafka-offset = 7;", "--from -3h", 0, false, false, "leave out -o"},
	};
	char path[] = "/tmp/pycapa-test-XXXXXX", words[128];
	int r;

	close(mkstemp(path));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_cfg(path, cases[i].file);
		snprintf(words, sizeof(words), "-c -C %s %s", path, cases[i].line);
		r = give(words);
		if (cases[i].words ? !r || !strstr(given.said, cases[i].words) : r)
			fail_msg("%s with %s: %s", cases[i].file, cases[i].line, given.said);
		if (r)
			continue;
		assert_int_equal(given.cfg->start.offset, cases[i].start);
		assert_int_equal(given.cfg->exit_at_end, cases[i].exit_at_end);
		assert_int_equal(given.cfg->from.text || given.cfg->to.text, cases[i].range);
		let_go();
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_options),
		cmocka_unit_test(test_old_prefixes),
		cmocka_unit_test(test_new_options),
		cmocka_unit_test(test_how_long_packets_wait),
		cmocka_unit_test(test_options_of_a_capture),
		cmocka_unit_test(test_a_pace),
		cmocka_unit_test(test_a_number_is_an_interface_of_the_list),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_reload_keeps_a_range),
		cmocka_unit_test(test_an_option_says_where_to_start),
		cmocka_unit_test(test_filters_that_compile_somewhere),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_lists_of_topics),
		cmocka_unit_test(test_autostop),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_what_has_no_effect_is_said),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_secrets_in_argv),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_keeps_the_time),
		cmocka_unit_test(test_help_names_all),
		cmocka_unit_test(test_secrets_in_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
