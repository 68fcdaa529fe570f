/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include <assert.h>
#include <string.h>

#include "config/brokers.h"
#include "config/command.h"
#include "config/listen_address.h"
#include "config/partition_set.h"
#include "config/topic_name.h"
#include "packet/packet.h"

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define TIB (1ULL << 40)

#define SECOND 1000ULL
#define HOUR   3600000ULL
#define DAY    86400000ULL

/* The field, and the type of its value; of a size or time also the unit of a plain number. */
#define FIELD(f, t)                                                                                \
	.type = SETTING_##t, .offset = offsetof(struct config, f),                                 \
	.size = sizeof(((struct config *)0)->f)
#define SIZE(f, u, p) FIELD(f, SIZE), .unit = (u), .plain = (p)
#define TIME(f, u, p) FIELD(f, TIME), .unit = (u), .plain = (p)

/* Where it can be set, whose it is, and its heading. */
#define PLACE(s, r, g) .scope = SETTING_##s, .role = SETTING_##r, .group = SETTING_GROUP_##g
#define IN_KAFKA       PLACE(BOTH, ANY, KAFKA)
#define IN_INPUT       PLACE(BOTH, PRODUCER, INPUT)
#define IN_DELIVERY    PLACE(BOTH, PRODUCER, DELIVERY)
#define IN_CONSUMER    PLACE(BOTH, CONSUMER, CONSUMER)
#define IN_RUN         PLACE(BOTH, ANY, RUN)

#define ACTION(r, g) PLACE(OPTION, r, g), .type = SETTING_ACTION, .change = CONFIG_CHANGE_RESTART

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

static const struct setting_choice kinds_of_records[] = {
	{"packet", CONFIG_RECORD_PACKET},
	{"block", CONFIG_RECORD_BLOCK},
	{NULL, 0},
};

static const struct setting_choice formats[] = {
	{"pcap", CONFIG_FORMAT_PCAP},
	{"pcapng", CONFIG_FORMAT_PCAPNG},
	{NULL, 0},
};

static const struct setting_choice disk_fulls[] = {
	{"wait", CONFIG_DISK_FULL_WAIT},
	{"remove", CONFIG_DISK_FULL_REMOVE},
	{NULL, 0},
};

static const struct setting_choice directions[] = {
	{"in", CONFIG_DIRECTION_IN},
	{"out", CONFIG_DIRECTION_OUT},
	{"inout", CONFIG_DIRECTION_INOUT},
	{NULL, 0},
};

static const struct setting_choice precisions[] = {
	{"micro", CONFIG_PRECISION_MICRO},
	{"nano", CONFIG_PRECISION_NANO},
	{NULL, 0},
};

