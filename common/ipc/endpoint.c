/* SPDX-License-Identifier: ISC */
/*
 * Where connections come from: featured's listener, which knows a peer's role by its uid, and the others' client, which connects again for
 * ever. See peer.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/ipc/peer_impl.h"

#define SERVER_PEERS 16
#define SILENT_MAX 3 /* connections without hello of one uid, for each role that it may have */
#define RETRY_FIRST_US 5000
#define RETRY_MAX_US 200000
#define TELL_MS 5000

struct ipc_server {
	sd_event		*event;
	sd_event_source		*io;
	int			 fd;
	uint8_t			 self;
	struct ipc_identity	 identities[16];
	struct ipc_handler	 handler;
	struct ipc_peer		*peers[SERVER_PEERS];
	uint64_t		 admitted[SERVER_PEERS];	/* the how manieth each of them was */
	uint64_t		 admissions;
	struct log_bucket	 bucket;
};

struct ipc_client {
	sd_event		*event;
	sd_event_source		*retry;
	uint8_t			 self;
	uint64_t		 wait_us;
	char			 path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct ipc_handler	 handler;
	struct ipc_peer		*peer;
	uint64_t		 away_ms;	/* monotonic: since when featured cannot be reached, 0 it can */
	bool			 told;		/* that this is too long: one line, not one each try */
};

static int
make_address(struct sockaddr_un *sun, const char *path)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return str_copy(sun->sun_path, sizeof(sun->sun_path), path) ? 0 : -ENAMETOOLONG;
}

static void
server_gone(void *owner, struct ipc_peer *peer)
{
	struct ipc_server *server = owner;

	for (size_t i = 0; i < SERVER_PEERS; i++)
		if (server->peers[i] == peer)
			ipc_unref(&server->peers[i]);
}

/* A new connection of a role ends the older one: its process died and we have not read that yet. */
static void
server_hello(void *owner, struct ipc_peer *peer)
{
	struct ipc_server *server = owner;

	for (size_t i = 0; i < SERVER_PEERS; i++)
		if (server->peers[i] != NULL && server->peers[i] != peer && server->peers[i]->role == peer->role)
			ipc_drop(server->peers[i], "a newer connection of its role came");
}

static uint8_t
roles_of(const struct ipc_server *server, uid_t uid)
{
	uint8_t roles = 0;

	for (const struct ipc_identity *id = server->identities; id->roles != 0; id++)
		if (id->uid == uid)
			roles |= id->roles;
	return roles;
}

/* Who connects and does not say who it is has no more places than a restart needs: the oldest goes for a new one. */
static void
drop_silent(struct ipc_server *server, uid_t uid, uint8_t roles)
{
	unsigned n = 0, most = SILENT_MAX * (unsigned)__builtin_popcount(roles);
	size_t oldest = SERVER_PEERS;
	const struct ipc_peer *peer;

	for (size_t i = 0; i < SERVER_PEERS; i++) {
		peer = server->peers[i];
		if (peer == NULL || peer->dead || peer->said_hello || peer->uid != uid)
			continue;
		n++;
		if (oldest == SERVER_PEERS || server->admitted[i] < server->admitted[oldest])
			oldest = i;
	}
	if (n >= most)
		ipc_drop(server->peers[oldest], "it did not say hello, and others of its uid came");
}

static void
server_admit(struct ipc_server *server, int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	uint8_t roles;
	size_t i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || (roles = roles_of(server, cred.uid)) == 0) {
		log_limited(&server->bucket, LL_WARNING, "connection from a stranger refused", kv_u("uid", cred.uid),
		    kv_i("pid", cred.pid));
		close(fd);
		return;
	}
	drop_silent(server, cred.uid, roles);
	for (i = 0; i < SERVER_PEERS && server->peers[i] != NULL; i++)
		continue;
	if (i == SERVER_PEERS) {
		log_limited(&server->bucket, LL_WARNING, "too many connections", kv_u("uid", cred.uid));
		close(fd);
		return;
	}
	server->peers[i] = ipc_peer_new(server->event, fd, server->self, roles, &server->handler);
	if (server->peers[i] == NULL)
		return;
	server->admitted[i] = ++server->admissions;
	server->peers[i]->uid = cred.uid;
	server->peers[i]->pid = cred.pid;
	server->peers[i]->owner = server;
	server->peers[i]->gone = server_gone;
	server->peers[i]->hello = server_hello;
	ipc_peer_hello(server->peers[i]);
}

