/* SPDX-License-Identifier: ISC */
/*
 * Reads SDP (RFC 8866) as it comes from phones and carriers into struct sdp, which points into the
 * text. Called by mediad's main thread for each offer and answer; the text is hostile. Nothing is
 * copied, allocated or judged here: see sdp_negotiate.c.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "mediad/sdp.h"

/* What the parser knows while it walks down the lines. */
struct parser {
	struct sdp		*out;
	struct sdp_media	*media;		/* the section we are in; NULL: session level */
	const char		*reason;
	union addr		 session_addr;
	bool			 session_has_dir;
	enum media_direction	 session_dir;
	uint16_t		 session_ptime;
	uint32_t		 line;
	bool			 has_origin;
	/* Per section, as the struct cannot tell "not said" from 0. */
	bool			 has_dir[SDP_MEDIA_MAX];
	uint16_t		 rtcp_port[SDP_MEDIA_MAX];
};

/* ---- views ---------------------------------------------------------------------------------- */

static bool
view_is(struct sdp_view v, const char *word)
{
	return v.len == strlen(word) && strncasecmp(v.p, word, v.len) == 0;
}

/* Takes the next word off *rest. False at the end. */
static bool
take_word(struct sdp_view *rest, struct sdp_view *word)
{
	while (rest->len > 0 && (*rest->p == ' ' || *rest->p == '\t')) {
		rest->p++;
		rest->len--;
	}
	word->p = rest->p;
	while (rest->len > 0 && *rest->p != ' ' && *rest->p != '\t') {
		rest->p++;
		rest->len--;
	}
	word->len = (size_t)(rest->p - word->p);
	return word->len > 0;
}

/* Takes what stands before sep off *rest, and sep. The whole rest if there is no sep. */
static struct sdp_view
take_until(struct sdp_view *rest, char sep)
{
	struct sdp_view head = *rest;
	const char *at = rest->len > 0 ? memchr(rest->p, sep, rest->len) : NULL;

	if (at == NULL) {
		rest->p += rest->len;
		rest->len = 0;
		return head;
	}
	head.len = (size_t)(at - rest->p);
	rest->len -= head.len + 1;
	rest->p = at + 1;
	return head;
}

/* All of v as a decimal number of at most max. */
static bool
view_number(struct sdp_view v, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (v.len == 0 || v.len > 20)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		if (n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	*out = n;
	return n <= max;
}

/* RFC 8866 token, with the slash of transports: what we may have to repeat in an answer. */
static bool
view_token(struct sdp_view v, size_t max)
{
	if (v.len == 0 || v.len > max)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f || strchr("\"(),:;<=>?@[\\]", v.p[i]) != NULL)
			return false;
	return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool
fail(struct parser *ps, const char *reason)
{
	ps->reason = reason;
	return false;
}

static bool
addr_forbidden(const union addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(a->in.sin_addr.s_addr)) ||
		    a->in.sin_addr.s_addr == INADDR_BROADCAST;
	return IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
}

/* "IN IP4 192.0.2.1[/ttl]". */
static bool
parse_addr(struct parser *ps, struct sdp_view rest, union addr *out)
{
	struct sdp_view net, family, text;
	union addr a;
	char ip[48];

	if (!take_word(&rest, &net) || !take_word(&rest, &family) || !take_word(&rest, &text))
		return fail(ps, "an address needs three words");
	if (!view_is(net, "IN") || (!view_is(family, "IP4") && !view_is(family, "IP6")))
		return fail(ps, "only IN IP4 and IN IP6 addresses");
	text = take_until(&text, '/');
	if (text.len == 0 || text.len >= sizeof(ip))
		return fail(ps, "not an IP address");
	memcpy(ip, text.p, text.len);
	ip[text.len] = '\0';
	if (addr_from_ip(&a, ip, 0) < 0 || (a.sa.sa_family == AF_INET6) != view_is(family, "IP6"))
		return fail(ps, "not an IP address of its family");
	if (addr_forbidden(&a))
		return fail(ps, "multicast and broadcast are not taken");
	*out = a;
	return true;
}

