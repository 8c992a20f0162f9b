/* SPDX-License-Identifier: ISC */
/*
 * apid: REST API, metrics and the web panel over HTTP; the same API for wardenctl on a Unix socket.
 * Asks featured for what lives and PostgreSQL for what is on record; holds no state of its own, so
 * it may die at any time. It must not write a call record or know a token.
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>

#include "apid/apid.h"
#include "common/base/clock.h"
#include "common/base/str.h"

/* Beyond the common list: nothing yet that accept4(), read() and send() do not cover. */
static const char *const syscalls[] = { "sendfile", NULL };

static struct apid apid;

static void
load_www(struct files **out, const char *directory)
{
	int r;

	*out = NULL;
	if (*directory != '\0' && (r = files_load(out, directory)) < 0)
		log_warning("no web panel", kv_s("directory", directory),
		    kv_s("error", strerror(-r)));
}

static bool
on_reload(struct daemon *d, void *new_settings)
{
	const struct apid_settings *s = new_settings, *old = &apid.settings;
	struct files *www;

	(void)d;
	if (!str_eq(s->host, old->host) || s->port != old->port ||
	    s->max_connections != old->max_connections ||
	    s->max_connections_per_address != old->max_connections_per_address ||
	    s->request_timeout != old->request_timeout)
		log_warning("api.host, api.port, the connection limits and api.request_timeout "
		            "change at the next start");
	if (!str_eq(s->db_host, old->db_host) || !str_eq(s->db_name, old->db_name) ||
	    !str_eq(s->db_user, old->db_user))
		log_warning("the section database changes at the next start");
	load_www(&www, s->www_directory);
	if (www != NULL || s->www_directory[0] == '\0') {
		files_free(&apid.www);
		apid.www = www;
	}
	auth_forget(&apid.auth);
	return true;
}

static void
on_featured_up(void *arg, struct ipc_peer *peer)
{
	(void)arg;
	(void)peer;
	/* A token may have been revoked while nobody could ask. */
	auth_forget(&apid.auth);
	log_info("connected to featured");
}

/* What libraries read from files at their first use, while they still may. */
static void
warm_up(void)
{
	json_object_seed(0);
	if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1)
		fatal("cannot initialise libcrypto");
}

static int
listen_tcp(const struct apid_settings *s)
{
	int fd = http_listen_inet(s->host, (uint16_t)s->port);

	if (fd == -EADDRINUSE)
		fatal("api.port %lld of %s is used by another program", (long long)s->port,
		    s->host);
	if (fd < 0)
		fatal("cannot listen on %s port %lld: %s", s->host, (long long)s->port,
		    strerror(-fd));
	return fd;
}

static void
serve_ctl(void)
{
	char path[sizeof(apid.daemon.own_dir) + 10];
	int fd, r;

	str_format(path, sizeof(path), "%s/ctl.sock", apid.daemon.own_dir);
	if ((fd = http_listen_unix(path)) < 0)
		fatal("cannot listen on %s: %s", path, strerror(-fd));
	if ((r = http_start(&apid.ctl, &apid, fd, false)) < 0)
		fatal("cannot serve %s: %s", path, strerror(-r));
}

static void
join_featured(void)
{
	const struct ipc_handler handler = { .up = on_featured_up };
	char path[sizeof(apid.daemon.run_dir) + 16];
	int r;

	str_format(path, sizeof(path), "%s/featured.sock", apid.daemon.run_dir);
	if ((r = ipc_connect(&apid.featured, apid.daemon.event, IPC_APID, path, &handler)) < 0)
		fatal("cannot connect to featured at %s: %s", path, strerror(-r));
}

int
main(int argc, char **argv)
{
	struct apid_settings *s = &apid.settings;
	struct daemon *d = &apid.daemon;
	int tcp, r, status;

	d->reload = on_reload;
	daemon_init(d, argc, argv, "apid", &apid_conf, s, &s->logging);
	daemon_mode(d, "", (const char *const[]){ NULL });
	tcp = listen_tcp(s);
	daemon_drop(d, (unsigned long)s->max_connections + 64);
	apid.started_ms = clock_real_ms();
	load_www(&apid.www, s->www_directory);
	if ((r = http_start(&apid.http, &apid, tcp, true)) < 0)
		fatal("cannot serve HTTP: %s", strerror(-r));
	serve_ctl();
	join_featured();
	if ((r = report_open(&apid.report, d->event, s->db_host, s->db_name, s->db_user)) < 0)
		fatal("cannot start the report reader: %s", strerror(-r));
	warm_up();
	daemon_sandbox(d, syscalls, true);
	daemon_ready(d);
	status = daemon_run(d);

	http_stop(&apid.http);
	http_stop(&apid.ctl);
	report_close(&apid.report);
	ipc_client_free(&apid.featured);
	files_free(&apid.www);
	return status;
}
