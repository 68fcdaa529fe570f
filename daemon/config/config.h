/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of one capture instance: plain data, immutable once validated, and shared by
 * references (config_ref.h).
 *
 * Made by options_parse() from argv and, with -C, from a libconfig file under it. One table
 * (settings.c) holds for every setting its name, type, unit, range, default, help text and what a
 * change of it costs at a reload.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "config/property.h"

enum config_mode {
	CONFIG_MODE_NONE,
	CONFIG_MODE_PRODUCER,
	CONFIG_MODE_CONSUMER,
};

enum config_partition {
	CONFIG_PARTITION_FLOW,
	CONFIG_PARTITION_HOST,
	CONFIG_PARTITION_RANDOM,
	CONFIG_PARTITION_KEY,
};

enum config_record {
	CONFIG_RECORD_PACKET,
	CONFIG_RECORD_BLOCK,
};

enum config_format {
	CONFIG_FORMAT_PCAP,
	CONFIG_FORMAT_PCAPNG,
};

enum config_offset {
	CONFIG_OFFSET_END, /* the default */
	CONFIG_OFFSET_BEGIN,
	CONFIG_OFFSET_STORED,
	CONFIG_OFFSET_ABSOLUTE, /* value = the offset */
	CONFIG_OFFSET_TAIL,     /* value = how many from the end of each partition */
	CONFIG_OFFSET_TIME,     /* value = milliseconds since the epoch */
};

struct config_start {
	enum config_offset offset;
	int64_t value;
	char *text; /* as it was given */
};

struct config_time {
	int64_t us; /* since the epoch */
	char *text; /* as it was given; NULL: not set */
};

#define CONFIG_SLACK_ALL UINT64_MAX

enum config_disk_full {
	CONFIG_DISK_FULL_WAIT,
	CONFIG_DISK_FULL_REMOVE,
};

enum config_precision {
	CONFIG_PRECISION_MICRO,
	CONFIG_PRECISION_NANO,
};

/* Whose clock stamps packets: the numbers are libpcap's (PCAP_TSTAMP_…, pcap-tstamp(7)). */
enum config_time_stamp_type {
	CONFIG_TIME_STAMP_HOST,
	CONFIG_TIME_STAMP_HOST_LOWPREC,
	CONFIG_TIME_STAMP_HOST_HIPREC,
	CONFIG_TIME_STAMP_ADAPTER,
	CONFIG_TIME_STAMP_ADAPTER_UNSYNCED,
	CONFIG_TIME_STAMP_HOST_HIPREC_UNSYNCED,
};

enum config_direction {
	CONFIG_DIRECTION_INOUT,
	CONFIG_DIRECTION_IN,
	CONFIG_DIRECTION_OUT,
};

/* No table of settings has more rows (checked at compile time). */
#define CONFIG_SETTINGS_MAX 80

struct config {
	enum config_mode mode;
	char *instance; /* the file's base name without .cfg; NULL without a file */
	char *file;     /* -C; NULL without */

	/* Kafka */
	char *brokers;
	char *topic;
	struct config_properties properties;

	/* input; the filter is of both roles */
	char *interface;
	char *read_file;            /* NULL: live */
	char *filter;               /* pcap-filter(7); NULL or "" = everything */
	uint64_t buffer_size;       /* kernel ring, bytes */
	uint32_t buffer_timeout_ms; /* block retire time */
	uint32_t snaplen;           /* bytes */
	uint32_t pace;              /* times the speed of its time stamps; 0: as fast as it goes */
	uint32_t fanout;            /* the group that shares the interface, plus 1; 0: none */
	enum config_direction direction;
	enum config_precision time_stamp_precision;
	enum config_time_stamp_type time_stamp_type;
	bool promiscuous;
	bool immediate_mode;
	bool own_traffic; /* true: capture our own connections to Kafka too */
	bool annotate;    /* records name host and interface */

	/* producer: output */
	enum config_partition partition;
	enum config_record record;
	uint32_t block_time_ms; /* how long a block is filled, at most */
	uint64_t block_size;    /* bytes */
	bool partition_inner;   /* flow and host look into GRE, VXLAN and GTP-U */
	uint32_t spool_sync_ms; /* fsync at least this often; 0 = leave it to the kernel */
	char *spool_directory;  /* NULL: no spool; set by default in a service */
	uint64_t spool_size;    /* bytes */
	uint64_t spool_segment; /* bytes */

	/* consumer */
	struct config_start start;
	struct config_time from, to; /* packets captured in [from, to) */
	uint64_t slack_ms;           /* how late a packet may have been sent; CONFIG_SLACK_ALL */
	uint32_t reorder_ms;         /* how long packets wait for earlier ones */
	enum config_disk_full disk_full; /* of ring_buffer */
	char *partitions;                /* partition_set.h; NULL: all */
	char *write_file;                /* NULL: stdout, but with `listen` nowhere */
	char *listen;                    /* listen_address.h; NULL: for no clients */
	char *ring_buffer;               /* file_limits.h; NULL: one file */
	char *postrotate;                /* a program, run on each of many files; NULL: none */
	enum config_format format;
	bool comment_offsets; /* each packet says its partition and offset; pcapng alone */
	bool exit_at_end;

	/* both */
	uint64_t max_packets;  /* 0: no limit; that of autostop too */
	char *autostop;        /* file_limits.h; NULL: no limit but that */
	uint64_t pretty_print; /* every N packets; 0: off */
	bool quiet;            /* no progress on a terminal */
	bool attended;         /* somebody waits at a window: what is not there is told at once */
	enum log_level log_level;
	enum log_format log_format;
	bool log_time;                /* before a line of text */
	uint32_t stats_interval_ms;   /* 0: off */
	char *metrics_listen;         /* listen_address.h; NULL: nowhere */
	char *metrics_textfile;       /* NULL: none */
	uint32_t stall_timeout_ms;    /* a bounded run gives up after this long without progress */
	uint32_t shutdown_timeout_ms; /* how long a stop waits for what is queued */

	unsigned int refs;                /* config_ref.h; 0: not counted */
	char *where[CONFIG_SETTINGS_MAX]; /* settings_origin() */
};