/* o=<user> <id> <version> IN IP4 <address>. The address is never used, so it may be a name. */
static bool
parse_origin(struct parser *ps, struct sdp_view rest)
{
	struct sdp_view id, version, word;

	if (!take_word(&rest, &ps->out->origin_user) || !take_word(&rest, &id) ||
	    !take_word(&rest, &version) || !take_word(&rest, &word))
		return fail(ps, "o= needs a user, an id, a version and an address");
	if (!view_number(id, UINT64_MAX, &ps->out->origin_id))
		ps->out->origin_id = 0;
	if (!view_number(version, UINT64_MAX, &ps->out->origin_version))
		ps->out->origin_version = 0;
	ps->has_origin = true;
	return true;
}

static enum sdp_proto
proto_of(struct sdp_view v)
{
	static const struct {
		const char	*name;
		enum sdp_proto	 proto;
	} names[] = {
		{ "RTP/AVP", SDP_PROTO_AVP },
		{ "RTP/AVPF", SDP_PROTO_AVPF },
		{ "RTP/SAVP", SDP_PROTO_SAVP },
		{ "RTP/SAVPF", SDP_PROTO_SAVPF },
		{ "UDP/TLS/RTP/SAVP", SDP_PROTO_DTLS },
		{ "UDP/TLS/RTP/SAVPF", SDP_PROTO_DTLS },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(v, names[i].name))
			return names[i].proto;
	return SDP_PROTO_OTHER;
}

static enum sdp_kind
kind_of(struct sdp_view v)
{
	if (view_is(v, "audio"))
		return SDP_KIND_AUDIO;
	if (view_is(v, "video"))
		return SDP_KIND_VIDEO;
	if (view_is(v, "image"))
		return SDP_KIND_IMAGE;
	return SDP_KIND_OTHER;
}

/* A number that is there twice counts once. */
static void
add_fmt(struct sdp_media *m, uint8_t pt)
{
	for (size_t i = 0; i < m->nfmts; i++)
		if (m->fmts[i].pt == pt)
			return;
	if (m->nfmts < SDP_FMT_MAX)
		m->fmts[m->nfmts++].pt = pt;
}

/* m=<media> <port>[/<count>] <proto> <fmt>... */
static bool
parse_media(struct parser *ps, struct sdp_view rest)
{
	struct sdp_view port, word;
	struct sdp_media *m;
	uint64_t n;

	if (ps->out->nmedia == SDP_MEDIA_MAX)
		return fail(ps, "too many m= lines");
	m = ps->media = &ps->out->media[ps->out->nmedia];
	if (!take_word(&rest, &m->type_text) || !take_word(&rest, &port) ||
	    !take_word(&rest, &m->proto_text) || !take_word(&rest, &m->fmt_text))
		return fail(ps, "m= needs a type, a port, a transport and a format");
	if (!view_token(m->type_text, sizeof(((struct sdp_mline *)0)->type) - 1) ||
	    !view_token(m->proto_text, sizeof(((struct sdp_mline *)0)->proto) - 1) ||
	    !view_token(m->fmt_text, sizeof(((struct sdp_mline *)0)->fmt) - 1))
		return fail(ps, "m= has a word that is too long or no token");
	if (!view_number(take_until(&port, '/'), UINT16_MAX, &n))
		return fail(ps, "m= has a port that is no number up to 65535");
	m->port = (uint16_t)n;
	m->kind = kind_of(m->type_text);
	m->proto = proto_of(m->proto_text);
	if (m->proto == SDP_PROTO_OTHER && m->kind != SDP_KIND_IMAGE)
		m->kind = SDP_KIND_OTHER;
	word = m->fmt_text;
	do {
		if (m->proto == SDP_PROTO_OTHER)
			break;
		if (!view_number(word, 127, &n))
			return fail(ps, "m= has a payload type that is no number up to 127");
		add_fmt(m, (uint8_t)n);
	} while (take_word(&rest, &word));
	ps->out->nmedia++;
	return true;
}

