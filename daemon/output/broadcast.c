/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client changes its state by itself; it is taken out here, by sweep(), and what is to be said
 * of it is said there, once.
 */
#include "output/broadcast.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config_ref.h"
#include "output/client.h"
#include "output/left_out.h"
#include "output/listening.h"

#define LOG_INTERVAL_S  60
#define DESCRIPTION_MAX 256
#define LINES_MAX       100 /* of clients in that time: who comes and goes does not fill the log */

struct broadcast {
	struct ev_loop *loop;
	struct listening *listening; /* NULL: nobody can connect any more */
	const struct config *cfg;    /* what it listens on */
	enum config_format format;
	bool live;     /* it waits for nobody */
	bool finished; /* no packet comes any more */
	bool held;     /* on_drained is owed */
	bool seen;     /* a packet: `like` is known */
	struct packet like;
	struct client *clients[BROADCAST_CLIENTS_MAX];
	unsigned int n;
	uint64_t cut_off;
	struct ev_timer look; /* at the clients, while it is held */
	struct log_limit lines, turned_away, left_out;
	void (*on_drained)(void *ctx);
	void *ctx;
};

/* ---- who is there ---- */

/* Whether there may be one more line. */
static bool may_say(struct broadcast *b)
{
	uint64_t before;

	if (log_limit_pass(&b->lines, LOG_INTERVAL_S, &before) && before >= LINES_MAX)
		log_info("Clients come and go: %" PRIu64 " more line(s) of them left out",
			 before - LINES_MAX + 1);
	return b->lines.suppressed < LINES_MAX;
}

static const char *hint(enum encoder_refusal why)
{
	return why == ENCODER_MEMORY ? "" : "; --format pcapng holds all";
}

/* What it got, and what its capture could not hold. */
static void describe(char *buf, size_t size, const struct client *c)
{
	enum encoder_refusal why;
	uint64_t left_out = client_left_out(c, &why), cut = client_encoder(c)->cut;
	int n = snprintf(buf, size, "%" PRIu64 " packet(s)", client_packets(c));

	if (cut)
		n += snprintf(buf + n, size - (size_t)n, " (%" PRIu64 " without their nanoseconds)",
			      cut);
	if (left_out)
		n += snprintf(buf + n, size - (size_t)n, "; %" PRIu64 " left out: %s", left_out,
			      left_out_which(why));
	if (cut || left_out)
		snprintf(buf + n, size - (size_t)n, "%s", cut ? hint(ENCODER_NANOS) : hint(why));
}

/* Of a packet that others have: nobody else tells of it. */
static void say_left_out(struct broadcast *b, const struct client *c)
{
	enum encoder_refusal why;
	uint64_t more, n = client_left_out(c, &why);

	if (log_limit_pass(&b->left_out, LOG_INTERVAL_S, &more))
		log_warn("client %s: a packet is left out, %" PRIu64 " so far: %s%s",
			 client_name(c), n, left_out_which(why), hint(why));
}

static void say_end(struct broadcast *b, const struct client *c)
{
	static const char *const whys[] = {
		[CLIENT_TOO_SLOW] = "it is too slow: more than 32 MiB wait for it",
		[CLIENT_STUCK] = "it takes nothing",
		[CLIENT_NO_MEMORY] = "out of memory",
	};
	enum client_state state = client_state(c);
	bool cut_off = state != CLIENT_DONE && state != CLIENT_LEFT;
	char got[DESCRIPTION_MAX];

	static_assert(CLIENT_BACKLOG_MAX == 32 * 1024 * 1024, "as the text says");
	b->cut_off += cut_off;
	if (!may_say(b))
		return;
	describe(got, sizeof(got), c);
	if (cut_off)
		log_warn("client %s cut off after %s: %s", client_name(c), got, whys[state]);
	else
		log_info("Client %s %s, %s", client_name(c),
			 state == CLIENT_DONE ? "has all" : "left", got);
}

static void sweep(struct broadcast *b)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		if (client_state(b->clients[i]) == CLIENT_SERVED) {
			b->clients[kept++] = b->clients[i];
			continue;
		}
		say_end(b, b->clients[i]);
		client_free(b->clients[i]);
	}
	b->n = kept;
}

/* ---- the pace ---- */

static bool may_go_on(const struct broadcast *b)
{
	if (b->finished)
		return b->n == 0;
	for (unsigned int i = 0; i < b->n; i++)
		if (client_waiting(b->clients[i]) == 0)
			return true;
	return b->live;
}

/* Whoever asks can go on, or is told when he can. */
static bool hold_unless(struct broadcast *b, bool free)
{
	if (!free && !b->held) {
		b->held = true;
		for (unsigned int i = 0; i < b->n; i++)
			client_watch(b->clients[i]);
		ev_timer_again(b->loop, &b->look);
	}
	return free;
}

/* Something has changed. */
static void settle(struct broadcast *b)
{
	sweep(b);
	if (!b->held || !may_go_on(b))
		return;
	b->held = false;
	ev_timer_stop(b->loop, &b->look);
	b->on_drained(b->ctx);
}

static void on_event(void *ctx)
{
	settle(ctx);
}

static void on_look(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct broadcast *b = w->data;

	for (unsigned int i = 0; i < b->n; i++)
		client_look(b->clients[i]);
	settle(b);
}

/* ---- clients ---- */

