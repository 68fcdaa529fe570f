/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command inherits from librdkafka's thread, and what becomes of it here:
 *	every signal blocked		unblocked, default actions
 *	stdout, perhaps a capture	the pipe; kinit can never write into a packet stream
 *	stdin, perhaps a savefile	/dev/null
 *	CAP_NET_RAW, being root		dropped from the bounding set, so that exec does not regain
 *it descriptors			closed
 *	no time limit			TIMEOUT_MS; a hung kinit would hold rd_kafka_destroy() too
 */
#include "kinit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "advice.h"
#include "log.h"

#define TIMEOUT_MS     15000
#define STATUS_TIMEOUT 124 /* as timeout(1) */
#define COMMAND_MAX    4096
#define OUTPUT_MAX     4096

/* ---- the command ---- */

/* Appends `text` as one word of the shell. Returns the new length, beyond size when it is full. */
static size_t quote(char *buf, size_t size, size_t len, const char *text)
{
	len += (size_t)snprintf(buf + len, size - len, "'");
	for (; *text && len < size; text++)
		len += (size_t)snprintf(buf + len, size - len, *text == '\'' ? "'\\''" : "%c",
					*text);
	if (len < size)
		len += (size_t)snprintf(buf + len, size - len, "'");
	return len;
}

static bool has_value(const rd_kafka_conf_t *conf, const char *name, const char *prefix)
{
	char value[64] = "";
	size_t size = sizeof(value);

	return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK &&
	       strncasecmp(value, prefix, strlen(prefix)) == 0;
}

int kinit_wrap(rd_kafka_conf_t *conf)
{
	const char *const property = "sasl.kerberos.kinit.cmd";
	char command[COMMAND_MAX], wrapped[2 * COMMAND_MAX], self[1024];
	size_t size = sizeof(command), len = 0;
	ssize_t n;

	if (!has_value(conf, "security.protocol", "sasl") ||
	    !has_value(conf, "sasl.mechanisms", "GSSAPI") ||
	    rd_kafka_conf_get(conf, property, command, &size) != RD_KAFKA_CONF_OK || !command[0])
		return 0;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return -errno;
	self[n] = '\0';
	len = (size_t)snprintf(wrapped, sizeof(wrapped), "exec ");
	len = quote(wrapped, sizeof(wrapped), len, self);
	if (len < sizeof(wrapped))
		len += (size_t)snprintf(wrapped + len, sizeof(wrapped) - len, " " KINIT_OPTION " ");
	if (len < sizeof(wrapped))
		len = quote(wrapped, sizeof(wrapped), len, command);
	if (len >= sizeof(wrapped))
		return -E2BIG;
	rd_kafka_conf_set(conf, property, wrapped, NULL, 0);
	return 0;
}

/* ---- the program ---- */

static void confine(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Needs CAP_SETPCAP, which root has; others have nothing that an exec could give back. */
	prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0);
	close_range(STDERR_FILENO + 1, ~0U, 0);
}

static void run_child(const char *command, int output)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Collects what the child writes, the end of it if it is long, until it closes the pipe. */
static bool collect(int fd, char *buf, size_t size)
{
	const int64_t end = now_ms() + TIMEOUT_MS;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;

	for (;;) {
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			break;
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len > size / 2) {
			memmove(buf, buf + len - size / 4, size / 4);
			len = size / 4;
		}
	}
	buf[len] = '\0';
	return now_ms() < end;
}

/* The last line that holds anything; control characters become blanks. */
static const char *last_line(char *text)
{
	char *end = text + strlen(text), *line;

	while (end > text && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return line;
}

static void report(const char *line, int status)
{
	const char *advice = advice_for(line, rd_kafka_version());

	if (status == STATUS_TIMEOUT)
		log_error(
			"Kerberos: no ticket: kinit did not end within %d s: does the KDC answer?",
			TIMEOUT_MS / 1000);
	else if (!*line)
		log_error("Kerberos: no ticket: kinit ended with status %d", status);
	else
		log_error("Kerberos: no ticket: %s%s%s", line, advice ? "; " : "",
			  advice ? advice : "");
}

static int wait_for(pid_t child, bool in_time)
{
	int status = 0;

	if (!in_time)
		kill(-child, SIGKILL);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	if (!in_time)
		return STATUS_TIMEOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int kinit_main(const char *command)
{
	char output[OUTPUT_MAX];
	int fds[2], status;
	pid_t child;

	confine();
	if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		log_error("Kerberos: no ticket: cannot run kinit: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (child == 0)
		run_child(command, fds[1]);
	setpgid(child, child); /* whoever of the two is first */
	close(fds[1]);
	status = wait_for(child, collect(fds[0], output, sizeof(output)));
	close(fds[0]);
	if (status != 0)
		report(last_line(output), status);
	return status;
}
