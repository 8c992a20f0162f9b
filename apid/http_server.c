/* SPDX-License-Identifier: ISC */
/* libmicrohttpd in the event loop: see http.h. The only file that includes its header. */
#include "apid/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "apid/apid.h"
#include "apid/gauges.h"
#include "apid/request.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define HEADER_MEMORY 16384	/* request line and headers, and what is sent at once */
#define ANSWER_MAX (16 << 20)
#define SWEEP_US 500000
#define RATE_MIN 16	/* bytes a millisecond: who reads an answer more slowly may be cut off */

/* ---- requests ---- */

static void
request_free(struct request *req)
{
	buf_free(&req->body);
	buf_free(&req->out);
	if (req->file_len > 0)
		close(req->file);	/* nobody was there to get it */
	buf_free(&req->text);
	json_decref(req->list);
	gauges_free(&req->gauges);
	free(req);
}

static struct http_conn *
conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/*
 * work: we are at it, so no deadline; else the client has request_timeout for its next step, and
 * time to read so many bytes. Who reads nothing at all is libmicrohttpd's to cut off.
 */
static void
conn_turn(struct MHD_Connection *connection, const struct apid *apid, bool work, uint64_t bytes)
{
	struct http_conn *conn = conn_of(connection);

	if (conn != NULL)
		conn->deadline_ms = work ? 0
		                         : clock_mono_ms() +
		        (uint64_t)apid->settings.request_timeout * 1000 + bytes / RATE_MIN;
}

/* The request line is there: the one place where the target is still as it was sent. */
static void *
on_target(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct http *http = arg;
	struct request *req = mem_new(sizeof(*req));

	if (req == NULL)
		return NULL;
	req->http = http;
	req->apid = http->apid;
	req->connection = connection;
	req->began_us = clock_mono_us();
	req->body.max = (size_t)http->apid->settings.max_body;
	req->out.max = req->text.max = ANSWER_MAX;
	req->bad_target = target_parse(&req->target, uri);
	return req;
}

/* libmicrohttpd would decode the target once more for itself. */
static size_t
no_unescape(void *arg, struct MHD_Connection *connection, char *s)
{
	(void)arg;
	(void)connection;
	return strlen(s);
}

