/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/filter.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/log.h"
#include "base/thread.h"
#include "packet/packet.h"
#include "packet/pcapfile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MAX_DLT      512 /* above all that libpcap knows */
#define SAY_AFTER_MS 2000
#define SHOWN        100 /* characters of an expression that may have thousands */
#define WORD_SHOWN   40
#define LOCATE_MS    100 /* an expression that took longer is not compiled again */
#define SYNTAX_ERROR "syntax error"
#define BLANKS       " \t\r\n"

/* ---- what takes long is said ---- */

struct note {
	const char *filter;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
};

static void *run_note(void *arg)
{
	struct note *n = arg;
	uint64_t until = thread_now_ms() + SAY_AFTER_MS;

	pthread_mutex_lock(&n->lock);
	while (!n->done && thread_now_ms() < until)
		thread_cond_wait(&n->ended, &n->lock, until);
	if (!n->done)
		log_info("filter '%.*s%s': still being compiled; its names have to be found by the "
			 "name service, or it has very many terms",
			 SHOWN, n->filter, strlen(n->filter) > SHOWN ? "..." : "");
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

static void clear_note(struct note *n)
{
	pthread_cond_destroy(&n->ended);
	pthread_mutex_destroy(&n->lock);
}

static void begin_note(struct note *n, const char *filter)
{
	*n = (struct note){.filter = filter};
	if (!*filter || thread_cond_init(&n->ended) < 0)
		return;
	pthread_mutex_init(&n->lock, NULL);
	n->started = thread_start(&n->thread, run_note, n) == 0;
	if (!n->started)
		clear_note(n);
}

static void end_note(struct note *n)
{
	if (!n->started)
		return;
	pthread_mutex_lock(&n->lock);
	n->done = true;
	pthread_cond_signal(&n->ended);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	clear_note(n);
}

/* ---- where an expression goes wrong ---- */

struct word {
	const char *at;
	size_t len; /* 0: there is none */
};

static struct word word_of(const char *filter, size_t number)
{
	const char *p = filter + strspn(filter, BLANKS);

	while (number--) {
		p += strcspn(p, BLANKS);
		p += strspn(p, BLANKS);
	}
	return (struct word){.at = p, .len = strcspn(p, BLANKS)};
}

static size_t count_words(const char *filter)
{
	size_t n = 0;

	for (const char *p = filter; *(p += strspn(p, BLANKS)); p += strcspn(p, BLANKS))
		n++;
	return n;
}

/*
 * Whether so many words of it can begin an expression. libpcap does not say where its parser
 * stopped, but its scanner refuses "1:2:3" as an address, in other words. The parser asks for
 * that only when it has taken all that stands before.
 */
static bool can_begin(pcap_t *pcap, const char *filter, size_t words)
{
	struct word last = words ? word_of(filter, words - 1) : (struct word){.at = filter};
	size_t len = (size_t)(last.at - filter) + last.len;
	struct bpf_program program;
	char *text = NULL;

	if (asprintf(&text, "%.*s 1:2:3", (int)len, filter) < 0)
		return false;
	if (pcap_compile(pcap, &program, text, 0, PCAP_NETMASK_UNKNOWN) == 0)
		pcap_freecode(&program);
	free(text);
	return strstr(pcap_geterr(pcap), SYNTAX_ERROR) == NULL;
}

/* Says it behind libpcap's words. */
static void locate(pcap_t *pcap, const char *filter, char *why, size_t size)
{
	size_t can = 0, cannot = count_words(filter) + 1, used = strlen(why);
	struct word word;

	if (!can_begin(pcap, filter, 0)) /* a libpcap with other words */
		return;
	while (cannot - can > 1) {
		size_t middle = can + (cannot - can) / 2;

		*(can_begin(pcap, filter, middle) ? &can : &cannot) = middle;
	}
	word = word_of(filter, can);
	if (word.len == 0)
		snprintf(why + used, size - used, " at its end");
	else
		snprintf(why + used, size - used, " at '%.*s' (word %zu)",
			 (int)(word.len < WORD_SHOWN ? word.len : WORD_SHOWN), word.at, can + 1);
}

/* ---- compiling ---- */

/* A name that is not known now may be later; how an expression is written stays wrong. */
static bool is_name_fault(const char *why)
{
	return strncmp(why, "unknown ", 8) == 0 &&
	       (strstr(why, "host '") != NULL || strstr(why, "network '") != NULL);
}

static int compile(pcap_t *pcap, const char *filter, struct bpf_program *out, char *why,
		   size_t size)
{
	uint64_t began = thread_now_ms();

	if (pcap_compile(pcap, out, filter, 1, PCAP_NETMASK_UNKNOWN) == 0)
		return 0;
	snprintf(why, size, "%s", pcap_geterr(pcap));
	if (strstr(why, SYNTAX_ERROR) != NULL && thread_now_ms() - began < LOCATE_MS)
		locate(pcap, filter, why, size);
	return is_name_fault(why) ? FILTER_E_NAME : -EINVAL;
}

static int check(const char *filter, int dlt, char *why, size_t size)
{
	pcap_t *dead = pcap_open_dead(dlt, PACKET_MAX_LEN);
	struct bpf_program program;
	int r;

	if (!dead)
		return -ENOMEM;
	r = compile(dead, filter, &program, why, size);
	if (r == 0)
		pcap_freecode(&program);
	pcap_close(dead);
	return r;
}

static int check_any(const char *filter, char *why, size_t size)
{
	char other[PCAP_ERRBUF_SIZE];
	int r = check(filter, DLT_EN10MB, why, size);

	if (r != -EINVAL || strstr(why, SYNTAX_ERROR) != NULL)
		return r;
	for (int dlt = 0; dlt < MAX_DLT; dlt++)
		if (pcap_datalink_val_to_name(dlt) != NULL &&
		    check(filter, dlt, other, sizeof(other)) == 0)
			return 0;
	return r;
}

int filter_compile(pcap_t *pcap, const char *filter, struct bpf_program *out, char *why,
		   size_t size)
{
	struct note note;
	int r;

	begin_note(&note, filter);
	r = compile(pcap, filter, out, why, size);
	end_note(&note);
	return r;
}

int filter_check(const char *filter, int dlt, char *why, size_t size)
{
	struct note note;
	int r;

	begin_note(&note, filter);
	r = check(filter, dlt, why, size);
	end_note(&note);
	return r;
}

/* ---- link types ---- */

/*
 * libpcap keeps its table of LINKTYPE_ to DLT_ numbers to itself, but reads a file's header by it.
 * The caller owns `header`, which must outlive the handle.
 */
static pcap_t *open_as_file(uint8_t header[PCAPFILE_HEADER_LEN], uint16_t linktype)
{
	char text[PCAP_ERRBUF_SIZE];
	FILE *f;
	pcap_t *pcap;

	pcapfile_put_header(header, linktype, false);
	f = fmemopen(header, PCAPFILE_HEADER_LEN, "r");
	pcap = f ? pcap_fopen_offline(f, text) : NULL;
	if (f && !pcap)
		fclose(f);
	return pcap;
}

int filter_compile_linktype(uint16_t linktype, const char *filter, struct bpf_program *out,
			    char *why, size_t size)
{
	uint8_t header[PCAPFILE_HEADER_LEN];
	pcap_t *pcap = open_as_file(header, linktype);
	int r;

	if (!pcap) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	r = filter_compile(pcap, filter, out, why, size);
	pcap_close(pcap);
	return r;
}

void filter_linktype_name(uint16_t linktype, char *buf, size_t size)
{
	uint8_t header[PCAPFILE_HEADER_LEN];
	pcap_t *pcap = open_as_file(header, linktype);
	const char *name = pcap ? pcap_datalink_val_to_name(pcap_datalink(pcap)) : NULL;

	if (name)
		snprintf(buf, size, "%u (%s)", linktype, name);
	else
		snprintf(buf, size, "%u", linktype);
	if (pcap)
		pcap_close(pcap);
}

/* ---- words ---- */

/* A word of an expression, as libpcap's scanner has it; NULL: none of these two. */
static const char *direction_of(const char *word, size_t len)
{
	static const char *const words[] = {"inbound", "outbound"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i]) == len && !strncmp(word, words[i], len))
			return words[i];
	return NULL;
}

