/* SPDX-License-Identifier: ISC */
/*
 * Text messages; see texts.h. Called by watch_ask.c (who has asked who the sender is) and watch.c.
 */
#include "featured/reg/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/hash.h"

#define FILE_MAX     (16 * 1024)
#define DEADLINE_MS  40000 /* of a phone's answer: longer than its transaction */
#define AGAIN_MS     120000
#define CONTACTS_MAX 10
#define IN_FLIGHT    50 /* beyond the limit, for one who is there */
#define RECENT       256

struct text {
	STAILQ_ENTRY(text) next;
	struct reader *to; /* NULL: nobody wants it any more, and it goes when its file is done */
	struct texts *texts;
	char file[UUID_STR_LEN + 1];
	struct text_parts parts; /* body is ours */
	bool stored;
	unsigned asked;   /* contacts whose answer is still to come */
	bool taken;       /* one of them has it */
	struct ipc_peer *peer; /* who waits for 202 */
	uint32_t request;
	uint8_t tries; /* how often a phone has refused it */
};

/* A user's texts. */
struct reader {
	UT_hash_handle hh;
	char user[65];
	size_t n;
	uint64_t again_ms; /* try again then, 0: when something happens */
	bool news;         /* a phone has registered while another was being asked */
	STAILQ_HEAD(, text) texts;
};

struct texts {
	const struct settings *settings;
	struct texts_env env;
	struct reader *readers;
	size_t n;
	uint64_t now_ms;
	uint64_t recent[RECENT]; /* fingerprints of what was taken last: a MESSAGE may come again */
	size_t recent_at;
	struct log_bucket log;
};

static void pump(struct texts *t, struct reader *r);

#define HASH_START 14695981039346656037ULL

static uint64_t
hash_more(uint64_t h, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211ULL;
	return (h ^ 0xff) * 1099511628211ULL;
}

static struct reader *
reader_of(struct texts *t, const char *user)
{
	struct reader *r;

	HASH_FIND_STR(t->readers, user, r);
	if (r != NULL || (r = mem_new(sizeof(*r))) == NULL)
		return r;
	str_copy(r->user, sizeof(r->user), user);
	STAILQ_INIT(&r->texts);
	HASH_ADD_STR(t->readers, user, r);
	if (!hash_added(r)) {
		free(r);
		return NULL;
	}
	return r;
}

static void
text_free(struct text *x)
{
	ipc_unref(&x->peer);
	free((char *)(uintptr_t)x->parts.body);
	free(x);
}

/* Out of its reader's list, and its file goes; the memory goes when nobody is asked any more. */
static void
drop(struct text *x)
{
	struct texts *t = x->texts;
	struct reader *r = x->to;

	STAILQ_REMOVE(&r->texts, x, text, next);
	r->n--;
	t->n--;
	x->to = NULL;
	if (x->stored)
		keep_remove(t->env.keep, x->file, NULL, NULL);
	if (r->n == 0) {
		HASH_DEL(t->readers, r);
		free(r);
	}
	if (x->asked == 0 && x->stored)
		text_free(x);
}

/* A copy of the parts, at the end of the list. */
static struct text *
add(struct texts *t, const struct text_parts *parts)
{
	struct reader *r = reader_of(t, parts->to);
	struct text *x = r != NULL ? mem_new(sizeof(*x)) : NULL;
	char *body = x != NULL ? mem_new(parts->body_len + 1) : NULL;

	if (body == NULL) {
		free(x);
		if (r != NULL && r->n == 0) {
			HASH_DEL(t->readers, r);
			free(r);
		}
		return NULL;
	}
	memcpy(body, parts->body, parts->body_len);
	x->texts = t;
	x->to = r;
	x->parts = *parts;
	x->parts.body = body;
	STAILQ_INSERT_TAIL(&r->texts, x, next);
	r->n++;
	t->n++;
	return x;
}

/*
 * To the phones.
 */

static void
on_answer(void *arg, const struct ipc_msg *reply)
{
	struct text *x = arg;
	const struct msg_error *e = reply->body;
	struct texts *t = x->texts;
	struct reader *r = x->to;

	x->asked--;
	if (reply->type == MSG_done)
		x->taken = true;
	else if (reply->type == MSG_error)
		log_limited(&t->log, LL_INFO, "text not delivered", kv_s("to", x->parts.to),
		    kv_u("status", e->status));
	/* These say that the phone was not heard: it may have it all the same. */
	if (reply->type == MSG_error && e->status != 408 && e->status != 503 && e->status != 504)
		x->tries++;
	if (r == NULL) {
		if (x->asked == 0 && x->stored)
			text_free(x);
		return;
	}
	if (x->taken) {
		bool more = r->n > 1;

		drop(x);
		if (more)
			pump(t, r);
	} else if (x->asked == 0 && r->news) {
		pump(t, r);
	} else if (x->asked == 0) {
		r->again_ms = t->now_ms + AGAIN_MS;
	}
}

