/* SPDX-License-Identifier: ISC */
/* Digest fields between SIP headers and messages; see auth.h. Used by all that is challenged.
 */
#include "sipd/auth.h"

#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "sipd/stack.h"

/* The fields by themselves, as the schema has them, and their copying into a message that has them
 * too. */
struct auth_fields {
#define U8(f)       uint8_t f;
#define STR(f, max) char f[(max) + 1];
#include "common/ipc/schema/digest.inc"
#undef U8
#undef STR
};

/* Copies a parameter's value, without its quotes. */
static bool
take(char *dst, size_t size, const char *value)
{
	size_t n = 0;

	if (*value != '"')
		return str_copy(dst, size, value);
	for (value++; *value != '\0' && *value != '"'; value++) {
		if (*value == '\\' && value[1] != '\0')
			value++;
		if (n + 1 >= size)
			return false;
		dst[n++] = *value;
	}
	dst[n] = '\0';
	return true;
}

static const struct field {
	const char *name;
	size_t len, off, size;
} fields[] = {
#define FIELD(name_, f) { name_, sizeof(name_) - 1, offsetof(struct auth_fields, f), sizeof(((struct auth_fields *)0)->f) }
	FIELD("username=", auth_user), FIELD("realm=", auth_realm), FIELD("nonce=", auth_nonce), FIELD("uri=", auth_uri),
	FIELD("response=", auth_response), FIELD("algorithm=", auth_algorithm), FIELD("qop=", auth_qop),
	FIELD("cnonce=", auth_cnonce), FIELD("nc=", auth_nc),
#undef FIELD
};

/* One parameter of the header; any other than the above is passed over. */
static bool
fill_one(struct auth_fields *a, const char *param)
{
	for (const struct field *f = fields; f < fields + sizeof(fields) / sizeof(fields[0]); f++)
		if ((param[0] | 0x20) == f->name[0] && strncasecmp(param, f->name, f->len) == 0)
			return take((char *)a + f->off, f->size, param + f->len);
	return true;
}

static bool
fill(struct auth_fields *a, const sip_t *sip)
{
	const msg_auth_t *au = sip->sip_authorization;

	memset(a, 0, sizeof(*a));
	if (au == NULL)
		au = sip->sip_proxy_authorization;
	while (au != NULL && (au->au_scheme == NULL || strcasecmp(au->au_scheme, "Digest") != 0))
		au = au->au_next;
	if (au == NULL)
		return true;
	a->auth_present = 1;
	str_copy(a->auth_method, sizeof(a->auth_method), sip->sip_request->rq_method_name);
	for (const msg_param_t *p = au->au_params; p != NULL && *p != NULL; p++)
		if (!fill_one(a, *p))
			return false;
	return true;
}

/* An algorithm and a qop that featured takes. */
static bool
usable(const struct auth_fields *a)
{
	uint8_t nc[4];

	if (a->auth_algorithm[0] != '\0' && !str_ieq(a->auth_algorithm, "MD5") &&
	    !str_ieq(a->auth_algorithm, "SHA-256"))
		return false;
	if (a->auth_nonce[0] == '\0' || a->auth_uri[0] == '\0')
		return false;
	return a->auth_qop[0] == '\0' ||
	    (str_ieq(a->auth_qop, "auth") && a->auth_cnonce[0] != '\0' &&
	        str_unhex(nc, sizeof(nc), a->auth_nc) == 0);
}

bool
auth_claim(struct auth_claim *c, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip) || !a.auth_present || !usable(&a))
		return false;
	memcpy(c->realm, a.auth_realm, sizeof(c->realm));
	memcpy(c->nonce, a.auth_nonce, sizeof(c->nonce));
	return true;
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static bool
same_user(const char *a, const char *b)
{
	char x[256], y[256];

	if (!str_copy(x, sizeof(x), a) || !str_copy(y, sizeof(y), b))
		return false;
	stack_unescape(x);
	stack_unescape(y);
	return strcmp(x, y) == 0;
}

/* Does the uri that the credentials were made for mean what the request does (RFC 7616
 * section 3.4.6)? True without credentials. */