const char *filter_direction(const char *filter)
{
	static const char in_word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	const char *p = filter, *found = NULL;

	while (!found && *(p += strcspn(p, in_word))) {
		size_t len = strspn(p, in_word);
		bool is_name = p > filter && p[-1] == '\\'; /* which it makes of a keyword */

		found = is_name ? NULL : direction_of(p, len);
		p += len;
	}
	return found;
}

/* ---- a check that is not awaited for ever ---- */

/* Of the thread and of who waits for it: the second to leave it frees it. */
struct expression {
	char *filter;
	char why[PCAP_ERRBUF_SIZE];
	int r;
	atomic_bool left; /* see thread_leave() */
};

static void free_expression(struct expression *e)
{
	free(e->filter);
	free(e);
}

static void *run_expression(void *arg)
{
	struct expression *e = arg;
	struct note note;

	begin_note(&note, e->filter);
	e->r = check_any(e->filter, e->why, sizeof(e->why));
	end_note(&note);
	if (thread_leave(&e->left))
		free_expression(e);
	return NULL;
}

static int start_expression(struct expression **out, pthread_t *thread, const char *filter)
{
	struct expression *e = calloc(1, sizeof(*e));
	int r = -ENOMEM;

	if (e && (e->filter = strdup(filter)))
		r = thread_start(thread, run_expression, e);
	if (r < 0 && e)
		free_expression(e);
	else
		*out = e;
	return r;
}

int filter_check_expression(const char *filter, unsigned int wait_ms, char *why, size_t size)
{
	struct expression *e = NULL;
	pthread_t thread;
	int r = start_expression(&e, &thread, filter);

	if (r < 0) {
		snprintf(why, size, "%s", strerror(-r));
		return r;
	}
	if (!thread_join_or_leave(thread, wait_ms, &e->left))
		return 0;
	r = e->r;
	snprintf(why, size, "%s", e->why);
	free_expression(e);
	return r;
}
