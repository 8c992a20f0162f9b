/* SPDX-License-Identifier: ISC */
/* The line of free RTP ports, see port.h. */
#include "mediad/port.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define PAIRS	(UINT16_MAX / 2 + 1)

struct port_line {
	uint16_t	*line;		/* ring of RTP ports that are free */
	unsigned	 head, count, cap;
	uint16_t	 first, last;	/* RTP ports of the range; even */
	unsigned	 used;
	uint8_t		 taken[PAIRS / 8];	/* by half the port number */
	struct log_bucket bucket;
};

static bool
is_taken(const struct port_line *l, unsigned port)
{
	return l->taken[port / 2 / 8] & 1u << (port / 2 % 8);
}

static void
mark(struct port_line *l, unsigned port, bool on)
{
	if (on)
		l->taken[port / 2 / 8] |= (uint8_t)(1u << (port / 2 % 8));
	else
		l->taken[port / 2 / 8] &= (uint8_t)~(1u << (port / 2 % 8));
}

static void
append(struct port_line *l, uint16_t port)
{
	l->line[(l->head + l->count) % l->cap] = port;
	l->count++;
}

int
port_line_range(struct port_line *l, uint16_t first, uint16_t last)
{
	unsigned even = (unsigned)first + (first & 1), cap, port;
	uint16_t *line;

	cap = last > even ? (last - even + 1) / 2 : 0;
	if ((line = mem_new((cap > 0 ? cap : 1) * sizeof(*line))) == NULL)
		return -ENOMEM;
	mem_free(&l->line);
	l->line = line;
	l->cap = cap;
	l->head = l->count = 0;
	l->first = (uint16_t)even;
	l->last = (uint16_t)(cap > 0 ? even + (cap - 1) * 2 : even);
	for (port = even; l->count < cap && port < UINT16_MAX; port += 2) {
		if (!is_taken(l, port))
			append(l, (uint16_t)port);
		else
			cap--;
	}
	return 0;
}

int
port_line_new(struct port_line **out, uint16_t first, uint16_t last)
{
	struct port_line *l = mem_new(sizeof(*l));
	int r;

	*out = NULL;
	if (l == NULL)
		return -ENOMEM;
	if ((r = port_line_range(l, first, last)) < 0) {
		mem_free(&l);
		return r;
	}
	*out = l;
	return 0;
}

void
port_line_free(struct port_line **line)
{
	if (*line == NULL)
		return;
	mem_free(&(*line)->line);
	mem_free(line);
}

static int
open_pair(const union addr *local, uint16_t number, struct port_pair *out)
{
	union addr a = *local;
	int r;

	memset(out, 0, sizeof(*out));
	addr_set_port(&a, number);
	if ((r = io_port_open(&out->rtp, &a)) < 0)
		return r;
	addr_set_port(&a, (uint16_t)(number + 1));
	if ((r = io_port_open(&out->rtcp, &a)) < 0) {
		io_port_close(&out->rtp);
		return r;
	}
	out->number = number;
	return 0;
}

int
port_take(struct port_line *l, const union addr *local, struct port_pair *out)
{
	unsigned tries = l->count;
	uint16_t port;
	int r;

	memset(out, 0, sizeof(*out));
	while (tries-- > 0) {
		port = l->line[l->head];
		l->head = (l->head + 1) % l->cap;
		l->count--;
		r = open_pair(local, port, out);
		if (r == 0) {
			mark(l, port, true);
			l->used++;
			return 0;
		}
		append(l, port);
		if (r != -EADDRINUSE)
			return r;
		log_limited(&l->bucket, LL_WARNING, "RTP port is used by somebody else",
		    kv_u("port", port));
	}
	return -EADDRINUSE;
}

int
port_take_again(struct port_line *l, const union addr *local, uint16_t number,
    struct port_pair *out)
{
	int r;

	memset(out, 0, sizeof(*out));
	if (number == 0 || (number & 1) || is_taken(l, number))
		return -EADDRINUSE;
	if ((r = open_pair(local, number, out)) < 0)
		return r;
	mark(l, number, true);
	l->used++;
	return 0;
}

void
port_line_settle(struct port_line *l)
{
	unsigned from = 0, port;

	for (unsigned i = l->count; i-- > 0;) {
		port = l->line[(l->head + i) % l->cap];
		if (is_taken(l, port) && port > from)
			from = port;
	}
	for (unsigned n = l->count; n > 0; n--) {
		port = l->line[l->head];
		l->head = (l->head + 1) % l->cap;
		l->count--;
		if (!is_taken(l, port))
			append(l, (uint16_t)port);
	}
	/* What was used last before the restart is used last now, as far as one can tell. */
	for (unsigned n = l->count; n > 0 && l->line[l->head] < from; n--) {
		port = l->line[l->head];
		l->head = (l->head + 1) % l->cap;
		l->count--;
		append(l, (uint16_t)port);
	}
}

void
port_give_back(struct port_line *l, struct port_pair *pair)
{
	uint16_t number = pair->number;

	if (number == 0)
		return;
	io_port_close(&pair->rtp);
	io_port_close(&pair->rtcp);
	pair->number = 0;
	mark(l, number, false);
	l->used--;
	if (number >= l->first && number <= l->last && l->count < l->cap)
		append(l, number);
}

unsigned
port_line_used(const struct port_line *l)
{
	return l->used;
}

unsigned
port_line_total(const struct port_line *l)
{
	return l->cap;
}
