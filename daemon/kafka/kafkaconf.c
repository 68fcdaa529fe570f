/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties in force are a plan, a list of name and value: our defaults for the role, less
 * those that the user set or contradicted, then the user's in order. kafkaconf_new() puts the
 * plan into librdkafka's objects, kafkaconf_warn() says what gave way.
 *
 * Only return values are tested: for topic-level properties librdkafka returns 0 and leaves stale
 * text in errstr.
 */
#include "kafka/kafkaconf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/time_range.h"
#include "kafka/client_create.h"
#include "kafka/kafkaprops.h"
#include "kafka/user_properties.h"

#define MAX_DEFAULTS 24
#define MAX_YIELDED  4

/* How long what is known of a topic holds in an outage; else thrice the refresh interval. */
#define METADATA_MAX_AGE "900000"

/* Round trips and a consumer's end offsets come from them; each wakes two threads. */
#define STATISTICS_INTERVAL "5000"

#define IN_FLIGHT "max.in.flight.requests.per.connection"

struct pair {
	const char *name;
	const char *value;
};

/* Memory of the producer: the kernel's ring (64 MiB), these kilobytes of packets, about 1 KiB
 * beside each message, and the program: within 400 MiB. */
static const struct pair producer_defaults[] = {
	{"client.id", "pycapa"},
	{"statistics.interval.ms", STATISTICS_INTERVAL},
	{"enable.idempotence", "true"},
	{"message.timeout.ms", "0"},                      /* no queued packet expires */
	{"topic.metadata.propagation.max.ms", "2000000"}, /* a topic may be made late; the maximum
							     that 2.0.2 takes is about there */
	{"queue.buffering.max.messages", "131072"},
	{"queue.buffering.max.kbytes", "98304"},
	{"linger.ms", "5"},
	{"topic.metadata.refresh.interval.ms", "10000"}, /* how soon a new partition is used */
	{"reconnect.backoff.ms", "50"},
	{"reconnect.backoff.max.ms", "500"},
	{"socket.keepalive.enable", "true"},
};

static const struct pair consumer_defaults[] = {
	{"client.id", "pycapa"},
	{"statistics.interval.ms", STATISTICS_INTERVAL},
	{"group.id", "pycapa"},
	{"enable.auto.offset.store", "false"}, /* only what is written counts as read */
	{"auto.offset.reset", "earliest"},
	/* How long a broker holds a fetch that has nothing yet: no part of the latency of packets,
	 * but of the end of a partition, and of a resumed one that waits for the fetch before it.
	 */
	{"fetch.wait.max.ms", "100"},
	{"queued.max.messages.kbytes", "65536"},
	{"reconnect.backoff.ms", "50"},
	{"reconnect.backoff.max.ms", "500"},
	{"socket.keepalive.enable", "true"},
};

/*
 * Of a read that ends, each partition has a queue of its own (intake.h), and these hold for each.
 * One that is ahead of the others in time fills up: to these messages or kilobytes, and what one
 * fetch brings; each message takes about 0.4 KiB beside, so that small packets take six times what
 * was fetched. A batch that is larger than fetch.message.max.bytes comes whole nevertheless, and
 * librdkafka then asks for as much.
 *
 * A broker is asked once at a time: of each partition so much comes in a round trip, and no more. A
 * fetch does not know where we end, and the next one is on its way before we have seen the answer:
 * two of them are a mebibyte a partition, which a minute of an hour may cost. With many partitions
 * the memory allows less (kafkaconf_for_many()).
 */
static const struct pair merged_defaults[] = {
	{"queued.min.messages", "100"},
	{"queued.max.messages.kbytes", "128"},
	{"fetch.message.max.bytes", "524288"},
	{"fetch.max.bytes", "4194304"}, /* a message keeps what came with it in memory */
	{"fetch.wait.max.ms", "10"},    /* one that is at its end is not to hold up the others */
	{"fetch.queue.backoff.ms", "1"},
};

