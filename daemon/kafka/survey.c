/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/survey.h"

#include <stdlib.h>

void survey_clear(struct survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->topics[i].n; j++)
			record_sample_clear(&s->topics[i].partitions[j].sample);
		free(s->topics[i].partitions);
		free(s->topics[i].name);
	}
	free(s->topics);
	s->topics = NULL;
	s->n = 0;
}