/* ---- attributes: what is malformed is skipped ----------------------------------------------- */

static struct sdp_fmt *
fmt_of(struct sdp_media *m, struct sdp_view pt)
{
	uint64_t n;

	if (!view_number(pt, 127, &n))
		return NULL;
	for (size_t i = 0; i < m->nfmts; i++)
		if (m->fmts[i].pt == n)
			return &m->fmts[i];
	return NULL;
}

/* rtpmap:<pt> <name>/<clock>[/<channels>] */
static void
parse_rtpmap(struct sdp_media *m, struct sdp_view rest)
{
	struct sdp_view pt, word, name, clock_hz;
	uint64_t hz, channels = 1;
	struct sdp_fmt *f;

	if (!take_word(&rest, &pt) || !take_word(&rest, &word) || (f = fmt_of(m, pt)) == NULL)
		return;
	name = take_until(&word, '/');
	clock_hz = take_until(&word, '/');
	if (name.len == 0 || !view_number(clock_hz, 1000000, &hz) || hz == 0)
		return;
	if (word.len > 0 && !view_number(word, 255, &channels))
		return;
	f->name = name;
	f->clock_hz = (uint32_t)hz;
	f->channels = (uint8_t)channels;
}

static void
parse_fmtp(struct sdp_media *m, struct sdp_view rest)
{
	struct sdp_view pt;
	struct sdp_fmt *f;

	if (!take_word(&rest, &pt) || (f = fmt_of(m, pt)) == NULL)
		return;
	while (rest.len > 0 && *rest.p == ' ') {
		rest.p++;
		rest.len--;
	}
	f->fmtp = rest;
}

/* rtcp:<port> [IN IP4 <address>] (RFC 3605) */
static void
parse_rtcp(struct parser *ps, struct sdp_view rest)
{
	struct sdp_view port;
	union addr a;
	uint64_t n;

	if (!take_word(&rest, &port) || !view_number(port, UINT16_MAX, &n) || n == 0)
		return;
	ps->rtcp_port[ps->out->nmedia - 1] = (uint16_t)n;
	if (parse_addr(ps, rest, &a))
		ps->media->rtcp = a;
}

/* A number of milliseconds; some write "20.0". 0 when it is none. */
static uint16_t
parse_ms(struct sdp_view rest)
{
	struct sdp_view word;
	uint64_t ms;

	if (!take_word(&rest, &word) || !view_number(take_until(&word, '.'), 10000, &ms))
		return 0;
	return (uint16_t)ms;
}

static bool
direction_of(struct sdp_view name, enum media_direction *dir)
{
	if (view_is(name, "sendrecv"))
		*dir = MEDIA_SENDRECV;
	else if (view_is(name, "sendonly"))
		*dir = MEDIA_SENDONLY;
	else if (view_is(name, "recvonly"))
		*dir = MEDIA_RECVONLY;
	else if (view_is(name, "inactive"))
		*dir = MEDIA_INACTIVE;
	else
		return false;
	return true;
}

