/* SPDX-License-Identifier: ISC */
/*
 * What sipfloor and regfloor share: one nta agent on 127.0.0.1 over UDP, in one thread, until a signal. Included once
 * by each, behind the definitions of sofia's magic types, as those decide its headers' types.
 */
#ifndef WARDEN_TEST_BENCH_FLOOR_H
#define WARDEN_TEST_BENCH_FLOOR_H

#include <signal.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_tag.h>
#include <sofia-sip/su_wait.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static su_root_t *root;
static nta_agent_t *agent;

static void
floor_signal(int sig)
{
	(void)sig;
	su_root_break(root);
}

/* Makes root and agent; requests outside of dialogs go to outside. Exits with 2 if it cannot listen. */
static void
floor_open(int port, nta_request_f *outside)
{
	char url[64];

	snprintf(url, sizeof(url), "sip:127.0.0.1:%d;transport=udp", port);
	su_init();
	root = su_root_create(NULL);
	su_root_threading(root, 0);
	agent = nta_agent_create(root, (url_string_t *)url, NULL, NULL, NTATAG_UA(1), NTATAG_SERVER_RPORT(2), TAG_END());
	if (agent == NULL || nta_leg_tcreate(agent, outside, NULL, NTATAG_NO_DIALOG(1), TAG_END()) == NULL) {
		fprintf(stderr, "cannot listen on %s\n", url);
		exit(2);
	}
	signal(SIGTERM, floor_signal);
	signal(SIGINT, floor_signal);
}

/* Says "ready" and more, and works until a signal. */
static void
floor_run(const char *more)
{
	printf("ready%s\n", more);
	fflush(stdout);
	su_root_run(root);
}

#endif