const char *
request_header_in(const struct request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

static void
find_asker(struct request *req)
{
	const union MHD_ConnectionInfo *info;
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	if (req->http->tcp) {
		info = MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
		if (info != NULL && info->client_addr != NULL)
			memcpy(&req->from, info->client_addr,
			    info->client_addr->sa_family == AF_INET6 ? sizeof(req->from.in6)
			                                             : sizeof(req->from.in));
		return;
	}
	info = MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return;
	if (cred.uid == 0 || cred.uid == geteuid()) {
		req->asker.known = req->asker.admin = true;
		str_format(req->asker.name, sizeof(req->asker.name), "uid %u", (unsigned)cred.uid);
	}
}

static enum MHD_Result
send_answer(struct request *req)
{
	uint64_t bytes = req->file_len > 0 ? req->file_len : req->out.len;
	struct MHD_Response *response;
	enum MHD_Result r;

	if (req->file_len > 0)
		response = MHD_create_response_from_fd64(req->file_len, req->file);
	else
		response = MHD_create_response_from_buffer(req->out.len, req->out.data,
		    MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		return MHD_NO;
	req->out = (struct buf){ .max = ANSWER_MAX };	/* the response's now, as is file */
	req->file_len = 0;
	if (req->content_type != NULL)
		MHD_add_response_header(response, "Content-Type", req->content_type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < req->nheaders; i++)
		MHD_add_response_header(response, req->header[i].name, req->header[i].value);
	if (req->http->stopping)
		MHD_add_response_header(response, "Connection", "close");
	conn_turn(req->connection, req->apid, false, bytes);
	r = MHD_queue_response(req->connection, req->status, response);
	MHD_destroy_response(response);
	return r;
}

void
http_answer(struct request *req)
{
	assert_that(!req->answered);
	req->answered = true;
	metrics_count(&req->apid->metrics, req->status, clock_mono_us() - req->began_us);
	log_debug("request", kv_s("route", req->route != NULL ? req->route->pattern : ""),
	    kv_u("status", req->status), kv_u("us", clock_mono_us() - req->began_us));
	if (!req->suspended)
		return;	/* on_request() is above us and sends it */
	req->suspended = false;
	TAILQ_REMOVE(&req->http->held, req, next);
	MHD_resume_connection(req->connection);
	/*
	 * It waits for the next run, and neither the epoll descriptor nor the timeout tells of it.
	 */
	sd_event_source_set_enabled(req->http->turn, SD_EVENT_ONESHOT);
}

/* A body that says that it is too large is refused before it comes. */
static bool
announced_too_large(const struct request *req)
{
	const char *text = request_header_in(req, "Content-Length");
	int64_t n;

	return text != NULL && str_to_i64(text, 0, req->apid->settings.max_body, &n) < 0;
}

static enum MHD_Result
begin(struct request *req, const char *method)
{
	req->started = true;
	req->method = http_method_of(method);
	req->head = str_eq(method, "HEAD");
	find_asker(req);
	if (!announced_too_large(req))
		return MHD_YES;
	req->too_large = true;
	request_dispatch(req);
	return send_answer(req);
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **context)
{
	struct request *req = *context;

	(void)arg;
	(void)url;
	(void)version;
	if (req == NULL)
		return MHD_NO;	/* out of memory at its beginning */
	if (!req->started)
		return begin(req, method);
	if (*upload_size > 0) {
		buf_add(&req->body, upload, *upload_size);
		req->too_large = req->too_large || req->body.failed;
		*upload_size = 0;
		return MHD_YES;
	}
	if (!req->answered) {
		conn_turn(connection, req->apid, true, 0);
		request_dispatch(req);
	}
	if (req->answered)
		return send_answer(req);
	req->suspended = true;
	TAILQ_INSERT_TAIL(&req->http->held, req, next);
	MHD_suspend_connection(connection);
	return MHD_YES;
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode why)
{
	struct http *http = arg;
	struct request *req = *context;

	(void)why;
	*context = NULL;
	if (req == NULL)
		return;
	assert_that(!req->suspended);
	conn_turn(connection, http->apid, false, 0);
	request_free(req);
}

/* ---- connections ---- */

static int
on_sweep(sd_event_source *source, uint64_t usec, void *arg)
{
	struct http *http = arg;
	struct http_conn *conn;
	uint64_t now = clock_mono_ms();

	(void)usec;
	TAILQ_FOREACH(conn, &http->conns, next) {
		if (conn->deadline_ms == 0 || conn->deadline_ms > now)
			continue;
		/* libmicrohttpd sees the end and closes. */
		shutdown(conn->fd, SHUT_RDWR);
		conn->deadline_ms = 0;
		http->apid->metrics.timeouts++;
	}
	if (!TAILQ_EMPTY(&http->conns)) {
		sd_event_source_set_time_relative(source, SWEEP_US);
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	return 0;
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct http *http = arg;
	struct http_conn *conn = *context;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (conn == NULL)
			return;
		TAILQ_REMOVE(&http->conns, conn, next);
		http->nconns--;
		free(conn);
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL || (conn = mem_new(sizeof(*conn))) == NULL)
		return;	/* libmicrohttpd's own timeout still holds */
	conn->fd = info->connect_fd;
	*context = conn;
	conn->deadline_ms = clock_mono_ms() + (uint64_t)http->apid->settings.request_timeout * 1000;
	if (TAILQ_EMPTY(&http->conns)) {
		sd_event_source_set_time_relative(http->sweep, SWEEP_US);
		sd_event_source_set_enabled(http->sweep, SD_EVENT_ONESHOT);
	}
	TAILQ_INSERT_TAIL(&http->conns, conn, next);
	http->nconns++;
}

size_t
http_connections(const struct http *http)
{
	return http != NULL ? http->nconns : 0;
}

/* ---- the loop ---- */

static int
on_io(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct http *http = arg;

	(void)source;
	(void)fd;
	(void)revents;
	MHD_run(http->mhd);
	return 0;
}

static int
on_turn(sd_event_source *source, void *arg)
{
	struct http *http = arg;

	(void)source;
	MHD_run(http->mhd);
	return 0;
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct http *http = arg;

	(void)source;
	(void)usec;
	MHD_run(http->mhd);
	return 0;
}

/*
 * Before the loop waits: until when at most? What is to be done at once does not go by the timer,
 * whose slack would be most of an answer's time.
 */
static int
on_prepare(sd_event_source *source, void *arg)
{
	struct http *http = arg;
	MHD_UNSIGNED_LONG_LONG ms;

	(void)source;
	if (MHD_get_timeout(http->mhd, &ms) != MHD_YES)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	if (ms == 0)
		return sd_event_source_set_enabled(http->turn, SD_EVENT_ONESHOT);
	if (sd_event_source_set_time_relative(http->timer, (uint64_t)ms * 1000) < 0)
		return 0;
	return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
}

static void
on_log(void *arg, const char *fmt, va_list ap)
{
	static struct log_bucket bucket;
	char text[200];

	(void)arg;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_limited(&bucket, LL_DEBUG, "libmicrohttpd", kv_s("text", text));
}

static int
attach(struct http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	sd_event *event = http->apid->daemon.event;
	int r;

	if (info == NULL || info->epoll_fd < 0)
		return -ENOTSUP;
	if ((r = sd_event_add_io(event, &http->io, info->epoll_fd, EPOLLIN, on_io, http)) < 0 ||
	    (r = sd_event_add_time_relative(event, &http->timer, CLOCK_MONOTONIC, 0, 50000,
	         on_timer, http)) < 0 ||
	    (r = sd_event_add_time_relative(event, &http->sweep, CLOCK_MONOTONIC, SWEEP_US, 100000,
	         on_sweep, http)) < 0 ||
	    (r = sd_event_add_defer(event, &http->turn, on_turn, http)) < 0 ||
	    (r = sd_event_source_set_enabled(http->turn, SD_EVENT_OFF)) < 0 ||
	    (r = sd_event_source_set_prepare(http->io, on_prepare)) < 0)
		return r;
	return 0;
}

int
http_start(struct http **out, struct apid *apid, int fd, bool tcp)
{
	struct http *http = mem_new(sizeof(*http));
	const struct apid_settings *s = &apid->settings;
	int r;

	*out = NULL;
	if (http == NULL) {
		close(fd);
		return -ENOMEM;
	}
	http->apid = apid;
	http->tcp = tcp;
	TAILQ_INIT(&http->held);
	TAILQ_INIT(&http->conns);
	http->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
	    0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->max_connections,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, tcp ? (unsigned)s->max_connections_per_address : 0U,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)s->request_timeout,
	    MHD_OPTION_URI_LOG_CALLBACK, on_target, http, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape,
	    http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, http, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (http->mhd == NULL) {
		close(fd);
		free(http);
		return -EIO;
	}
	if ((r = attach(http)) < 0) {
		http_stop(&http);
		return r;
	}
	*out = http;
	return 0;
}

void
http_stop(struct http **pp)
{
	struct http *http = *pp;
	struct request *req;

	*pp = NULL;
	if (http == NULL)
		return;
	http->stopping = true;
	while ((req = TAILQ_FIRST(&http->held)) != NULL) {
		ipc_cancel(ipc_client_peer(http->apid->featured), req);
		report_cancel(http->apid->report, req);
		request_error(req, 503, "the API is stopping");
	}
	/* Resumes, writes what the sockets take, closes. */
	MHD_run(http->mhd);
	MHD_run(http->mhd);
	MHD_stop_daemon(http->mhd);
	sd_event_source_disable_unref(http->io);
	sd_event_source_disable_unref(http->timer);
	sd_event_source_disable_unref(http->sweep);
	sd_event_source_disable_unref(http->turn);
	free(http);
}

/* ---- listening ---- */

static int
listen_on(int fd, const struct sockaddr *sa, socklen_t len)
{
	int r;

	if (bind(fd, sa, len) == 0 && listen(fd, 256) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int
http_listen_inet(const char *host, uint16_t port)
{
	union addr addr;
	int fd, on = 1, off = 0;

	if (addr_from_ip(&addr, host, port) < 0)
		return -EINVAL;
	if ((fd = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return listen_on(fd, &addr.sa, addr_len(&addr));
}

int
http_listen_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t old;
	int fd;

	if (!str_copy(sun.sun_path, sizeof(sun.sun_path), path))
		return -ENAMETOOLONG;
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	unlink(path);
	old = umask(0177);
	fd = listen_on(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	return fd;
}
