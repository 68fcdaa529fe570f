/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a packet from the input to the delivery. For producer_role.c alone.
 */
#include "app/producer_role_impl.h"

#include <errno.h>

#include "app/replay_check.h"
#include "output/viewer.h"
#include "packet/own_traffic.h"
#include "producer/relay.h"

/* The packet, with what those told that were left out before it. */
static const struct packet *tell_losses(const struct role *s, const struct packet *pkt,
					struct packet *room)
{
	*room = *pkt;
	room->dropcount += s->lost;
	return room;
}

int producer_input_take(void *ctx, const struct packet *pkt)
{
	struct role *s = ctx;
	struct packet room;
	int r;

	if (s->limit_reached)
		return -ECANCELED;
	if (!s->cfg->own_traffic && s->own && own_traffic_match(s->own, pkt)) {
		s->own_packets++;
		s->lost += pkt->dropcount;
		return 0;
	}
	if (s->lost)
		pkt = tell_losses(s, pkt, &room);
	r = relay_send(s->relay, pkt);
	if (r != 0)
		return r;
	s->lost = 0;
	s->taken++;
	s->bytes += pkt->caplen;
	s->last_us = pkt->time_us;
	if (s->cfg->pretty_print && s->taken % s->cfg->pretty_print == 0)
		viewer_show(s->viewer, s->taken, pkt);
	if (s->cfg->max_packets && s->taken >= s->cfg->max_packets) {
		s->limit_reached = true;
		ev_timer_start(s->opt.loop, &s->limit);
	}
	return 0;
}

int producer_input_take_from_file(void *ctx, const struct packet *pkt)
{
	struct role *s = ctx;
	struct packet plain = *pkt;

	if (replay_check_holds(s->check, pkt))
		return PACKET_E_FULL;
	if (s->cfg->annotate)
		return producer_input_take(s, pkt);
	plain.host = plain.interface = NULL;
	plain.host_len = plain.interface_len = 0;
	return producer_input_take(s, &plain);
}