/* What of the user's goes against idempotence, as rd_kafka_new() would refuse it. */
struct conflict {
	const struct config_property *prop; /* NULL: none */
	bool own_in_flight;                 /* the user chose max.in.flight */
};

/* A default of ours that gave way to a property of the user's. */
struct yielded {
	struct pair now; /* value NULL: the library's own default */
	const struct config_property *to;
};

struct plan {
	struct pair defaults[MAX_DEFAULTS];
	size_t n;
	struct yielded yielded[MAX_YIELDED];
	size_t n_yielded;
	struct conflict conflict;
	bool pinned_idempotence; /* the user chose enable.idempotence */
};

/* `real_name` was given, and not as idempotence needs it. */
static bool contradicts(const struct user_properties *given, const char *real_name)
{
	if (strcmp(real_name, "request.required.acks") == 0)
		return user_properties_number(given, real_name) != -1;
	if (strcmp(real_name, IN_FLIGHT) == 0)
		return user_properties_number(given, real_name) > 5;
	if (strcmp(real_name, "message.send.max.retries") == 0)
		return user_properties_number(given, real_name) == 0;
	if (strcmp(real_name, "queue.buffering.backpressure.threshold") == 0)
		return user_properties_number(given, real_name) > 1;
	if (strcmp(real_name, "queuing.strategy") == 0)
		return !user_properties_is(given, real_name, "fifo");
	return false;
}

static void find_conflict(struct conflict *out, const struct user_properties *given,
			  const struct config *cfg)
{
	const struct kafkaprops *props = user_properties_props(given);

	out->own_in_flight = user_properties_find(given, IN_FLIGHT) != NULL;
	out->prop = NULL;
	for (size_t i = 0; i < cfg->properties.n; i++) {
		const struct config_property *prop = &cfg->properties.list[i];
		const char *real = kafkaprops_real_name(props, prop->name);

		if (user_properties_find(given, real) == prop && contradicts(given, real)) {
			out->prop = prop;
			return;
		}
	}
}

static void plan_default(struct plan *plan, const struct user_properties *given, const char *name,
			 const char *value)
{
	if (user_properties_find(given, name) == NULL)
		plan->defaults[plan->n++] = (struct pair){name, value};
}

/* Our default of that name in the plan; NULL: it is not there. */
static struct pair *planned(struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (strcmp(plan->defaults[i].name, name) == 0)
			return &plan->defaults[i];
	}
	return NULL;
}

/* Has a default of ours become what `to` demands: `value`, or nothing (NULL). */
static void yield_default(struct plan *plan, struct pair *ours, const char *value,
			  const struct config_property *to)
{
	plan->yielded[plan->n_yielded++] = (struct yielded){{ours->name, value}, to};
	if (value != NULL)
		ours->value = value;
	else
		*ours = plan->defaults[--plan->n];
}

/* The least time between two connects must not be more than the most. */
static void yield_backoff(struct plan *plan, const struct user_properties *given)
{
	static const char least[] = "reconnect.backoff.ms", most[] = "reconnect.backoff.max.ms";
	const struct config_property *from = user_properties_find(given, least);
	const struct config_property *to = user_properties_find(given, most);
	struct pair *our_least = planned(plan, least), *our_most = planned(plan, most);

	if (from != NULL && our_most != NULL &&
	    user_properties_number(given, least) > atoll(our_most->value))
		yield_default(plan, our_most, from->value, from);
	if (to != NULL && our_least != NULL &&
	    user_properties_number(given, most) < atoll(our_least->value))
		yield_default(plan, our_least, to->value, to);
}

/* A message must be able to wait for its batch before it expires. */
static void yield_linger(struct plan *plan, const struct user_properties *given)
{
	const struct config_property *timeout = user_properties_find(given, "message.timeout.ms");
	long long ms = user_properties_number(given, "message.timeout.ms");
	struct pair *linger = planned(plan, "linger.ms");

	if (linger != NULL && ms > 0 && ms <= atoll(linger->value))
		yield_default(plan, linger, NULL, timeout);
}

