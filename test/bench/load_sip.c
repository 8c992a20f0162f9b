/* SPDX-License-Identifier: ISC */
/*
 * Just enough SIP for the load tools: reading what a PBX sends, the headers that a response
 * repeats, SDP, digest answers.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "test/bench/load.h"

/* ---- reading -------------------------------------------------------------------------------- */

/* Whether the line starts with the header's long or compact name; *value is what follows. */
static bool
line_is(const char *line, const char *name, const char **value)
{
	static const struct {
		const char	*name;
		char		 compact;
	} compacts[] = {
		{ "Via", 'v' },
		{ "From", 'f' },
		{ "To", 't' },
		{ "Call-ID", 'i' },
		{ "Contact", 'm' },
	};
	size_t n = strlen(name);
	const char *p = line;

	if (strncasecmp(line, name, n) == 0) {
		p += n;
	} else {
		for (size_t i = 0; i < sizeof(compacts) / sizeof(compacts[0]); i++)
			if (strcmp(compacts[i].name, name) == 0 &&
			    tolower((unsigned char)line[0]) == compacts[i].compact)
				p = line + 1;
		if (p == line)
			return false;
	}
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p != ':')
		return false;
	for (p++; *p == ' ' || *p == '\t'; p++)
		;
	*value = p;
	return true;
}

static void
copy_line(char *dst, size_t size, const char *src)
{
	size_t n = strcspn(src, "\r\n");

	if (n >= size)
		n = size - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
}

static const char *
next_line(const char *line)
{
	const char *nl = strchr(line, '\n');

	return nl == NULL || nl[1] == '\0' ? NULL : nl + 1;
}

bool
load_msg_header(const struct load_msg *m, const char *name, int nth, char *out, size_t size)
{
	const char *value;

	for (const char *line = m->text; line != NULL && *line != '\r' && *line != '\n';
	     line = next_line(line))
		if (line_is(line, name, &value) && nth-- == 0) {
			copy_line(out, size, value);
			return true;
		}
	return false;
}

static void
tag_of(const char *header, char *out, size_t size)
{
	const char *p = strstr(header, ";tag=");
	size_t n;

	out[0] = '\0';
	if (p == NULL)
		return;
	p += 5;
	n = strcspn(p, ";> \t");
	snprintf(out, size, "%.*s", (int)n, p);
}

static void
read_sdp(struct load_msg *m)
{
	const char *c = strstr(m->body, "c=IN IP4 "), *a = strstr(m->body, "m=audio ");
	char ip[64];

	memset(&m->rtp, 0, sizeof(m->rtp));
	if (c == NULL || a == NULL)
		return;
	copy_line(ip, sizeof(ip), c + 9);
	m->rtp.sin_family = AF_INET;
	m->rtp.sin_port = htons((uint16_t)atoi(a + 8));
	if (inet_pton(AF_INET, ip, &m->rtp.sin_addr) != 1)
		m->rtp.sin_port = 0;
}

bool
load_msg_read(struct load_msg *m, char *text, size_t len)
{
	char line[384], *p;

	m->text = text;
	text[len] = '\0';
	m->retry_after = -1;
	m->rtp.sin_port = 0;
	if (strncmp(text, "SIP/2.0 ", 8) == 0) {
		m->status = atoi(text + 8);
		m->uri[0] = '\0';
	} else {
		m->status = 0;
		if (sscanf(text, "%15[A-Z] %255s SIP/2.0", m->method, m->uri) != 2)
			return false;
	}
	if (!load_msg_header(m, "Call-ID", 0, m->call_id, sizeof(m->call_id)) ||
	    !load_msg_header(m, "From", 0, m->from, sizeof(m->from)) ||
	    !load_msg_header(m, "To", 0, m->to, sizeof(m->to)) ||
	    !load_msg_header(m, "CSeq", 0, line, sizeof(line)) ||
	    sscanf(line, "%u %15[A-Z]", &m->cseq, m->method) != 2)
		return false;
	tag_of(m->from, m->from_tag, sizeof(m->from_tag));
	tag_of(m->to, m->to_tag, sizeof(m->to_tag));
	m->contact[0] = '\0';
	if (load_msg_header(m, "Contact", 0, line, sizeof(line))) {
		p = strchr(line, '<');
		p = p != NULL ? p + 1 : line;
		snprintf(m->contact, sizeof(m->contact), "%.*s",
		    (int)strcspn(p, p > line ? ">" : ";"), p);
	}
	if (load_msg_header(m, "Retry-After", 0, line, sizeof(line)))
		m->retry_after = atoi(line);
	m->body = strstr(text, "\r\n\r\n");
	m->body = m->body != NULL ? m->body + 4 : text + len;
	if (*m->body != '\0')
		read_sdp(m);
	return true;
}

