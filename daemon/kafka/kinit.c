/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command inherits from librdkafka's thread, and what becomes of it here:
 *	every signal blocked		unblocked, default actions
 *	stdout, perhaps a capture	the pipe; kinit can never write into a packet stream
 *	stdin, perhaps a savefile	/dev/null
 *	CAP_NET_RAW, being root		dropped from the bounding set, so that exec does not regain
 *	descriptors			closed, but for the one that we report into
 *	no time limit			TIMEOUT_MS; a hung kinit would hold rd_kafka_destroy() too
 * The command is a shell that may start more: it leads a process group, and what ends it before its
 * time ends them all.
 */
#include "kafka/kinit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "base/printable.h"
#include "base/thread.h"
#include "kafka/hints.h"

#define TIMEOUT_MS 15000
#define OUTPUT_MAX 4096
#define REPORT_FD  (STDERR_FILENO + 1)

/* What became of the command, beside the statuses that it may end with itself. */
enum { TOOK_TOO_LONG = -1, ENDED_BY_SIGNAL = -2 };

struct run {
	pid_t child;
	int output, signals;
	char text[OUTPUT_MAX]; /* what it wrote, the end of it if that is long */
	size_t len;
};

static void confine(int report)
{
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Needs CAP_SETPCAP, which root has; others have nothing that an exec could give back. */
	prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0);
	if (report != REPORT_FD)
		dup2(report, REPORT_FD);
	fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
	close_range(REPORT_FD + 1, ~0U, 0);
}

static void run_child(const char *command, int output)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
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

/* False at the end of the output, or when there is none yet. */
static bool read_output(struct run *r)
{
	const size_t size = sizeof(r->text);
	ssize_t n = read(r->output, r->text + r->len, size - 1 - r->len);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	r->len += (size_t)n;
	if (r->len > size / 2) {
		memmove(r->text, r->text + r->len - size / 4, size / 4);
		r->len = size / 4;
	}
	r->text[r->len] = '\0';
	return true;
}

/* True when a signal has come that is to end us; SIGCHLD only wakes. */
static bool is_to_end(const struct run *r)
{
	struct signalfd_siginfo info;

	return read(r->signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD;
}

static int end_all(const struct run *r, int why)
{
	kill(-r->child, SIGKILL);
	waitpid(r->child, NULL, 0);
	return why;
}

/* Collects the output until the child ends. Returns its status, 128 + the signal, or why it had to.
 */
static int watch(struct run *r)
{
	const int64_t end = (int64_t)thread_now_ms() + TIMEOUT_MS;
	struct pollfd fds[] = {{.fd = r->output, .events = POLLIN},
			       {.fd = r->signals, .events = POLLIN}};
	int status;

	while (waitpid(r->child, &status, WNOHANG) == 0) {
		int64_t left = end - (int64_t)thread_now_ms();

		if (left <= 0)
			return end_all(r, TOOK_TOO_LONG);
		if (poll(fds, 2, (int)left) <= 0)
			continue;
		if (fds[0].revents && !read_output(r))
			fds[0].fd = -1;
		if (fds[1].revents && is_to_end(r))
			return end_all(r, ENDED_BY_SIGNAL);
	}
	while (read_output(r))
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The last line that holds anything. */
static const char *last_line(char *text)
{
	char *end = text + strlen(text), *line;

	while (end > text && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	printable_line(line);
	return line;
}

/* One write, so that lines do not mix. */
__attribute__((format(printf, 1, 2))) static void report(const char *fmt, ...)
{
	char text[KINIT_REPORT_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	if (write(REPORT_FD, text, (size_t)n) < 0)
		log_error("%s", text); /* whoever started us listens no more */
}

static void report_failure(const char *line, int status)
{
	const struct hint hint = hints_behind(line, "; ");

	if (status == TOOK_TOO_LONG)
		report("Kerberos: no ticket: kinit did not end within %d s: does the KDC answer?",
		       TIMEOUT_MS / 1000);
	else if (!*line)
		report("Kerberos: no ticket: kinit ended with status %d", status);
	else
		report("Kerberos: no ticket: %s%s%s", line, hint.mark, hint.advice);
}

static int start(struct run *r, const char *command)
{
	sigset_t watched;
	int fds[2];

	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGHUP);
	sigprocmask(SIG_SETMASK, &watched, NULL);
	r->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals < 0 || pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r->child = fork();
	if (r->child < 0)
		return -errno;
	if (r->child == 0)
		run_child(command, fds[1]);
	setpgid(r->child, r->child); /* whoever of the two is first */
	close(fds[1]);
	r->output = fds[0];
	return 0;
}

int kinit_main(const char *report_fd, const char *command)
{
	struct run run = {.len = 0};
	int status;

	confine(atoi(report_fd));
	status = start(&run, command);
	if (status < 0) {
		report("Kerberos: no ticket: cannot run kinit: %s", strerror(-status));
		return EXIT_FAILURE;
	}
	status = watch(&run);
	if (status != 0 && status != ENDED_BY_SIGNAL)
		report_failure(last_line(run.text), status);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
