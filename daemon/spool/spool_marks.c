/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_marks.h"

#include <string.h>

#define STEP_US 1000000

/* Those that only tell of packets that are delivered. */
static void drop_old(struct spool_marks *m, uint64_t below)
{
	size_t old = 0;

	while (old + 1 < m->n && m->marks[old + 1].number <= below)
		old++;
	m->n -= old;
	memmove(m->marks, m->marks + old, m->n * sizeof(m->marks[0]));
}

/* Every second one goes. */
static void thin_out(struct spool_marks *m)
{
	for (size_t i = 0; 2 * i < m->n; i++)
		m->marks[i] = m->marks[2 * i];
	m->n = (m->n + 1) / 2;
	m->step_us *= 2;
}

void spool_marks_add(struct spool_marks *m, uint64_t number, uint64_t time_us, uint64_t below)
{
	if (number == below || m->n == 0) { /* all that was there is delivered */
		m->n = 0;
		m->step_us = STEP_US;
	}
	drop_old(m, below);
	if (m->n == SPOOL_MARKS_MAX)
		thin_out(m);
	m->marks[m->n++] = (struct spool_mark){number, time_us};
	m->due_us = time_us + m->step_us;
}

uint64_t spool_marks_find(const struct spool_marks *m, uint64_t number)
{
	uint64_t time_us = 0;

	for (size_t i = 0; i < m->n && m->marks[i].number <= number; i++)
		time_us = m->marks[i].time_us;
	return time_us;
}
