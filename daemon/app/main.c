/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argv -> one of: run, check, list, print. The only file that decides the exit status.
 */
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/control_socket.h"
#include "app/hardening.h"
#include "app/http_server.h"
#include "app/signals.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/thread.h"
#include "capture/capture.h"
#include "capture/time_stamps.h"
#include "cli/options.h"
#include "cli/topic_list.h"
#include "config/config_ref.h"
#include "extcap/extcap.h"
#include "extcap/extcap_call.h"
#include "extcap/extcap_words.h"
#include "kafka/kafkalibrary.h"
#include "kafka/kafkashow.h"
#include "kafka/kafkawarn.h"
#include "kafka/kinit.h"
#include "output/output_check.h"
#include "version.h"

#if PYCAPA_JEMALLOC
#include <jemalloc/jemalloc.h>

/*
 * librdkafka's requests are blocks of up to 1 MiB that come and go all the time: its threads keep
 * some of those too, four of a size.
 */
const char *malloc_conf = "lg_tcache_max:20,tcache_nslots_large:4";
#endif

#define EXIT_USAGE 2

/* An instance holds about 25, librdkafka three more for each broker, and a reload all twice. */
#define DESCRIPTORS 64

static void print_allocator(void)
{
#if PYCAPA_JEMALLOC
	/* It also makes the linker keep the library: malloc() itself does not, with LTO. */
	const char *version = NULL;
	size_t size = sizeof(version);

	if (mallctl("version", (void *)&version, &size, NULL, 0) == 0)
		printf("jemalloc %.*s\n", (int)strcspn(version, "-"), version);
#endif
}

static int print_version(void)
{
	printf("pycapa %s\n%s\n", PYCAPA_VERSION, capture_library_version());
	printf("librdkafka %s, %s, %s\n", kafkalibrary_version(), KAFKALIBRARY_LICENCE,
	       kafkalibrary_file());
	printf("libev %d.%d\nlibmicrohttpd %s\n", ev_version_major(), ev_version_minor(),
	       http_server_library_version());
	print_allocator();
	return 0;
}

/*
 * Packets come and go in bursts. glibc's malloc() would give their memory back to the kernel after
 * each of them (from 128 KiB on), and have it faulted in again by the next, page by page. It learns
 * from a large block that is freed: it keeps twice that much from then on, and goes on learning,
 * unlike after mallopt(3). jemalloc keeps what is freed for a while by itself.
 */
static void keep_freed_memory(void)
{
	void *volatile block = malloc(4 << 20);

	free(block);
}

/*
 * With too few librdkafka works by half (no wake-ups, no connection), and libev aborts: not a
 * thing to find out later.
 */
static int check_descriptors(const struct config *cfg)
{
	unsigned int got = 0;
	unsigned int wanted = DESCRIPTORS + (cfg->metrics_listen ? HTTP_SERVER_CONNECTIONS : 0);
	int r = hardening_get_descriptors(wanted, &got);

	if (r < 0)
		log_error("Cannot start: only %u files may be open at once, and pycapa needs %u; "
			  "raise the limit (ulimit -n, LimitNOFILE=)",
			  got, wanted);
	return r;
}

/* What an instance needs of the process. Returns 0 or -errno (logged). */
static int prepare(const struct config *cfg)
{
	int r = check_descriptors(cfg);

	if (r < 0)
		return r;
	r = signals_block();
	if (r == 0)
		r = log_start();
	if (r < 0)
		log_error("Cannot start: %s", strerror(-r));
	return r;
}

static int run(const struct config **held, const struct options *options, struct extcap *extcap)
{
	const struct config *cfg = *held;

	log_set_format(cfg->log_format, cfg->log_time);
	config_set_identity(cfg);
	if (cfg->mode == CONFIG_MODE_CONSUMER && output_check(cfg) < 0)
		return EXIT_USAGE;
	if (prepare(cfg) < 0)
		return EXIT_FAILURE;
	*held = NULL;
	log_set_level(cfg->log_level);
	kafkawarn(cfg);
	return app_run(cfg, options, extcap);
}

