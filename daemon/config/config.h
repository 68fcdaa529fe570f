/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of one capture instance: plain data, immutable once validated.
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

enum config_format {
	CONFIG_FORMAT_PCAP,
};

enum config_offset {
	CONFIG_OFFSET_END, /* the default */
	CONFIG_OFFSET_BEGIN,
	CONFIG_OFFSET_STORED,
	CONFIG_OFFSET_ABSOLUTE, /* offset_value = the offset */
	CONFIG_OFFSET_TAIL,     /* offset_value = how many from the end of each partition */
	CONFIG_OFFSET_TIME,     /* offset_value = milliseconds since the epoch */
};

struct config {
	enum config_mode mode;
	char *instance; /* the file's base name without .cfg; NULL without a file */
	char *file;     /* -C; NULL without */

	/* Kafka */
	char *brokers;
	char *topic;
	struct config_property *properties; /* in the order given, later wins */
	size_t n_properties;

	/* producer: input */
	char *interface;
	char *read_file;            /* NULL: live */
	char *filter;               /* pcap-filter(7); NULL or "" = everything */
	char *filter_origin;        /* "EXPRESSION" or "file:line", for messages; NULL: not set */
	uint32_t snaplen;           /* bytes */
	uint64_t buffer_size;       /* kernel ring, bytes */
	uint32_t buffer_timeout_ms; /* block retire time */
	bool promiscuous;
	bool own_traffic; /* true: capture our own connections to Kafka too */

	/* producer: output */
	enum config_partition partition;
	bool partition_inner;   /* flow and host look into GRE, VXLAN and GTP-U */
	char *spool_directory;  /* NULL: no spool; set by default in a service */
	uint64_t spool_size;    /* bytes */
	uint64_t spool_segment; /* bytes */
	uint32_t spool_sync_ms; /* fsync at least this often; 0 = leave it to the kernel */

	/* consumer */
	enum config_offset offset;
	int64_t offset_value;
	char *offset_text; /* as it was given: "-15m" is another time at every parse */
	char *write_file;  /* NULL: stdout */
	enum config_format format;
	bool exit_at_end;

	/* both */
	uint64_t max_packets;  /* 0: no limit */
	uint64_t pretty_print; /* every N packets; 0: off */
	enum log_level log_level;
	uint32_t stats_interval_ms;   /* 0: off */
	uint32_t stall_timeout_ms;    /* a bounded run gives up after this long without progress */
	uint32_t shutdown_timeout_ms; /* how long a stop waits for what is queued */
};

/* Appends to the properties and takes over what *prop owns. Returns 0 or -ENOMEM. */
int config_add_property(struct config *cfg, struct config_property *prop);

/* Frees everything the config owns (secrets are overwritten first) and zeroes it. */
void config_clear(struct config *cfg);

/* Has every log entry from now on name this instance. 0 or -ENOMEM. */
int config_set_identity(const struct config *cfg);
