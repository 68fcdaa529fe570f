/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is read line by line. A small state machine knows comments and strings, in which
 * neither @include nor numbers mean anything; both may go on over line ends. Secrets may stand in
 * a file, so every buffer is overwritten before it is freed.
 */
#include "cli/cfgreader.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/regular.h"

#define MAX_DEPTH 10
#define MAX_FILES 1000
#define MAX_SIZE  ((size_t)1 << 20) /* bytes, of all files together */

enum place {
	PLACE_CODE,
	PLACE_STRING,
	PLACE_COMMENT, /* between slash-star and star-slash */
};

/* Where a list stands that may go on in another file. */
struct list {
	unsigned int brackets; /* how many are open */
	bool after_string;     /* nothing but blanks and comments since a string */
	size_t comma; /* 1 + where the last one is in the text, after a string, with nothing
		       * behind it; 0: there is none */
};

/* One file at hand. */
struct reader {
	struct cfgtext *text;
	struct faults *faults;
	const struct reader *from; /* the file that includes this one; NULL: none does */
	const char *path;
	dev_t dev;
	ino_t ino;
	size_t file;
	unsigned int line;
	unsigned int depth;
	enum place place;
	unsigned int begun; /* the line in which that string or comment began */
	size_t begun_text;  /* the same as a line of the whole text */
	struct list list;
};

static int include(struct reader *from, const char *line, bool *taken);

static void fault_here(const struct reader *r, const char *what, const char *detail)
{
	char where[4200];

	snprintf(where, sizeof(where), "%s:%u", r->path, r->line);
	config_faults_add(r->faults, where, "%s%s", what, detail);
}

static int no_memory(const struct reader *r)
{
	fault_here(r, "out of memory", "");
	return -ENOMEM;
}

static int append(struct reader *r, const char *bytes, size_t n)
{
	return cfgtext_append(r->text, bytes, n) < 0 ? no_memory(r) : 0;
}

/* A whole number: -1 when it is too large for 64 bits, 1 when it needs an L, 0 when not. */
static int needs_long(const char *digits, size_t len)
{
	char copy[32];
	long long v;
	bool hex;

	if (len >= sizeof(copy))
		return -1;
	memcpy(copy, digits, len);
	copy[len] = '\0';
	hex = strpbrk(copy, "xX") != NULL;
	errno = 0;
	v = strtoll(copy, NULL, hex ? 16 : 10);
	if (errno != 0)
		return -1;
	return v > INT32_MAX || v < INT32_MIN;
}

/* Copies the number at p; returns how many bytes it has, or -errno. */
static int copy_number(struct reader *r, const char *p)
{
	size_t len = *p == '-' || *p == '+';
	int kind, e;

	if (p[len] == '0' && (p[len + 1] == 'x' || p[len + 1] == 'X'))
		for (len += 2; isxdigit((unsigned char)p[len]); len++)
			;
	else
		len += strspn(p + len, "0123456789");
	/* A float is libconfig's own business; digits and an L are copied as they are. */
	kind = strchr(".eE", p[len]) != NULL && p[len] != '\0' ? 0 : needs_long(p, len);
	if (kind < 0) {
		fault_here(r, "a number is too large: ",
			   p[0] == '-' ? "the minimum is -2^63" : "the maximum is 2^63-1");
		r->text->lines[r->text->n_lines - 1].faulty = true;
	}
	e = append(r, p, len);
	if (e == 0 && kind > 0 && p[len] != 'L')
		e = append(r, "L", 1);
	return e < 0 ? e : (int)len;
}

static bool is_number(const char *line, const char *p)
{
	const char *digits = p + (*p == '-' || *p == '+');
	bool in_word = p > line && (isalnum((unsigned char)p[-1]) || strchr("_-*.", p[-1]) != NULL);

	return isdigit((unsigned char)*digits) && !in_word;
}

/* libconfig makes one text of two that follow each other: of two Kafka properties, the first. */
static void open_string(struct reader *r)
{
	if (r->list.after_string && r->list.brackets > 0)
		fault_here(r, "a comma is missing before a string in this list", "");
	r->list.comma = 0;
	r->place = PLACE_STRING;
	r->begun = r->line;
	r->begun_text = r->text->n_lines;
}

