/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names have no '-' in them: Wireshark leaves it out of the name of the preference. Wireshark
 * passes every value that is not empty, defaults too, but for passwords of the last session.
 */
#include "extcap/extcap_args.h"

#include <assert.h>

static const struct extcap_choice starts[] = {
	{"now", "Now: packets that come from now on"},
	{"begin", "The beginning of the topic"},
	{"time", "The start time below"},
	{NULL, NULL},
};

static const struct extcap_choice ends[] = {
	{"never", "Never: until the capture is stopped"},
	{"end", "The end of the topic as it is now"},
	{"time", "The end time below"},
	{NULL, NULL},
};

static const struct extcap_choice protocols[] = {
	{"plaintext", "No encryption, no login"},
	{"ssl", "TLS"},
	{"sasl_plaintext", "Login (SASL), no encryption"},
	{"sasl_ssl", "Login (SASL) and TLS"},
	{NULL, NULL},
};

static const struct extcap_choice mechanisms[] = {
	{"GSSAPI", "Kerberos (GSSAPI)"},    {"PLAIN", "PLAIN"}, {"SCRAM-SHA-256", "SCRAM-SHA-256"},
	{"SCRAM-SHA-512", "SCRAM-SHA-512"}, {NULL, NULL},
};

#define READING  "Reading"
#define SECURITY "Security"
#define MORE     "More"

/* clang-format off */
static const struct extcap_arg args[] = {
	[EXTCAP_ARG_BROKERS] = {
		.name = "brokers", .type = "string", .display = "Brokers", .group = READING,
		.initial = "localhost:9092", .required = true,
		.tooltip = "Kafka brokers, HOST:PORT, several separated by commas"},
	[EXTCAP_ARG_TOPIC] = {
		.name = "topic", .type = "selector", .display = "Topic", .group = READING,
		.initial = "pcap", .more = "{reload=true}{placeholder=List the topics}",
		.required = true,
		.tooltip = "The Kafka topic; the button lists those of the brokers"},
	[EXTCAP_ARG_START] = {
		.name = "start", .type = "selector", .display = "Start at", .group = READING,
		.initial = "now", .choices = starts, .of_file = true,
		.tooltip = "Where to start reading"},
	[EXTCAP_ARG_STARTTIME] = {
		.name = "starttime", .type = "timestamp", .display = "Start time",
		.group = READING, .of_file = true,
		.tooltip = "Read packets captured at this time or later; choose it at Start at"},
	[EXTCAP_ARG_END] = {
		.name = "end", .type = "selector", .display = "Stop at", .group = READING,
		.initial = "never", .choices = ends, .of_file = true,
		.tooltip = "Where to stop reading"},
	[EXTCAP_ARG_ENDTIME] = {
		.name = "endtime", .type = "timestamp", .display = "End time",
		.group = READING, .of_file = true,
		.tooltip = "Read packets captured before this time; choose it at Stop at"},
	[EXTCAP_ARG_FILTER] = {
		.name = "filter", .type = "string", .display = "Filter", .group = READING,
		.of_file = true,
		.tooltip = "Only packets that match this capture filter (pcap-filter), beside the "
			   "capture filter of the window"},
	[EXTCAP_ARG_REORDER] = {
		.name = "reorder", .type = "integer", .display = "Reorder (ms)", .group = READING,
		.initial = "50", .more = "{range=0,3600000}", .of_file = true,
		.tooltip = "How long a packet waits for earlier ones of other partitions, in ms"},
	[EXTCAP_ARG_CONFIG] = {
		.name = "config", .type = "fileselect", .display = "Configuration file",
		.group = MORE, .more = "{mustexist=true}",
		.tooltip = "A configuration file of pycapa for a consumer; what differs from the "
			   "defaults of this dialog wins over it"},
	[EXTCAP_ARG_PROTOCOL] = {
		.name = "protocol", .type = "selector", .display = "Connection",
		.group = SECURITY, .initial = "plaintext", .choices = protocols,
		.property = "security.protocol",
		.tooltip = "Kafka property security.protocol"},
	[EXTCAP_ARG_MECHANISM] = {
		.name = "mechanism", .type = "selector", .display = "Login by", .group = SECURITY,
		.initial = "GSSAPI", .choices = mechanisms, .property = "sasl.mechanism",
		.tooltip = "Kafka property sasl.mechanism; without a login it has no effect"},
	[EXTCAP_ARG_USERNAME] = {
		.name = "username", .type = "string", .display = "User", .group = SECURITY,
		.property = "sasl.username", .tooltip = "Kafka property sasl.username"},
	[EXTCAP_ARG_PASSWORD] = {
		.name = "password", .type = "password", .display = "Password",
		.group = SECURITY, .property = "sasl.password", .secret = true,
		.tooltip = "Kafka property sasl.password. Wireshark does not remember it, and "
			   "passes it on the command line"},
	[EXTCAP_ARG_CAFILE] = {
		.name = "cafile", .type = "fileselect", .display = "CA certificates",
		.group = SECURITY, .more = "{mustexist=true}", .property = "ssl.ca.location",
		.tooltip = "Kafka property ssl.ca.location; without it those of the system"},
	[EXTCAP_ARG_CERTIFICATE] = {
		.name = "certificate", .type = "fileselect", .display = "Client certificate",
		.group = SECURITY, .more = "{mustexist=true}",
		.property = "ssl.certificate.location",
		.tooltip = "Kafka property ssl.certificate.location"},
	[EXTCAP_ARG_KEY] = {
		.name = "key", .type = "fileselect", .display = "Client key", .group = SECURITY,
		.more = "{mustexist=true}", .property = "ssl.key.location",
		.tooltip = "Kafka property ssl.key.location"},
	[EXTCAP_ARG_KEYPASSWORD] = {
		.name = "keypassword", .type = "password", .display = "Password of the key",
		.group = SECURITY, .property = "ssl.key.password", .secret = true,
		.tooltip = "Kafka property ssl.key.password"},
	[EXTCAP_ARG_PROPERTIES] = {
		.name = "properties", .type = "string", .display = "Kafka properties",
		.group = MORE,
		.tooltip = "Properties of the Kafka client, as of pycapa -X: NAME=VALUE; NAME=VALUE. "
			   "For secrets take NAME=@FILE"},
};
/* clang-format on */

static_assert(sizeof(args) / sizeof(args[0]) == EXTCAP_ARGS, "a row an argument");

const struct extcap_arg *extcap_args(void)
{
	return args;
}
