/* SPDX-License-Identifier: Apache-2.0 */
#include "extcap/extcap_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADER   6    /* 'T', three bytes of length, the control, the command */
#define TEXT_MAX 2048 /* with the header less than PIPE_BUF: a write is whole or is none */

/*
 * Neither opening waits: of a FIFO that is read because of O_NONBLOCK, of the one that is written
 * because it is opened for reading too (Linux: fifo(7)).
 */
int extcap_control_open(struct extcap_control *c, const char *in, const char *out)
{
	*c = (struct extcap_control){-1, -1};
	if (in)
		c->in = open(in, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (in && c->in < 0)
		return -errno;
	if (out)
		c->out = open(out, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return out && c->out < 0 ? -errno : 0;
}

void extcap_control_send(const struct extcap_control *c, int number, enum extcap_command command,
			 const char *text)
{
	size_t len = strlen(text), counted;
	uint8_t header[HEADER];
	struct iovec parts[] = {{.iov_base = header, .iov_len = HEADER},
				{.iov_base = (void *)(uintptr_t)text}};
	ssize_t n;

	if (c->out < 0)
		return;
	parts[1].iov_len = len < TEXT_MAX ? len : TEXT_MAX;
	counted = parts[1].iov_len + 2;
	header[0] = 'T';
	header[1] = (uint8_t)(counted >> 16);
	header[2] = (uint8_t)(counted >> 8);
	header[3] = (uint8_t)counted;
	header[4] = (uint8_t)number;
	header[5] = (uint8_t)command;
	do
		n = writev(c->out, parts, 2);
	while (n < 0 && errno == EINTR);
}

void extcap_control_await(const struct extcap_control *c, int timeout_ms)
{
	struct pollfd window = {.fd = c->in, .events = POLLIN};
	int r = -1;

	if (c->in < 0)
		return;
	do
		r = poll(&window, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
}

void extcap_control_close(struct extcap_control *c)
{
	if (c->in >= 0)
		close(c->in);
	if (c->out >= 0)
		close(c->out);
	*c = (struct extcap_control){-1, -1};
}