static bool
send_to(struct text *x, const struct binding *b)
{
	struct texts *t = x->texts;
	struct msg_message_send m = { .transport = b->transport, .at_ms = x->parts.at_ms };
	struct ipc_peer *sipd = t->env.sipd(t->env.arg);

	str_copy(m.request_uri, sizeof(m.request_uri), b->uri);
	str_copy(m.route, sizeof(m.route), b->path[0] != '\0' ? "" : b->source);
	str_copy(m.path, sizeof(m.path), b->path);
	str_copy(m.from_user, sizeof(m.from_user), x->parts.from);
	str_copy(m.from_name, sizeof(m.from_name), x->parts.from_name);
	str_copy(m.to_user, sizeof(m.to_user), x->parts.to);
	str_copy(m.domain, sizeof(m.domain), t->settings->server.domain);
	str_copy(m.content_type, sizeof(m.content_type), x->parts.type);
	m.body = (struct ipc_view){ (const uint8_t *)x->parts.body, x->parts.body_len };
	str_format(m.name, sizeof(m.name), "%s-%016llx", x->file,
	    (unsigned long long)hash_more(hash_more(HASH_START, b->uri), m.route));
	m.tries = x->tries;
	if (ipc_request(sipd, MSG_message_send, &m, DEADLINE_MS, on_answer, x) < 0)
		return false;
	x->asked++;
	return true;
}

/* Sends the first of the reader's texts to all of his phones, unless one is under way. */
static void
pump(struct texts *t, struct reader *r)
{
	const struct binding *contacts[CONTACTS_MAX];
	struct text *x = STAILQ_FIRST(&r->texts);
	size_t n;

	r->again_ms = 0;
	if (x == NULL || !x->stored || x->asked > 0)
		return;
	r->news = false;
	n = bindings_lookup(t->env.bindings, r->user, t->now_ms, contacts, CONTACTS_MAX);
	for (size_t i = 0; i < n; i++)
		send_to(x, contacts[i]);
	if (n > 0 && x->asked == 0)
		r->again_ms = t->now_ms + AGAIN_MS; /* sipd is away; it says when it is back */
}

void
texts_registered(struct texts *t, const char *user)
{
	struct reader *r;

	HASH_FIND_STR(t->readers, user, r);
	if (r == NULL)
		return;
	r->news = true;
	pump(t, r);
}

void
texts_tick(struct texts *t, uint64_t now_ms)
{
	uint64_t keep_ms = (uint64_t)t->settings->messages.keep_days * 86400000;
	struct reader *r, *next;
	struct text *x;

	t->now_ms = now_ms;
	HASH_ITER(hh, t->readers, r, next)
	{
		x = STAILQ_FIRST(&r->texts);
		if (x->stored && x->asked == 0 && x->parts.at_ms + keep_ms < now_ms) {
			log_info("text forgotten: nobody came for it", kv_s("to", r->user),
			    kv_s("from", x->parts.from));
			/* and with it r, if it was the last; the next one at the next tick */
			drop(x);
		} else if (r->again_ms != 0 && r->again_ms <= now_ms) {
			pump(t, r);
		}
	}
}

/*
 * From the phones.
 */

static uint64_t
fingerprint(const struct msg_message_request *m, const char *who)
{
	uint64_t h = hash_more(hash_more(hash_more(HASH_START, who), m->to_user), m->sip_call_id);

	return (h ^ m->cseq) * 1099511628211ULL | 1;
}

static bool
was_taken(const struct texts *t, uint64_t print)
{
	for (size_t i = 0; i < RECENT; i++)
		if (t->recent[i] == print)
			return true;
	return false;
}

/* The text of the same request, if it is still here. */
static struct text *
kept_before(const struct reader *r, uint64_t print)
{
	struct text *x;

	if (r != NULL)
		STAILQ_FOREACH(x, &r->texts, next)
			if (x->parts.print == print)
				return x;
	return NULL;
}

static void
on_stored(void *arg, int err)
{
	struct text *x = arg;
	struct texts *t = x->texts;
	struct reader *r = x->to;

	x->stored = true;
	if (err != 0) {
		ipc_reply_error(x->peer, x->request, 503, "it cannot be stored");
		if (r != NULL)
			drop(x);
		return;
	}
	t->recent[t->recent_at++ % RECENT] = x->parts.print;
	ipc_reply(x->peer, x->request, MSG_message_accepted,
	    &(struct msg_message_accepted){ .status = 202 });
	ipc_unref(&x->peer);
	pump(t, r);
}

static void
store(struct texts *t, struct ipc_peer *peer, uint32_t id, const struct text_parts *parts)
{
	struct buf bytes = BUF_INIT(FILE_MAX);
	struct uuid uuid = uuid_v7(parts->at_ms);
	struct text *x = add(t, parts);
	int r = -ENOMEM;

	text_print(parts, &bytes);
	if (x != NULL && !bytes.failed) {
		uuid_print(&uuid, x->file);
		x->peer = ipc_ref(peer);
		x->request = id;
		r = keep_write(t->env.keep, x->file, bytes.data, bytes.len, on_stored, x);
	}
	buf_free(&bytes);
	if (r == 0)
		return;
	ipc_reply_error(peer, id, 503, "it cannot be stored");
	if (x != NULL) {
		x->stored = true;
		drop(x);
	}
}

