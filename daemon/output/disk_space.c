/* SPDX-License-Identifier: Apache-2.0 */
#include "output/disk_space.h"

#include "base/log.h"

void disk_space_lack(struct disk_space *d)
{
	if (!d->told)
		log_warn("no space left on the disk of %s: %s", d->path,
			 d->removes ? "removing the oldest files" : "waiting for some");
	d->told = d->lacks = true;
	d->calm = 0;
}

static void tell_end(struct disk_space *d)
{
	if (d->told)
		log_info("space again on the disk of %s", d->path);
	d->told = false;
}

void disk_space_find(struct disk_space *d)
{
	d->lacks = false;
	if (!d->removes)
		tell_end(d);
}

/* The first is the one that had none. */
void disk_space_count_file(struct disk_space *d)
{
	disk_space_find(d);
	if (d->told && ++d->calm > DISK_SPACE_CALM)
		tell_end(d);
}
