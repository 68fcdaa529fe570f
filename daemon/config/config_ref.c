/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_ref.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "config/settings_value.h"

int config_new(struct config **out)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	const struct setting *table;
	char why[256];
	size_t n;

	if (cfg == NULL)
		return -ENOMEM;
	cfg->refs = 1;
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		int r = settings_reset(cfg, &table[i], why, sizeof(why));

		if (r < 0) {
			assert(r == -ENOMEM);
			config_unref(cfg);
			return r;
		}
	}
	*out = cfg;
	return 0;
}

/* The count is no setting: it may change where those may not. */
static struct config *counted(const struct config *cfg)
{
	return cfg != NULL && cfg->refs > 0 ? (struct config *)cfg : NULL;
}

const struct config *config_ref(const struct config *cfg)
{
	struct config *own = counted(cfg);

	if (own != NULL)
		own->refs++;
	return cfg;
}

void config_unref(const struct config *cfg)
{
	struct config *own = counted(cfg);
	const struct setting *table;
	size_t n;

	if (own == NULL || --own->refs > 0)
		return;
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++) {
		settings_clear(own, &table[i]);
		free(own->where[i]);
	}
	free(own->instance);
	free(own->file);
	free(own);
}

void config_hold(const struct config **held, const struct config *cfg)
{
	config_ref(cfg);
	config_unref(*held);
	*held = cfg;
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