static bool
uri_ok(const struct auth_fields *a, const sip_t *sip)
{
	const url_t *want = sip->sip_request->rq_url;
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char text[512];
	url_t *said;
	issize_t n;
	bool ok;

	if (!a->auth_present)
		return true;
	n = url_e(text, sizeof(text), want);
	if (n > 0 && (size_t)n < sizeof(text) && strcmp(text, a->auth_uri) == 0)
		return true;
	/*
	 * Phones leave parameters out, write the default port or not, and a proxy on the way may
	 * have put another host into the request: what the request is for is the user.
	 */
	said = url_make(home, a->auth_uri);
	ok = said != NULL && said->url_type == want->url_type &&
	    same_user(or_empty(said->url_user), or_empty(want->url_user)) &&
	    (sip->sip_via->v_next != NULL ||
	        str_ieq(or_empty(said->url_host), or_empty(want->url_host)));
	su_home_deinit(home);
	return ok;
}

#define U8(f)       m->f = a.f;
#define STR(f, max) memcpy(m->f, a.f, sizeof(m->f));

bool
auth_of_invite(struct msg_leg_offered *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip) || !uri_ok(&a, sip))
		return false;
#include "common/ipc/schema/digest.inc"
	return true;
}

bool
auth_of_register(struct msg_reg_request *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip) || !uri_ok(&a, sip))
		return false;
#include "common/ipc/schema/digest.inc"
	return true;
}

bool
auth_of_subscribe(struct msg_sub_request *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip) || !uri_ok(&a, sip))
		return false;
#include "common/ipc/schema/digest.inc"
	return true;
}

bool
auth_of_publish(struct msg_publish_request *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip) || !uri_ok(&a, sip))
		return false;
#include "common/ipc/schema/digest.inc"
	return true;
}

bool
auth_of_message(struct msg_message_request *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip) || !uri_ok(&a, sip))
		return false;
#include "common/ipc/schema/digest.inc"
	return true;
}

#undef U8
#undef STR

/*
 * A phone picks the algorithm that it knows (RFC 8760). These give up altogether when any challenge
 * names another than MD5, so they are offered MD5 alone.
 */
static bool
md5_only(const sip_t *sip)
{
	static const char *const phones[] = { "baresip v0.", "baresip v1." };
	const char *agent = sip->sip_user_agent != NULL ? sip->sip_user_agent->g_string : NULL;
	bool found = false;

	for (unsigned i = 0; agent != NULL && i < sizeof(phones) / sizeof(phones[0]); i++)
		found = found || strncasecmp(agent, phones[i], strlen(phones[i])) == 0;
	return found;
}

#define CHALLENGE_LEN 420

/* As a header that sofia need not parse: it is we who write it. */
static void
print_challenge(char *out, const char *algorithm, const struct auth_challenge *c)
{
	str_format(out, CHALLENGE_LEN,
	    "WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s",
	    c->realm, c->nonce, algorithm, c->stale ? ", stale=true" : "");
}

void
auth_challenge(nta_incoming_t *irq, const struct auth_challenge *c)
{
	char sha[CHALLENGE_LEN], md5[CHALLENGE_LEN];
	msg_t *msg = nta_incoming_getrequest(irq);
	bool both = msg == NULL || !md5_only(sip_object(msg));

	print_challenge(sha, "SHA-256", c);
	print_challenge(md5, "MD5", c);
	nta_incoming_treply(irq, SIP_401_UNAUTHORIZED, TAG_IF(both, SIPTAG_UNKNOWN_STR(sha)),
	    SIPTAG_UNKNOWN_STR(md5), SIPTAG_SERVER(sipd.server), TAG_END());
	msg_destroy(msg);
	nta_incoming_destroy(irq);
}

void
auth_challenge_msg(msg_t *msg, tport_t *tport, const struct auth_challenge *c)
{
	char sha[CHALLENGE_LEN], md5[CHALLENGE_LEN];
	bool both = !md5_only(sip_object(msg));

	print_challenge(sha, "SHA-256", c);
	print_challenge(md5, "MD5", c);
	nta_msg_treply(sipd.agent, msg, SIP_401_UNAUTHORIZED, NTATAG_TPORT(tport),
	    TAG_IF(both, SIPTAG_UNKNOWN_STR(sha)), SIPTAG_UNKNOWN_STR(md5),
	    SIPTAG_SERVER(sipd.server), TAG_END());
}
