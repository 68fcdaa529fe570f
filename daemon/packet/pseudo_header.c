/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/pseudo_header.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LINKTYPE_LINUX_SLL   113
#define LINKTYPE_PFLOG       117
#define LINKTYPE_USB_LINUX   189
#define LINKTYPE_USB_MMAPPED 220
#define LINKTYPE_NFLOG       239
#define LINKTYPE_LINUX_SLL2  276

#define SLL_LEN  16
#define SLL2_LEN 20

/* Protocols of a cooked capture (linux/if_ether.h). */
#define CAN    0x000c
#define CAN_FD 0x000d
#define CAN_XL 0x000e

#define USB_ISOCHRONOUS 0

/* A number of `size` bytes, `at` in a header. */
struct field {
	uint8_t at, size;
};

static void reverse(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t byte = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = byte;
	}
}

/* Up to the first that is not whole. */
static void swap_fields(const struct field *fields, size_t n, uint8_t *p, uint32_t len)
{
	for (size_t i = 0; i < n && fields[i].at + fields[i].size <= len; i++)
		reverse(p + fields[i].at, fields[i].size);
}

/* Its own length stands first; what is behind that is no header. */
static void swap_pflog(uint8_t *p, uint32_t len)
{
	static const struct field fields[] = {{44, 4}, {48, 4}, {52, 4}, {56, 4}};

	if (len > 0)
		swap_fields(fields, COUNT(fields), p, p[0] < len ? p[0] : len);
}

static void swap_can(uint16_t protocol, uint8_t *p, uint32_t len)
{
	static const struct field id[] = {{0, 4}};
	static const struct field xl[] = {{0, 4}, {6, 2}, {8, 4}};

	if (protocol == CAN || protocol == CAN_FD)
		swap_fields(id, COUNT(id), p, len);
	else if (protocol == CAN_XL)
		swap_fields(xl, COUNT(xl), p, len);
}

/* The descriptors of an isochronous transfer: status, offset, length, and 4 bytes of nothing. */
static void swap_descriptors(uint8_t *p, uint32_t len, uint32_t n)
{
	static const struct field fields[] = {{0, 4}, {4, 4}, {8, 4}};

	for (; n > 0 && len > 0; n--) {
		uint32_t step = len < 16 ? len : 16;

		swap_fields(fields, COUNT(fields), p, step);
		p += step;
		len -= step;
	}
}

/* The header of usbmon (linux: Documentation/usb/usbmon.rst), of 48 bytes or, mapped, of 64. */
static void swap_usb(uint8_t *p, uint32_t len, bool mapped)
{
	static const struct field all[] = {{0, 8},  {12, 2}, {16, 8}, {24, 4},
					   {28, 4}, {32, 4}, {36, 4}};
	static const struct field isochronous[] = {{40, 4}, {44, 4}};
	static const struct field more[] = {{48, 4}, {52, 4}, {56, 4}, {60, 4}};
	bool is_isochronous = len > 9 && p[9] == USB_ISOCHRONOUS;

	swap_fields(all, COUNT(all), p, len);
	if (is_isochronous)
		swap_fields(isochronous, COUNT(isochronous), p, len);
	if (!mapped)
		return;
	swap_fields(more, COUNT(more), p, len);
	if (is_isochronous && len > 64)
		swap_descriptors(p + 64, len - 64, bytes_get32(p + 60));
}

/* 4 bytes, then fields that begin with length and type. */
static void swap_nflog(uint8_t *p, uint32_t len)
{
	static const struct field fields[] = {{0, 2}, {2, 2}};
	uint32_t at = 4, step;

	if (len < 4 || p[1] != 0) /* of another version */
		return;
	while (len - at >= 4) {
		swap_fields(fields, COUNT(fields), p + at, 4);
		step = (bytes_get16(p + at) + 3U) & ~3U;
		if (step < 4 || step > len - at)
			return;
		at += step;
	}
}

void pseudo_header_swap(uint16_t linktype, uint8_t *p, uint32_t len)
{
	switch (linktype) {
	case LINKTYPE_LINUX_SLL:
		if (len > SLL_LEN)
			swap_can(bytes_get_be16(p + 14), p + SLL_LEN, len - SLL_LEN);
		break;
	case LINKTYPE_LINUX_SLL2:
		if (len > SLL2_LEN)
			swap_can(bytes_get_be16(p), p + SLL2_LEN, len - SLL2_LEN);
		break;
	case LINKTYPE_PFLOG:
		swap_pflog(p, len);
		break;
	case LINKTYPE_USB_LINUX:
	case LINKTYPE_USB_MMAPPED:
		swap_usb(p, len, linktype == LINKTYPE_USB_MMAPPED);
		break;
	case LINKTYPE_NFLOG:
		swap_nflog(p, len);
		break;
	default:
		break;
	}
}
