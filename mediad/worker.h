/* SPDX-License-Identifier: ISC */
/*
 * A worker: one thread with its I/O and its streams. The main thread gives commands by a bounded
 * queue; events come back by another one, which all workers share. Everything about packets happens
 * here; nothing here knows IPC or SDP text.
 */
#ifndef WARDEN_MEDIAD_WORKER_H
#define WARDEN_MEDIAD_WORKER_H

#include <sys/queue.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "common/base/ckpt.h"
#include "mediad/codec.h"
#include "mediad/queue.h"
#include "mediad/music.h"
#include "mediad/room.h"
#include "mediad/stream.h"

#define WORKER_TICK_US	20000
#define WORKER_SLICES	10	/* a tenth of the streams is looked at every tenth of a second */

enum cmd_type {
	CMD_ADD,		/* stream: the worker's from now on; ports are attached */
	CMD_CONFIGURE,
	CMD_CONNECT,		/* stream and other */
	CMD_DISCONNECT,
	CMD_ECHO,
	CMD_JOIN,		/* a room, which is made if need be; CMD_LEAVE leaves it */
	CMD_LEAVE,
	CMD_KEY,		/* its far end pressed a key by SIP INFO */
	CMD_PLAY,
	CMD_PLAY_STOP,
	CMD_MUSIC,		/* hears a class of music; "" no more */
	CMD_MUSIC_SOUND,	/* stream NULL: the loader's answer to EV_MUSIC */
	CMD_TAP,		/* its packets go to a recording, too */
	CMD_UNTAP,		/* ends in EV_UNTAPPED, or done is posted */
	CMD_STATS,
	CMD_REMOVE,		/* ends in EV_REMOVED: the stream is the main thread's again */
	CMD_DETACH,		/* the same without an end of it: done is posted */
	CMD_STOP,		/* the thread ends; streams stay as they are */
};

struct cmd {
	enum cmd_type	 type;
	struct stream	*stream;
	union {
		struct stream	*other;
		struct stream_conf conf;
		bool		 on;
		struct {
			uint64_t	 id;
			uint8_t		 flags;	/* enum media_room_flags */
			bool		 again;	/* after a restart: no tone */
		} room;
		struct {
			char		 digit;
			uint16_t	 ms;
		} key;
		struct {
			struct sound	*sound;	/* reference handed over */
			uint32_t	 id;
			uint16_t	 loops;
			bool		 resume;	/* go on at st.play_at */
		} play;
		char		 music[MUSIC_CLASS_MAX + 1];
		struct {
			char		 class[MUSIC_CLASS_MAX + 1];
			struct sound	*sound;	/* reference handed over; NULL: none */
			uint32_t	 index;
		} song;
		struct {
			struct tap	*tap;
			uint64_t	 record;
			bool		 swap, far_only;
			sem_t		*done;
		} tap;
		uint32_t	 tag;		/* CMD_STATS: given back */
		sem_t		*done;
	} u;
	bool		 can_wait;	/* a tenth of a second */
};

enum ev_type {
	EV_PLAYED,
	EV_DTMF,
	EV_KEY_OUT,		/* a key that is to go out by SIP INFO */
	EV_SILENT,
	EV_STATS,
	EV_REMOVED,
	EV_LOADED,		/* from the loader */
	EV_MUSIC,		/* a player wants file `number` of class text; session: the worker */
	EV_UNTAPPED,		/* session: the recording's id */
	EV_RECORDED,		/* from the recorder; session: the recording's id; number: ms */
};

struct ev {
	enum ev_type	 type;
	uint64_t	 session;
	struct stream	*stream;	/* EV_REMOVED */
	uint32_t	 number;	/* play id; silent ms; tag of stats */
	uint16_t	 duration_ms;
	uint8_t		 what;		/* digit; enum media_played_outcome */
	struct sound	*sound;		/* EV_LOADED */
	uint64_t	 bytes;		/* EV_RECORDED */
	char		 text[MUSIC_CLASS_MAX + 1];	/* EV_MUSIC, EV_LOADED of music */
	struct stream_stats stats;
};

/* Only go up; written by the worker, read by the main thread. */
struct worker_counts {
	_Atomic uint64_t in, out;
	_Atomic uint64_t dropped;	/* valid, but nobody to send it to, or not allowed */
	_Atomic uint64_t invalid;	/* no RTP, wrong payload type */
	_Atomic uint64_t strangers;	/* from an address that is not the session's */
	_Atomic uint64_t flooded;	/* over the rate limit */
	_Atomic uint64_t unsent;
	_Atomic uint64_t late_ticks;	/* over 5 ms late */
	_Atomic uint64_t wakes;
};

struct worker_conf {
	struct ckpt	*streams;	/* shared; each stream has its slot */
	struct queue	*events;
	int		 events_fd;	/* eventfd: woken when events was empty */
	/* Main thread: a worker has work; call worker_wake() when the turn of the loop ends. */
	void		(*work)(void *arg);
	void		*work_arg;
	unsigned	 number;	/* of the worker */
	uint32_t	 silent_ms;	/* when to tell of a far end that stopped; 0 never */
};

LIST_HEAD(stream_list, stream);

struct worker {
	pthread_t		 thread;
	struct worker_conf	 conf;
	struct io		*io;
	struct queue		 cmds;
	bool			 wake_due;	/* main thread: commands that cannot wait */
	atomic_bool		 asleep;	/* until somebody wakes it */
	_Atomic uint64_t	 read_us;	/* what came before is read */
	struct stream_list	 slices[WORKER_SLICES];
	struct stream_list	 ticking;
	struct room_list	 rooms;
	struct music_list	 music;
	unsigned		 number;	/* of the worker */
	uint64_t		 ticks;
	uint64_t		 nstreams;
	unsigned		 slice;
	uint64_t		 slice_due_us;
	uint64_t		 tick_due_us;	/* 0: nobody ticks */
	uint32_t		 rand;		/* of RTCP intervals; no secret */
	bool			 stop;
	struct worker_counts	 counts;
	/* the thread's own; copied to counts */
	uint64_t		 invalid, dropped, strangers, flooded, late;
	/* of our own making; codecs clear all the room that they are given */
	uint8_t			 packet[IO_HEADROOM + RTP_HEAD_LEN + CODEC_PAYLOAD_MAX];
};

/* Starts the thread. Returns 0 or -errno. */
int worker_start(struct worker *w, const struct worker_conf *conf);
/* Stops it and frees what it has; streams stay with the caller, unattached. */
void worker_stop(struct worker *w);

/*
 * Main thread: hands over a command (copied). Waits a little when the queue is full; the worker
 * always empties it. The worker is woken at the end of the loop's turn; for commands that can wait
 * (can_wait) not even then, but it looks every tenth of a second: waking a thread costs more than
 * all that it does then.
 */
void worker_cmd(struct worker *w, const struct cmd *cmd);
void worker_wake(struct worker *w);

/* Any thread: all packets that came before this moment were read. UINT64_MAX: none are expected. */
uint64_t worker_read_us(const struct worker *w);

/* Worker thread: the stream gets ticks from now on, until it has no use for them. */
void worker_tick(struct worker *w, struct stream *s);

/* Worker thread: its sound is over. */
void worker_played(struct worker *w, struct stream *s);

/* Worker thread: an event to the main thread. */
void worker_event(struct worker *w, const struct ev *ev);

#endif
