/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <systemd/sd-journal.h>

#include "base/clock.h"
#include "base/footer.h"
#include "base/log_line.h"
#include "base/logqueue.h"
#include "base/printable.h"

#define QUEUE_BYTES (1024 * 1024)
#define END_WAIT_MS 1000

static struct {
	pthread_mutex_t lock;
	enum log_level level, last; /* `last`: of the last entry */
	enum log_format format;
	bool time; /* before a line of text */
	bool journal;
	char *identity[LOG_LINE_IDENTITY]; /* "PYCAPA_NAME=value" or NULL */
	struct logqueue *queue;            /* NULL: lines are written at once */
	struct footer footer;              /* of the queue's thread */
	bool ended;                        /* after log_free(): nothing is written */
	void (*sink)(void *ctx, enum log_level level, const char *text);
	void *sink_ctx;
} g = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO, .last = LOG_LEVEL_INFO};

/* systemd names the device and inode of the stream it gave us (systemd.exec(5)). */
bool log_fd_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(void)
{
	g.journal = log_fd_is_journal(STDERR_FILENO);
	footer_init(&g.footer, getenv("TERM"));
	g.ended = false;
}

void log_set_sink(void (*sink)(void *ctx, enum log_level level, const char *text), void *ctx)
{
	g.sink = sink;
	g.sink_ctx = ctx;
	g.journal = false;
}

bool log_is_journal(void)
{
	return g.journal;
}

void log_set_format(enum log_format format, bool time)
{
	pthread_mutex_lock(&g.lock);
	g.format = format;
	g.time = time;
	pthread_mutex_unlock(&g.lock);
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&g.level, level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
	return level <= __atomic_load_n(&g.level, __ATOMIC_RELAXED);
}

static void drop_identity(void)
{
	for (size_t i = 0; i < LOG_LINE_IDENTITY; i++) {
		free(g.identity[i]);
		g.identity[i] = NULL;
	}
}

int log_set_identity(const struct log_identity *id)
{
	const struct {
		const char *name, *value;
	} fields[LOG_LINE_IDENTITY] = {
		{"PYCAPA_INSTANCE", id->instance},
		{"PYCAPA_MODE", id->mode},
		{"PYCAPA_INTERFACE", id->interface},
		{"PYCAPA_TOPIC", id->topic},
	};
	int r = 0;

	pthread_mutex_lock(&g.lock);
	drop_identity();
	for (size_t i = 0; i < LOG_LINE_IDENTITY; i++) {
		if (fields[i].value &&
		    asprintf(&g.identity[i], "%s=%s", fields[i].name, fields[i].value) < 0) {
			g.identity[i] = NULL;
			r = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&g.lock);
	return r;
}

/* ---- a line ---- */

static void compose(struct log_line *l, struct log_entry *e)
{
	e->identity = g.identity;
	e->time_ns = clock_ns(CLOCK_REALTIME);
	if (g.journal)
		log_line_fields(l, e);
	else if (g.sink)
		l->len = (size_t)snprintf(l->text, sizeof(l->text), "%c%s", '0' + (int)e->level,
					  e->message) +
			 1;
	else if (g.format == LOG_FORMAT_JSON)
		log_line_json(l, e);
	else
		log_line_text(l, e, g.time);
}

/* ---- where it goes ---- */

/*
 * The description behind descriptor 2 may be shared with other processes, so that its flags stay as
 * they are: this call may wait.
 */
static int write_stderr(const char *line, size_t len)
{
	struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EAGAIN)
			poll(&pfd, 1, -1); /* somebody else made it non-blocking */
		else if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			line += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int write_journal(const char *line, size_t len)
{
	struct iovec iov[LOG_LINE_FIELDS_MAX];
	int n = 0;

	for (const char *at = line; at < line + len; at += iov[n++].iov_len + 1)
		iov[n] = (struct iovec){(char *)at, strlen(at)};
	return sd_journal_sendv(iov, n);
}

/*
 * In the background the screen is another's. To write there stops nobody (SIGTTOU): a thread of
 * ours has all signals blocked (thread.c).
 */
static bool is_in_foreground(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);

	return group < 0 || group == getpgrp(); /* negative: not the terminal that controls us */
}

static void draw_footer(const char *text, size_t len)
{
	char buf[FOOTER_OUT];

	if (is_in_foreground())
		write_stderr(buf, footer_draw(&g.footer, text, len, buf));
	else
		footer_forget(&g.footer);
}

static void erase_footer(void)
{
	char buf[FOOTER_OUT];
	size_t n = footer_erase(&g.footer, buf);

	if (n > 0 && is_in_foreground())
		write_stderr(buf, n);
}

static int write_line(const char *line, size_t len)
{
	if (g.journal)
		return write_journal(line, len);
	if (g.sink) {
		g.sink(g.sink_ctx, (enum log_level)(*line - '0'), line + 1);
		return 0;
	}
	erase_footer();
	return write_stderr(line, len);
}

