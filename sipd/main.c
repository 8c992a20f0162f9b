/* SPDX-License-Identifier: ISC */
/*
 * sipd: Warden's SIP daemon. main() is the table of contents: each line is a file in this
 * directory. It parses SIP from strangers, so it holds no secret, no database and no media.
 */
#include <string.h>

#include "common/auth/nonce_text.h"
#include "sipd/adrift.h"
#include "sipd/checkpoint.h"
#include "sipd/crowd.h"
#include "sipd/flow.h"
#include "sipd/from_featured.h"
#include "sipd/leg.h"
#include "sipd/stack.h"
#include "sipd/sub_words.h"

struct sipd sipd;

/* Read by jemalloc before main(): one thread needs one arena; pages go back 5 s after they were last used. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,dirty_decay_ms:5000,muzzy_decay_ms:0";

/* What sofia does when it runs; getsockopt and ioctl are its, openat and newfstatat are for
 * resolv.conf. */
static const char *const syscalls[] = { "accept", "accept4", "bind", "connect", "listen",
	"shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "ioctl", "recvmsg",
	"recvfrom", "sendmsg", "sendto", "socket", "socketpair", "pipe", "pipe2", "poll", "ppoll",
	"open", "openat", "newfstatat", "fstat", "stat", "uname", "msync", NULL };

static bool
reload(struct daemon *d, void *settings)
{
	struct sipd_settings *fresh = settings;

	(void)d;
	if (strcmp(fresh->host, sipd.set.host) != 0 || fresh->port != sipd.set.port)
		log_warning("server.sip_host and server.sip_port need a restart");
	memcpy(fresh->host, sipd.set.host, sizeof(fresh->host));
	fresh->port = sipd.set.port;
	stack_names(fresh->server_name);
	return true;
}

static void
stop(struct daemon *d)
{
	(void)d;
	loop_stop();
}

int
main(int argc, char **argv)
{
	int r;

	daemon_init(&sipd.d, argc, argv, "sipd", &sipd_conf, &sipd.set, &sipd.set.logging);
	sipd.d.reload = reload;
	sipd.d.stop = stop;
	daemon_drop(&sipd.d, 65536);
	if ((r = loop_init()) < 0)
		fatal("cannot make the event loop: %s", strerror(-r));
	checkpoint_init();
	if ((r = nonce_text_init()) < 0)
		fatal("OpenSSL has no SHA-256");
	stack_init();
	adrift_init();
	checkpoint_load();
	if ((r = subs_init()) < 0)
		fatal("cannot prepare subscriptions: %s", strerror(-r));
	if ((r = from_featured_init()) < 0 || (r = stats_init()) < 0 ||
	    (r = crowd_init()) < 0)
		fatal("%s", strerror(-r));
	daemon_sandbox(&sipd.d, syscalls, true);
	daemon_ready(&sipd.d);

	loop_run();

	/* Legs stay in the checkpoint: whoever comes after us goes on with them. */
	ipc_client_free(&sipd.client);
	subs_close();
	flow_done();
	checkpoint_close();
	return sipd.exit_code;
}