bool
texts_repeated(struct texts *t, struct ipc_peer *peer, uint32_t id,
    const struct msg_message_request *m, const char *who)
{
	uint64_t print = fingerprint(m, who);
	struct reader *r;
	struct text *same;

	HASH_FIND_STR(t->readers, m->to_user, r);
	same = kept_before(r, print);
	if (same == NULL && !was_taken(t, print))
		return false;
	if (same != NULL && !same->stored) {
		/* The disk is still at it. */
		ipc_unref(&same->peer);
		same->peer = ipc_ref(peer);
		same->request = id;
	} else {
		ipc_reply(peer, id, MSG_message_accepted,
		    &(struct msg_message_accepted){ .status = 202 });
	}
	return true;
}

void
texts_take(struct texts *t, struct ipc_peer *peer, uint32_t id,
    const struct msg_message_request *m, const char *who, uint64_t now_ms)
{
	const struct extension *from = settings_extension(t->settings, who);
	struct text_parts parts = { .at_ms = now_ms,
		.body = (const char *)m->body.p,
		.body_len = m->body.len };
	const struct binding *one[1];
	struct reader *r;
	size_t max = (size_t)t->settings->messages.max_per_extension;

	t->now_ms = now_ms;
	parts.print = fingerprint(m, who);
	if (settings_extension(t->settings, m->to_user) == NULL) {
		ipc_reply_error(peer, id, 404, "no such extension");
		return;
	}
	if (texts_repeated(t, peer, id, m, who))
		return;
	HASH_FIND_STR(t->readers, m->to_user, r);
	if (bindings_lookup(t->env.bindings, m->to_user, now_ms, one, 1) > 0)
		max += IN_FLIGHT;
	if ((r != NULL ? r->n : 0) >= max || t->n >= TEXTS_MAX) {
		ipc_reply_error(peer, id, 480,
		    "nobody is there, and there is no room for more texts");
		return;
	}
	str_copy(parts.from, sizeof(parts.from), who);
	str_copy(parts.from_name, sizeof(parts.from_name),
	    from != NULL ? from->name : m->from_name); /* nobody takes a colleague's name */
	str_copy(parts.to, sizeof(parts.to), m->to_user);
	str_copy(parts.type, sizeof(parts.type), m->content_type);
	store(t, peer, id, &parts);
}

/*
 * Life.
 */

static int
by_name(const void *a, const void *b)
{
	const struct text *const *x = a, *const *y = b;

	return strcmp((*x)->file, (*y)->file);
}

static void
on_file(void *arg, const char *file, const char *p, size_t len)
{
	struct texts *t = arg;
	struct text_parts parts;
	struct text *x;

	if (!text_read(&parts, p, len) || strlen(file) > UUID_STR_LEN) {
		log_warning("a kept text cannot be read", kv_s("file", file));
		return;
	}
	if ((x = add(t, &parts)) == NULL)
		return;
	str_copy(x->file, sizeof(x->file), file);
	x->stored = true;
}

/* A directory has no order; their names do. */
static void
sort(struct reader *r)
{
	struct text **v = mem_new((r->n + 1) * sizeof(struct text *)), *x;
	size_t n = 0;

	if (v == NULL)
		return;
	STAILQ_FOREACH(x, &r->texts, next)
	v[n++] = x;
	qsort(v, n, sizeof(struct text *), by_name);
	STAILQ_INIT(&r->texts);
	for (size_t i = 0; i < n; i++)
		STAILQ_INSERT_TAIL(&r->texts, v[i], next);
	free(v);
}

int
texts_open(struct texts **out, const struct settings *settings, const struct texts_env *env)
{
	struct texts *t = mem_new(sizeof(*t));
	struct reader *r, *next;
	int err;

	if (t == NULL)
		return -ENOMEM;
	t->settings = settings;
	t->env = *env;
	if ((err = keep_read(env->keep, FILE_MAX, on_file, t)) < 0) {
		texts_close(&t);
		return err;
	}
	HASH_ITER(hh, t->readers, r, next)
	sort(r);
	if (t->n > 0)
		log_info("texts wait for their readers", kv_u("texts", t->n));
	*out = t;
	return 0;
}

void
texts_close(struct texts **pt)
{
	struct texts *t = *pt;
	struct reader *r, *next;
	struct text *x;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->readers, r, next)
	{
		while ((x = STAILQ_FIRST(&r->texts)) != NULL) {
			STAILQ_REMOVE_HEAD(&r->texts, next);
			text_free(x);
		}
		HASH_DEL(t->readers, r);
		free(r);
	}
	mem_free(pt);
}

void
texts_settings(struct texts *t, const struct settings *settings)
{
	t->settings = settings;
}

size_t
texts_kept(const struct texts *t)
{
	return t->n;
}