static struct encoder *make_encoder(const struct broadcast *b)
{
	return b->format == CONFIG_FORMAT_PCAPNG ? pcapng_encoder_new() : pcap_encoder_new();
}

static void turn_away(struct broadcast *b, const char *name, const char *why)
{
	uint64_t more;

	if (log_limit_pass(&b->turned_away, LOG_INTERVAL_S, &more))
		log_warn("client %s turned away: %s", name, why);
}

static void on_client(void *ctx, int fd, const char *name)
{
	struct broadcast *b = ctx;
	struct client_options opt = {.loop = b->loop,
				     .fd = fd,
				     .name = name,
				     .like = b->seen ? &b->like : NULL,
				     .on_event = on_event,
				     .ctx = b};

	if (b->n == BROADCAST_CLIENTS_MAX) {
		close(fd);
		turn_away(b, name, "32 are connected, and there may be no more");
		return;
	}
	static_assert(BROADCAST_CLIENTS_MAX == 32, "as the text says");
	opt.to = make_encoder(b);
	if (client_new(&b->clients[b->n], &opt) < 0) {
		turn_away(b, name, "out of memory");
		return;
	}
	if (may_say(b))
		log_info("Client %s joined", name);
	client_flush(b->clients[b->n++]);
	settle(b);
}

/* ---- packets ---- */

bool broadcast_has_room(struct broadcast *b)
{
	bool room = b->live;

	for (unsigned int i = 0; i < b->n && !room; i++)
		room = client_has_room(b->clients[i]);
	return hold_unless(b, room);
}

/* For those who join later. */
static void remember(struct broadcast *b, const struct packet *pkt)
{
	b->seen = true;
	b->like.linktype = pkt->linktype;
	b->like.nanos |= pkt->nanos;
}

const struct encoder *broadcast_put(struct broadcast *b, const struct packet *pkt,
				    const struct pretty_origin *origin)
{
	const struct client *without = NULL;
	bool taken = false, over = false;

	for (unsigned int i = 0; i < b->n; i++) {
		struct client *c = b->clients[i];
		int r = client_put(c, pkt, origin);

		if (client_state(c) != CLIENT_SERVED)
			over = true;
		else if (r == CLIENT_E_LEFT_OUT)
			without = c;
		else
			taken = true;
	}
	if (over)
		sweep(b);
	remember(b, pkt);
	if (without && (taken || b->cfg->write_file))
		say_left_out(b, without);
	return taken || !without ? NULL : client_encoder(without);
}

void broadcast_note_losses(struct broadcast *b, const struct packet *pkt)
{
	for (unsigned int i = 0; i < b->n; i++)
		client_note_losses(b->clients[i], pkt);
}

bool broadcast_flush(struct broadcast *b)
{
	for (unsigned int i = 0; i < b->n; i++)
		client_flush(b->clients[i]);
	sweep(b);
	return hold_unless(b, may_go_on(b));
}

void broadcast_finish(struct broadcast *b)
{
	if (b->finished)
		return;
	b->finished = true;
	listening_free(b->listening);
	b->listening = NULL;
	for (unsigned int i = 0; i < b->n; i++)
		client_finish(b->clients[i]);
	sweep(b);
}

/* ---- what is so ---- */

bool broadcast_is_held(const struct broadcast *b)
{
	return b->held && !may_go_on(b);
}

unsigned int broadcast_clients(const struct broadcast *b)
{
	return b->n;
}

uint64_t broadcast_cut_off(const struct broadcast *b)
{
	return b->cut_off;
}

/* ---- life ---- */

int broadcast_new(struct broadcast **out, const struct broadcast_options *opt)
{
	struct broadcast *b = calloc(1, sizeof(*b));
	const struct listening_options listening = {.loop = opt->loop,
						    .where = opt->cfg->listen,
						    .on_client = on_client,
						    .ctx = b};
	char where[LISTENING_WHERE_MAX];
	int r;

	if (!b)
		return -ENOMEM;
	b->loop = opt->loop;
	b->cfg = config_ref(opt->cfg);
	b->format = opt->cfg->format;
	b->live = opt->cfg->start.offset == CONFIG_OFFSET_END;
	b->on_drained = opt->on_drained;
	b->ctx = opt->ctx;
	ev_timer_init(&b->look, on_look, 0.,
		      (opt->patience_s > 0 ? opt->patience_s : BROADCAST_PATIENCE_S) /
			      CLIENT_LOOKS);
	b->look.data = b;
	r = listening_new(&b->listening, &listening);
	if (r < 0) {
		broadcast_free(b);
		return r;
	}
	listening_describe(b->listening, where, sizeof(where));
	log_info("Listening on %s%s", where,
		 b->live ? "" : "; the reading waits until a client is there");
	*out = b;
	return 0;
}

void broadcast_free(struct broadcast *b)
{
	if (!b)
		return;
	ev_timer_stop(b->loop, &b->look);
	listening_free(b->listening);
	config_unref(b->cfg);
	for (unsigned int i = 0; i < b->n; i++) {
		const struct client *c = b->clients[i];
		char got[DESCRIPTION_MAX];

		describe(got, sizeof(got), c);
		if (client_waiting(c))
			log_warn("Client %s is cut off after %s: pycapa ends", client_name(c), got);
		client_free(b->clients[i]);
	}
	free(b);
}