static const struct setting_choice time_stamp_types[] = {
	{"host", CONFIG_TIME_STAMP_HOST},
	{"host_lowprec", CONFIG_TIME_STAMP_HOST_LOWPREC},
	{"host_hiprec", CONFIG_TIME_STAMP_HOST_HIPREC},
	{"host_hiprec_unsynced", CONFIG_TIME_STAMP_HOST_HIPREC_UNSYNCED},
	{"adapter", CONFIG_TIME_STAMP_ADAPTER},
	{"adapter_unsynced", CONFIG_TIME_STAMP_ADAPTER_UNSYNCED},
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

static const struct setting_choice log_formats[] = {
	{"text", LOG_FORMAT_TEXT},
	{"json", LOG_FORMAT_JSON},
	{NULL, 0},
};

/* clang-format off */
static const struct setting table[] = {
	{.name = "help", .short_name = "h", ACTION(ANY, OTHER), .old = true,
	 .help = "Print this help."},
	{.name = "producer", .short_name = "p", ACTION(PRODUCER, MODE), .old = true,
	 .help = "Capture packets and send them to Kafka."},
	{.name = "consumer", .short_name = "c", ACTION(CONSUMER, MODE), .old = true,
	 .help = "Read packets from Kafka and write a capture."},
	{.name = "mode", FIELD(mode, ENUM), PLACE(FILE, ANY, MODE),
	 .change = CONFIG_CHANGE_RESTART, .choices = modes, .shown = "producer",
	 .help = "What this instance does: a producer captures packets and sends them to "
		 "Kafka, a consumer reads packets from Kafka and writes a capture."},
	{.name = "config", .short_name = "C", .metavar = "FILE", ACTION(ANY, MODE),
	 .once = "an instance has one file; @include in it reads in another",
	 .help = "Read this instance's settings from FILE. Options on the command line "
		 "override it."},
	{.name = "check-config", ACTION(ANY, MODE),
	 .help = "Check the settings, print each fault in the file as FILE:LINE: TEXT, and exit "
		 "with status 0 or 2."},

	{.name = "kafka-broker", .short_name = "k", .metavar = "HOST:PORT,...",
	 FIELD(brokers, STRING), IN_KAFKA, .change = CONFIG_CHANGE_CLIENT,
	 .initial = "localhost:9092", .min = 1, .old = true, .check = brokers_check,
	 .once = "write all brokers in one list: -k a:9092,b:9092",
	 .help = "Bootstrap brokers, comma-separated."},
	{.name = "kafka-topic", .short_name = "t", .metavar = "TOPIC", FIELD(topic, STRING),
	 IN_KAFKA, .change = CONFIG_CHANGE_CLIENT, .initial = "pcap", .min = 1, .max = 249,
	 .old = true, .check = topic_name_check, .once = "one instance has one topic",
	 .help = "Topic to write to or read from."},
	{.name = "kafka-config", .short_name = "X", .metavar = "NAME=VALUE",
	 FIELD(properties, PROPERTIES), IN_KAFKA, .change = CONFIG_CHANGE_CLIENT,
	 .help = "Set librdkafka properties: repeat the option, or list them in the file. "
		 "NAME=@FILE reads the value from FILE, NAME=@credential:ID from a systemd "
		 "credential; NAME=@@... is a value that starts with @. -X list prints all "
		 "properties, -X dump those in effect."},

	{.name = "interface", .short_name = "i", .metavar = "INTERFACE", FIELD(interface, STRING),
	 IN_INPUT, .change = CONFIG_CHANGE_CAPTURE, .min = 1, .old = true,
	 .shown = "eth0; with a configuration file, the file's name",
	 .once = "one instance captures one interface, or all of them with -i any",
	 .help = "Network interface to capture from; any means all of them. On the command line it "
		 "can also be a number from the list of -D."},
	{.name = "read-file", .short_name = "r", .metavar = "FILE", FIELD(read_file, STRING),
	 IN_INPUT, .change = CONFIG_CHANGE_RESTART, .min = 1,
	 .once = "one run reads one file; mergecap joins several",
	 .help = "Read packets from a pcap or pcapng file (- is standard input) instead of an "
		 "interface."},
	{.name = "pace", .metavar = "[N]", FIELD(pace, INTEGER), IN_INPUT,
	 .change = CONFIG_CHANGE_RESTART, .bare = "1", .initial = "0", .max = 1000000,
	 .saved = true,
	 .help = "Replay the file at the speed of its time stamps, or N times as fast; 0 means as "
		 "fast as possible."},
	{.name = "snaplen", .short_name = "s", .metavar = "BYTES", FIELD(snaplen, INTEGER),
	 IN_INPUT, .change = CONFIG_CHANGE_CAPTURE, .initial = "65535", .max = PACKET_MAX_LEN,
	 .unit = "bytes", .old = true, .live = true,
	 .help = "Capture at most this many bytes of each packet; 0 means the maximum, 262144."},
	{.name = "buffer-size", .short_name = "B", .metavar = "SIZE",
	 SIZE(buffer_size, "KiB", KIB), IN_INPUT, .change = CONFIG_CHANGE_CAPTURE,
	 .initial = "64M", .min = 512 * KIB, .max = 2 * GIB - MIB, .live = true,
	 .help = "Size of the kernel's capture buffer."},
	{.name = "buffer-timeout", .metavar = "TIME", TIME(buffer_timeout_ms, "ms", 1), IN_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .initial = "20ms", .min = 1, .max = 10 * SECOND,
	 .live = true,
	 .help = "How long the kernel may hold packets before it hands them over. A short "
		 "timeout fills the buffer sooner: each timeout uses up a block, however few "
		 "packets it holds."},
	{.name = "promiscuous-mode", FIELD(promiscuous, BOOL), IN_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .initial = "true", .live = true,
	 .help = "Put the interface into promiscuous mode."},
	{.name = "direction", .short_name = "Q", .metavar = "DIRECTION", FIELD(direction, ENUM),
	 IN_INPUT, .change = CONFIG_CHANGE_CAPTURE, .initial = "inout", .choices = directions,
	 .live = true,
	 .help = "Capture only packets that come in, or only those that go out."},
	{.name = "fanout", .metavar = "GROUP", FIELD(fanout, OPTIONAL), IN_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .shown = "all packets are captured", .max = 65535,
	 .live = true, .once = "an instance is in one group",
	 .help = "Share the packets of the interface with the other instances on this host that "
		 "have the same group: each flow goes to one of them."},
	{.name = "time-stamp-precision", .metavar = "PRECISION", FIELD(time_stamp_precision, ENUM),
	 IN_INPUT, .change = CONFIG_CHANGE_CAPTURE, .initial = "micro", .choices = precisions,
	 .live = true,
	 .help = "Precision of the packets' times. Beyond a microsecond, each record gets a "
		 "header for the rest."},
	{.name = "time-stamp-type", .short_name = "j", .metavar = "TYPE",
	 FIELD(time_stamp_type, ENUM), IN_INPUT, .change = CONFIG_CHANGE_CAPTURE,
	 .initial = "host", .choices = time_stamp_types, .live = true,
	 .help = "Whose clock gives packets their times, see pcap-tstamp(7); -J lists what an "
		 "interface supports."},
	{.name = "immediate-mode", FIELD(immediate_mode, BOOL), IN_INPUT,
	 .change = CONFIG_CHANGE_CAPTURE, .initial = "false", .live = true,
	 .help = "Take each packet as soon as it arrives, without the buffer-timeout. Costs more "
		 "CPU, and the capture buffer holds fewer packets."},
	{.name = "own-traffic", FIELD(own_traffic, BOOL), IN_INPUT, .change = CONFIG_CHANGE_CAPTURE,
	 .initial = "false",
	 .help = "Also capture this process's own connections to Kafka. They are left out by "
		 "default, so that a capture does not feed on itself."},
	{.name = "annotate", FIELD(annotate, BOOL), IN_INPUT, .change = CONFIG_CHANGE_NOW,
	 .initial = "false",
	 .help = "Name the host and the interface of each packet in headers of its record."},

	{.name = "partition", .metavar = "BY", FIELD(partition, ENUM), IN_DELIVERY,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "flow", .choices = partitions,
	 .help = "How to spread packets over partitions: flow keeps both directions of a "
		 "connection together and in order, host does so for all traffic between two "
		 "addresses, random fills one partition after another, key leaves the choice "
		 "to librdkafka."},
	{.name = "partition-inner", FIELD(partition_inner, BOOL), IN_DELIVERY,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "false",
	 .help = "Partition by the inner headers of GRE, VXLAN and GTP-U tunnels, not by the "
		 "outer ones."},
	{.name = "record", .metavar = "KIND", FIELD(record, ENUM), IN_DELIVERY,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "packet", .choices = kinds_of_records,
	 .help = "What a record of Kafka is: packet, which every reader understands, or block, a "
		 "small pcapng capture of many packets, which costs much less at high rates."},
	{.name = "block-size", .metavar = "SIZE", SIZE(block_size, "bytes", 1), IN_DELIVERY,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "64K", .min = KIB, .max = 8 * MIB,
	 .help = "With record = block: how large a block may be. A packet that needs more has "
		 "one of its own."},
	{.name = "block-time", .metavar = "TIME", TIME(block_time_ms, "ms", 1), IN_DELIVERY,
	 .change = CONFIG_CHANGE_CLIENT, .initial = "20ms", .min = 1, .max = 10 * SECOND,
	 .help = "With record = block: how long a packet waits in its block for others, at most."},
	{.name = "spool-directory", .metavar = "DIRECTORY", FIELD(spool_directory, STRING),
	 IN_DELIVERY, .change = CONFIG_CHANGE_RESTART,
	 .shown = "$STATE_DIRECTORY in a service, otherwise no spool",
	 .once = "an instance has one spool",
	 .help = "Directory for packets that Kafka cannot take yet; \"\" turns the spool off. "
		 "$STATE_DIRECTORY stands for the service's state directory."},
	{.name = "spool-size", .metavar = "SIZE", SIZE(spool_size, "bytes", 1), IN_DELIVERY,
	 .change = CONFIG_CHANGE_NOW, .initial = "10G", .min = MIB, .max = 1024 * TIB,
	 .help = "Maximum size of the spool. When it is full, new packets wait in memory."},
	{.name = "spool-segment", .metavar = "SIZE", SIZE(spool_segment, "bytes", 1), IN_DELIVERY,
	 .change = CONFIG_CHANGE_NOW, .initial = "64M", .min = MIB, .max = 4 * GIB,
	 .help = "Size of one spool file. A file is removed once all its packets are "
		 "delivered."},
	{.name = "spool-sync", .metavar = "TIME", TIME(spool_sync_ms, "s", SECOND), IN_DELIVERY,
	 .change = CONFIG_CHANGE_NOW, .initial = "1s", .max = HOUR,
	 .help = "How often to sync the spool to disk; 0 leaves it to the kernel."},

	{.name = "kafka-offset", .short_name = "o", .metavar = "OFFSET", FIELD(start, OFFSET),
	 IN_CONSUMER, .change = CONFIG_CHANGE_RESTART, .initial = "end",
	 .help = "Where to start: begin, end, stored (where the group left off), an offset N, "
		 "-N (the last N of each partition), or a time: 2026-11-23T10:15:00Z, -15m, "
		 "@SECONDS."},
	{.name = "from", .metavar = "T", FIELD(from, POINT), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .shown = "the beginning of the topic",
	 .help = "Read only packets captured at T or later: 2026-11-23T10:15:00Z (local time "
		 "without the Z), 2026-11-23, -15m (ago) or @SECONDS. Stops at the end, as -e "
		 "does, unless the range reaches into the future."},
	{.name = "to", .metavar = "T", FIELD(to, POINT), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .shown = "the end of the topic",
	 .help = "Read only packets captured before T."},
	{.name = "slack", .metavar = "TIME", TIME(slack_ms, "s", SECOND), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "10m", .max = 366 * DAY, .most = "all",
	 .help = "With --to: how late a packet may reach the topic, for example from a spool "
		 "after an outage, and still be found; all reads to the end of the topic."},
	{.name = "reorder", .metavar = "TIME", TIME(reorder_ms, "ms", 1), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "50ms", .max = HOUR,
	 .help = "Put packets in order of time: how long each one waits for earlier ones; 0 "
		 "writes them as they come. A read that ends always merges its partitions; "
		 "there this is how late a packet may be within its partition (10m unless set)."},
	{.name = "partitions", .metavar = "LIST", FIELD(partitions, STRING), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .shown = "all", .min = 1, .check = partition_set_check,
	 .once = "write all partitions in one list: 0-3,7",
	 .help = "Read only these partitions, for example 0-3,7."},
	{.name = "write-file", .short_name = "w", .metavar = "FILE", FIELD(write_file, STRING),
	 IN_CONSUMER, .change = CONFIG_CHANGE_RESTART, .min = 1, .shown = "standard output",
	 .once = "one run writes one file",
	 .help = "Write the capture to FILE (- is standard output), compressed by zstd if its name "
		 "ends in .zst. A run that has an end replaces FILE once the capture is complete; "
		 "an endless one empties it at the start."},
	{.name = "listen", .metavar = "ADDRESS:PORT", FIELD(listen, STRING), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .min = 1, .shown = "nowhere",
	 .check = listen_address_or_systemd_check,
	 .once = "one run listens on one address; a .socket unit can have several",
	 .help = "Serve the capture to every client that connects to this address (pcap over "
		 "IP), instead of writing it to standard output: 127.0.0.1:57012, [::1]:57012, "
		 "or the path of a UNIX socket. A port alone listens on 127.0.0.1; systemd takes "
		 "the socket of the service's .socket unit. There is no encryption and no "
		 "authentication."},
	{.name = "ring-buffer", .short_name = "b", .metavar = "LIMIT", FIELD(ring_buffer, STRING),
	 IN_CONSUMER, .change = CONFIG_CHANGE_RESTART, .min = 1,
	 .shown = "one file", .joined = true,
	 .help = "Write a series of files. Start the next one after duration:SECONDS, "
		 "filesize:KB or packets:N, or at each multiple of interval:SECONDS since "
		 "midnight; files:N keeps the newest N. Repeat the option to combine limits."},
	{.name = "disk-full", .metavar = "ACTION", FIELD(disk_full, ENUM), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "wait", .choices = disk_fulls,
	 .help = "With --ring-buffer, when the disk is full: wait for space, or remove the "
		 "oldest files."},
	{.name = "postrotate", .short_name = "z", .metavar = "COMMAND", FIELD(postrotate, STRING),
	 IN_CONSUMER, .change = CONFIG_CHANGE_RESTART, .min = 1, .shown = "none",
	 .check = command_check,
	 .once = "one command is run on each file",
	 .help = "With --ring-buffer: run COMMAND on each complete file, with its path as the "
		 "last argument."},
	{.name = "format", .metavar = "FORMAT", FIELD(format, ENUM), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "pcap",
	 .choices = formats,
	 .help = "Format of the capture. If it is not set, a file name that ends in .pcapng or "
		 ".pcapng.zst selects pcapng. Only pcapng can hold several link types, host and interface "
		 "names, and the nanoseconds of every packet."},
	{.name = "comment-offsets", FIELD(comment_offsets, BOOL), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "false",
	 .help = "Comment each packet with its partition and offset; implies pcapng."},
	{.name = "exit-at-end", .short_name = "e", FIELD(exit_at_end, BOOL), IN_CONSUMER,
	 .change = CONFIG_CHANGE_RESTART, .initial = "false",
	 .help = "Stop at the offset that was the end when pycapa started. Starts at the "
		 "beginning unless -o is set."},

	{.name = "filter", .metavar = "EXPRESSION", FIELD(filter, STRING), PLACE(FILE, ANY, RUN),
	 .change = CONFIG_CHANGE_CAPTURE, .shown = "every packet",
	 .help = "Take only packets that match this pcap-filter(7) expression: a producer captures "
		 "them, a consumer writes them."},
	{.name = "autostop", .short_name = "a", .metavar = "LIMIT", FIELD(autostop, STRING), IN_RUN,
	 .change = CONFIG_CHANGE_RESTART, .min = 1, .shown = "no limit", .joined = true,
	 .help = "Stop after duration:SECONDS or packets:N; a consumer also after filesize:KB "
		 "or, of a series of files, after files:N. Repeat the option to combine limits."},
	{.name = "max-packets", .short_name = "m", .metavar = "N", FIELD(max_packets, INTEGER),
	 IN_RUN, .change = CONFIG_CHANGE_NOW, .initial = "0", .max = INT64_MAX, .old = true,
	 .help = "Stop after this many packets; 0 means no limit."},
	{.name = "pretty-print", .short_name = "pp", .metavar = "N", FIELD(pretty_print, INTEGER),
	 IN_RUN, .change = CONFIG_CHANGE_NOW, .initial = "0", .max = INT64_MAX, .old = true,
	 .help = "Print every Nth packet as a hex dump; 0 prints none."},
	{.name = "quiet", .short_name = "q", FIELD(quiet, BOOL), PLACE(OPTION, ANY, RUN),
	 .change = CONFIG_CHANGE_NOW, .initial = "false",
	 .help = "Do not show progress. A run that has an end shows it on a terminal, in a line "
		 "of standard error."},
	{.name = "log-level", .short_name = "ll", .metavar = "LEVEL", FIELD(log_level, ENUM),
	 IN_RUN, .change = CONFIG_CHANGE_NOW, .initial = "INFO", .choices = log_levels, .old = true,
	 .help = "Minimum severity to log."},
	{.name = "log-format", .metavar = "FORMAT", FIELD(log_format, ENUM), IN_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "text", .choices = log_formats,
	 .help = "Format of the log on standard error: text, or json for one JSON object a line, "
		 "with the time and the journal's fields. What goes to the journal does not "
		 "change."},
	{.name = "log-time", FIELD(log_time, BOOL), IN_RUN, .change = CONFIG_CHANGE_NOW,
	 .initial = "false",
	 .help = "Start each log line of text with the time in UTC (RFC 3339)."},
	{.name = "stats-interval", .metavar = "TIME", TIME(stats_interval_ms, "s", SECOND), IN_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "1m", .max = DAY,
	 .help = "How often to log the counters; 0 means never."},
	{.name = "metrics-listen", .metavar = "ADDRESS:PORT", FIELD(metrics_listen, STRING), IN_RUN,
	 .change = CONFIG_CHANGE_NOW, .min = 1, .shown = "nowhere", .check = listen_address_check,
	 .once = "an instance listens at one address",
	 .help = "Answer GET /metrics (Prometheus) and GET /healthz here: 127.0.0.1:9917, "
		 "[::1]:9917 or, with a slash in front, the path of a UNIX socket. A port alone "
		 "is that of 127.0.0.1."},
	{.name = "metrics-textfile", .metavar = "FILE", FIELD(metrics_textfile, STRING), IN_RUN,
	 .change = CONFIG_CHANGE_NOW, .min = 1, .shown = "none",
	 .once = "an instance writes one such file",
	 .help = "Write the metrics to FILE every 15 s, for node_exporter's textfile collector."},
	{.name = "stall-timeout", .metavar = "TIME", TIME(stall_timeout_ms, "s", SECOND), IN_RUN,
	 .change = CONFIG_CHANGE_NOW, .initial = "1m", .min = 1, .max = DAY,
	 .help = "Give up a run that has an end (-r, -e, -a, -m, --from or --to) after this long "
		 "without progress."},
	{.name = "shutdown-timeout", .metavar = "TIME", TIME(shutdown_timeout_ms, "s", SECOND),
	 IN_RUN, .change = CONFIG_CHANGE_NOW, .initial = "30s", .max = HOUR,
	 .help = "Maximum time to wait for queued packets at shutdown; 0 means no wait."},

	{.name = "reload", .metavar = "INSTANCE", ACTION(ANY, OTHER),
	 .help = "Make a running instance reload its file. Fails, and prints the reason, if "
		 "the instance refuses it."},
	{.name = "list-interfaces", .short_name = "D", ACTION(ANY, OTHER),
	 .help = "List the interfaces that pycapa can capture from."},
	{.name = "list-time-stamp-types", .short_name = "J", ACTION(ANY, OTHER),
	 .help = "List the time stamp types that the interface (-i) supports."},
	{.name = "list-topics", .short_name = "L", .metavar = "[TOPIC]", ACTION(ANY, OTHER),
	 .optional = true,
	 .help = "List the topics that hold packets, with their size, time, link types, hosts "
		 "and interfaces; with TOPIC, list its partitions."},
	{.name = "all", ACTION(ANY, OTHER),
	 .help = "With --list-topics: also list topics that hold no packets."},
	{.name = "json", ACTION(ANY, OTHER),
	 .help = "With --list-topics: print one JSON document."},
	{.name = "version", .short_name = "V", ACTION(ANY, OTHER),
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
