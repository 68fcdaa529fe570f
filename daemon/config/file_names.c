/* SPDX-License-Identifier: Apache-2.0 */
#include "config/file_names.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DIGITS_MIN 5
#define DIGITS_MAX 12 /* fewer than a time has */
#define TIME_LEN   14 /* %Y%m%d%H%M%S */

size_t file_names_directory(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static const char *base_of(const char *path)
{
	return path + file_names_directory(path);
}

#define ZSTD_SUFFIX ".zst"

/* Whether the first `len` bytes of a path end so. */
static bool ends_in(const char *path, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && strncasecmp(path + len - n, suffix, n) == 0;
}

bool file_names_is_zstd(const char *path)
{
	return ends_in(path, strlen(path), ZSTD_SUFFIX);
}

/* How long the path is without the suffix of what compresses it. */
static size_t plain_length(const char *path)
{
	return strlen(path) - (file_names_is_zstd(path) ? sizeof(ZSTD_SUFFIX) - 1 : 0);
}

bool file_names_is_pcapng(const char *path)
{
	return ends_in(path, plain_length(path), ".pcapng");
}

bool file_names_is_pcap(const char *path)
{
	return ends_in(path, plain_length(path), ".pcap");
}

/* Where the suffix begins, its dot included; the end without one, or where it holds a time. */
static const char *suffix_of(const char *base)
{
	size_t plain = plain_length(base);
	const char *dot = strrchr(base, '.');

	if (plain < strlen(base) && (file_names_is_pcap(base) || file_names_is_pcapng(base)))
		dot = memrchr(base, '.', plain);
	return dot && dot > base && !strchr(dot, '%') ? dot : base + strlen(base);
}

/* strftime(3) of `len` bytes that the user wrote. Returns how long it came out, 0: too long. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t expand(char out[NAME_MAX + 1], const char *text, size_t len, const struct tm *tm)
{
	char format[NAME_MAX + 1];

	snprintf(format, sizeof(format), "%.*s", (int)len, text);
	return strftime(out, NAME_MAX + 1, format, tm);
}
#pragma GCC diagnostic pop

/*
 * The first conversion that is not one of strftime(3), or that would not be found again in a name:
 * one with a flag or a width. Returns how long it is, 0: there is none.
 */
static size_t find_wrong(const char *text, const char **wrong)
{
	for (const char *at = text; (at = strchr(at, '%')); at++) {
		bool modified = at[1] && strchr("EO", at[1]);
		const char *known = "aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZ%";

		if (modified)
			known = at[1] == 'E' ? "cCxXyY" : "deHImMSuUVwWy";
		*wrong = at;
		at += modified ? 2 : 1;
		if (!*at || !strchr(known, *at))
			return (size_t)(at - *wrong) + (*at != '\0');
	}
	return 0;
}

int file_names_check(const char *path, char *why, size_t size)
{
	char text[NAME_MAX + 1];
	struct tm day = {.tm_mday = 1, .tm_year = 126};
	size_t n = file_names_directory(path), len;
	const char *wrong;

	if (memchr(path, '%', n)) {
		snprintf(why, size,
			 "the time can stand in the name of a file, not in that of its "
			 "directory");
		return -EINVAL;
	}
	if (!path[n]) {
		snprintf(why, size, "names a directory; add a name, such as capture.pcapng");
		return -EINVAL;
	}
	len = find_wrong(path + n, &wrong);
	if (len) {
		snprintf(why, size,
			 "'%.*s' is no conversion of strftime(3) that a name can have (write %%%% "
			 "for a percent sign)",
			 (int)len, wrong);
		return -EINVAL;
	}
	if (strchr(path + n, '%') &&
	    (!expand(text, path + n, strlen(path + n), &day) || strchr(text, '/'))) {
		snprintf(why, size, "'%s' makes no name of a file", path + n);
		return -EINVAL;
	}
	if (strlen(path + n) > NAME_MAX / 2) {
		snprintf(why, size, "the name is too long");
		return -EINVAL;
	}
	return 0;
}

char *file_names_make(const struct file_names *names, uint64_t number, uint64_t time_us)
{
	const char *base = base_of(names->path), *suffix = suffix_of(base);
	int directory = (int)(base - names->path), stem = (int)(suffix - base), n;
	char stamp[NAME_MAX + 1];
	time_t t = (time_t)(time_us / 1000000);
	struct tm tm;
	char *path;

	localtime_r(&t, &tm);
	if (memchr(base, '%', (size_t)stem)) {
		if (!expand(stamp, base, (size_t)stem, &tm))
			return NULL;
		n = asprintf(&path, "%.*s%s_%05llu%s", directory, names->path, stamp,
			     (unsigned long long)number, suffix);
		return n < 0 ? NULL : path;
	}
	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
	if (names->time_first)
		n = asprintf(&path, "%.*s%.*s_%s_%05llu%s", directory, names->path, stem, base,
			     stamp, (unsigned long long)number, suffix);
	else
		n = asprintf(&path, "%.*s%.*s_%05llu_%s%s", directory, names->path, stem, base,
			     (unsigned long long)number, stamp, suffix);
	return n < 0 ? NULL : path;
}

/* What strftime() makes of a conversion, `d` a digit; NULL: that depends. */
static const char *shape_of(char conversion)
{
	static const struct {
		const char *conversions, *shape;
	} all[] = {
		{"Y", "dddd"},       {"G", "dddd"},          {"j", "ddd"},
		{"F", "dddd-dd-dd"}, {"T", "dd:dd:dd"},      {"R", "dd:dd"},
		{"uw", "d"},         {"mdHMSyCIUVWg", "dd"}, {"%", "%"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strchr(all[i].conversions, conversion))
			return all[i].shape;
	return NULL;
}

#define DIGIT  "[0-9]"
#define WIDEST (10 * (sizeof(DIGIT) - 1)) /* of the pattern of a conversion */

static char *put_shape(char *out, const char *shape)
{
	for (; shape && *shape; shape++) {
		if (*shape == 'd')
			out = stpcpy(out, DIGIT);
		else
			*out++ = *shape;
	}
	if (!shape)
		*out++ = '*';
	return out;
}

/* How long a conversion is, with flags, a width and a modifier: `%-d`, `%Ey`. */
static size_t length_of(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && strchr("_-0^#+123456789", text[n]))
		n++;
	if (n + 1 < len && strchr("EO", text[n]))
		n++;
	return n + 1;
}

/*
 * A pattern for fnmatch(3) of what strftime() makes of `len` bytes, as narrow as it can be: what
 * it matches is ours to remove.
 */
static void put_pattern(char *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%' && i + 1 < len) {
			size_t n = length_of(text + i, len - i);

			out = put_shape(out, n == 2 ? shape_of(text[i + 1]) : NULL);
			i += n - 1;
		} else {
			*out++ = '\\';
			*out++ = text[i];
		}
	}
	*out = '\0';
}