static int
on_listen(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	int conn;

	(void)source;
	(void)revents;
	while ((conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		server_admit(arg, conn);
	return 0;
}

static int
open_listener(const char *path)
{
	struct sockaddr_un sun;
	int fd, r;

	if ((r = make_address(&sun, path)) < 0)
		return r;
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || chmod(path, 0660) < 0 || listen(fd, 64) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int
ipc_listen(struct ipc_server **out, sd_event *event, uint8_t self, const char *path, int fd,
    const struct ipc_identity *identities, const struct ipc_handler *handler)
{
	struct ipc_server *server = mem_new(sizeof(*server));
	int r;

	*out = NULL;
	if (server == NULL)
		return -ENOMEM;
	server->event = event;
	server->self = self;
	server->handler = *handler;
	for (size_t i = 0; i < 15 && identities[i].roles != 0; i++)
		server->identities[i] = identities[i];
	server->fd = fd != -1 ? fd : open_listener(path);
	if (server->fd < 0) {
		r = server->fd;
		free(server);
		return r;
	}
	if ((r = sd_event_add_io(event, &server->io, server->fd, EPOLLIN, on_listen, server)) < 0) {
		ipc_server_free(&server);
		return r;
	}
	*out = server;
	return 0;
}

void
ipc_server_free(struct ipc_server **pp)
{
	struct ipc_server *server = *pp;

	*pp = NULL;
	if (server == NULL)
		return;
	for (size_t i = 0; i < SERVER_PEERS; i++)
		if (server->peers[i] != NULL) {
			server->peers[i]->dead = true;
			ipc_unref(&server->peers[i]);
		}
	sd_event_source_disable_unref(server->io);
	if (server->fd != -1)
		close(server->fd);
	free(server);
}

struct ipc_peer *
ipc_server_peer(const struct ipc_server *server, uint8_t role)
{
	for (size_t i = 0; i < SERVER_PEERS; i++)
		if (server->peers[i] != NULL && server->peers[i]->role == role && !server->peers[i]->dead &&
		    server->peers[i]->told_up)
			return server->peers[i];
	return NULL;
}

static void client_try(struct ipc_client *client);

static int
on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	client_try(arg);
	return 0;
}

static void
client_again(struct ipc_client *client)
{
	if (client->retry == NULL) {
		sd_event_add_time_relative(client->event, &client->retry, CLOCK_MONOTONIC, client->wait_us, 1000, on_retry, client);
	} else {
		sd_event_source_set_time_relative(client->retry, client->wait_us);
		sd_event_source_set_enabled(client->retry, SD_EVENT_ONESHOT);
	}
	client->wait_us = client->wait_us * 2 > RETRY_MAX_US ? RETRY_MAX_US : client->wait_us * 2;
}

/* The start of the daemons has no order, so a moment's wait is no warning. */
static void
client_tell(struct ipc_client *client, const char *error)
{
	uint64_t now = clock_mono_ms();

	if (client->away_ms == 0) {
		client->away_ms = now;
		log_info("waiting for featured", kv_s("path", client->path), kv_s("error", error));
	} else if (!client->told && now - client->away_ms >= TELL_MS) {
		client->told = true;
		log_warning("featured cannot be reached, trying on", kv_s("path", client->path), kv_s("error", error));
	}
}

static void
client_gone(void *owner, struct ipc_peer *peer)
{
	struct ipc_client *client = owner;

	client_tell(client, peer->why);
	ipc_unref(&client->peer);
	client_again(client);
}

static void
client_hello(void *owner, struct ipc_peer *peer)
{
	struct ipc_client *client = owner;

	(void)peer;
	client->wait_us = RETRY_FIRST_US;
	client->away_ms = 0;
	client->told = false;
}

static void
client_try(struct ipc_client *client)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	make_address(&sun, client->path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		client_tell(client, strerror(errno));
		if (fd >= 0)
			close(fd);
		client_again(client);
		return;
	}
	client->peer = ipc_peer_new(client->event, fd, client->self, IPC_FEATURED, &client->handler);
	if (client->peer == NULL) {
		client_again(client);
		return;
	}
	client->peer->owner = client;
	client->peer->gone = client_gone;
	client->peer->hello = client_hello;
	ipc_peer_hello(client->peer);
}

int
ipc_connect(struct ipc_client **out, sd_event *event, uint8_t self, const char *path,
    const struct ipc_handler *handler)
{
	struct ipc_client *client = mem_new(sizeof(*client));

	*out = NULL;
	if (client == NULL)
		return -ENOMEM;
	if (!str_copy(client->path, sizeof(client->path), path)) {
		free(client);
		return -ENAMETOOLONG;
	}
	client->event = event;
	client->self = self;
	client->wait_us = RETRY_FIRST_US;
	client->handler = *handler;
	*out = client;
	client_try(client);
	return 0;
}

void
ipc_client_free(struct ipc_client **pp)
{
	struct ipc_client *client = *pp;

	*pp = NULL;
	if (client == NULL)
		return;
	if (client->peer != NULL)
		client->peer->dead = true;
	ipc_unref(&client->peer);
	sd_event_source_disable_unref(client->retry);
	free(client);
}

struct ipc_peer *
ipc_client_peer(const struct ipc_client *client)
{
	return client->peer != NULL && !client->peer->dead && client->peer->told_up ? client->peer : NULL;
}
