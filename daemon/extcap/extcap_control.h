/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control pipes: what Wireshark's window shows beside the packets. Two FIFOs, of which
 * Wireshark makes both and tshark none.
 *
 * Wireshark waits for the other end of each in turn, so that both are opened at once. What it
 * sends (the state of the toolbar's controls) is not read: a few bytes, which the pipe holds.
 * A message that the pipe has no room for is dropped: only the end waits for Wireshark.
 */
#pragma once

/* What a message asks for. */
enum extcap_command {
	EXTCAP_COMMAND_ADD = 2,       /* to the text of a logger */
	EXTCAP_COMMAND_STATUSBAR = 6, /* the line at the bottom of the window */
	EXTCAP_COMMAND_ERROR = 9,     /* a message box */
};

#define EXTCAP_CONTROL_NONE 255 /* the number of no control: of the window */

struct extcap_control {
	int in, out; /* -1: none */
};

/* Either path may be NULL. Returns 0, or -errno of what could not be opened. */
int extcap_control_open(struct extcap_control *c, const char *in, const char *out);

/* On any thread. */
void extcap_control_send(const struct extcap_control *c, int number, enum extcap_command command,
			 const char *text);

/*
 * Waits until Wireshark has opened `in`, for so long at most. Its window hangs for ever in opening
 * a FIFO whose reader has come and gone before. Once it has, there is something to read: it sends
 * the state of its controls; or it has closed its end.
 */
void extcap_control_await(const struct extcap_control *c, int timeout_ms);

void extcap_control_close(struct extcap_control *c);