static bool matches(const char *text, size_t len, const char *name, size_t name_len)
{
	char pattern[WIDEST * NAME_MAX / 2 + 3], part[NAME_MAX + 1];

	if (name_len > NAME_MAX || len > NAME_MAX)
		return false;
	put_pattern(pattern, text, len);
	memcpy(part, name, name_len);
	part[name_len] = '\0';
	return fnmatch(pattern, part, 0) == 0;
}

/* The digits before `*end`, and an underscore before those; `*end` is then there. 0: none. */
static uint64_t take_number(const char *name, size_t *end)
{
	size_t at = *end;
	uint64_t n = 0;

	while (at > 0 && isdigit((unsigned char)name[at - 1]))
		at--;
	if (at == 0 || name[at - 1] != '_' || *end - at < DIGITS_MIN || *end - at > DIGITS_MAX)
		return 0;
	for (size_t i = at; i < *end; i++)
		n = n * 10 + (uint64_t)(name[i] - '0');
	*end = at - 1;
	return n;
}

static bool take_time(const char *name, size_t *end)
{
	size_t at = *end;

	while (at > 0 && isdigit((unsigned char)name[at - 1]))
		at--;
	if (*end - at != TIME_LEN || at == 0 || name[at - 1] != '_')
		return false;
	*end = at - 1;
	return true;
}

const char *file_names_packed(size_t i)
{
	static const char *const suffixes[] = {".gz", ".zst", ".xz", ".bz2", ".lz4"};

	return i < sizeof(suffixes) / sizeof(suffixes[0]) ? suffixes[i] : NULL;
}

/* Of a name of `end` bytes. */
static uint64_t number_of(const struct file_names *names, const char *name, size_t end)
{
	const char *base = base_of(names->path), *suffix = suffix_of(base);
	size_t stem = (size_t)(suffix - base), tail = strlen(suffix);
	bool stamped = memchr(base, '%', stem) == NULL;
	uint64_t n;

	if (end <= tail || memcmp(name + end - tail, suffix, tail) != 0)
		return 0;
	end -= tail;
	if (stamped && !names->time_first && !take_time(name, &end))
		return 0;
	n = take_number(name, &end);
	if (n && stamped && names->time_first && !take_time(name, &end))
		return 0;
	return n && matches(base, stem, name, end) ? n : 0;
}

const char *file_names_other_packed(const char *path)
{
	const char *packed;

	for (size_t i = 0; (packed = file_names_packed(i)); i++)
		if (strcmp(packed, ZSTD_SUFFIX) != 0 && ends_in(path, strlen(path), packed))
			return packed;
	return NULL;
}

uint64_t file_names_number(const struct file_names *names, const char *name)
{
	size_t len = strlen(name);
	uint64_t n = number_of(names, name, len);
	const char *packed;

	for (size_t i = 0; names->packed && !n && (packed = file_names_packed(i)); i++) {
		size_t tail = strlen(packed);

		if (len > tail && strcmp(name + len - tail, packed) == 0)
			n = number_of(names, name, len - tail);
	}
	return n;
}
