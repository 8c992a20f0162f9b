/* SPDX-License-Identifier: ISC */
/*
 * regfloor: the least that a digest registration costs with this SIP library on this machine, now. A registrar in
 * one process and one thread, on sofia's nta layer, and a helper process that it asks over a Unix socket: a REGISTER
 * without credentials is challenged at once, one with them waits for the helper's word and is then accepted. Nothing
 * is checked and nothing is kept. test/bench/run drives it with the same load as the suite and in the same run, so
 * that a registration's cost can be told as a ratio: of absolute figures a machine makes what it likes.
 *
 *   regfloor LISTEN-PORT	on 127.0.0.1, UDP; until SIGTERM; prints "ready HELPER-PID"
 */
#define SU_ROOT_MAGIC_T void
#include "test/bench/floor.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_LEN 512 /* about what sipd says to featured */

/* A question is the transaction's address and bytes that nobody reads; the answer is the address. */
struct question {
	nta_incoming_t	*irq;
	char		 text[ASK_LEN - sizeof(nta_incoming_t *)];
};

static int helper;

/* The other process. */
static void
help(int fd)
{
	struct question q;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	while ((n = recv(fd, &q, sizeof(q), 0)) == sizeof(q))
		if (send(fd, &q.irq, sizeof(q.irq), MSG_NOSIGNAL) < 0)
			break;
	_exit(n == 0 ? 0 : 1);
}

static void
answer(nta_incoming_t *irq)
{
	msg_t *msg = nta_incoming_getrequest(irq);
	const sip_t *sip = sip_object(msg);

	nta_incoming_treply(irq, SIP_200_OK, SIPTAG_CONTACT(sip->sip_contact), TAG_END());
	msg_destroy(msg);
	nta_incoming_destroy(irq);
}

static int
helped(su_root_magic_t *none, su_wait_t *wait, su_wakeup_arg_t *arg)
{
	nta_incoming_t *irq;

	(void)none;
	(void)wait;
	(void)arg;
	while (recv(helper, &irq, sizeof(irq), MSG_DONTWAIT) == sizeof(irq))
		answer(irq);
	return 0;
}

static int
request(nta_leg_magic_t *none, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct question q = { .irq = irq };

	(void)none;
	(void)leg;
	if (sip->sip_request->rq_method != sip_method_register)
		return 405;
	if (sip->sip_authorization == NULL) {
		nta_incoming_treply(irq, SIP_401_UNAUTHORIZED,
		    SIPTAG_WWW_AUTHENTICATE_STR("Digest realm=\"floor\", nonce=\"0123456789abcdef\", algorithm=MD5, qop=\"auth\""),
		    TAG_END());
		nta_incoming_destroy(irq);
		return 0;
	}
	return send(helper, &q, sizeof(q), MSG_NOSIGNAL) == sizeof(q) ? 0 : 503;
}

int
main(int argc, char **argv)
{
	su_wait_t wait[1];
	char pid_text[16];
	int pair[2];
	pid_t pid;

	if (argc != 2) {
		fputs("usage: regfloor LISTEN-PORT\n", stderr);
		return 2;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || (pid = fork()) < 0) {
		perror("regfloor");
		return 2;
	}
	helper = pair[pid == 0];
	close(pair[pid != 0]);
	if (pid == 0)
		help(helper);
	floor_open(atoi(argv[1]), request);
	if (su_wait_create(wait, helper, SU_WAIT_IN) < 0 || su_root_register(root, wait, helped, NULL, su_pri_normal) < 0)
		return 2;
	snprintf(pid_text, sizeof(pid_text), " %d", (int)pid);
	floor_run(pid_text);
	return 0;
}
