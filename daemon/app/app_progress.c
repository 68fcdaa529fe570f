/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/app_timers.h"
#include "base/footer.h"
#include "base/log.h"
#include "base/printable.h"
#include "config/run_end.h"

#define INTERVAL_S .25 /* from one look to the next */
#define PIPE_S     2.  /* how long a run has to last, when its packets go into a pipe */
#define COLUMNS    80  /* of a terminal that does not tell */

static bool is_wanted(const struct app *a)
{
	const struct config *cfg = a->cfg;
	bool reads = cfg->read_file || cfg->mode == CONFIG_MODE_CONSUMER;

	return reads && !a->meter_over && run_end_is_set(cfg) && !cfg->quiet &&
	       cfg->log_format == LOG_FORMAT_TEXT && isatty(STDERR_FILENO) &&
	       !(cfg->pretty_print && a->stdout_is_there);
}

/* Who reads packets from a pipe often prints to this terminal: it is left to a short run's reader.
 */
static bool is_too_early(const struct app *a)
{
	return a->cfg->mode == CONFIG_MODE_CONSUMER && !a->cfg->write_file && a->stdout_is_pipe &&
	       ev_now(a->loop) - a->meter.started < PIPE_S;
}

/* Without the last column: a cursor behind it is in the next row, on some terminals. */
static size_t columns(void)
{
	struct winsize size;
	size_t n = COLUMNS;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		n = size.ws_col;
	return n < FOOTER_MAX ? n - 1 : FOOTER_MAX - 1;
}

static void look(struct app *a)
{
	struct progress now = {.left = -1};

	a->ops->measure(a->role, &now);
	progress_take(&a->meter, &now, ev_now(a->loop));
}

void app_progress_prepare(struct app *a)
{
	struct stat out, err;

	if (fstat(STDOUT_FILENO, &out) || fstat(STDERR_FILENO, &err))
		return;
	a->stdout_is_pipe = S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode);
	a->stdout_is_there = S_ISCHR(out.st_mode) && out.st_rdev == err.st_rdev;
}

void app_progress_begin(struct app *a)
{
	bool wanted = is_wanted(a);

	if (wanted && a->meter.n == 0)
		look(a);
	app_timers_set(a, &a->look, wanted ? INTERVAL_S : 0);
	if (!wanted)
		log_set_footer("");
}

/* As long as there is nothing to tell, what is waited for. */
void app_progress_show(struct app *a)
{
	char text[FOOTER_MAX];
	size_t n = columns();

	look(a);
	if (is_too_early(a))
		return;
	progress_format(&a->meter, false, n, text, sizeof(text));
	if (!*text) {
		snprintf(text, sizeof(text), "%.*s", (int)n, a->state);
		printable_line(text);
	}
	log_set_footer(text);
}

void app_progress_end(struct app *a)
{
	char text[FOOTER_MAX];

	if (!a->started || !is_wanted(a))
		return;
	look(a);
	progress_format(&a->meter, true, columns(), text, sizeof(text));
	if (*text && !is_too_early(a))
		log_end_footer(text);
	else
		log_set_footer("");
	a->meter_over = true;
	app_timers_set(a, &a->look, 0);
}