/* Whatever the level is: what is missing may have been an error. */
static size_t compose_missing(uint64_t n, char *buf, size_t size)
{
	struct log_line l;
	char text[128];

	snprintf(text, sizeof(text), "%" PRIu64 " log line(s) are missing here: %s", n,
		 g.journal ? "the journal did not take them"
			   : "nobody read standard error, or it took no more");
	pthread_mutex_lock(&g.lock);
	compose(&l, &(struct log_entry){.level = LOG_LEVEL_WARN, .message = text});
	pthread_mutex_unlock(&g.lock);
	memcpy(buf, l.text, l.len < size ? l.len : size);
	return l.len < size ? l.len : size;
}

int log_start(void)
{
	const struct logqueue_options opt = {
		.max_bytes = QUEUE_BYTES,
		.write = write_line,
		.missing = compose_missing,
		.draw = draw_footer,
	};

	return logqueue_new(&g.queue, &opt);
}

/*
 * journald looks up the unit of an entry by its sender's process when it reads the entry. When that
 * process has ended by then, `systemctl status` and `journalctl -u` do not show the entry: often
 * the reason of a failed start. What a socket has sent counts as unsent (SIOCOUTQ) until it is
 * read, and journald reads in order: an empty datagram, which it ignores, comes after all that we
 * wrote.
 */
static void wait_for_journald(int ms)
{
	const struct sockaddr_un to = {AF_UNIX, "/run/systemd/journal/socket"};
	const struct timespec pause = {.tv_nsec = 1000000};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool sent = false;
	int unread;

	for (; fd >= 0 && ms > 0; ms--) {
		sent = sent || sendto(fd, "", 0, 0, (const struct sockaddr *)&to, sizeof(to)) == 0;
		if (sent && (ioctl(fd, SIOCOUTQ, &unread) < 0 || unread == 0))
			break;
		if (!sent && errno != EAGAIN)
			break;
		nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		close(fd);
}

void log_free(void)
{
	struct logqueue *queue;

	pthread_mutex_lock(&g.lock);
	queue = g.queue;
	g.queue = NULL;
	g.ended = true;
	pthread_mutex_unlock(&g.lock);
	if (logqueue_free(queue, END_WAIT_MS) && g.journal)
		wait_for_journald(END_WAIT_MS);
	pthread_mutex_lock(&g.lock);
	drop_identity();
	pthread_mutex_unlock(&g.lock);
}

/* `known`: the entry as far as its caller knows it. */
__attribute__((format(printf, 2, 0))) static void write_entry(const struct log_entry *known,
							      const char *fmt, va_list ap)
{
	char text[LOG_LINE_MESSAGE];
	struct log_entry e = *known;
	struct log_line l;
	int saved = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	printable_line(text);
	e.message = text;
	pthread_mutex_lock(&g.lock);
	g.last = e.level;
	compose(&l, &e);
	if (g.queue)
		logqueue_put(g.queue, l.text, l.len);
	else if (!g.ended)
		write_line(l.text, l.len);
	pthread_mutex_unlock(&g.lock);
	errno = saved;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	const struct log_entry e = {.level = level};
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	write_entry(&e, fmt, ap);
	va_end(ap);
}

void log_write_event(enum log_level level, enum log_event event, const struct log_field *fields,
		     size_t n, const char *fmt, ...)
{
	const struct log_entry e = {
		.level = level,
		.event = event,
		.fields = fields,
		.n_fields = n,
	};
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	write_entry(&e, fmt, ap);
	va_end(ap);
}

void log_set_footer(const char *text)
{
	pthread_mutex_lock(&g.lock);
	if (g.queue)
		logqueue_set_footer(g.queue, text);
	pthread_mutex_unlock(&g.lock);
}

void log_end_footer(const char *text)
{
	char line[FOOTER_MAX + 1];
	int n = snprintf(line, sizeof(line), "%.*s\n", FOOTER_MAX - 1, text);

	pthread_mutex_lock(&g.lock);
	if (g.queue) {
		logqueue_set_footer(g.queue, "");
		logqueue_put(g.queue, line, (size_t)n);
	}
	pthread_mutex_unlock(&g.lock);
}

bool log_last_was_error(void)
{
	bool was;

	pthread_mutex_lock(&g.lock);
	was = g.last == LOG_LEVEL_ERROR;
	pthread_mutex_unlock(&g.lock);
	return was;
}

bool log_limit_pass(struct log_limit *limit, unsigned int interval_s, uint64_t *suppressed)
{
	uint64_t now = (uint64_t)clock_ns(CLOCK_MONOTONIC) / 1000000;

	if (limit->next_ms && now < limit->next_ms) {
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ms = now + (uint64_t)interval_s * 1000;
	return true;
}
