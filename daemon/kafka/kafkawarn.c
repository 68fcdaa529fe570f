/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/kafkawarn.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "kafka/hints.h"
#include "kafka/kafkaconf.h"
#include "kafka/kafkaprops.h"
#include "kafka/user_properties.h"

/* The file that holds a secret in clear: its own, or the configuration file it was written in. */
static bool secret_file(const struct config_property *prop, char *path, size_t size)
{
	const char *colon = strrchr(prop->origin, ':');

	if (!kafkaprops_is_secret(prop->name))
		return false;
	if (prop->source != NULL)
		return snprintf(path, size, "%s", prop->source) < (int)size;
	if (colon == NULL)
		return false;
	return snprintf(path, size, "%.*s", (int)(colon - prop->origin), prop->origin) < (int)size;
}

static void warn_exposed(const struct config *cfg)
{
	char path[4096], last[4096] = "";
	struct stat st;

	for (size_t i = 0; i < cfg->properties.n; i++) {
		if (!secret_file(&cfg->properties.list[i], path, sizeof(path)) ||
		    strcmp(path, last) == 0 || stat(path, &st) < 0 || (st.st_mode & S_IROTH) == 0)
			continue;
		memcpy(last, path, sizeof(last));
		log_warn("%s holds a secret (%s) and everyone can read it: chmod o-rwx %s", path,
			 cfg->properties.list[i].name, path);
	}
}

static void warn_roles(const struct user_properties *given, const struct config *cfg)
{
	const struct kafkaprops *props = user_properties_props(given);
	bool producer = cfg->mode == CONFIG_MODE_PRODUCER;

	for (size_t i = 0; i < cfg->properties.n; i++) {
		const char *name = cfg->properties.list[i].name;

		if (kafkaprops_wrong_role(props, name, cfg->mode))
			log_warn("%s: the Kafka property %s is for a %s and has no effect in this "
				 "%s",
				 cfg->properties.list[i].origin, name,
				 producer ? "consumer" : "producer",
				 producer ? "producer" : "consumer");
	}
}

/* Our own partitioner is a callback, and that goes before the property. */
static void warn_partitioner(const struct user_properties *given, const struct config *cfg)
{
	const struct config_property *prop = user_properties_find(given, "partitioner");

	if (prop != NULL && cfg->mode == CONFIG_MODE_PRODUCER &&
	    cfg->partition != CONFIG_PARTITION_KEY)
		log_warn("%s: the Kafka property partitioner has no effect: it needs partition = "
			 "key (--partition key)",
			 prop->origin);
}

static void warn_mechanism(const struct user_properties *given)
{
	char buf[64];
	const char *mechanism = user_properties_text(given, "sasl.mechanisms", buf, sizeof(buf));
	const char *warning = hints_for_mechanism(mechanism, rd_kafka_version());

	if (warning)
		log_warn("sasl.mechanism=%s: %s", mechanism, warning);
}

void kafkawarn(const struct config *cfg)
{
	struct user_properties *given = user_properties_new(cfg);

	if (given != NULL) {
		warn_roles(given, cfg);
		kafkaconf_warn(cfg);
		warn_partitioner(given, cfg);
		warn_mechanism(given);
	}
	user_properties_free(given);
	warn_exposed(cfg);
}
