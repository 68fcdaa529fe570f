/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of a capture that has begun are shown in a message box, as the capture goes on; before
 * that they are probably what it ends with, and Wireshark shows that itself.
 */
#include "extcap/extcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/printable.h"
#include "cli/options.h"
#include "config/config_ref.h"
#include "extcap/extcap_call.h"
#include "extcap/extcap_control.h"
#include "extcap/extcap_dialog.h"
#include "extcap/extcap_files.h"
#include "extcap/extcap_remembered.h"
#include "extcap/extcap_topics.h"
#include "extcap/extcap_words.h"
#include "packet/filter.h"
#include "packet/pcapng.h"

#define FILTER_WAIT_MS 2000 /* the window waits: a name that takes longer is judged later */
#define BOX_INTERVAL_S 600

/* How long the reader of the fifo may take to come: 2 s. */
#define READER_LOOK_NS 10000000
#define READER_LOOKS   200
#define SECTION_MAX    64

#define WINDOW_WAIT_MS 10000 /* how long the window may take to open its control pipe */

struct extcap {
	struct extcap_call call;
	struct extcap_words words;
	struct extcap_control control;
	/* Of whichever thread writes the log. */
	char error[1000]; /* the last one; Wireshark reads no more */
	struct log_limit boxes;
	atomic_bool ran, begun, stopped; /* `ran`: the consumer writes to the fifo */
};

/* ---- what is said ---- */

static void drop_line(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

static void take_line(void *ctx, enum log_level level, const char *text)
{
	static const char *const marks[] = {
		[LOG_LEVEL_ERROR] = "Error: ",
		[LOG_LEVEL_WARN] = "Warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "",
	};
	struct extcap *x = ctx;
	char line[2200];
	uint64_t held;

	snprintf(line, sizeof(line), "%s%s\n", marks[level], text);
	extcap_control_send(&x->control, EXTCAP_LOGGER, EXTCAP_COMMAND_ADD, line);
	if (level != LOG_LEVEL_ERROR)
		return;
	snprintf(x->error, sizeof(x->error), "%s", text);
	if (atomic_load(&x->begun) && !atomic_load(&x->stopped) &&
	    log_limit_pass(&x->boxes, BOX_INTERVAL_S, &held))
		extcap_control_send(&x->control, EXTCAP_CONTROL_NONE, EXTCAP_COMMAND_ERROR, text);
}

static int tell(const char *why, int err)
{
	fputs("pycapa: ", stderr);
	printable_print(stderr, why);
	fputc('\n', stderr);
	return err;
}

void extcap_set_state(struct extcap *x, const char *text)
{
	if (!x)
		return;
	atomic_store(&x->ran, true);
	extcap_control_send(&x->control, EXTCAP_CONTROL_NONE, EXTCAP_COMMAND_STATUSBAR, text);
}

void extcap_set_status(struct extcap *x, const char *text)
{
	if (!x)
		return;
	atomic_store(&x->begun, true);
	extcap_set_state(x, text);
}

void extcap_stop(struct extcap *x)
{
	if (x)
		atomic_store(&x->stopped, true);
}

/* Without what librdkafka says of the connection at its end: "(after 3ms in state CONNECT, ..)". */
static void tell_reason(const char *error)
{
	const char *state = strstr(error, " (after ");
	char text[sizeof(((struct extcap *)NULL)->error)];

	snprintf(text, sizeof(text), "%s", error);
	if (state && error[strlen(error) - 1] == ')')
		text[state - error] = '\0';
	tell(text, 0);
}

/* The fifo, for writing; -1: it has no reader, and none comes. Wireshark starts it after us. */
static int open_fifo(const char *path)
{
	const struct timespec pause = {.tv_nsec = READER_LOOK_NS};
	int fd = -1;

	for (int i = 0; i < READER_LOOKS; i++) {
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd >= 0 || errno != ENXIO)
			break;
		nanosleep(&pause, NULL);
	}
	return fd;
}

/*
 * The reader of a fifo that nobody ever opens waits for ever, and Wireshark with it; of one that
 * ends without a byte the window shows nothing at all. It gets an empty capture.
 */
static void write_nothing(const char *fifo)
{
	uint8_t section[SECTION_MAX];
	size_t len = pcapng_put_section(section, "Linux", "pycapa");
	int fd = open_fifo(fifo);

	if (fd < 0)
		return;
	if (write(fd, section, len) < 0)
		log_debug("%s: %s", fifo, strerror(errno)); /* its reader has gone */
	close(fd);
}

int extcap_finish(const struct extcap *x, int status)
{
	if (!x)
		return status;
	if (atomic_load(&x->stopped))
		return 0;
	if (status && *x->error)
		tell_reason(x->error);
	if (status && x->call.fifo && !atomic_load(&x->ran))
		write_nothing(x->call.fifo);
	extcap_control_await(&x->control, WINDOW_WAIT_MS);
	return status;
}

/* ---- the calls ---- */

