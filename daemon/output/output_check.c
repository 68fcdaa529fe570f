/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/file_names.h"

/* The path may lead to the terminal by another name: /dev/stdout. */
static bool is_terminal(const char *path)
{
	struct stat st;
	bool terminal;
	int fd;

	if (stat(path, &st) || !S_ISCHR(st.st_mode))
		return false;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	terminal = fd >= 0 && isatty(fd);
	if (fd >= 0)
		close(fd);
	return terminal;
}

/* What is written to, and where files are made: a file in place alone, else its directory. Returns
 * false when it is neither. */
static bool place_of(const struct config *cfg, char place[PATH_MAX])
{
	size_t len = file_names_directory(cfg->write_file);
	struct stat st;

	if (!cfg->ring_buffer && stat(cfg->write_file, &st) == 0) {
		snprintf(place, PATH_MAX, "%s", cfg->write_file);
		return S_ISREG(st.st_mode);
	}
	if (len >= PATH_MAX)
		return false;
	snprintf(place, PATH_MAX, "%.*s", len ? (int)len : 1, len ? cfg->write_file : ".");
	if (len > 1)
		place[len - 1] = '\0';
	return true;
}

/* A service may write in few places, and a restart would not change that. What is not there yet, as
 * before it is mounted, is left to the opening. */
static int check_service(const struct config *cfg, const char *state)
{
	const char *unit = cfg->instance ? cfg->instance : "NAME";
	char place[PATH_MAX];

	if (!place_of(cfg, place) || access(place, W_OK) == 0)
		return 0;
	if (errno == EROFS)
		log_error("the service may not write to %s: add the line ReadWritePaths=%s to its "
			  "[Service] section (systemctl edit pycapa@%s), or name a file in %s",
			  place, place, unit, state);
	else if (errno == EACCES)
		log_error("the service may not write to %s: give it to the service's user (chown "
			  "pycapa: %s), or name a file in %s",
			  place, place, state);
	else
		return 0;
	return -EINVAL;
}

int output_check(const struct config *cfg)
{
	const char *state = getenv("STATE_DIRECTORY"); /* systemd made it for the service */

	if (cfg->write_file && is_terminal(cfg->write_file)) {
		log_error("%s is a terminal, and a capture is binary; give --write-file a file, or "
			  "use --pretty-print 1 instead",
			  cfg->write_file);
		return -EINVAL;
	}
	if (cfg->write_file && state && *state)
		return check_service(cfg, state);
	if (cfg->pretty_print || cfg->write_file || cfg->listen)
		return 0;
	if (isatty(STDOUT_FILENO)) {
		log_error("standard output is a terminal, and a capture is binary; give "
			  "--write-file FILE, a pipe (| tshark -r -), or --pretty-print 1");
		return -EINVAL;
	}
	if (log_fd_is_journal(STDOUT_FILENO)) {
		log_error("standard output is the journal, and a capture is binary; set "
			  "write-file, or pretty-print = 1");
		return -EINVAL;
	}
	return 0;
}

void output_warn(const struct config *cfg)
{
	if (cfg->file && !cfg->write_file && !cfg->pretty_print && !cfg->listen)
		log_warn("%s names no write-file: the capture goes to standard output; a service "
			 "refuses that, because its standard output is the journal",
			 cfg->file);
}