static bool is_idempotent(const struct plan *plan, const struct user_properties *given)
{
	return plan->pinned_idempotence ? user_properties_is(given, "enable.idempotence", "true")
					: plan->conflict.prop == NULL;
}

static void plan_producer(struct plan *plan, const struct user_properties *given,
			  const struct config *cfg)
{
	find_conflict(&plan->conflict, given, cfg);
	plan->pinned_idempotence = user_properties_find(given, "enable.idempotence") != NULL;
	for (size_t i = 0; i < sizeof(producer_defaults) / sizeof(producer_defaults[0]); i++) {
		const struct pair *d = &producer_defaults[i];

		if (plan->conflict.prop == NULL || strcmp(d->name, "enable.idempotence") != 0)
			plan_default(plan, given, d->name, d->value);
	}
	/*
	 * What follows a batch that is refused, and sent again, must not overtake it. Nor must it
	 * be on its way already: if the broker refuses it for the gap, librdkafka (2.0.2
	 * and 2.12.1) sends everything unanswered once more, as new, also what brokers have
	 * (librdkafka#4953).
	 */
	if (is_idempotent(plan, given)) {
		plan_default(plan, given, "enable.gapless.guarantee", "true");
		plan_default(plan, given, IN_FLIGHT, "1");
	}
	/* What is longer is not copied into a request: a block goes from where it lies. */
	if (cfg->record == CONFIG_RECORD_BLOCK)
		plan_default(plan, given, "message.copy.max.bytes", "4096");
	yield_backoff(plan, given);
	yield_linger(plan, given);
	if (user_properties_find(given, "topic.metadata.refresh.interval.ms") == NULL)
		plan_default(plan, given, "metadata.max.age.ms", METADATA_MAX_AGE);
	if (plan->conflict.prop == NULL || plan->pinned_idempotence)
		return;
	plan_default(plan, given, "enable.idempotence", "false");
	/* Without idempotence a retry may overtake: one request at a time keeps the order. */
	plan_default(plan, given, IN_FLIGHT, "1");
}

/* Those that this version of librdkafka knows; they go before what holds otherwise. */
static void plan_merged(struct plan *plan, const struct user_properties *given)
{
	for (size_t i = 0; i < sizeof(merged_defaults) / sizeof(merged_defaults[0]); i++)
		if (kafkaprops_find(user_properties_props(given), merged_defaults[i].name, false))
			plan_default(plan, given, merged_defaults[i].name,
				     merged_defaults[i].value);
}

static void plan_consumer(struct plan *plan, const struct user_properties *given,
			  const struct config *cfg)
{
	if (cfg->exit_at_end && cfg->start.offset != CONFIG_OFFSET_STORED)
		plan_merged(plan, given);
	for (size_t i = 0; i < sizeof(consumer_defaults) / sizeof(consumer_defaults[0]); i++)
		if (!planned(plan, consumer_defaults[i].name))
			plan_default(plan, given, consumer_defaults[i].name,
				     consumer_defaults[i].value);
	plan_default(plan, given, "enable.auto.commit",
		     cfg->start.offset == CONFIG_OFFSET_STORED ? "true" : "false");
	/* In some librdkafka after 2.0.2 (2.12.1 is one) the end that comes with a batch counts as
	 * a record: a partition that is paused there, by us or by a rebalance, misses its next one.
	 * Who is told it as long as more may come must not pause (consumer.c).
	 */
	plan_default(plan, given, "enable.partition.eof",
		     cfg->exit_at_end || time_range_ends_ahead(cfg) ? "true" : "false");
	/* How soon a group notices partitions that are added; without one, the look-ups do. */
	if (cfg->start.offset == CONFIG_OFFSET_STORED)
		plan_default(plan, given, "topic.metadata.refresh.interval.ms", "5000");
	yield_backoff(plan, given);
}