static void close_string(struct reader *r)
{
	r->place = PLACE_CODE;
	r->list.after_string = true;
	if (r->begun_text < r->text->n_lines)
		r->text->lines[r->text->n_lines - 1].closes = (unsigned int)r->begun_text;
}

/* libconfig 1.5 takes no comma before the end of a list: it gets a blank instead. */
static void close_bracket(struct reader *r)
{
	if (r->list.comma > 0)
		r->text->text[r->list.comma - 1] = ' ';
	if (r->list.brackets > 0)
		r->list.brackets--;
}

static void note_code(struct reader *r, char c)
{
	if (isspace((unsigned char)c))
		return;
	if (c == '(' || c == '[')
		r->list.brackets++;
	else if (c == ')' || c == ']')
		close_bracket(r);
	r->list.comma = c == ',' && r->list.after_string ? r->text->len + 1 : 0;
	r->list.after_string = false;
}

/* Copies code up to the next string or comment; returns the byte after it, NULL: an error. */
static const char *copy_code(struct reader *r, const char *line, const char *p, int *e)
{
	size_t n = 1;

	if (p[0] == '#' || (p[0] == '/' && p[1] == '/')) {
		n = strlen(p);
	} else if (p[0] == '/' && p[1] == '*') {
		r->place = PLACE_COMMENT;
		r->begun = r->line;
		n = 2;
	} else if (p[0] == '"') {
		open_string(r);
	} else if (is_number(line, p)) {
		int len = copy_number(r, p);

		r->list = (struct list){.brackets = r->list.brackets};
		*e = len < 0 ? len : 0;
		return len < 0 ? NULL : p + len;
	} else {
		note_code(r, *p);
	}
	*e = append(r, p, n);
	return *e < 0 ? NULL : p + n;
}

static int copy_line(struct reader *r, const char *line)
{
	const char *p = line;
	int e = cfgtext_add_line(r->text, r->file, r->line) < 0 ? no_memory(r) : 0;

	while (e == 0 && *p != '\0') {
		size_t n = 1;

		if (r->place == PLACE_CODE) {
			p = copy_code(r, line, p, &e);
			continue;
		}
		if (r->place == PLACE_STRING) {
			if (p[0] == '\\' && p[1] != '\0')
				n = 2;
			else if (p[0] == '"')
				close_string(r);
		} else if (p[0] == '*' && p[1] == '/') {
			n = 2;
			r->place = PLACE_CODE;
		}
		e = append(r, p, n);
		p += n;
	}
	return e < 0 ? e : append(r, "\n", 1);
}

/*
 * Said here as libconfig would name the last line only, and lose some memory over it. A quote that
 * is missing turns the strings behind it inside out: the first that ends on another line tells.
 */
static int check_closed(struct reader *r)
{
	unsigned int begun = 0;
	size_t up = r->place == PLACE_STRING ? r->begun_text : 0;

	if (r->place == PLACE_CODE)
		return 0;
	while ((up = cfgtext_closes(r->text, (unsigned int)up)) > 0)
		begun = (unsigned int)up;
	r->line = begun > 0 ? r->text->lines[begun - 1].line : r->begun;
	fault_here(r,
		   r->place == PLACE_COMMENT ? "a comment that begins here is not closed"
		   : begun > 0
			   ? "a quote is missing: a string that begins here ends on a later line"
			   : "a string that begins here has no closing quote",
		   "");
	return -EINVAL;
}

static int take_line(struct reader *r, const char *line, size_t n)
{
	bool taken = false;
	int e = 0;

	r->line++;
	if (strlen(line) != n) {
		fault_here(r, "a zero byte: this is not a text file", "");
		return -EINVAL;
	}
	if (r->text->len + n > MAX_SIZE) {
		fault_here(r, "the configuration is larger than 1 MiB", "");
		return -EFBIG;
	}
	if (r->place == PLACE_CODE)
		e = include(r, line, &taken);
	return e == 0 && !taken ? copy_line(r, line) : e;
}

/* Takes a file's text, in which line ends are overwritten, without the mark of UTF-8. */
static int read_text(struct reader *r, char *text, size_t len)
{
	char *end = text + len;
	int e = cfgtext_add_file(r->text, r->path, &r->file) < 0 ? no_memory(r) : 0;

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (e == 0 && text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *stop = newline != NULL ? newline : end;

		*stop = '\0';
		e = take_line(r, text, (size_t)(stop - text));
		text = stop + 1;
	}
	return e < 0 ? e : check_closed(r);
}

