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

static void warn_mechanism(const struct config *cfg)
{
	struct user_properties *given = user_properties_new(cfg);
	const char *mechanism, *warning;
	char buf[64];

	if (given == NULL)
		return;
	mechanism = user_properties_text(given, "sasl.mechanisms", buf, sizeof(buf));
	warning = hints_for_mechanism(mechanism, rd_kafka_version());
	if (warning)
		log_warn("sasl.mechanism=%s: %s", mechanism, warning);
	user_properties_free(given);
}

void kafkawarn(const struct config *cfg)
{
	kafkaconf_warn(cfg);
	warn_mechanism(cfg);
	warn_exposed(cfg);
}
