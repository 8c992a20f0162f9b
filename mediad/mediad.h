/* SPDX-License-Identifier: ISC */
/*
 * mediad's root: everything that its main thread has. main.c makes it; the other files of the main
 * thread take it.
 */
#ifndef WARDEN_MEDIAD_H
#define WARDEN_MEDIAD_H

#include <stdint.h>

#include "common/base/ckpt.h"
#include "common/base/log.h"
#include "common/daemon/daemon.h"
#include "common/ipc/peer.h"
#include "mediad/port.h"
#include "mediad/queue.h"
#include "mediad/record.h"
#include "mediad/session.h"
#include "mediad/settings.h"
#include "mediad/sound.h"
#include "mediad/worker.h"

/* sessions whose last figures are kept, for a media_close that is repeated */
#define MEDIAD_CLOSED 512

struct mediad {
	struct daemon		 daemon;
	struct conf		 conf;
	struct mediad_settings	 settings;
	struct ipc_client	*featured;
	struct ckpt		*sessions_ck, *streams_ck;
	struct session		*sessions;	/* hash by id */
	struct port_line	*ports;
	struct worker		*workers;
	unsigned		 nworkers;
	struct queue		 events;	/* of workers and the loader */
	int			 events_fd;
	struct loader		*loader;
	struct recorder		*recorder;
	struct ckpt		*records_ck;
	struct recording	*records;	/* hash by id */
	uint64_t		 records_failed;
	bool			 disk_low;	/* of recordings; warned of */
	sd_event_source		*wake;		/* wakes workers at the end of a turn */
	sd_event_source		*gauges;
	struct stats_wait	*stats_waits;	/* media_stats_get on their way */
	uint32_t		 stats_tag;
	struct msg_media_closed	*closed;	/* ring of MEDIAD_CLOSED */
	unsigned		 nclosed;
	struct log_bucket	 bucket;
	uint64_t		 plays_failed, ports_exhausted;
	uint64_t		 strangers_told, flood_told;	/* in the log, of the gauges */
};

/* main.c: any thread: an event to the main thread. Waits while the queue is full. */
void mediad_event(struct mediad *m, const struct ev *ev);

/* from_featured.c: a message of featured; the hello went both ways (sends what lives here). */
void from_featured(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg);
void featured_up(void *arg, struct ipc_peer *peer);
void featured_down(void *arg, struct ipc_peer *peer, const char *why);

/* to_featured.c: events of the workers and the loader, gauges. */
void to_featured_event(struct mediad *m, const struct ev *ev);
void to_featured_gauges(struct mediad *m);
void to_featured_closed(struct msg_media_closed *out, uint64_t session,
    const struct stream_stats *stats);

/* Sends what is known of an ended session: its last figures, or zeros. */
void to_featured_gone(struct mediad *m, uint64_t session);

#endif
