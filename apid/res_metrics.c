/* SPDX-License-Identifier: ISC */
/*
 * GET /metrics: the figures of all daemons (featured collects them), the state of the system and
 * apid's own, in Prometheus' text format 0.0.4. When featured is away the answer still comes, with
 * warden_up 0: that is what one wants to be woken by.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/apid.h"
#include "apid/gauges.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "common/base/str.h"

static const uint64_t bucket_us[METRIC_BUCKETS - 1] = { 500, 1000, 2000, 5000, 10000, 100000,
	1000000 };

void
metrics_count(struct apid_metrics *m, unsigned status, uint64_t took_us)
{
	size_t i = 0;

	m->by_class[status / 100 < 6 ? status / 100 : 5]++;
	m->latency_us_sum += took_us;
	while (i < METRIC_BUCKETS - 1 && took_us > bucket_us[i])
		i++;
	m->latency[i]++;
}

static void
one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_fmt(out, "# HELP warden_%s %s\n# TYPE warden_%s %s\nwarden_%s %llu\n", name, help, name,
	    type, name, (unsigned long long)value);
}

static void
own_figures(struct buf *out, const struct apid *apid)
{
	const struct apid_metrics *m = &apid->metrics;
	uint64_t sum = 0;

	one(out, "up", "gauge", "featured is connected to apid",
	    ipc_client_peer(apid->featured) != NULL);
	one(out, "apid_reports_up", "gauge", "apid is connected to PostgreSQL",
	    report_up(apid->report));
	one(out, "apid_reports_total", "counter", "queries that ended", report_count(apid->report));
	one(out, "apid_report_failures_total", "counter", "of them without a result",
	    report_failures(apid->report));
	one(out, "apid_connections", "gauge", "open HTTP connections",
	    http_connections(apid->http) + http_connections(apid->ctl));
	one(out, "apid_slow_clients_total", "counter",
	    "connections closed because the client took too long", m->timeouts);
	one(out, "apid_tokens_refused_total", "counter", "requests with a wrong token",
	    m->tokens_refused);
	one(out, "apid_tokens_limited_total", "counter",
	    "requests held back after too many wrong tokens", m->tokens_limited);
	buf_str(out,
	    "# HELP warden_apid_requests_total answered requests\n# TYPE "
	    "warden_apid_requests_total counter\n");
	for (unsigned i = 2; i < 6; i++)
		buf_fmt(out, "warden_apid_requests_total{class=\"%uxx\"} %llu\n", i,
		    (unsigned long long)m->by_class[i]);
	buf_str(out, "# HELP warden_apid_request_seconds time from the request line to the answer\n"
		     "# TYPE warden_apid_request_seconds histogram\n");
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		sum += m->latency[i];
		if (i < METRIC_BUCKETS - 1)
			buf_fmt(out, "warden_apid_request_seconds_bucket{le=\"%g\"} %llu\n",
			    (double)bucket_us[i] / 1e6, (unsigned long long)sum);
	}
	buf_fmt(out, "warden_apid_request_seconds_bucket{le=\"+Inf\"} %llu\n",
	    (unsigned long long)sum);
	buf_fmt(out,
	    "warden_apid_request_seconds_sum %.6f\nwarden_apid_request_seconds_count %llu\n",
	    (double)m->latency_us_sum / 1e6, (unsigned long long)sum);
}

static void
status_figures(struct buf *out, const struct msg_status *s)
{
	one(out, "sipd_up", "gauge", "sipd is connected and synchronised", s->sipd_up != 0);
	one(out, "mediad_up", "gauge", "mediad is connected and synchronised", s->mediad_up != 0);
	one(out, "database_up", "gauge", "featured is connected to PostgreSQL",
	    s->database_up != 0);
	one(out, "start_time_seconds", "gauge", "when featured was started, Unix time",
	    s->started_ms / 1000);
	one(out, "registered_extensions", "gauge", "extensions with a binding",
	    s->registered_extensions);
	one(out, "active_calls", "gauge", "calls now", s->active_calls);
	one(out, "calls_total", "counter", "calls since the state was made", s->total_calls);
	one(out, "active_recordings", "gauge", "recordings now", s->active_recordings);
	one(out, "active_conferences", "gauge", "conferences now", s->active_conferences);
	one(out, "parked_calls", "gauge", "parked calls now", s->parked_calls);
	one(out, "queued_calls", "gauge", "calls waiting in queues now", s->queued_calls);
	one(out, "spooled_cdrs", "gauge", "call records that are not in PostgreSQL yet",
	    s->spooled_cdrs);
}

static void
finish(struct request *req)
{
	if (req->text.failed)
		request_error(req, 500, "out of memory");
	else
		request_bytes(req, 200, "text/plain; version=0.0.4; charset=utf-8", req->text.data,
		    req->text.len);
}

static void
on_gauge(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;

	if (reply->flags & IPC_MORE) {
		if (reply->type == MSG_gauge)
			gauges_add(&req->gauges, reply->body);
		return;
	}
	gauges_print(&req->text, req->gauges);
	finish(req);
}

static void
on_status(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	struct ipc_peer *featured = ipc_client_peer(req->apid->featured);

	if (reply->type == MSG_status)
		status_figures(&req->text, reply->body);
	if (ipc_request(featured, MSG_gauges_get, &(struct msg_gauges_get){}, 1000, on_gauge, req) <
	    0)
		finish(req);
}

void
res_metrics(struct request *req)
{
	struct ipc_peer *featured = ipc_client_peer(req->apid->featured);

	if (!request_query(req, NULL))
		return;
	own_figures(&req->text, req->apid);
	if (ipc_request(featured, MSG_status_get, &(struct msg_status_get){}, 1000, on_status,
	        req) < 0)
		finish(req);
}
