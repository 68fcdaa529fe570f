/* SPDX-License-Identifier: Apache-2.0 */
#include "config/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int parse_path(struct listen_address *out, const char *path, char *why, size_t size)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&out->addr;

	if (strlen(path) >= sizeof(un->sun_path)) {
		snprintf(why, size, "the path of a socket may have at most %zu bytes, this has %zu",
			 sizeof(un->sun_path) - 1, strlen(path));
		return -EINVAL;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	out->len = sizeof(*un);
	return 0;
}

static bool parse_port(const char *text, in_port_t *port)
{
	size_t len = strspn(text, "0123456789");
	long n = len > 0 && len <= 5 && text[len] == '\0' ? strtol(text, NULL, 10) : 0;

	*port = htons((in_port_t)n);
	return n >= 1 && n <= 65535;
}

/* `host`: without the brackets of an IPv6 address. */
static bool parse_host(struct listen_address *out, const char *host, bool brackets, in_port_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&out->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->addr;

	if (brackets) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		out->len = sizeof(*in6);
		return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
	}
	in->sin_family = AF_INET;
	in->sin_port = port;
	out->len = sizeof(*in);
	if (*host == '\0' || !strcmp(host, "localhost"))
		host = "127.0.0.1";
	return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool parse_host_and_port(struct listen_address *out, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	char host[INET6_ADDRSTRLEN];
	in_port_t port;

	if (!parse_port(colon ? colon + 1 : text, &port))
		return false;
	if (brackets) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return parse_host(out, host, brackets, port);
}

/* It has a number where the port is to be, which is none. */
static bool has_wrong_port(const char *text)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	in_port_t ignored;

	return *port && !port[strspn(port, "0123456789")] && !parse_port(port, &ignored);
}

int listen_address_parse(struct listen_address *out, const char *text, char *why, size_t size)
{
	memset(out, 0, sizeof(*out));
	if (*text == '/')
		return parse_path(out, text, why, size);
	if (parse_host_and_port(out, text))
		return 0;
	if (has_wrong_port(text)) {
		snprintf(why, size, "'%s': a port is a number from 1 to 65535", text);
		return -EINVAL;
	}
	snprintf(why, size,
		 "'%s' is no address to listen on: write ADDRESS:PORT, as in 127.0.0.1:9917 or "
		 "[::1]:9917, or the path of a UNIX socket",
		 text);
	return -EINVAL;
}

int listen_address_check(const char *text, char *why, size_t size)
{
	struct listen_address address;

	return listen_address_parse(&address, text, why, size);
}

int listen_address_or_systemd_check(const char *text, char *why, size_t size)
{
	return strcmp(text, LISTEN_SYSTEMD) ? listen_address_check(text, why, size) : 0;
}
