/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/disk_health.h"

#include "packet/packet.h"
#include "spool/spool.h"

bool disk_health_is_good(const struct disk_health *d)
{
	return !d->refused && !d->hangs;
}

void disk_health_note(struct disk_health *d, int err)
{
	d->refused = err == SPOOL_E_NOSPACE;
	d->behind = err == PACKET_E_FULL;
	d->behind_before &= d->behind;
}

void disk_health_look(struct disk_health *d)
{
	d->refused = false;
	d->hangs |= d->behind_before;
	d->behind_before = d->behind;
}

void disk_health_recover(struct disk_health *d)
{
	d->behind = d->behind_before = d->hangs = false;
}
