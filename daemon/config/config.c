/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

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