/* What is wrong with a file as a whole: at the place of its @include when it has one. */
static void fault_of_file(const struct reader *r, const char *why)
{
	char text[4300];

	snprintf(text, sizeof(text), "%s: %s", r->path, why);
	if (r->from != NULL)
		fault_here(r->from, "cannot read ", text);
	else
		config_faults_add(r->faults, NULL, "cannot read the configuration file %s", text);
}

static bool is_being_read(const struct reader *r)
{
	for (const struct reader *up = r->from; up != NULL; up = up->from) {
		if (up->dev == r->dev && up->ino == r->ino)
			return true;
	}
	return false;
}

static int read_path(struct reader *r)
{
	struct regular file;
	char why[256];
	int e = regular_read(&file, r->path, MAX_SIZE, why, sizeof(why));

	if (e < 0) {
		fault_of_file(r, why);
		return e;
	}
	r->dev = file.dev;
	r->ino = file.ino;
	if (is_being_read(r)) {
		fault_of_file(r, "it is being read already: files include each other in a circle");
		e = -ELOOP;
	} else if (r->text->n_files == MAX_FILES) {
		fault_of_file(r, "more than 1000 files are included");
		e = -EMFILE;
	} else {
		e = read_text(r, file.text, file.len);
	}
	regular_clear(&file);
	return e;
}

/* The path of an include, from the directory of the file that it stands in. */
static char *include_path(const struct reader *from, const char *name, size_t len)
{
	const char *slash = strrchr(from->path, '/');
	char *path;
	int n;

	if (name[0] == '/' || slash == NULL)
		return strndup(name, len);
	n = asprintf(&path, "%.*s/%.*s", (int)(slash - from->path), from->path, (int)len, name);
	return n < 0 ? NULL : path;
}

/* Reads the file that an @include line names, in its place; *taken tells whether it was one. */
static int include(struct reader *from, const char *line, bool *taken)
{
	const char *p = line + strspn(line, " \t"), *end;
	struct reader r = {.text = from->text,
			   .faults = from->faults,
			   .from = from,
			   .depth = from->depth + 1,
			   .list = from->list};
	char *path;
	int e;

	*taken = strncmp(p, "@include", 8) == 0;
	if (!*taken)
		return 0;
	p += 8;
	p += strspn(p, " \t");
	end = *p == '"' ? strchr(p + 1, '"') : NULL;
	if (end == NULL || end == p + 1) {
		fault_here(from, "write @include \"FILE\"", "");
		return -EINVAL;
	}
	if (r.depth > MAX_DEPTH) {
		fault_here(from, "files include each other too deeply", "");
		return -ELOOP;
	}
	path = include_path(from, p + 1, (size_t)(end - p - 1));
	if (path == NULL)
		return no_memory(from);
	r.path = path;
	e = read_path(&r);
	from->list = r.list;
	free(path);
	return e;
}

/* What was read, or nothing. */
static int hand_over(struct cfgtext **out, struct cfgtext *text, int e)
{
	if (e < 0)
		cfgtext_free(text);
	else
		*out = text;
	return e;
}

int cfgreader_read(struct cfgtext **out, const char *path, struct faults *faults)
{
	struct reader r = {.faults = faults,
			   .path = path,
			   .text = calloc(1, sizeof(struct cfgtext))};
	int e = r.text == NULL ? no_memory(&r) : append(&r, "", 0);

	if (e == 0)
		e = read_path(&r);
	return hand_over(out, r.text, e);
}

int cfgreader_read_string(struct cfgtext **out, const char *path, const char *text,
			  struct faults *faults)
{
	struct reader r = {.faults = faults,
			   .path = path,
			   .text = calloc(1, sizeof(struct cfgtext))};
	char *copy = strdup(text);
	int e = r.text == NULL || copy == NULL ? no_memory(&r) : append(&r, "", 0);

	if (e == 0)
		e = read_text(&r, copy, strlen(text));
	if (copy != NULL)
		explicit_bzero(copy, strlen(text));
	free(copy);
	return hand_over(out, r.text, e);
}
