/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int config_add_property(struct config *cfg, struct config_property *prop)
{
	struct config_property *grown;

	grown = reallocarray(cfg->properties, cfg->n_properties + 1, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	cfg->properties = grown;
	cfg->properties[cfg->n_properties++] = *prop;
	memset(prop, 0, sizeof(*prop));
	return 0;
}

void config_clear(struct config *cfg)
{
	for (size_t i = 0; i < cfg->n_properties; i++)
		property_clear(&cfg->properties[i]);
	free(cfg->properties);
	free(cfg->instance);
	free(cfg->file);
	free(cfg->brokers);
	free(cfg->topic);
	free(cfg->interface);
	free(cfg->read_file);
	free(cfg->filter);
	free(cfg->filter_origin);
	free(cfg->spool_directory);
	free(cfg->write_file);
	free(cfg->offset_text);
	memset(cfg, 0, sizeof(*cfg));
}

int config_set_identity(const struct config *cfg)
{
	const struct log_identity id = {
		.instance = cfg->instance,
		.mode = cfg->mode == CONFIG_MODE_CONSUMER ? "consumer" : "producer",
		.interface = cfg->mode == CONFIG_MODE_PRODUCER ? cfg->interface : NULL,
		.topic = cfg->topic,
	};

	return log_set_identity(&id);
}