static void
parse_attribute(struct parser *ps, struct sdp_view rest)
{
	struct sdp_view name = take_until(&rest, ':');
	struct sdp_media *m = ps->media;
	enum media_direction dir;

	while (name.len > 0 && name.p[name.len - 1] == ' ')
		name.len--;
	if (direction_of(name, &dir)) {
		if (m == NULL) {
			ps->session_dir = dir;
			ps->session_has_dir = true;
		} else {
			m->direction = dir;
			ps->has_dir[ps->out->nmedia - 1] = true;
		}
	} else if (m == NULL) {
		if (view_is(name, "ptime"))
			ps->session_ptime = parse_ms(rest);
	} else if (view_is(name, "rtpmap")) {
		parse_rtpmap(m, rest);
	} else if (view_is(name, "fmtp")) {
		parse_fmtp(m, rest);
	} else if (view_is(name, "ptime")) {
		m->ptime_ms = parse_ms(rest);
	} else if (view_is(name, "maxptime")) {
		m->maxptime_ms = parse_ms(rest);
	} else if (view_is(name, "rtcp")) {
		parse_rtcp(ps, rest);
	} else if (view_is(name, "rtcp-mux")) {
		m->rtcp_mux = true;
	} else if (view_is(name, "crypto") && m->ncrypto < SDP_CRYPTO_MAX) {
		m->crypto[m->ncrypto++] = rest;
	}
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool
parse_line(struct parser *ps, struct sdp_view text)
{
	struct sdp_view value;

	if (text.len < 2 || text.p[1] != '=' || text.p[0] < 'a' || text.p[0] > 'z')
		return fail(ps, "a line is not letter=value");
	value = (struct sdp_view){ text.p + 2, text.len - 2 };
	if ((text.p[0] == 'v') != (ps->line == 1))
		return fail(ps, "v= stands first and only there");
	switch (text.p[0]) {
	case 'v':
		return view_is(value, "0") || fail(ps, "only version 0");
	case 'o':
		return parse_origin(ps, value);
	case 'c':
		if (ps->media == NULL)
			return parse_addr(ps, value, &ps->session_addr);
		if (ps->media->addr.sa.sa_family != AF_UNSPEC)	/* layers of a multicast session */
			return true;
		return parse_addr(ps, value, &ps->media->addr);
	case 'm':
		return parse_media(ps, value);
	case 'a':
		parse_attribute(ps, value);
		ps->reason = NULL;
		return true;
	}
	return true;
}

/* What a section did not say itself comes from the session level. */
static void
inherit(struct parser *ps, size_t i)
{
	struct sdp_media *m = &ps->out->media[i];

	if (m->addr.sa.sa_family == AF_UNSPEC)
		m->addr = ps->session_addr;
	if (m->addr.sa.sa_family != AF_UNSPEC)
		addr_set_port(&m->addr, m->port);
	if (!ps->has_dir[i] && ps->session_has_dir)
		m->direction = ps->session_dir;
	if (m->ptime_ms == 0)
		m->ptime_ms = ps->session_ptime;
	if (m->rtcp.sa.sa_family == AF_UNSPEC)
		m->rtcp = m->addr;
	if (m->rtcp.sa.sa_family != AF_UNSPEC) {
		if (ps->rtcp_port[i] != 0)
			addr_set_port(&m->rtcp, ps->rtcp_port[i]);
		else
			addr_set_port(&m->rtcp,
			    m->port < UINT16_MAX && m->port > 0 ? m->port + 1 : 0);
	}
}

int
sdp_parse(struct sdp *out, const uint8_t *text, size_t len, struct sdp_error *err)
{
	struct parser ps = { .out = out };
	struct sdp_view rest = { (const char *)text, len }, one;

	memset(out, 0, sizeof(*out));
	if (len == 0 || len > SDP_TEXT_MAX)
		ps.reason = len == 0 ? "empty" : "too long";
	else if (memchr(text, '\0', len) != NULL)
		ps.reason = "a NUL byte";
	while (ps.reason == NULL && rest.len > 0) {
		one = take_until(&rest, '\n');
		if (one.len > 0 && one.p[one.len - 1] == '\r')
			one.len--;
		ps.line++;
		if (one.len > 0)
			parse_line(&ps, one);
		else if (ps.line == 1)
			ps.reason = "v= stands first and only there";
	}
	if (ps.reason == NULL) {
		ps.line = 0;
		if (!ps.has_origin)
			ps.reason = "no o= line";
	}
	if (ps.reason != NULL) {
		if (err != NULL)
			*err = (struct sdp_error){ ps.line, ps.reason };
		return -EINVAL;
	}
	for (size_t i = 0; i < out->nmedia; i++)
		inherit(&ps, i);
	return 0;
}
