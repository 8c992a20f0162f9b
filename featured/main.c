/* SPDX-License-Identifier: ISC */
/*
 * featured: Warden's deciding daemon. It holds the settings, the users and their secrets, the
 * database and every call's state; it has no network: sipd, mediad and apid connect to its Unix
 * socket. main() is the table of contents.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "featured/featured.h"
#include "featured/retention.h"

static const char *const modes[] = { "--migrate", "--dry-run", "--print-fsm", NULL };

/* Beyond the common list: libpq, and the socket's making and permissions. */
static const char *const syscalls[] = { "bind", "listen", "chmod", "fchmod", "getsockopt",
	"setsockopt", "pselect6", "socketpair", "msync", "uname", "umask", "utimensat", NULL };

/*
 * Peers.
 */

static void
peer_up(void *arg, struct ipc_peer *peer)
{
	struct featured *f = arg;
	uint8_t role = ipc_peer_role(peer);

	log_info("peer connected", kv_s("peer", ipc_role_name(role)),
	    kv_i("pid", ipc_peer_pid(peer)));
	if (role == IPC_SIPD)
		from_sipd_policy(f);
	turn_begin(f);
	core_peer(f->core, role, true);
	turn_end(f);
}

static void
peer_down(void *arg, struct ipc_peer *peer, const char *why)
{
	struct featured *f = arg;
	uint8_t role = ipc_peer_role(peer);

	log_warning("peer lost", kv_s("peer", ipc_role_name(role)), kv_s("why", why));
	if (role == IPC_SIPD)
		register_lost(f->registrar);
	/* A newer connection of the role may be up already. */
	if (ipc_server_peer(f->server, role) != NULL)
		return;
	turn_begin(f);
	core_peer(f->core, role, false);
	turn_end(f);
}

static void
peer_message(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct featured *f = arg;

	turn_begin(f);
	switch ((enum ipc_role)ipc_peer_role(peer)) {
	case IPC_SIPD:
		from_sipd(f, peer, msg);
		break;
	case IPC_MEDIAD:
		from_mediad(f, msg);
		break;
	case IPC_APID:
		from_apid(&f->api, peer, msg);
		break;
	case IPC_FEATURED:
	case IPC_ANY:
		break;
	}
	turn_end(f);
}

static void
listen_to_peers(struct featured *f)
{
	static const struct {
		const char *user;
		uint8_t role;
	} users[] = { { "warden-sipd", IPC_SIPD }, { "warden-mediad", IPC_MEDIAD },
		{ "warden-apid", IPC_APID } };
	struct ipc_identity identities[5] = { { .uid = getuid(),
	    .roles = IPC_SIPD | IPC_MEDIAD | IPC_APID } };
	struct ipc_handler handler = {
		.up = peer_up, .down = peer_down, .message = peer_message, .arg = f
	};
	const struct passwd *pw;
	const struct group *group;
	char path[256];
	size_t n = 1;
	int fd = daemon_listen_fd("featured"), r;

	for (size_t i = 0; i < 3; i++)
		if ((pw = getpwnam(users[i].user)) != NULL)
			identities[n++] = (struct ipc_identity){ .uid = pw->pw_uid,
				.roles = users[i].role };
	str_format(path, sizeof(path), "%s/featured.sock", f->d.run_dir);
	r = ipc_listen(&f->server, f->d.event, IPC_FEATURED, path, fd, identities, &handler);
	if (r != 0)
		fatal("cannot listen on %s: %s", path, strerror(-r));
	/* The peers have users of their own and share the group; who runs all daemons as one user
	 * needs none. */
	group = getgrnam("warden");
	if (fd == -1 && group != NULL && chown(path, (uid_t)-1, group->gr_gid) != 0)
		log_debug("socket stays in our own group", kv_s("path", path));
}

/*
 * Settings.
 */

/* After daemon_reload() has put the new settings into their place. */
static int
on_taken(sd_event_source *source, void *arg)
{
	struct featured *f = arg;

	(void)source;
	auth_settings(f->auth, &f->settings);
	bindings_settings(f->bindings, &f->settings);
	registrar_settings(f->registrar, &f->settings);
	db_settings(f->db, &f->settings);
	mailbox_mail(f->mailbox, f->settings.voicemail.email_notifications);
	core_set_settings(f->core, &f->settings);
	from_sipd_policy(f);
	watch_settings(f->watch, &f->settings, clock_real_ms());
	return 0;
}

static bool
take_settings(struct daemon *d, void *fresh)
{
	struct featured *f = (struct featured *)((char *)d - offsetof(struct featured, d));

	if (settings_prepare(fresh, d->state_dir, f->conf.error, sizeof(f->conf.error)) != 0)
		return false;
	settings_release(&f->settings);
	sd_event_source_set_enabled(f->taken, SD_EVENT_ONESHOT);
	return true;
}

static int
api_reload(void *arg, char *err, size_t err_size)
{
	struct featured *f = arg;

	return daemon_reload(&f->d, err, err_size);
}

static void
prepare_settings(struct featured *f)
{
	char why[512];

	if (settings_prepare(&f->settings, f->d.state_dir, why, sizeof(why)) != 0)
		fatal("%s", why);
}

/*
 * Parts.
 */

static void
must(int r, const char *what)
{
	if (r < 0)
		fatal("cannot %s: %s", what, strerror(-r));
}

static void
keep_record(void *arg, const struct msg_call_item *item)
{
	struct uuid id;

	memcpy(id.b, item->call, sizeof(id.b));
	spool_keep(arg, &id);
}

