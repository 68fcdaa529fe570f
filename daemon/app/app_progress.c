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

#define INTERVAL_S .25 /* from one look to the next */
#define COLUMNS    80  /* of a terminal that does not tell */

/* Text and progress would be written over each other. */
static bool is_text_there(const struct config *cfg)
{
	struct stat out, err;

	return cfg->pretty_print && isatty(STDOUT_FILENO) && fstat(STDOUT_FILENO, &out) == 0 &&
	       fstat(STDERR_FILENO, &err) == 0 && out.st_rdev == err.st_rdev;
}

static bool is_wanted(const struct config *cfg)
{
	bool reads = cfg->read_file || cfg->mode == CONFIG_MODE_CONSUMER;

	return reads && app_timers_is_bounded(cfg) && !cfg->quiet && isatty(STDERR_FILENO) &&
	       !is_text_there(cfg);
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

void app_progress_begin(struct app *a)
{
	bool wanted = is_wanted(a->cfg);

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

	if (!a->started || !is_wanted(a->cfg))
		return;
	look(a);
	progress_format(&a->meter, true, columns(), text, sizeof(text));
	if (*text)
		log_end_footer(text);
	else
		log_set_footer("");
}
