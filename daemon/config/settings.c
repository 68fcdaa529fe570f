/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include <assert.h>
#include <string.h>

#include "config/brokers.h"
#include "packet/packet.h"

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define TIB (1ULL << 40)

#define SECOND 1000ULL
#define HOUR   3600000ULL
#define DAY    86400000ULL

#define FIELD(f) .offset = offsetof(struct config, f), .size = sizeof(((struct config *)0)->f)

static const struct setting_choice modes[] = {
	{"producer", CONFIG_MODE_PRODUCER},
	{"consumer", CONFIG_MODE_CONSUMER},
	{NULL, 0},
};

static const struct setting_choice partitions[] = {
	{"flow", CONFIG_PARTITION_FLOW},
	{"host", CONFIG_PARTITION_HOST},
	{"random", CONFIG_PARTITION_RANDOM},
	{"key", CONFIG_PARTITION_KEY},
	{NULL, 0},
};

static const struct setting_choice formats[] = {
	{"pcap", CONFIG_FORMAT_PCAP},
	{NULL, 0},
};

static const struct setting_choice log_levels[] = {
	{"DEBUG", LOG_LEVEL_DEBUG},
	{"INFO", LOG_LEVEL_INFO},
	{"WARN", LOG_LEVEL_WARN},
	{"ERROR", LOG_LEVEL_ERROR},
	{"WARNING", LOG_LEVEL_WARN}, /* Python's name */
	{NULL, 0},
};

