/* SPDX-License-Identifier: ISC */
/*
 * callload's calls: both halves of each, the caller's (uac) and the called one's (uas), over UDP
 * with RFC 3261's timers. The two halves of one call know of each other only by what their RTP
 * says.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "test/bench/callload.h"

#define GUARD_MS	200000	/* a call that neither rings out nor is refused */
#define STOP_MS		200	/* from the last RTP packet to BYE */

static void call_over(struct call *c);

/* ---- the table ------------------------------------------------------------------------------ */

static struct call **
slot_of(struct load *l, const char *call_id)
{
	uint32_t h = 2166136261u;

	for (const char *p = call_id; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	return &l->hash[h % CALL_HASH];
}

struct call *
call_find(struct load *l, const char *call_id)
{
	struct call *c = *slot_of(l, call_id);

	while (c != NULL && strcmp(c->call_id, call_id) != 0)
		c = c->next;
	return c;
}

static struct call *
call_new(struct load *l, const char *call_id, bool uac)
{
	struct call *c = load_alloc(sizeof(*c)), **slot = slot_of(l, call_id);

	c->load = l;
	c->uac = uac;
	c->started_us = load_now_us();
	snprintf(c->call_id, sizeof(c->call_id), "%s", call_id);
	snprintf(c->tag, sizeof(c->tag), "%c%lx", uac ? 'c' : 's', (unsigned long)random());
	c->next = *slot;
	*slot = c;
	return c;
}

static void
call_free(void *arg)
{
	struct call *c = arg, **at = slot_of(c->load, c->call_id);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	load_disarm(&c->life);
	txn_free(&c->txn);
	free(c->invite);
	free(c);
}

static void
arm_life(struct call *c, uint64_t in_ms, void (*fn)(void *))
{
	c->life.fn = fn;
	c->life.arg = c;
	load_arm(&c->load->wheel, &c->life, in_ms);
}

/* ---- our requests --------------------------------------------------------------------------- */

static int
request(struct call *c, char *text, size_t size, const char *method, const char *uri, uint32_t cseq,
    const char *extra, const char *body)
{
	return snprintf(text, size,
	    "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%u-%s;rport\r\nMax-Forwards: "
	    "70\r\nFrom: %s\r\nTo: %s\r\n"
	    "Call-ID: %s\r\nCSeq: %u %s\r\nContact: <sip:%s@%s>\r\nUser-Agent: "
	    "callload\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    method, uri, load_local(c->load), c->tag, cseq, method[0] == 'A' ? "INVITE" : method,
	    c->local, c->remote, c->call_id, cseq, method, c->uac ? c->from->number : c->number,
	    load_local(c->load), extra, body[0] != '\0' ? "Content-Type: application/sdp\r\n" : "",
	    strlen(body), body);
}

static void
fail(struct call *c, int status)
{
	struct load *l = c->load;

	if (l->verbose)
		fprintf(stderr, "call %s %s -> %s: %d\n", c->call_id, c->from->number, c->number,
		    status);
	l->failed++;
	l->status[status]++;
	call_over(c);
}

static void
uac_timeout(void *arg)
{
	struct call *c = arg;

	c->load->timeouts++;
	fail(c, 408);
}

static void
bye_timeout(void *arg)
{
	struct call *c = arg;

	c->load->bye_failed++;
	call_over(c);
}

static void
send_invite(struct call *c, const char *credentials)
{
	char text[LOAD_MSG_MAX], sdp[512], extra[1200];
	struct load *l = c->load;
	int n;

	c->cseq++;
	load_sdp(sdp, sizeof(sdp), &l->local.sin_addr, l->rtp.port[c->sock], ++c->sdp_version,
	    "sendrecv");
	snprintf(extra, sizeof(extra),
	    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n%s", credentials);
	n = request(c, text, sizeof(text), "INVITE", c->target, c->cseq, extra, sdp);
	txn_start(l, &c->txn, text, n, TIMEOUT_MS, uac_timeout, c);
}

static void
send_bye(void *arg)
{
	struct call *c = arg;
	char text[LOAD_MSG_MAX];
	int n;

	c->state = CALL_LEAVING;
	c->cseq++;
	c->started_us = load_now_us();
	n = request(c, text, sizeof(text), "BYE", c->target, c->cseq, "", "");
	txn_start(c->load, &c->txn, text, n, T2_MS, bye_timeout, c);
}

/* The hold time is over: silence first, so that whatever is missing then was lost, and then BYE. */
static void
hang_up(void *arg)
{
	struct call *c = arg;
	struct load *l = c->load;

	if (l->plateau_on && !l->plateau_over) {
		l->plateau_over = true;
		load_procs_print_mem(&l->procs, l->plateau_out, (double)l->up, "held_");
		if (l->rtp.received > l->plateau_packets)
			load_procs_print_cpu(&l->plateau, l->plateau_out,
			    (double)(l->rtp.received - l->plateau_packets), "rtp_");
	}
	if (!l->with_rtp) {
		send_bye(c);
		return;
	}
	load_rtp_wind_down(&c->end);
	arm_life(c, STOP_MS, send_bye);
}

void
call_start(struct load *l, struct ext *from, struct ext *to)
{
	char id[96], host[INET_ADDRSTRLEN];
	struct call *c;

	snprintf(id, sizeof(id), "c%x-%lu.load", l->run, ++l->started);
	inet_ntop(AF_INET, &l->server.sin_addr, host, sizeof(host));
	c = call_new(l, id, true);
	c->from = from;
	c->sock = load_rtp_pick(&l->rtp);
	snprintf(c->number, sizeof(c->number), "%s", to->number);
	snprintf(c->local, sizeof(c->local), "<sip:%s@%s>;tag=%s", from->number, host, c->tag);
	snprintf(c->remote, sizeof(c->remote), "<sip:%s@%s>", to->number, host);
	snprintf(c->target, sizeof(c->target), "sip:%s@%s:%u", to->number, host,
	    ntohs(l->server.sin_port));
	l->active++;
	send_invite(c, "");
}

/* ---- up and over ---------------------------------------------------------------------------- */

/* All calls that there shall be at once are up. */
static void
plateau_begin(struct load *l)
{
	l->plateau_on = true;
	load_procs_print_mem(&l->procs, l->plateau_out, (double)l->up, "fresh_");
	l->plateau = l->procs;	/* the same processes, another mark */
	load_procs_mark(&l->plateau);
	l->plateau_packets = l->rtp.received;
}

static void
call_up(struct call *c)
{
	struct load *l = c->load;

	c->state = CALL_UP;
	if (l->with_rtp && c->rtp_to.sin_port != 0)
		load_rtp_start(&l->rtp, &c->end, c->sock, &c->rtp_to);
	if (c->uac == !l->callee_hangs_up)
		arm_life(c, l->hold_ms, hang_up);
	if (!c->uac)
		return;
	if (++l->up > l->up_max)
		l->up_max = l->up;
	if (!l->plateau_on && (l->up == l->active_max || l->up == l->calls_max))
		plateau_begin(l);
}

/* Its figures are taken; it stays for a while for what is sent again. */
static void
call_over(struct call *c)
{
	if (c->state == CALL_OVER)
		return;
	if (c->uac) {
		if (c->state == CALL_UP || c->state == CALL_LEAVING)
			c->load->up--;
		c->load->active--;
	}
	load_rtp_end(&c->load->rtp, &c->end);
	c->state = CALL_OVER;
	txn_stop(&c->txn);
	arm_life(c, TIMEOUT_MS, call_free);
}

void
call_end_all(struct load *l)
{
	for (size_t i = 0; i < CALL_HASH; i++)
		for (struct call *c = l->hash[i]; c != NULL; c = c->next)
			if (c->state == CALL_UP && c->uac == !l->callee_hangs_up)
				arm_life(c, 1 + i % 1000, hang_up);
}

/* ---- responses to us ------------------------------------------------------------------------ */

static void
send_ack(struct call *c, const struct load_msg *m, const char *uri)
{
	char text[LOAD_MSG_MAX], remote[200];
	int n;

	snprintf(remote, sizeof(remote), "%s", c->remote);
	snprintf(c->remote, sizeof(c->remote), "%.199s", m->to);
	n = request(c, text, sizeof(text), "ACK", uri, m->cseq, "", "");
	if (m->status >= 300)
		snprintf(c->remote, sizeof(c->remote), "%s", remote);
	load_send(c->load, text, n);
}

static void
invite_refused(struct call *c, const struct load_msg *m)
{
	struct load *l = c->load;
	char line[1024];

	send_ack(c, m, c->target);
	if (c->state != CALL_INVITED || m->cseq != c->cseq)
		return;
	txn_stop(&c->txn);
	if (load_challenged(m, c->challenged) &&
	    load_digest(m, c->from->number, c->from->password, "INVITE", c->target, line,
	        sizeof(line)) > 0) {
		c->challenged++;
		send_invite(c, line);
		return;
	}
	if (m->status == 503 && l->obey_retry)
		c->from->quiet_until_ms = l->wheel.now_ms +
		    1000u * (unsigned)(m->retry_after > 0 ? m->retry_after : 1);
	load_hist_add(&l->refuse_time, load_now_us() - c->started_us);
	fail(c, m->status);
}

static void
invite_answered(struct call *c, const struct load_msg *m)
{
	struct load *l = c->load;

	if (c->state != CALL_INVITED) {		/* our ACK was lost */
		send_ack(c, m, c->target);
		return;
	}
	txn_stop(&c->txn);
	load_hist_add(&l->setup_time, load_now_us() - c->started_us);
	l->answered++;
	if (m->contact[0] != '\0')
		snprintf(c->target, sizeof(c->target), "%s", m->contact);
	c->rtp_to = m->rtp;
	send_ack(c, m, c->target);
	call_up(c);
}

void
call_response(struct call *c, const struct load_msg *m)
{
	struct load *l = c->load;

	if (strcmp(m->method, "BYE") == 0) {
		if (m->status < 200 || c->state != CALL_LEAVING || m->cseq != c->cseq)
			return;
		if (m->status == 200) {
			l->completed++;
			load_hist_add(&l->bye_time, load_now_us() - c->started_us);
		} else {
			if (l->verbose)
				fprintf(stderr, "call %s: BYE %d\n", c->call_id, m->status);
			l->bye_failed++;
		}
		call_over(c);
	} else if (strcmp(m->method, "INVITE") == 0 && c->uac) {
		if (m->status >= 300) {
			invite_refused(c, m);
		} else if (m->status >= 200) {
			invite_answered(c, m);
		} else if (c->state == CALL_INVITED) {
			txn_wait(&c->txn, GUARD_MS);
			if (m->status >= 180 && !c->ringing) {
				c->ringing = true;
				load_hist_add(&l->ring_time, load_now_us() - c->started_us);
			}
		}
	}
}

/* ---- requests to us ------------------------------------------------------------------------- */

static int
response(struct load *l, const struct load_msg *m, const char *tag, const char *number, int status,
    const char *phrase, const char *body, char *text, size_t size)
{
	int n = snprintf(text, size, "SIP/2.0 %d %s\r\n", status, phrase);

	n += load_msg_echo(m, status > 100 ? tag : NULL, text + n, size - (size_t)n);
	n += snprintf(text + n, size - (size_t)n,
	    "Contact: <sip:%s@%s>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n"
	    "User-Agent: callload\r\n%sContent-Length: %zu\r\n\r\n%s",
	    number, load_local(l), body[0] != '\0' ? "Content-Type: application/sdp\r\n" : "",
	    strlen(body), body);
	return n;
}

static void
respond(struct load *l, struct call *c, const struct load_msg *m, int status, const char *phrase)
{
	char text[LOAD_MSG_MAX];
	int n;

	n = response(l, m, c != NULL ? c->tag : "none", c != NULL ? c->number : "load", status,
	    phrase, "", text, sizeof(text));
	load_send(l, text, n);
}

static void
uas_no_ack(void *arg)
{
	struct call *c = arg;

	c->load->timeouts++;
	call_over(c);
}

/* The 200 to an INVITE, repeated until the ACK comes. */
static void
answer(struct call *c, const struct load_msg *m)
{
	const char *direction = "sendrecv";
	char text[LOAD_MSG_MAX], sdp[512];
	int n;

	if (strstr(m->body, "a=sendonly") != NULL)
		direction = "recvonly";
	else if (strstr(m->body, "a=inactive") != NULL)
		direction = "inactive";
	else if (strstr(m->body, "a=recvonly") != NULL)
		direction = "sendonly";
	load_sdp(sdp, sizeof(sdp), &c->load->local.sin_addr, c->load->rtp.port[c->sock],
	    ++c->sdp_version, direction);
	n = response(c->load, m, c->tag, c->uac ? c->from->number : c->number, 200, "OK", sdp, text,
	    sizeof(text));
	c->invite_cseq = m->cseq;
	txn_start(c->load, &c->txn, text, n, T2_MS, uas_no_ack, c);
}

static void
uas_answer(void *arg)
{
	static struct load_msg m;
	struct call *c = arg;

	if (c->state != CALL_INVITED || !load_msg_read(&m, c->invite, strlen(c->invite)))
		return;
	c->state = CALL_ANSWERED;
	answer(c, &m);
	free(c->invite);
	c->invite = NULL;
}

static void
uas_invite(struct load *l, const struct load_msg *m)
{
	struct call *c = call_new(l, m->call_id, false);
	char text[LOAD_MSG_MAX];
	int n;

	l->uas_calls++;
	c->sock = load_rtp_pick(&l->rtp);
	sscanf(m->uri, "sip:%31[^@;>]", c->number);
	snprintf(c->local, sizeof(c->local), "%.170s;tag=%s", m->to, c->tag);
	snprintf(c->remote, sizeof(c->remote), "%.199s", m->from);
	snprintf(c->target, sizeof(c->target), "%s", m->contact);
	c->rtp_to = m->rtp;
	c->invite = load_alloc(strlen(m->text) + 1);
	strcpy(c->invite, m->text);
	n = response(l, m, c->tag, c->number, 180, "Ringing", "", text, sizeof(text));
	txn_start(l, &c->txn, text, n, T2_MS, NULL, c);
	txn_stop(&c->txn);
	if (l->answer_ms == 0)
		uas_answer(c);
	else
		arm_life(c, l->answer_ms, uas_answer);
}

static void
got_ack(struct call *c, const struct load_msg *m)
{
	if (m->cseq != c->invite_cseq)
		return;
	txn_stop(&c->txn);
	if (c->state == CALL_ANSWERED) {
		if (m->rtp.sin_port != 0)
			c->rtp_to = m->rtp;
		call_up(c);
	}
}

static void
got_bye(struct call *c, const struct load_msg *m)
{
	struct load *l = c->load;

	respond(l, c, m, 200, "OK");
	if (c->state == CALL_OVER)
		return;
	if (c->uac && !l->callee_hangs_up) {
		if (l->verbose)
			fprintf(stderr, "call %s: BYE from the other side\n", c->call_id);
		l->dropped++;
	}
	call_over(c);
}

/* Session refresh, hold and whatever else comes inside a call. */
static void
in_dialog(struct call *c, const struct load_msg *m)
{
	struct load *l = c->load;

	if (strcmp(m->method, "INVITE") == 0) {
		load_rtp_move(&l->rtp, &c->end, &m->rtp);
		answer(c, m);
	} else {
		respond(l, c, m, 200, "OK");
	}
}

void
call_request(struct load *l, struct call *c, const struct load_msg *m)
{
	bool invite = strcmp(m->method, "INVITE") == 0;

	if (strcmp(m->method, "ACK") == 0) {
		if (c != NULL)
			got_ack(c, m);
	} else if (c == NULL) {
		if (invite && m->to_tag[0] == '\0')
			uas_invite(l, m);
		else if (strcmp(m->method, "OPTIONS") == 0 || strcmp(m->method, "NOTIFY") == 0)
			respond(l, NULL, m, 200, "OK");
		else
			respond(l, NULL, m, 481, "Call/Transaction Does Not Exist");
	} else if (invite && m->to_tag[0] == '\0') {	/* sent again */
		if (c->txn.text != NULL)
			load_send(l, c->txn.text, c->txn.len);
	} else if (strcmp(m->method, "BYE") == 0) {
		got_bye(c, m);
	} else if (strcmp(m->method, "CANCEL") == 0) {
		respond(l, c, m, 200, "OK");
		if (c->state == CALL_INVITED && c->invite != NULL) {
			static struct load_msg first;

			if (load_msg_read(&first, c->invite, strlen(c->invite)))
				respond(l, c, &first, 487, "Request Terminated");
			call_over(c);
		}
	} else if (c->state == CALL_UP) {
		in_dialog(c, m);
	} else {
		respond(l, c, m, 481, "Call/Transaction Does Not Exist");
	}
}
