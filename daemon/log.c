/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "events.h"

#define MESSAGE_MAX     2048
#define IDENTITY_FIELDS 4
#define EXTRA_FIELDS    24

static struct {
	pthread_mutex_t lock;
	enum log_level level;
	bool journal;
	char *identity[IDENTITY_FIELDS]; /* "PYCAPA_NAME=value" or NULL */
} g = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO};

static const struct {
	const char *name; /* as Python's logging names them: scripts match on it */
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = {"ERROR", LOG_ERR},
	[LOG_LEVEL_WARN] = {"WARNING", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"INFO", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"DEBUG", LOG_DEBUG},
};

static const char *const event_ids[] = {
	[LOG_EVENT_NONE] = NULL,
	[LOG_EVENT_DROPPED] = EVENT_ID_DROPPED,
	[LOG_EVENT_BROKER_LOST] = EVENT_ID_BROKER_LOST,
	[LOG_EVENT_BROKER_BACK] = EVENT_ID_BROKER_BACK,
	[LOG_EVENT_INTERFACE_LOST] = EVENT_ID_INTERFACE_LOST,
	[LOG_EVENT_INTERFACE_BACK] = EVENT_ID_INTERFACE_BACK,
	[LOG_EVENT_RELOAD_REFUSED] = EVENT_ID_RELOAD_REFUSED,
	[LOG_EVENT_UNDELIVERED] = EVENT_ID_UNDELIVERED,
};
_Static_assert(sizeof(event_ids) / sizeof(event_ids[0]) == LOG_EVENT_COUNT, "an id an event");

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
}

bool log_is_journal(void)
{
	return g.journal;
}

static void drop_identity(void)
{
	for (size_t i = 0; i < IDENTITY_FIELDS; i++) {
		free(g.identity[i]);
		g.identity[i] = NULL;
	}
}

void log_free(void)
{
	drop_identity();
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&g.level, level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
	return level <= __atomic_load_n(&g.level, __ATOMIC_RELAXED);
}

int log_set_identity(const struct log_identity *id)
{
	const struct {
		const char *name, *value;
	} fields[IDENTITY_FIELDS] = {
		{"PYCAPA_INSTANCE", id->instance},
		{"PYCAPA_MODE", id->mode},
		{"PYCAPA_INTERFACE", id->interface},
		{"PYCAPA_TOPIC", id->topic},
	};
	int r = 0;

	pthread_mutex_lock(&g.lock);
	drop_identity();
	for (size_t i = 0; i < IDENTITY_FIELDS; i++) {
		if (fields[i].value &&
		    asprintf(&g.identity[i], "%s=%s", fields[i].name, fields[i].value) < 0) {
			g.identity[i] = NULL;
			r = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&g.lock);
	return r;
}

static void write_stderr(enum log_level level, const char *text)
{
	struct iovec iov[] = {
		{(char *)levels[level].name, strlen(levels[level].name)},
		{(char *)":root:", 6},
		{(char *)text, strlen(text)},
		{(char *)"\n", 1},
	};

	/* Nowhere to report a failure to: stderr is what failed. */
	while (writev(STDERR_FILENO, iov, 4) < 0 && errno == EINTR)
		;
}

static struct iovec text_field(char *buf, size_t size, const char *name, const char *value)
{
	int n = snprintf(buf, size, "%s=%s", name, value);

	return (struct iovec){buf, (size_t)n < size ? (size_t)n : size - 1};
}

static void write_journal(enum log_level level, const char *id, const struct log_field *fields,
			  size_t n_fields, const char *text)
{
	struct iovec iov[3 + IDENTITY_FIELDS + EXTRA_FIELDS];
	char message[MESSAGE_MAX + 16], priority[16], event[64], extra[EXTRA_FIELDS][64];
	char number[24];
	int n = 0;

	iov[n++] = text_field(message, sizeof(message), "MESSAGE", text);
	snprintf(number, sizeof(number), "%d", levels[level].priority);
	iov[n++] = text_field(priority, sizeof(priority), "PRIORITY", number);
	if (id)
		iov[n++] = text_field(event, sizeof(event), "MESSAGE_ID", id);
	for (size_t i = 0; i < n_fields && i < EXTRA_FIELDS; i++) {
		snprintf(number, sizeof(number), "%" PRIu64, fields[i].value);
		iov[n++] = text_field(extra[i], sizeof(extra[i]), fields[i].name, number);
	}
	for (size_t i = 0; i < IDENTITY_FIELDS; i++)
		if (g.identity[i])
			iov[n++] = (struct iovec){g.identity[i], strlen(g.identity[i])};
	sd_journal_sendv(iov, n);
}

/* One line is one entry: what a library's text holds of newlines becomes spaces. */
static void flatten(char *text)
{
	size_t n = strlen(text);

	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

__attribute__((format(printf, 5, 0))) static void write_entry(enum log_level level,
							      enum log_event event,
							      const struct log_field *fields,
							      size_t n, const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];
	int saved = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	flatten(text);
	pthread_mutex_lock(&g.lock);
	if (g.journal)
		write_journal(level, event_ids[event], fields, n, text);
	else
		write_stderr(level, text);
	pthread_mutex_unlock(&g.lock);
	errno = saved;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	write_entry(level, LOG_EVENT_NONE, NULL, 0, fmt, ap);
	va_end(ap);
}

void log_write_event(enum log_level level, enum log_event event, const struct log_field *fields,
		     size_t n, const char *fmt, ...)
{
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	write_entry(level, event, fields, n, fmt, ap);
	va_end(ap);
}

bool log_limit_pass(struct log_limit *limit, unsigned int interval_s, uint64_t *suppressed)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	if (limit->next_ms && now < limit->next_ms) {
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ms = now + (uint64_t)interval_s * 1000;
	return true;
}