static void plan_make(struct plan *plan, const struct user_properties *given,
		      const struct config *cfg)
{
	memset(plan, 0, sizeof(*plan));
	plan_default(plan, given, "bootstrap.servers", cfg->brokers);
	if (cfg->mode == CONFIG_MODE_CONSUMER)
		plan_consumer(plan, given, cfg);
	else
		plan_producer(plan, given, cfg);
}

/*
 * Sets a property at its level. Of the few names that exist at both, the global one is meant:
 * topics inherit compression.type, and the topic's enable.auto.commit is a legacy.
 */
static rd_kafka_conf_res_t set(rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf,
			       const struct kafkaprops *props, const char *name, const char *value,
			       char *why, size_t size)
{
	if (kafkaprops_find(props, name, false) == NULL &&
	    kafkaprops_find(props, name, true) != NULL)
		return rd_kafka_topic_conf_set(topic_conf, name, value, why, size);
	return rd_kafka_conf_set(conf, name, value, why, size);
}

static int set_or_log(rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf,
		      const struct kafkaprops *props, const char *name, const char *value)
{
	char why[512] = "";

	if (set(conf, topic_conf, props, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	log_error("Kafka property %s: %s", name,
		  kafkaprops_is_secret(name) ? "its value is refused" : why);
	return -EINVAL;
}

static int set_all(rd_kafka_conf_t *conf, rd_kafka_topic_conf_t *topic_conf,
		   const struct user_properties *given, const struct config *cfg)
{
	const struct kafkaprops *props = user_properties_props(given);
	struct plan plan;
	int r = 0;

	plan_make(&plan, given, cfg);
	for (size_t i = 0; i < plan.n && r == 0; i++)
		r = set_or_log(conf, topic_conf, props, plan.defaults[i].name,
			       plan.defaults[i].value);
	for (size_t i = 0; i < cfg->properties.n && r == 0; i++) {
		const struct config_property *prop = &cfg->properties.list[i];

		/* librdkafka would warn of each; kafkaconf_warn() did, once. */
		if (!kafkaprops_wrong_role(props, prop->name, cfg->mode))
			r = set_or_log(conf, topic_conf, props, prop->name, prop->value);
	}
	return r;
}

int kafkaconf_new(rd_kafka_conf_t **conf, rd_kafka_topic_conf_t **topic_conf,
		  const struct config *cfg)
{
	struct user_properties *given = user_properties_new(cfg);
	rd_kafka_conf_t *c;
	rd_kafka_topic_conf_t *t;
	int r;

	if (given == NULL)
		return -ENOMEM;
	c = rd_kafka_conf_new();
	t = rd_kafka_topic_conf_new();
	r = set_all(c, t, given, cfg);
	user_properties_free(given);
	if (r < 0) {
		rd_kafka_topic_conf_destroy(t);
		rd_kafka_conf_destroy(c);
		return r;
	}
	*conf = c;
	*topic_conf = t;
	return 0;
}

void kafkaconf_for_many(rd_kafka_conf_t *conf, const struct config *cfg)
{
	struct user_properties *given = user_properties_new(cfg);

	if (given != NULL && user_properties_find(given, "fetch.message.max.bytes") == NULL)
		rd_kafka_conf_set(conf, "fetch.message.max.bytes", "131072", NULL, 0);
	user_properties_free(given);
}

static void warn_conflict(const struct user_properties *given, const struct config *cfg)
{
	struct plan plan;

	if (cfg->mode != CONFIG_MODE_PRODUCER)
		return;
	plan_make(&plan, given, cfg);
	if (plan.conflict.prop == NULL || plan.pinned_idempotence)
		return;
	log_warn("enable.idempotence switched off because %s=%s is set: after a retry packets can "
		 "be duplicated%s",
		 plan.conflict.prop->name, plan.conflict.prop->value,
		 plan.conflict.own_in_flight ? " or out of order" : "");
}

static void warn_yielded(const struct user_properties *given, const struct config *cfg)
{
	struct plan plan;

	plan_make(&plan, given, cfg);
	for (size_t i = 0; i < plan.n_yielded; i++) {
		const struct yielded *y = &plan.yielded[i];

		if (y->now.value != NULL)
			log_warn("%s is %s now because %s=%s is set", y->now.name, y->now.value,
				 y->to->name, y->to->value);
		else
			log_warn("%s is left to the Kafka client because %s=%s is set", y->now.name,
				 y->to->name, y->to->value);
	}
}

/* The user chose several requests at a time: what the default is for can happen (plan_producer). */
static void warn_in_flight(const struct user_properties *given, const struct config *cfg)
{
	const struct config_property *prop = user_properties_find(given, IN_FLIGHT);
	struct plan plan;

	if (prop == NULL || cfg->mode != CONFIG_MODE_PRODUCER)
		return;
	plan_make(&plan, given, cfg);
	if (is_idempotent(&plan, given) && user_properties_number(given, IN_FLIGHT) > 1)
		log_warn("%s=%s: when a cluster loses brokers, packets can get there twice without "
			 "being counted (librdkafka#4953); the default, 1, prevents it",
			 prop->name, prop->value);
}

void kafkaconf_warn(const struct config *cfg)
{
	struct user_properties *given = user_properties_new(cfg);

	if (given == NULL)
		return;
	warn_conflict(given, cfg);
	warn_in_flight(given, cfg);
	warn_yielded(given, cfg);
	user_properties_free(given);
}

/*
 * Takes out of a client's configuration what makes it read files or start programs. The mechanisms
 * that need a user's name and a password are kept: librdkafka checks that both are there.
 */
static void forget_files(rd_kafka_conf_t *conf)
{
	char protocol[32] = "", mechanism[64] = "";
	size_t n_protocol = sizeof(protocol), n_mechanism = sizeof(mechanism);
	bool sasl, idle;

	rd_kafka_conf_get(conf, "security.protocol", protocol, &n_protocol);
	rd_kafka_conf_get(conf, "sasl.mechanisms", mechanism, &n_mechanism);
	sasl = strncmp(protocol, "sasl", 4) == 0;
	idle = strcmp(mechanism, "GSSAPI") != 0 && strcmp(mechanism, "OAUTHBEARER") != 0;
	rd_kafka_conf_set(conf, "security.protocol", sasl && idle ? "sasl_plaintext" : "plaintext",
			  NULL, 0);
}

/* Has librdkafka itself judge the whole, by a client that connects to nothing. */
static int try_client(const struct config *cfg, char *why, size_t size)
{
	bool producer = cfg->mode == CONFIG_MODE_PRODUCER;
	rd_kafka_topic_conf_t *topic_conf;
	rd_kafka_conf_t *conf;
	char text[512] = "";
	struct client_create_options opt = {.type = producer ? RD_KAFKA_PRODUCER
							     : RD_KAFKA_CONSUMER,
					    .why = text,
					    .why_size = sizeof(text)};
	int r;

	if (kafkaconf_new(&conf, &topic_conf, cfg) < 0) {
		snprintf(why, size, "the Kafka properties cannot be set");
		return -EINVAL;
	}
	forget_files(conf);
	rd_kafka_conf_set_default_topic_conf(conf, topic_conf);
	r = client_create_try(conf, &opt);
	if (r < 0)
		snprintf(why, size, "the Kafka client refuses these properties: %s", text);
	return r;
}

int kafkaconf_check_together(const struct config *cfg, char *why, size_t size)
{
	struct user_properties *given = user_properties_new(cfg);
	struct plan plan;
	int r = 0;

	if (given == NULL) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	plan_make(&plan, given, cfg);
	if (plan.conflict.prop != NULL && plan.pinned_idempotence && is_idempotent(&plan, given)) {
		snprintf(why, size,
			 "%s=%s cannot go with enable.idempotence=true: leave out one of them",
			 plan.conflict.prop->name, plan.conflict.prop->value);
		r = -EINVAL;
	}
	user_properties_free(given);
	/* Our defaults alone are known to be good. */
	if (r == 0 && cfg->properties.n > 0)
		r = try_client(cfg, why, size);
	return r;
}