/* clang-format off */
static const struct setting table[] = {
	{.name = "help", .short_name = "h", .type = SETTING_ACTION, .scope = SETTING_OPTION,
	 .role = SETTING_ANY, .group = SETTING_GROUP_OTHER, .change = CONFIG_CHANGE_RESTART,
	 .old = true,
	 .help = "Print this help."},
	{.name = "producer", .short_name = "p", .type = SETTING_ACTION, .scope = SETTING_OPTION,
	 .role = SETTING_PRODUCER, .group = SETTING_GROUP_MODE, .change = CONFIG_CHANGE_RESTART,
	 .old = true,
	 .help = "Capture packets and send them to Kafka."},
	{.name = "consumer", .short_name = "c", .type = SETTING_ACTION, .scope = SETTING_OPTION,
	 .role = SETTING_CONSUMER, .group = SETTING_GROUP_MODE, .change = CONFIG_CHANGE_RESTART,
	 .old = true,
	 .help = "Read packets from Kafka and write a capture."},
	{.name = "mode", FIELD(mode), .type = SETTING_ENUM, .scope = SETTING_FILE,
	 .role = SETTING_ANY,
	 .group = SETTING_GROUP_MODE, .change = CONFIG_CHANGE_RESTART, .choices = modes,
	 .shown = "producer",
	 .help = "What this instance does: a producer captures packets and sends them to "
		 "Kafka, a consumer reads packets from Kafka and writes a capture."},
	{.name = "config", .short_name = "C", .metavar = "FILE", .type = SETTING_ACTION,
	 .scope = SETTING_OPTION, .role = SETTING_ANY, .group = SETTING_GROUP_MODE,
	 .change = CONFIG_CHANGE_RESTART,
	 .once = "an instance has one file; @include in it reads in another",
	 .help = "Read this instance's settings from FILE. Options on the command line "
		 "override it."},
	{.name = "check-config", .type = SETTING_ACTION, .scope = SETTING_OPTION,
	 .role = SETTING_ANY,
	 .group = SETTING_GROUP_MODE, .change = CONFIG_CHANGE_RESTART,
	 .help = "Check the settings and exit with 0 or 2. Prints each fault in the file as "
		 "FILE:LINE: TEXT."},

	{.name = "kafka-broker", .short_name = "k", .metavar = "HOST:PORT,...", FIELD(brokers),
	 .type = SETTING_STRING, .scope = SETTING_BOTH, .role = SETTING_ANY,
	 .group = SETTING_GROUP_KAFKA,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "localhost:9092", .min = 1, .old = true,
	 .check = brokers_check, .once = "write all brokers in one list: -k a:9092,b:9092",
	 .help = "Bootstrap brokers, comma-separated."},
	{.name = "kafka-topic", .short_name = "t", .metavar = "TOPIC", FIELD(topic),
	 .type = SETTING_STRING, .scope = SETTING_BOTH, .role = SETTING_ANY,
	 .group = SETTING_GROUP_KAFKA,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "pcap", .min = 1, .max = 249, .old = true,
	 .once = "one instance has one topic",
	 .help = "Topic to write to or read from."},
	{.name = "kafka-config", .short_name = "X", .metavar = "NAME=VALUE", FIELD(properties),
	 .type = SETTING_PROPERTIES, .scope = SETTING_BOTH, .role = SETTING_ANY,
	 .group = SETTING_GROUP_KAFKA, .change = CONFIG_CHANGE_CLIENT,
	 .help = "Set librdkafka properties: repeat the option, or list them in the file. "
		 "NAME=@FILE reads the value from FILE, NAME=@credential:ID from a systemd "
		 "credential; NAME=@@... is a value that starts with @. -X list prints all "
		 "properties, -X dump those in effect."},

	{.name = "interface", .short_name = "i", .metavar = "INTERFACE", FIELD(interface),
	 .type = SETTING_STRING, .scope = SETTING_BOTH, .role = SETTING_PRODUCER,
	 .group = SETTING_GROUP_INPUT, .change = CONFIG_CHANGE_CAPTURE, .min = 1, .old = true,
	 .shown = "eth0; with a configuration file, the file's name",
	 .once = "one instance captures one interface, or all of them with -i any",
	 .help = "Network interface to capture from; any means all of them."},
	{.name = "read-file", .short_name = "r", .metavar = "FILE", FIELD(read_file),
	 .type = SETTING_STRING, .scope = SETTING_BOTH, .role = SETTING_PRODUCER,
	 .group = SETTING_GROUP_INPUT, .change = CONFIG_CHANGE_RESTART, .min = 1,
	 .once = "one run reads one file; mergecap joins several",
	 .help = "Read packets from a pcap or pcapng file (- is standard input) instead of an "
		 "interface."},
	{.name = "filter", .metavar = "EXPRESSION", FIELD(filter), .type = SETTING_STRING,
	 .scope = SETTING_FILE, .role = SETTING_PRODUCER, .group = SETTING_GROUP_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .shown = "every packet",
	 .help = "Capture only packets that match this pcap-filter(7) expression."},
	{.name = "snaplen", .short_name = "s", .metavar = "BYTES", FIELD(snaplen),
	 .type = SETTING_INTEGER, .scope = SETTING_BOTH, .role = SETTING_PRODUCER,
	 .group = SETTING_GROUP_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .initial = "65535", .max = PACKET_MAX_LEN,
	 .unit = "bytes",
	 .plain = 1, .old = true,
	 .live = true,
	 .help = "Capture at most this many bytes of each packet; 0 means the maximum, 262144."},
	{.name = "buffer-size", .short_name = "B", .metavar = "SIZE", FIELD(buffer_size),
	 .type = SETTING_SIZE, .scope = SETTING_BOTH, .role = SETTING_PRODUCER,
	 .group = SETTING_GROUP_INPUT, .change = CONFIG_CHANGE_CAPTURE, .initial = "64M",
	 .min = 512 * KIB,
	 .max = 2 * GIB - MIB, .unit = "KiB", .plain = KIB,
	 .live = true,
	 .help = "Size of the kernel's capture buffer."},
	{.name = "buffer-timeout", .metavar = "TIME", FIELD(buffer_timeout_ms),
	 .type = SETTING_TIME,
	 .scope = SETTING_BOTH, .role = SETTING_PRODUCER, .group = SETTING_GROUP_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .initial = "20ms", .min = 1, .max = 10 * SECOND,
	 .unit = "ms",
	 .plain = 1,
	 .live = true,
	 .help = "How long the kernel may hold packets before it hands them over. A short "
		 "timeout fills the buffer sooner: each timeout uses up a block, however few "
		 "packets it holds."},
	{.name = "promiscuous-mode", FIELD(promiscuous), .type = SETTING_BOOL,
	 .scope = SETTING_BOTH,
	 .role = SETTING_PRODUCER, .group = SETTING_GROUP_INPUT, .change = CONFIG_CHANGE_CAPTURE,
	 .initial = "true",
	 .live = true,
	 .help = "Put the interface into promiscuous mode."},
	{.name = "own-traffic", FIELD(own_traffic), .type = SETTING_BOOL, .scope = SETTING_BOTH,
	 .role = SETTING_PRODUCER, .group = SETTING_GROUP_INPUT, .change = CONFIG_CHANGE_CAPTURE,
	 .initial = "false",
	 .help = "Also capture this process's own connections to Kafka. They are left out by "
		 "default, so that a capture does not feed on itself."},

	{.name = "partition", .metavar = "BY", FIELD(partition), .type = SETTING_ENUM,
	 .scope = SETTING_BOTH, .role = SETTING_PRODUCER, .group = SETTING_GROUP_DELIVERY,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "flow", .choices = partitions,
	 .help = "How to spread packets over partitions: flow keeps both directions of a "
		 "connection together and in order, host does so for all traffic between two "
		 "addresses, random fills one partition after another, key leaves the choice "
		 "to librdkafka."},
	{.name = "partition-inner", FIELD(partition_inner), .type = SETTING_BOOL,
	 .scope = SETTING_BOTH,
	 .role = SETTING_PRODUCER, .group = SETTING_GROUP_DELIVERY, .change = CONFIG_CHANGE_CLIENT,
	 .initial = "false",
	 .help = "Partition by the inner headers of GRE, VXLAN and GTP-U tunnels, not by the "
		 "outer ones."},
	{.name = "spool-directory", .metavar = "DIRECTORY", FIELD(spool_directory),
	 .type = SETTING_STRING, .scope = SETTING_BOTH, .role = SETTING_PRODUCER,
	 .group = SETTING_GROUP_DELIVERY, .change = CONFIG_CHANGE_RESTART,
	 .shown = "$STATE_DIRECTORY in a service, otherwise no spool",
	 .help = "Directory for packets that Kafka cannot take yet; \"\" turns the spool off. "
		 "$STATE_DIRECTORY stands for the service's state directory."},
	{.name = "spool-size", .metavar = "SIZE", FIELD(spool_size), .type = SETTING_SIZE,
	 .scope = SETTING_BOTH, .role = SETTING_PRODUCER, .group = SETTING_GROUP_DELIVERY,
	 .change = CONFIG_CHANGE_NOW, .initial = "10G", .min = MIB, .max = 1024 * TIB,
	 .unit = "bytes",
	 .plain = 1,
	 .help = "Maximum size of the spool. When it is full, new packets wait in memory."},
	{.name = "spool-segment", .metavar = "SIZE", FIELD(spool_segment), .type = SETTING_SIZE,
	 .scope = SETTING_BOTH, .role = SETTING_PRODUCER, .group = SETTING_GROUP_DELIVERY,
	 .change = CONFIG_CHANGE_NOW, .initial = "64M", .min = MIB, .max = 4 * GIB, .unit = "bytes",
	 .plain = 1,
	 .help = "Size of one spool file. A file is removed once all its packets are "
		 "delivered."},
	{.name = "spool-sync", .metavar = "TIME", FIELD(spool_sync_ms), .type = SETTING_TIME,
	 .scope = SETTING_BOTH, .role = SETTING_PRODUCER, .group = SETTING_GROUP_DELIVERY,
	 .change = CONFIG_CHANGE_NOW, .initial = "1s", .max = HOUR, .unit = "s", .plain = SECOND,
	 .help = "How often to sync the spool to disk; 0 leaves it to the kernel."},

	{.name = "kafka-offset", .short_name = "o", .metavar = "OFFSET", FIELD(start),
	 .type = SETTING_OFFSET, .scope = SETTING_BOTH, .role = SETTING_CONSUMER,
	 .group = SETTING_GROUP_CONSUMER, .change = CONFIG_CHANGE_RESTART, .initial = "end",
	 .help = "Where to start: begin, end, stored (where the group left off), an offset N, "
		 "-N (the last N of each partition), or a time: 2026-11-23T10:15:00Z, -15m, "
		 "@SECONDS."},
	{.name = "write-file", .short_name = "w", .metavar = "FILE", FIELD(write_file),
	 .type = SETTING_STRING, .scope = SETTING_BOTH, .role = SETTING_CONSUMER,
	 .group = SETTING_GROUP_CONSUMER, .change = CONFIG_CHANGE_RESTART, .min = 1,
	 .shown = "standard output",
	 .once = "one run writes one file",
	 .help = "Write the capture to FILE (- is standard output). An existing file is "
		 "truncated first."},
	{.name = "format", .metavar = "FORMAT", FIELD(format), .type = SETTING_ENUM,
	 .scope = SETTING_BOTH, .role = SETTING_CONSUMER, .group = SETTING_GROUP_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "pcap", .choices = formats,
	 .help = "Format of the capture."},
	{.name = "exit-at-end", .short_name = "e", FIELD(exit_at_end), .type = SETTING_BOOL,
	 .scope = SETTING_BOTH, .role = SETTING_CONSUMER, .group = SETTING_GROUP_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "false",
	 .help = "Stop at the offset that was the end when pycapa started. Starts at the "
		 "beginning unless -o says otherwise."},

	{.name = "max-packets", .short_name = "m", .metavar = "N", FIELD(max_packets),
	 .type = SETTING_INTEGER, .scope = SETTING_BOTH, .role = SETTING_ANY,
	 .group = SETTING_GROUP_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "0", .max = INT64_MAX, .unit = "", .plain = 1,
	 .old = true,
	 .help = "Stop after this many packets; 0 means no limit."},
	{.name = "pretty-print", .short_name = "pp", .metavar = "N", FIELD(pretty_print),
	 .type = SETTING_INTEGER, .scope = SETTING_BOTH, .role = SETTING_ANY,
	 .group = SETTING_GROUP_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "0", .max = INT64_MAX, .unit = "", .plain = 1,
	 .old = true,
	 .help = "Print every Nth packet as a hex dump; 0 prints none."},
	{.name = "log-level", .short_name = "ll", .metavar = "LEVEL", FIELD(log_level),
	 .type = SETTING_ENUM, .scope = SETTING_BOTH, .role = SETTING_ANY,
	 .group = SETTING_GROUP_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "INFO", .choices = log_levels, .old = true,
	 .help = "Minimum severity to log."},
	{.name = "stats-interval", .metavar = "TIME", FIELD(stats_interval_ms),
	 .type = SETTING_TIME,
	 .scope = SETTING_BOTH, .role = SETTING_ANY, .group = SETTING_GROUP_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "1m", .max = DAY, .unit = "s", .plain = SECOND,
	 .help = "How often to log the counters; 0 means never."},
	{.name = "stall-timeout", .metavar = "TIME", FIELD(stall_timeout_ms), .type = SETTING_TIME,
	 .scope = SETTING_BOTH, .role = SETTING_ANY, .group = SETTING_GROUP_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "1m", .min = 1, .max = DAY, .unit = "s",
	 .plain = SECOND,
	 .help = "Give up a run that has an end (-r, -e or -m) after this long without "
		 "progress."},
	{.name = "shutdown-timeout", .metavar = "TIME", FIELD(shutdown_timeout_ms),
	 .type = SETTING_TIME,
	 .scope = SETTING_BOTH, .role = SETTING_ANY, .group = SETTING_GROUP_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "30s", .max = HOUR, .unit = "s", .plain = SECOND,
	 .help = "Longest wait for queued packets at shutdown; 0 means no wait."},

	{.name = "reload", .metavar = "INSTANCE", .type = SETTING_ACTION, .scope = SETTING_OPTION,
	 .role = SETTING_ANY, .group = SETTING_GROUP_OTHER, .change = CONFIG_CHANGE_RESTART,
	 .help = "Make a running instance reload its file. Fails, and prints the reason, if "
		 "the instance refuses it."},
	{.name = "list-interfaces", .short_name = "D", .type = SETTING_ACTION,
	 .scope = SETTING_OPTION,
	 .role = SETTING_ANY, .group = SETTING_GROUP_OTHER, .change = CONFIG_CHANGE_RESTART,
	 .help = "List the interfaces that pycapa can capture from."},
	{.name = "version", .short_name = "V", .type = SETTING_ACTION, .scope = SETTING_OPTION,
	 .role = SETTING_ANY, .group = SETTING_GROUP_OTHER, .change = CONFIG_CHANGE_RESTART,
	 .help = "Print the versions of pycapa and its libraries."},
};
/* clang-format on */

#define N_SETTINGS (sizeof(table) / sizeof(table[0]))
static_assert(N_SETTINGS <= CONFIG_SETTINGS_MAX, "CONFIG_SETTINGS_MAX is too small for the table");

const struct setting *settings_table(size_t *n)
{
	*n = N_SETTINGS;
	return table;
}

const struct setting *settings_find(const char *name)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

size_t settings_index(const struct setting *setting)
{
	return (size_t)(setting - table);
}

const char *settings_group_title(enum setting_group group)
{
	static const char *const titles[] = {
		[SETTING_GROUP_MODE] = "Mode",
		[SETTING_GROUP_KAFKA] = "Kafka",
		[SETTING_GROUP_INPUT] = "Capture (producer)",
		[SETTING_GROUP_DELIVERY] = "Delivery (producer)",
		[SETTING_GROUP_CONSUMER] = "Reading (consumer)",
		[SETTING_GROUP_RUN] = "Run",
		[SETTING_GROUP_OTHER] = "Other",
	};

	static_assert(sizeof(titles) / sizeof(titles[0]) == SETTING_GROUP_COUNT, "a title a group");
	return titles[group];
}
