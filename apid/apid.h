/* SPDX-License-Identifier: ISC */
/*
 * apid's root: settings and the parts that main() puts together. The one global of the daemon is in
 * main.c and of this type.
 */
#ifndef WARDEN_APID_APID_H
#define WARDEN_APID_APID_H

#include <stdbool.h>
#include <stdint.h>

#include "apid/auth.h"
#include "apid/files.h"
#include "apid/http.h"
#include "apid/report.h"
#include "common/base/log.h"
#include "common/daemon/daemon.h"
#include "common/ipc/peer.h"

struct apid_settings {
	char			 host[64];
	int64_t			 port;
	bool			 enable_cors;
	char			 www_directory[256];
	bool			 metrics_on_loopback;
	int64_t			 max_connections;
	int64_t			 max_connections_per_address;
	int64_t			 max_body;		/* bytes */
	int64_t			 request_timeout;	/* s */
	char			 db_host[108];		/* directory of the Unix socket */
	char			 db_name[64];
	char			 db_user[64];
	struct conf_logging	 logging;
};

extern struct conf apid_conf;

/* Latency buckets of GET /metrics, upper ends in us. The last is +Inf. */
#define METRIC_BUCKETS 8

struct apid_metrics {
	uint64_t	by_class[6];			/* answers by hundreds: 2 is 2xx */
	uint64_t	latency_us_sum;
	uint64_t	latency[METRIC_BUCKETS];
	uint64_t	tokens_refused;
	uint64_t	tokens_limited;
	uint64_t	timeouts;			/* connections closed for being slow */
};

struct apid {
	struct daemon		 daemon;
	struct apid_settings	 settings;
	struct http		*http;		/* TCP */
	struct http		*ctl;		/* the Unix socket for wardenctl */
	struct ipc_client	*featured;
	struct report		*report;
	struct auth		 auth;
	struct files		*www;		/* the web panel, in memory; NULL none */
	struct apid_metrics	 metrics;
	uint64_t		 started_ms;
};

/* Counts an answered request. */
void metrics_count(struct apid_metrics *m, unsigned status, uint64_t took_us);

#endif
