/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/trouble.h"

#include "kafka/hints.h"

#define LOG_INTERVAL_S 60

bool trouble_clear(struct trouble *t)
{
	bool changed = t->err != RD_KAFKA_RESP_ERR_NO_ERROR;

	t->err = RD_KAFKA_RESP_ERR_NO_ERROR;
	return changed;
}

/* One partition may have it while another is read: it comes and goes. */
static struct log_limit *limit_of(struct trouble *t, rd_kafka_resp_err_t err)
{
	size_t i = 0;

	while (i < TROUBLE_KINDS - 1 && t->said[i].err && t->said[i].err != err)
		i++;
	t->said[i].err = err;
	return &t->said[i].limit;
}

static void log_trouble(struct trouble *t, const char *topic, const rd_kafka_message_t *msg)
{
	const char *text = rd_kafka_message_errstr(msg);
	const struct hint hint = hints_behind(text, ": ");
	uint64_t more;

	if (log_limit_pass(limit_of(t, msg->err), LOG_INTERVAL_S, &more))
		log_warn("reading topic %s: %s%s%s", topic, text, hint.mark, hint.advice);
}

bool trouble_take(struct trouble *t, const char *topic, bool group, const rd_kafka_message_t *msg)
{
	bool changed = t->err != msg->err;

	if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return trouble_clear(t);
	/* Without a group, what the group coordinator says is no concern of ours. */
	if (!group && msg->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		return false;
	t->err = msg->err;
	log_trouble(t, topic, msg);
	return changed;
}