int
load_msg_echo(const struct load_msg *m, const char *to_tag, char *out, size_t size)
{
	const char *value;
	size_t n = 0;

	for (const char *line = m->text; line != NULL && *line != '\r' && *line != '\n';
	     line = next_line(line)) {
		int len = (int)strcspn(line, "\r\n");

		if (n + (size_t)len + 128 > size)
			break;
		if (line_is(line, "To", &value) && m->to_tag[0] == '\0' && to_tag != NULL)
			n += (size_t)snprintf(out + n, size - n, "%.*s;tag=%s\r\n", len, line,
			    to_tag);
		else if (line_is(line, "Via", &value) || line_is(line, "Record-Route", &value) ||
		    line_is(line, "To", &value) || line_is(line, "From", &value) ||
		    line_is(line, "Call-ID", &value) || line_is(line, "CSeq", &value))
			n += (size_t)snprintf(out + n, size - n, "%.*s\r\n", len, line);
	}
	return (int)n;
}

int
load_sdp(char *out, size_t size, const struct in_addr *ip, uint16_t port, unsigned version,
    const char *direction)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, ip, text, sizeof(text));
	return snprintf(out, size,
	    "v=0\r\no=load 1 %u IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %u RTP/AVP 0 "
	    "101\r\na=rtpmap:0 PCMU/8000\r\n"
	    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=%s\r\n",
	    version, text, text, port, direction);
}

/* ---- digest (RFC 8760) ---------------------------------------------------------------------- */

static void
hash_hex(const EVP_MD *md, const char *text, char *hex)
{
	unsigned char bin[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	EVP_Digest(text, strlen(text), bin, &n, md, NULL);
	for (unsigned i = 0; i < n; i++)
		sprintf(hex + 2 * (size_t)i, "%02x", bin[i]);
}

/* The value of key=value or key="value" in a challenge. */
static bool
param(const char *header, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	for (const char *p = header; (p = strcasestr(p, key)) != NULL; p += n) {
		if (p > header && (isalnum((unsigned char)p[-1]) || p[-1] == '-'))
			continue;
		if (p[n] != '=')
			continue;
		p += n + 1;
		n = *p == '"' ? strcspn(p + 1, "\"") : strcspn(p, ", \r\n");
		snprintf(out, size, "%.*s", (int)n, *p == '"' ? p + 1 : p);
		return true;
	}
	return false;
}

bool
load_challenged(const struct load_msg *m, unsigned before)
{
	char challenge[512], stale[16];

	if (m->status != 401 && m->status != 407)
		return false;
	if (before == 0)
		return true;
	if (!load_msg_header(m, m->status == 407 ? "Proxy-Authenticate" : "WWW-Authenticate", 0,
	        challenge, sizeof(challenge)))
		return false;
	return before == 1 && param(challenge, "stale", stale, sizeof(stale)) &&
	    strcasecmp(stale, "true") == 0;
}

int
load_digest(const struct load_msg *m, const char *user, const char *password, const char *method,
    const char *uri, char *out, size_t size)
{
	char challenge[512], realm[128], nonce[160], algorithm[16], text[640], a1[129], a2[129],
	    answer[129], cnonce[17];
	const EVP_MD *md = NULL;

	for (int i = 0; md == NULL; i++) {
		if (!load_msg_header(m,
		        m->status == 407 ? "Proxy-Authenticate" : "WWW-Authenticate", i, challenge,
		        sizeof(challenge)))
			return -1;
		if (!param(challenge, "algorithm", algorithm, sizeof(algorithm)))
			snprintf(algorithm, sizeof(algorithm), "MD5");
		md = strcasecmp(algorithm, "SHA-256") == 0 ? EVP_sha256()
		    : strcasecmp(algorithm, "MD5") == 0    ? EVP_md5()
		                                           : NULL;
	}
	if (!param(challenge, "realm", realm, sizeof(realm)) ||
	    !param(challenge, "nonce", nonce, sizeof(nonce)))
		return -1;
	snprintf(cnonce, sizeof(cnonce), "%08lx%08lx", (unsigned long)random() & 0xffffffff,
	    (unsigned long)random() & 0xffffffff);
	snprintf(text, sizeof(text), "%s:%s:%s", user, realm, password);
	hash_hex(md, text, a1);
	snprintf(text, sizeof(text), "%s:%s", method, uri);
	hash_hex(md, text, a2);
	snprintf(text, sizeof(text), "%s:%s:00000001:%s:auth:%s", a1, nonce, cnonce, a2);
	hash_hex(md, text, answer);
	return snprintf(out, size,
	    "%s: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", "
	    "algorithm=%s, cnonce=\"%s\","
	    " qop=auth, nc=00000001\r\n",
	    m->status == 407 ? "Proxy-Authorization" : "Authorization", user, realm, nonce, uri,
	    answer, algorithm, cnonce);
}
