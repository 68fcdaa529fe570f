/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/annotation.h"

#include <string.h>

#include "base/bytes.h"
#include "capture/ifnames.h"

#define LINUX_SLL2       276 /* its header has the index of the interface */
#define LINUX_SLL2_INDEX 4

/* A name is for people: what is too long for one is cut. */
static uint8_t length_of(const char *name)
{
	size_t len = strlen(name);

	return len < UINT8_MAX ? (uint8_t)len : UINT8_MAX;
}

void annotation_set(struct annotation *a, const struct annotation_options *opt,
		    const char *interface, uint16_t linktype)
{
	*a = (struct annotation){.host = NULL};
	if (!opt)
		return;
	a->host = opt->host;
	a->host_len = length_of(opt->host);
	a->interface = interface;
	a->interface_len = length_of(interface);
	a->names = linktype == LINUX_SLL2 ? opt->names : NULL;
}

void annotation_find_interface(const struct annotation *a, struct packet *pkt)
{
	const char *name;
	size_t len = 0;

	if (pkt->caplen >= LINUX_SLL2_INDEX + 4)
		len = ifnames_get(a->names, (int)bytes_get_be32(pkt->data + LINUX_SLL2_INDEX),
				  &name);
	if (len == 0)
		return;
	pkt->interface = name;
	pkt->interface_len = (uint8_t)len;
}
