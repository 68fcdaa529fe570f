/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/range_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/units.h"
#include "config/partition_set.h"
#include "config/point_in_time.h"
#include "config/time_range.h"

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* "A to B" of the local zone, or of UTC. */
static void describe(char *buf, size_t size, const struct config *cfg, bool local)
{
	char from[64] = "the beginning", to[64] = "the end";

	if (cfg->from.text)
		point_in_time_format(from, sizeof(from), cfg->from.us, local);
	if (cfg->to.text)
		point_in_time_format(to, sizeof(to), cfg->to.us, local);
	snprintf(buf, size, "%s to %s", from, to);
}

static bool is_utc(const struct config *cfg)
{
	return (!cfg->from.text || point_in_time_is_utc(cfg->from.us)) &&
	       (!cfg->to.text || point_in_time_is_utc(cfg->to.us));
}

/* What of the topic is read for it. */
static void describe_slack(char *buf, size_t size, const struct config *cfg, enum topic_clock clock)
{
	char slack[32];

	units_format_time(slack, sizeof(slack), cfg->slack_ms);
	if (clock != TOPIC_CLOCK_SENDER)
		snprintf(buf, size, "; %s, so it is read from %s%s to the end",
			 clock == TOPIC_CLOCK_BROKER
				 ? "the broker stamps its records (LogAppendTime)"
				 : "the broker does not tell who sets its timestamps (to ask, "
				   "pycapa "
				   "needs an ACL that allows DescribeConfigs of the topic)",
			 !cfg->from.text || cfg->slack_ms == CONFIG_SLACK_ALL ? "the beginning"
									      : slack,
			 !cfg->from.text || cfg->slack_ms == CONFIG_SLACK_ALL ? "" : " before");
	else if (cfg->to.text && cfg->slack_ms == CONFIG_SLACK_ALL)
		snprintf(buf, size, "; including packets however late (--slack all)");
	else if (cfg->to.text && cfg->slack_ms)
		snprintf(buf, size, "; including packets up to %s late (--slack)", slack);
	else
		*buf = '\0';
}

static int64_t count_records(const struct partitions *ps)
{
	int64_t n = 0;

	for (int32_t i = 0; i < ps->n; i++)
		if (ps->all[i].known && partition_sure_end(&ps->all[i]) > ps->all[i].start)
			n += partition_sure_end(&ps->all[i]) - ps->all[i].start;
	return n;
}

static int count_partitions(const struct partitions *ps)
{
	int n = 0;

	for (int32_t i = 0; i < ps->n; i++)
		n += ps->all[i].known;
	return n;
}

static void log_range(const char *topic, const struct config *cfg, const struct partitions *ps,
		      int32_t n_topic, enum topic_clock clock)
{
	char local[160], utc[160], range[336], slack[256], records[64] = "what comes";

	describe(local, sizeof(local), cfg, true);
	describe(utc, sizeof(utc), cfg, false);
	if (is_utc(cfg)) /* once is enough */
		snprintf(range, sizeof(range), "%s", utc);
	else
		snprintf(range, sizeof(range), "%s (%s)", local, utc);
	describe_slack(slack, sizeof(slack), cfg, clock);
	if (cfg->to.text && !cfg->exit_at_end)
		snprintf(records, sizeof(records), "what comes until then");
	else if (cfg->exit_at_end)
		snprintf(records, sizeof(records), "%" PRId64 " record(s)", count_records(ps));
	log_info("Reading %s: %s from %d of %" PRId32 " partition(s) of topic %s%s", range, records,
		 count_partitions(ps), n_topic, topic, slack);
}

static void log_ahead(const char *name, const struct config_time *at, int64_t now)
{
	char ahead[32];

	if (!at->text || at->us <= now)
		return;
	units_format_span(ahead, sizeof(ahead), (uint64_t)(at->us - now) / 1000);
	log_warn("%s %s is %s ahead of this host's clock", name, at->text, ahead);
}

static bool has_passed(const struct partitions *ps)
{
	for (int32_t i = 0; i < ps->n; i++)
		if (ps->all[i].passed)
			return true;
	return false;
}

/* Of a partition that is passed, its record tells more: range_log_passed(). */
static void log_emptiness(const char *topic, const struct partitions *ps)
{
	if (count_records(ps) == 0 && !has_passed(ps))
		log_warn("topic %s has no records from that time", topic);
}

/* Not to be told apart: a time before the topic's, and one that later records hide. */
void range_log_passed(const char *topic, const struct range_passed *passed)
{
	char time[64], more[64] = "";

	if (passed->n > 1)
		snprintf(more, sizeof(more), " (%" PRId32 " more partition(s) like it)",
			 passed->n - 1);
	point_in_time_format(time, sizeof(time), passed->time_ms * 1000, true);
	log_warn("topic %s: nothing is read from partition %" PRId32
		 ": its first record that is late enough, at offset %" PRId64
		 ", is of %s, past --to and --slack%s; if older packets came after it (a file put "
		 "in later, a clock that was ahead), --slack all finds them",
		 topic, passed->id, passed->offset, time, more);
}

static bool has_any(const struct config *cfg, int32_t n_topic)
{
	for (int32_t i = 0; i < n_topic; i++)
		if (partition_set_has(cfg->partitions, i))
			return true;
	return false;
}

bool range_log_missing(const char *topic, const struct config *cfg, int32_t n_topic, char *why,
		       size_t size)
{
	if ((!cfg->exit_at_end && !time_range_is_set(cfg)) || !cfg->partitions ||
	    has_any(cfg, n_topic))
		return false;
	snprintf(why, size,
		 "topic %s has %" PRId32 " partition(s), numbered from 0: none of --partitions %s "
		 "exists",
		 topic, n_topic, cfg->partitions);
	return true;
}

void range_log(const char *topic, const struct config *cfg, const struct partitions *ps,
	       int32_t n_topic, enum topic_clock clock)
{
	if (cfg->partitions && !has_any(cfg, n_topic))
		log_warn("topic %s has %" PRId32 " partition(s), numbered from 0: none of "
			 "--partitions %s exists; waiting until one is added",
			 topic, n_topic, cfg->partitions);
	else if (partition_set_last(cfg->partitions) >= n_topic)
		log_warn("topic %s has %" PRId32 " partition(s), numbered from 0: not all of "
			 "--partitions %s exist",
			 topic, n_topic, cfg->partitions);
	if (cfg->start.offset == CONFIG_OFFSET_TIME)
		log_ahead("--kafka-offset",
			  &(struct config_time){cfg->start.value * 1000, cfg->start.text},
			  now_us());
	if (!time_range_is_set(cfg))
		return;
	log_ahead("--from", &cfg->from, now_us());
	log_range(topic, cfg, ps, n_topic, clock);
	if (cfg->exit_at_end)
		log_emptiness(topic, ps);
}
