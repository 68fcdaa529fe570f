/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a server of ours listens, as people type it. Pure: no name is looked up.
 *
 *	/run/x/metrics			a UNIX socket
 *	9917, :9917, localhost:9917	this host alone: 127.0.0.1
 *	127.0.0.1:9917, [::1]:9917	an address; 0.0.0.0 or [::] is every one
 */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

struct listen_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* 0, or -EINVAL with one line in `why` that says how to write it. */
int listen_address_parse(struct listen_address *out, const char *text, char *why, size_t size);

/* The same, for the verdict alone. */
int listen_address_check(const char *text, char *why, size_t size);

/* In place of an address: the sockets that systemd passes to the service. */
#define LISTEN_SYSTEMD "systemd"

int listen_address_or_systemd_check(const char *text, char *why, size_t size);