static int reload(const char *instance)
{
	char path[128], why[CONTROL_WHY_MAX] = "", *rest = why, *line;
	int r = control_socket_path(path, sizeof(path), instance);

	if (r < 0) {
		log_error("--reload %s: not a valid instance name", instance);
		return EXIT_USAGE;
	}
	log_set_identity(&(struct log_identity){.instance = instance});
	if (control_socket_request_reload(path, why, sizeof(why)) == 0)
		return 0;
	while ((line = strsep(&rest, "\n")))
		log_error("%s: %s", instance, line);
	return EXIT_FAILURE;
}

/* Not an option of the user's: how librdkafka's kinit comes to run confined. */
static int run_kinit(const char *report_fd, char *argument)
{
	char *command = strdup(argument);
	int status;

	if (!command)
		return EXIT_FAILURE;
	/* It may hold a secret, and /proc shows the words of every process. */
	memset(argument, '*', strlen(argument));
	status = kinit_main(report_fd, command);
	free(command);
	return status;
}

static int act(enum options_action action, const struct config **held,
	       const struct options *options, struct extcap *extcap)
{
	const struct config *cfg = *held;

	switch (action) {
	case OPTIONS_HELP:
		options_print_help(stdout);
		return 0;
	case OPTIONS_VERSION:
		return print_version();
	case OPTIONS_LIST_INTERFACES:
		return capture_list_interfaces() < 0 ? EXIT_FAILURE : 0;
	case OPTIONS_LIST_TIME_STAMP_TYPES:
		return time_stamps_list(options_interface(options)) < 0 ? EXIT_FAILURE : 0;
	case OPTIONS_LIST_TOPICS:
		log_set_level(cfg->log_level);
		return topic_list(cfg, options_listing(options)) < 0 ? EXIT_FAILURE : 0;
	case OPTIONS_LIST_PROPERTIES:
		kafkashow_list(stdout);
		return 0;
	case OPTIONS_DUMP_PROPERTIES:
		return kafkashow_dump(stdout, cfg) < 0 ? EXIT_FAILURE : 0;
	case OPTIONS_CHECK_CONFIG:
		kafkawarn(cfg);
		if (cfg->mode == CONFIG_MODE_CONSUMER)
			output_warn(cfg);
		printable_print(stdout, cfg->file ? cfg->file : "command line");
		printf(": valid\n");
		return 0;
	case OPTIONS_RELOAD:
		return reload(options_reload_instance(options));
	case OPTIONS_RUN:
		break;
	}
	return run(held, options, extcap);
}

/* What was printed may not have come through: a full disk, a standard output that is closed. */
static int flush_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("cannot write to standard output: %s", strerror(errno));
	return status ? status : EXIT_FAILURE;
}

/* A user's command line, or, with `extcap`, the one that a call of Wireshark's means. */
static int obey(int argc, char **argv, struct extcap *extcap)
{
	struct options *options = NULL;
	enum options_action action;
	const struct config *cfg = NULL;
	int r, status;

	if (extcap)
		r = options_parse_attended(&options, argc, argv, &cfg, &action, extcap_words_field);
	else
		r = options_parse(&options, argc, argv, &cfg, &action);
	status = r < 0 ? EXIT_USAGE : flush_output(act(action, &cfg, options, extcap));
	log_free();
	status = extcap_finish(extcap, status);
	if (!thread_may_exit())
		return status; /* it may still use them */
	config_unref(cfg);
	options_free(options);
	return status;
}

static int answer_wireshark(int argc, char **argv)
{
	struct extcap *extcap = NULL;
	int status, r = extcap_new(&extcap, argc, argv);

	if (r == EXTCAP_E_CAPTURE) {
		argv = extcap_words(extcap, &argc);
		status = obey(argc, argv, extcap);
	} else {
		status = flush_output(r < 0 ? EXIT_USAGE : 0);
		log_free();
		status = extcap_finish(extcap, status);
	}
	if (thread_may_exit())
		extcap_free(extcap);
	return status;
}

int main(int argc, char **argv)
{
	int status;

	if (hardening_apply() < 0)
		return EXIT_FAILURE;
	keep_freed_memory();
	log_init();
	if (argc == 4 && !strcmp(argv[1], KINIT_OPTION))
		return run_kinit(argv[2], argv[3]);
	status = extcap_call_is(argc, argv) ? answer_wireshark(argc, argv) : obey(argc, argv, NULL);
	if (!thread_may_exit()) {
		/* librdkafka hangs (a kinit, a broker): OpenSSL must not be cleaned up under it. */
		fflush(NULL);
		_exit(status);
	}
	return status;
}
