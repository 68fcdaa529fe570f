/* SPDX-License-Identifier: Apache-2.0 */
#include "extcap/extcap_topics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "extcap/extcap_dialog.h"
#include "kafka/inquiry.h"

#define METADATA_MS 6000 /* an inquiry gives up before, and knows why */
#define INQUIRY_MS  6500

struct topics {
	const rd_kafka_metadata_t *metadata;
	rd_kafka_resp_err_t err;
};

static void ask(void *ctx, rd_kafka_t *rk)
{
	struct topics *topics = ctx;

	topics->err = rd_kafka_metadata(rk, 1, NULL, &topics->metadata, METADATA_MS);
}

static void put(FILE *out, const char *name, const char *display, bool is_default)
{
	extcap_dialog_value(out, EXTCAP_ARG_TOPIC, name, display, is_default);
}

static int by_name(const void *a, const void *b)
{
	const rd_kafka_metadata_topic_t *first = a, *second = b;

	return strcmp(first->topic, second->topic);
}

static void put_all(FILE *out, const rd_kafka_metadata_t *metadata, const char *chosen)
{
	int shown = 0;

	qsort(metadata->topics, (size_t)metadata->topic_cnt, sizeof(*metadata->topics), by_name);
	for (int i = 0; i < metadata->topic_cnt; i++) {
		const char *name = metadata->topics[i].topic;

		if (strncmp(name, "__", 2) == 0)
			continue;
		put(out, name, name, chosen && strcmp(name, chosen) == 0);
		shown++;
	}
	if (shown == 0)
		put(out, chosen ? chosen : "", "There are no topics", true);
}

static void put_failure(FILE *out, const char *why, const char *chosen)
{
	char display[1200];

	snprintf(display, sizeof(display), "Cannot list the topics: %s", why);
	put(out, chosen ? chosen : "", display, true);
}

void extcap_topics_print(FILE *out, const struct config *cfg, const char *chosen)
{
	struct topics *topics = calloc(1, sizeof(*topics));
	const struct inquiry_question question = {.ask = ask, .ctx = topics, .most_ms = INQUIRY_MS};
	char why[1024] = "out of memory";
	int r = topics ? inquiry_run(cfg, &question, why, sizeof(why)) : -ENOMEM;

	if (r < 0)
		put_failure(out, why, chosen);
	else if (topics->err)
		put_failure(out, *why ? why : rd_kafka_err2str(topics->err), chosen);
	else
		put_all(out, topics->metadata, chosen);
	if (r == -ETIMEDOUT)
		return; /* the thread still has it */
	if (topics && topics->metadata)
		rd_kafka_metadata_destroy(topics->metadata);
	free(topics);
}
