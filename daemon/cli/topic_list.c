/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/topic_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/topic_facts.h"
#include "cli/topic_json.h"
#include "cli/topic_text.h"
#include "kafka/hints.h"
#include "kafka/inquiry.h"
#include "kafka/survey_ask.h"

#define SURVEY_MS  10000
#define INQUIRY_MS (SURVEY_MS + 3000) /* for the call that is under way at its end */

/* What did not tell. */
struct untold {
	size_t partitions, topics;
	const struct survey_topic *topic; /* the first of them */
	rd_kafka_resp_err_t err;          /* why */
	bool denied;                      /* none for another reason */
};

static void ask(void *ctx, rd_kafka_t *rk)
{
	survey_ask(ctx, rk);
}

static rd_kafka_resp_err_t error_of(const struct survey_partition *p)
{
	return p->err ? p->err : p->sample_err;
}

static void count_untold(struct untold *u, const struct survey_topic *t, rd_kafka_resp_err_t err)
{
	bool denied = topic_facts_is_denied(err);

	/* One that is not denied is the one to tell of. */
	if (!u->topic || (u->denied && !denied)) {
		u->topic = t;
		u->err = err;
		u->denied = denied;
	}
}

static void find_untold(struct untold *u, const struct survey *s)
{
	*u = (struct untold){.denied = true};
	for (size_t i = 0; i < s->n; i++) {
		const struct survey_topic *t = &s->topics[i];
		size_t before = u->partitions;

		for (size_t j = 0; j < t->n; j++) {
			if (!error_of(&t->partitions[j]))
				continue;
			u->partitions++;
			count_untold(u, t, error_of(&t->partitions[j]));
		}
		if (t->err)
			count_untold(u, t, t->err);
		u->topics += t->err || u->partitions > before;
	}
}

/* `why` is what the connections had to say. Returns 0, or -EIO: it is a failure. */
static int report_untold(const struct untold *u, const char *why)
{
	const char *text = rd_kafka_err2str(u->err);
	const struct hint hint = hints_behind(text, ": ");
	bool ours = u->err < 0 && *why;

	if (!u->topic)
		return 0;
	log_write(u->denied ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
		  "%zu topic%s did not tell everything (%zu partition%s): topic %s: %s%s%s",
		  u->topics, u->topics == 1 ? "" : "s", u->partitions,
		  u->partitions == 1 ? "" : "s", u->topic->name, ours ? why : text,
		  ours ? "" : hint.mark, ours ? "" : hint.advice);
	return u->denied ? 0 : -EIO;
}

/* The one topic that was asked for is not there. */
static int report_topic(const struct config *cfg, const char *name, rd_kafka_resp_err_t err)
{
	const char *text = rd_kafka_err2str(err);
	const struct hint hint = hints_behind(text, ": ");

	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		log_error("Topic %s does not exist at %s; pycapa -L --all lists all topics", name,
			  cfg->brokers);
	else
		log_error("Topic %s: %s%s%s", name, text, hint.mark, hint.advice);
	return -ENOENT;
}

static void note_nothing(const struct survey *s, const struct options_listing *listing)
{
	struct topic_facts f;
	size_t shown = 0;

	for (size_t i = 0; i < s->n; i++) {
		topic_facts_of_topic(&f, &s->topics[i]);
		shown += topic_facts_is_shown(&f, listing->all);
		topic_facts_clear(&f);
	}
	if (shown == 0)
		log_info("No topic holds packets (%zu looked at%s)", s->n,
			 s->n > 0 ? "; --all lists them" : "");
}

static int print(const struct config *cfg, const struct survey *s,
		 const struct options_listing *listing, bool complete)
{
	const struct topic_json_options json = {.brokers = cfg->brokers,
						.complete = complete,
						.all = listing->all || listing->topic,
						.partitions = listing->topic != NULL};
	int r = 0;

	if (listing->json)
		topic_json_put(stdout, s, &json);
	else if (listing->topic)
		r = topic_text_partitions(stdout, &s->topics[0]);
	else
		r = topic_text_topics(stdout, s, listing->all);
	if (r == 0 && !listing->json && !listing->topic)
		note_nothing(s, listing);
	if (r < 0)
		log_error("Cannot list the topics: out of memory");
	return r;
}

/* What came of the question: 0, or why there is nothing to print (logged). */
static int judge(const struct config *cfg, const struct survey *s, const char *why)
{
	if (s->err) {
		log_error("Cannot list the topics of %s: %s", cfg->brokers,
			  s->err < 0 && *why ? why : rd_kafka_err2str(s->err));
		return -EIO;
	}
	if (!s->topic)
		return 0;
	if (s->n == 0)
		return report_topic(cfg, s->topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	return s->topics[0].err ? report_topic(cfg, s->topic, s->topics[0].err) : 0;
}

static int finish(const struct config *cfg, const struct survey *s,
		  const struct options_listing *listing, const char *why)
{
	struct untold untold;
	int r = judge(cfg, s, why);

	if (r < 0)
		return r;
	find_untold(&untold, s);
	r = print(cfg, s, listing, untold.topic == NULL);
	return r == 0 ? report_untold(&untold, why) : r;
}

int topic_list(const struct config *cfg, const struct options_listing *listing)
{
	struct survey *s = calloc(1, sizeof(*s));
	const struct inquiry_question question = {.ask = ask, .ctx = s, .most_ms = INQUIRY_MS};
	char why[1024] = "out of memory";
	int r = -ENOMEM;

	if (s) {
		s->topic = listing->topic;
		s->most_ms = SURVEY_MS;
		r = inquiry_run(cfg, &question, why, sizeof(why));
	}
	if (r < 0) {
		if (*why)
			log_error("Cannot list the topics of %s: %s", cfg->brokers, why);
		if (r != -ETIMEDOUT) /* else the thread still has it */
			free(s);
		return r;
	}
	r = finish(cfg, s, listing, why);
	survey_clear(s);
	free(s);
	return r;
}
