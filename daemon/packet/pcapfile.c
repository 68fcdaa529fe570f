/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pcapfile.h"

#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_NANOSECONDS  0xa1b23c4du
#define VERSION_MAJOR      2
#define VERSION_MINOR      4

void pcapfile_put_header(uint8_t out[PCAPFILE_HEADER_LEN], uint16_t linktype, bool nano)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy; /* always 0 */
		uint32_t snaplen;
		uint32_t linktype;
	} head = {
		.magic = nano ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS,
		.major = VERSION_MAJOR,
		.minor = VERSION_MINOR,
		.snaplen = PACKET_MAX_LEN,
		.linktype = linktype,
	};

	_Static_assert(sizeof(head) == PCAPFILE_HEADER_LEN, "a file header is 24 bytes");
	memcpy(out, &head, sizeof(head));
}
