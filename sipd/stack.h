/* SPDX-License-Identifier: ISC */
/*
 * The nta agent: listening, the entry for requests outside of dialogs (stack_event.c has the
 * switch), and answers.
 */
#ifndef WARDEN_SIPD_STACK_H
#define WARDEN_SIPD_STACK_H

#include "sipd/sipd.h"

#define STACK_ALLOW                                                                                \
	"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REGISTER, REFER, SUBSCRIBE, "     \
	"NOTIFY, PUBLISH, MESSAGE"
#define STACK_EVENTS    "presence, dialog, message-summary"
#define STACK_SUPPORTED "100rel, timer, replaces, norefersub, tdialog"

#define STACK_IDLE_MS   7200000 /* a TCP connection without a byte is closed */

/* Listens on the settings' address. Returns 0, or fatal()s with the reason. */
void stack_init(void);
void stack_done(void);

/*
 * Undoes the percent escapes of a user part, but not those of control characters: an escaped NUL
 * would end the name before its end (RFC 4475 section 3.1.1.4).
 */
void stack_unescape(char *s);

/* What Server and User-Agent say from now on. */
void stack_names(const char *server_name);

/* nta's callback: a request that belongs to no dialog or transaction, or a response that belongs to
 * none. */
int stack_message(struct sipd *s, nta_agent_t *agent, msg_t *msg, sip_t *sip);

/* nta's callback: a request inside leg's dialog. */
int stack_in_dialog(struct leg *leg, nta_leg_t *dialog, nta_incoming_t *irq, const sip_t *sip);

/* A copy of phrase that lives for ever (nta does not copy them), or NULL (the usual phrase) when
 * there are too many. */
const char *stack_phrase(const char *phrase);

/* Answers statelessly and takes msg. retry_after 0: no such header. */
void stack_refuse(msg_t *msg, int status, const char *phrase, unsigned retry_after);

/* Sends a final answer with our Server header to a transaction and lets go of it. */
void stack_answer(nta_incoming_t *irq, int status, const char *phrase);

/* 200 to OPTIONS, in or out of a dialog. */
void stack_options(nta_incoming_t *irq);

/* The first option tag in Require that we do not have, or NULL. */
const char *stack_unsupported(const sip_t *sip);

/* The value of a header that sofia does not know, or NULL. */
const char *stack_header(const sip_t *sip, const char *name);

/* A Q.850 cause in the message's Reason headers (RFC 3326), 0 none; text (NULL allowed) has size
 * bytes. */
uint8_t stack_reason(const sip_t *sip, char *text, size_t size);

/* "Q.850;cause=17" into out (32 bytes); returns out, or NULL for cause 0. */
const char *stack_reason_str(char *out, uint8_t q850);

#endif
