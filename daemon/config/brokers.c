/* SPDX-License-Identifier: Apache-2.0 */
#include "config/brokers.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_BROKER 512
#define MAX_HOST   253

static const char *const protocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};

/* Takes the next broker of a list, less the blanks before it; false: there is none. */
static bool take_broker(const char **list, char *buf, size_t size)
{
	size_t len;

	*list += strspn(*list, " ,");
	len = strcspn(*list, ",");
	snprintf(buf, size, "%.*s", (int)(len < size ? len : size), *list);
	*list += len;
	return len > 0;
}

/* The protocol before "://" and its length; what follows it is in *rest. */
static size_t split_protocol(const char *broker, const char **rest)
{
	const char *colon = strstr(broker, "://");

	*rest = colon != NULL ? colon + 3 : broker;
	return colon != NULL ? (size_t)(colon - broker) : 0;
}

static bool is_protocol(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strlen(protocols[i]) == len && strncasecmp(protocols[i], name, len) == 0)
			return true;
	}
	return false;
}

static bool is_port(const char *text)
{
	size_t len = strspn(text, "0123456789");
	long port = len > 0 && len <= 5 && text[len] == '\0' ? strtol(text, NULL, 10) : 0;

	return port >= 1 && port <= 65535;
}

/* An IPv6 address, perhaps with the interface of a link-local one. */
static bool is_ipv6(const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;
	size_t end = strcspn(text, "%]");

	if (end > len || end >= sizeof(address))
		return false;
	memcpy(address, text, end);
	address[end] = '\0';
	return inet_pton(AF_INET6, address, &binary) == 1;
}

static int check_port(const char *broker, const char *port, char *why, size_t size)
{
	if (is_port(port))
		return 0;
	snprintf(why, size,
		 "'%s': '%s' is not a port: write a number from 1 to 65535, as in kafka1:9092",
		 broker, port);
	return -EINVAL;
}

/* "[::1]:9092" */
static int check_brackets(const char *broker, const char *host, char *why, size_t size)
{
	const char *end = strchr(host, ']');

	if (end == NULL || !is_ipv6(host + 1, (size_t)(end - host - 1)) ||
	    (end[1] != '\0' && end[1] != ':')) {
		snprintf(
			why, size,
			"'%s' is not a broker address: write an IPv6 address as [2001:db8::1]:9092",
			broker);
		return -EINVAL;
	}
	return end[1] == ':' ? check_port(broker, end + 2, why, size) : 0;
}

static bool is_host(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)host[i]) && strchr(".-_", host[i]) == NULL)
			return false;
	}
	return len > 0 && len <= MAX_HOST && host[0] != '-';
}

static int check_host(const char *broker, const char *host, char *why, size_t size)
{
	size_t len = strcspn(host, ":");

	/* ::1:9092 is an address too: what was meant is not known. */
	if (is_ipv6(host, strlen(host)))
		snprintf(
			why, size,
			"'%s' is not a broker address: write an IPv6 address as [2001:db8::1]:9092",
			broker);
	else if (strchr(host, ' ') != NULL)
		snprintf(why, size,
			 "'%s' is not a broker address: it contains a blank (write HOST:PORT, with "
			 "a comma between brokers)",
			 broker);
	else if (!is_host(host, len))
		snprintf(why, size,
			 "'%s' is not a broker address: write HOST:PORT, with a comma between "
			 "brokers",
			 broker);
	else
		return host[len] == ':' ? check_port(broker, host + len + 1, why, size) : 0;
	return -EINVAL;
}

static int check_broker(const char *broker, char *why, size_t size)
{
	const char *host;
	size_t len = split_protocol(broker, &host);

	if (host != broker && !is_protocol(broker, len)) {
		snprintf(why, size,
			 "'%s' is not a broker address: Kafka does not speak '%.*s'; write "
			 "HOST:PORT",
			 broker, (int)len, broker);
		return -EINVAL;
	}
	return host[0] == '[' ? check_brackets(broker, host, why, size)
			      : check_host(broker, host, why, size);
}

int brokers_check(const char *text, char *why, size_t size)
{
	char broker[MAX_BROKER];
	int r = 0, n = 0;

	while (r == 0 && take_broker(&text, broker, sizeof(broker))) {
		r = check_broker(broker, why, size);
		n++;
	}
	if (n > 0)
		return r;
	snprintf(why, size, "no broker is named: write HOST:PORT, with a comma between brokers");
	return -EINVAL;
}

int brokers_check_protocol(const char *text, const char *protocol, char *why, size_t size)
{
	char broker[MAX_BROKER];

	while (take_broker(&text, broker, sizeof(broker))) {
		const char *host;
		size_t len = split_protocol(broker, &host);

		if (host == broker ||
		    (strlen(protocol) == len && strncasecmp(broker, protocol, len) == 0))
			continue;
		snprintf(why, size,
			 "'%s': security.protocol is %s, so it would be left out: write %s without "
			 "a protocol, or set security.protocol",
			 broker, protocol, host);
		return -EINVAL;
	}
	return 0;
}
