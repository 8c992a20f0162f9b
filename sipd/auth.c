/* SPDX-License-Identifier: ISC */
/* Digest fields between SIP headers and messages; see auth.h. Used by invite_in.c and register.c.
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

static bool
fill(struct auth_fields *a, const sip_t *sip)
{
	const msg_auth_t *au = sip->sip_authorization;
	const struct {
		const char *name;
		char *dst;
		size_t size;
	} fields[] = {
		{ "username=", a->auth_user, sizeof(a->auth_user) },
		{ "realm=", a->auth_realm, sizeof(a->auth_realm) },
		{ "nonce=", a->auth_nonce, sizeof(a->auth_nonce) },
		{ "uri=", a->auth_uri, sizeof(a->auth_uri) },
		{ "response=", a->auth_response, sizeof(a->auth_response) },
		{ "algorithm=", a->auth_algorithm, sizeof(a->auth_algorithm) },
		{ "qop=", a->auth_qop, sizeof(a->auth_qop) },
		{ "cnonce=", a->auth_cnonce, sizeof(a->auth_cnonce) },
		{ "nc=", a->auth_nc, sizeof(a->auth_nc) },
	};
	size_t len;

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
		for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			len = strlen(fields[i].name);
			if (strncasecmp(*p, fields[i].name, len) == 0 &&
			    !take(fields[i].dst, fields[i].size, *p + len))
				return false;
		}
	return true;
}

#define U8(f)       m->f = a.f;
#define STR(f, max) memcpy(m->f, a.f, sizeof(m->f));

bool
auth_of_invite(struct msg_leg_offered *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip))
		return false;
#include "common/ipc/schema/digest.inc"
	return true;
}

bool
auth_of_register(struct msg_reg_request *m, const sip_t *sip)
{
	struct auth_fields a;

	if (!fill(&a, sip))
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