static int answer_interfaces(void)
{
	struct extcap_file *files = NULL;
	int n = extcap_files_list(&files);

	extcap_dialog_interfaces(stdout, files, n > 0 ? (size_t)n : 0);
	extcap_files_free(files, n > 0 ? (size_t)n : 0);
	return 0;
}

static int answer_config(const struct extcap_call *call)
{
	char *topic = extcap_remembered_topic();

	extcap_dialog_config(stdout, call, topic);
	free(topic);
	return 0;
}

/* Nothing is printed for a right one, and why for a wrong one. */
static int answer_filter(const struct extcap_call *call)
{
	const char *word = call->filter ? filter_direction(call->filter) : NULL;
	char why[512];

	if (word)
		printf("%s is for a live capture: records have no direction\n", word);
	else if (call->filter &&
		 filter_check_expression(call->filter, FILTER_WAIT_MS, why, sizeof(why)) < 0)
		printf("%s\n", why);
	return 0;
}

/* Whether the button of the topic was pressed, as "topic" or "--topic". */
static bool is_topic(const char *option)
{
	if (option && strncmp(option, "--", 2) == 0)
		option += 2;
	return option && strcmp(option, extcap_args()[EXTCAP_ARG_TOPIC].name) == 0;
}

static int answer_reload(const struct extcap_call *call)
{
	struct extcap_words words;
	struct options *options = NULL;
	const struct config *cfg = NULL;
	enum options_action action;
	char why[512];
	int r;

	if (!is_topic(call->option))
		return 0;
	r = extcap_words_listing(&words, call, why, sizeof(why));
	if (r < 0)
		tell(why, r);
	else
		r = options_parse(&options, words.n, words.list, &cfg, &action);
	if (r == 0) {
		extcap_topics_print(stdout, cfg, call->values[EXTCAP_ARG_TOPIC]);
		config_unref(cfg);
		options_free(options);
	}
	extcap_words_clear(&words);
	return r;
}

static int open_controls(struct extcap *x)
{
	int r = extcap_control_open(&x->control, x->call.control_in, x->call.control_out);
	char why[128];

	if (r == 0)
		return 0;
	snprintf(why, sizeof(why), "cannot open the control pipes: %s", strerror(-r));
	return tell(why, r);
}

static int begin_capture(struct extcap *x)
{
	char why[512];
	int r = extcap_words_capture(&x->words, &x->call, clock_ns(CLOCK_REALTIME) / 1000000000,
				     why, sizeof(why));

	if (r < 0)
		return tell(why, r);
	log_set_sink(take_line, x);
	return EXTCAP_E_CAPTURE;
}

/* Of a file it counts that it is there; what is wrong with it, a capture tells. */
static int check_interface(const struct extcap_call *call)
{
	const char *name = extcap_call_instance(call), *given = call->interface;
	char *path = name ? extcap_files_path(name) : NULL, why[512];
	bool is =
		!given || strcmp(given, EXTCAP_INTERFACE) == 0 || (path && access(path, F_OK) == 0);

	if (!is && path)
		snprintf(why, sizeof(why), "no interface %.64s: there is no %s", given, path);
	else if (!is)
		snprintf(why, sizeof(why), "no interface %.64s: --extcap-interfaces lists them",
			 given);
	free(path);
	return is ? 0 : tell(why, -ENODEV);
}

static int answer(struct extcap *x)
{
	switch (x->call.action) {
	case EXTCAP_INTERFACES:
		return answer_interfaces();
	case EXTCAP_DLTS:
		extcap_dialog_dlts(stdout);
		return 0;
	case EXTCAP_CONFIG:
		return answer_config(&x->call);
	case EXTCAP_RELOAD:
		return answer_reload(&x->call);
	case EXTCAP_FILTER:
		return answer_filter(&x->call);
	case EXTCAP_CLEANUP:
		return 0; /* nothing is left behind */
	case EXTCAP_CAPTURE:
		break;
	}
	return begin_capture(x);
}

int extcap_new(struct extcap **out, int argc, char **argv)
{
	struct extcap *x = calloc(1, sizeof(*x));
	char why[512];
	int r, opened;

	*out = NULL;
	log_set_sink(drop_line, NULL);
	if (!x)
		return tell("out of memory", -ENOMEM);
	x->control = (struct extcap_control){-1, -1};
	*out = x;
	r = extcap_call_parse(&x->call, argc, argv, why, sizeof(why));
	if (r < 0)
		tell(why, r);
	opened = open_controls(x); /* in any case: the window waits for it */
	if (r == 0)
		r = opened;
	if (r == 0 && x->call.action != EXTCAP_INTERFACES && x->call.action != EXTCAP_CLEANUP)
		r = check_interface(&x->call);
	return r < 0 ? r : answer(x);
}

char **extcap_words(const struct extcap *x, int *argc)
{
	*argc = x->words.n;
	return x->words.list;
}

void extcap_free(struct extcap *x)
{
	if (!x)
		return;
	extcap_control_close(&x->control);
	extcap_words_clear(&x->words);
	extcap_call_clear(&x->call);
	free(x);
}
