/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

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

int output_check(const struct config *cfg)
{
	if (cfg->write_file && is_terminal(cfg->write_file)) {
		log_error("%s is a terminal, and a capture is binary; give --write-file a file, or "
			  "use --pretty-print 1 instead",
			  cfg->write_file);
		return -EINVAL;
	}
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
