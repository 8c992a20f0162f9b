/* SPDX-License-Identifier: ISC */
/*
 * The HTTP server: libmicrohttpd in the event loop (its epoll descriptor nested in sd-event, its
 * timeout as a timer), limits, and the life of requests. One struct http for each listening socket.
 *
 * A client that does not finish its request, or does not read its answer, within
 * api.request_timeout loses its connection, however slowly it drips. Main thread only.
 */
#ifndef WARDEN_APID_HTTP_H
#define WARDEN_APID_HTTP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct apid;
struct request;
struct MHD_Daemon;

struct http_conn {
	TAILQ_ENTRY(http_conn)	next;
	int			fd;
	uint64_t		deadline_ms;	/* monotonic; 0: we are working, not the client */
};

struct http {
	struct apid		*apid;
	struct MHD_Daemon	*mhd;
	sd_event_source		*io;
	sd_event_source		*timer;		/* libmicrohttpd's */
	sd_event_source		*sweep;		/* slow clients */
	sd_event_source		*turn;		/* one turn of libmicrohttpd at once */
	bool			 tcp;		/* else the Unix socket */
	bool			 stopping;
	TAILQ_HEAD(, request)	 held;		/* suspended, being worked on */
	TAILQ_HEAD(, http_conn)	 conns;
	size_t			 nconns;
};

/* A listening TCP socket. Returns it or -errno. host is an IP literal; "::" takes IPv4 too. */
int http_listen_inet(const char *host, uint16_t port);

/* A listening Unix socket, mode 0600, in place of whatever was there. Returns it or -errno. */
int http_listen_unix(const char *path);

/* Serves fd, which is taken over. Returns 0 or -errno. */
int http_start(struct http **out, struct apid *apid, int fd, bool tcp);

/*
 * Answers what is held with 503, lets answers go out as far as they do at once, and closes. Takes a
 * pointer to NULL.
 */
void http_stop(struct http **http);

size_t http_connections(const struct http *http);

#endif
