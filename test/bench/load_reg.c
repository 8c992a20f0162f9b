/* SPDX-License-Identifier: ISC */
/* callload's registrations: REGISTER, the challenge, REGISTER again, 200. */
#include <arpa/inet.h>
#include <string.h>

#include "test/bench/callload.h"

static void
reg_timeout(void *arg)
{
	struct ext *e = arg;

	e->load->reg_failed++;
}

static void
send_register(struct ext *e, const char *credentials)
{
	char text[LOAD_MSG_MAX], host[INET_ADDRSTRLEN];
	struct load *l = e->load;
	int n;

	inet_ntop(AF_INET, &l->server.sin_addr, host, sizeof(host));
	e->cseq++;
	n = snprintf(text, sizeof(text),
	    "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "%s;branch=z9hG4bK%.*s-%u;rport\r\nMax-Forwards: 70\r\n"
	    "From: <sip:%s@%s>;tag=r%u\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: %u REGISTER\r\n"
	    "Contact: <sip:%s@%s>\r\nExpires: 3600\r\nUser-Agent: callload\r\n%sContent-Length: "
	    "0\r\n\r\n",
	    host, load_local(l), (int)strcspn(e->call_id, "@"), e->call_id, e->cseq, e->number,
	    host, l->run, e->number, host, e->call_id, e->cseq, e->number, load_local(l),
	    credentials);
	txn_start(l, &e->reg, text, n, T2_MS, reg_timeout, e);
}

void
reg_start(struct ext *e)
{
	/* One and the same for all of a phone's registrations (RFC 3261 section 10.2). */
	if (e->call_id[0] == '\0')
		snprintf(e->call_id, sizeof(e->call_id), "r%x-%s.load", e->load->run, e->number);
	e->started_us = load_now_us();
	e->challenged = 0;
	send_register(e, "");
}

void
reg_response(struct ext *e, const struct load_msg *m)
{
	char line[1024], uri[64], host[INET_ADDRSTRLEN];

	if (m->status < 200 || m->cseq != e->cseq || e->reg.timer.prev == NULL)
		return;
	txn_stop(&e->reg);
	if (load_challenged(m, e->challenged)) {
		inet_ntop(AF_INET, &e->load->server.sin_addr, host, sizeof(host));
		snprintf(uri, sizeof(uri), "sip:%s", host);
		e->challenged++;
		if (load_digest(m, e->number, e->password, "REGISTER", uri, line, sizeof(line)) >
		    0) {
			send_register(e, line);
			return;
		}
	}
	if (m->status == 200) {
		e->registered = true;
		e->load->reg_done++;
		load_hist_add(&e->load->reg_time, load_now_us() - e->started_us);
	} else {
		if (e->load->verbose)
			fprintf(stderr, "register %s: %d\n", e->number, m->status);
		e->load->reg_failed++;
	}
	txn_free(&e->reg);
}