static void
on_registered(void *arg, const char *user, bool registered)
{
	struct featured *f = arg;

	watch_registered(f->watch, user, registered, clock_real_ms());
}

static void
open_parts(struct featured *f)
{
	struct core_env env = from_sipd_env(f);
	struct watch_env watch_env;
	struct texts_env texts_env;
	struct settings *s = &f->settings;
	sd_event *event = f->d.event;

	must(auth_new(&f->auth, s, f->d.own_dir), "prepare authentication");
	must(bindings_open(&f->bindings, event, f->d.own_dir, s), "open the bindings");
	must(registrar_new(&f->registrar, s, f->auth, f->bindings), "make the registrar");
	must(db_open(&f->db, event, s), "prepare the database connection");
	bindings_database(f->bindings, f->db);
	must(spool_open(&f->spool, event, f->d.state_dir, f->db), "open the spool of call records");
	must(mailbox_open(&f->mailbox, event, f->d.state_dir), "open the index of messages");
	mailbox_mail(f->mailbox, s->voicemail.email_notifications);
	mailbox_database(f->mailbox, f->db);
	env.mailbox = f->mailbox;
	must(tokens_open(&f->tokens, f->d.state_dir, f->db), "read the API's tokens");
	must(retention_open(&f->retention, f), "look after old recordings");
	must(userstates_open(&f->users, f->d.state_dir, f->d.own_dir),
	    "open what users have set");
	must(userstates_db_open(&f->users_db, f->users, f->db), "watch what users set");
	must(gauges_new(&f->gauges), "make the gauges");
	must(keep_open(&f->keep, event, f->d.state_dir, "messages"), "keep text messages");
	texts_env = from_sipd_texts_env(f);
	must(texts_open(&f->texts, s, &texts_env), "read text messages");
	watch_env = from_sipd_watch_env(f);
	must(watch_new(&f->watch, f->d.state_dir, s, &watch_env, clock_real_ms()),
	    "prepare presence");
	registrar_watch(f->registrar, on_registered, f);
	from_sipd_mailbox(f);
	must(turn_init(f), "make timers");
	must(core_new(&f->core, f->d.own_dir, s, &env, clock_mono_ms(), clock_real_ms()),
	    "open the calls' checkpoint");
	core_set_users(f->core, f->users);
	must(sd_event_add_defer(event, &f->taken, on_taken, f), "watch the settings");
	must(sd_event_source_set_enabled(f->taken, SD_EVENT_OFF), "watch the settings");
}

/* Calls that ended with a crash of the machine get their record now; those that live, theirs when
 * they end. */
static void
sweep_spool(struct featured *f)
{
	core_all_calls(f->core, keep_record, f->spool);
	spool_sweep(f->spool, clock_real_ms());
	/* What core_new() has left to be said: records of calls that ended with us. */
	turn_begin(f);
	core_cdr_again(f->core);
	core_parties(f->core);
	turn_end(f);
}

static void
open_api(struct featured *f)
{
	f->api = (struct api_context){ .settings = &f->settings,
		.auth = f->auth,
		.bindings = f->bindings,
		.core = f->core,
		.db = f->db,
		.spool = f->spool,
		.tokens = f->tokens,
		.users = f->users,
		.mailbox = f->mailbox,
		.gauges = f->gauges,
		.watch = f->watch,
		.server = f->server,
		.started_ms = clock_real_ms(),
		.reload = api_reload,
		.arg = f };
}

static void
close_parts(struct featured *f)
{
	ipc_server_free(&f->server);
	core_free(&f->core);
	mailbox_watch(f->mailbox, NULL, NULL);
	watch_free(&f->watch);
	keep_close(&f->keep);
	texts_close(&f->texts);
	spool_close(&f->spool);
	registrar_free(&f->registrar);
	bindings_close(&f->bindings);
	retention_close(&f->retention);
	tokens_close(&f->tokens);
	userstates_db_close(&f->users_db);
	userstates_close(&f->users);
	mailbox_close(&f->mailbox);
	db_close(&f->db);
	auth_free(&f->auth);
	gauges_free(&f->gauges);
	sd_event_source_unref(f->timer);
	sd_event_source_unref(f->tick);
	sd_event_source_unref(f->taken);
}

static void
print_line(void *arg, const char *text)
{
	fprintf(arg, "%s\n", text);
}

static struct featured featured; /* the one root */

int
main(int argc, char **argv)
{
	struct featured *f = &featured;
	int status;

	if (argc == 2 && strcmp(argv[1], "--print-fsm") == 0) {
		leg_fsm_print(print_line, stdout);
		return 0;
	}
	f->conf = (struct conf){
		.keys = settings_keys, .size = sizeof(f->settings), .check = settings_check
	};
	daemon_init(&f->d, argc, argv, "featured", &f->conf, &f->settings, &f->settings.logging);
	f->d.reload = take_settings;
	daemon_drop(&f->d, 4096);
	if (daemon_mode(&f->d, "--migrate", modes))
		return db_migrate_main(&f->settings, daemon_mode(&f->d, "--dry-run", modes));
	prepare_settings(f);
	open_parts(f);
	sweep_spool(f);
	listen_to_peers(f);
	open_api(f);
	daemon_sandbox(&f->d, syscalls, false);
	daemon_ready(&f->d);

	status = daemon_run(&f->d);

	close_parts(f);
	settings_release(&f->settings);
	conf_free(&f->conf, &f->settings);
	return status;
}
