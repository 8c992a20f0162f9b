/* SPDX-License-Identifier: ISC */
/*
 * Sessions: one leg's media as the main thread sees it: negotiation, ports, who hears whom, and the
 * record that outlives the process (sessions.ckpt). The packets are in its stream (stream.h), which
 * a worker has.
 *
 * Functions that can be refused return 0, or a SIP status with *reason (constant text); the session
 * is then as it was. All may be repeated. Main thread only.
 */
#ifndef WARDEN_MEDIAD_SESSION_H
#define WARDEN_MEDIAD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/ipc/msg.h"
#include "mediad/port.h"
#include "mediad/sdp.h"
#include "mediad/worker.h"

struct mediad;

#define SESSION_CK_MAGIC	0x4d534553	/* "MSES" */
#define STREAM_CK_MAGIC		0x4d535452	/* "MSTR" */
#define SESSION_CK_VERSION	2	/* 2: room, codecs, keys */
#define SESSIONS_MAX		32768		/* more than the ports allow */
#define SESSION_PATH_MAX	255

/*
 * The record. Fields are only appended, at the end. Its tail holds the path of the sound that is
 * played.
 */
struct session_rec {
	uint64_t		id;
	uint64_t		call;
	uint64_t		peer;		/* connected to; 0 nobody */
	union addr		bound;		/* with the RTP port */
	union addr		told;		/* address and RTP port in our SDP */
	uint32_t		stream_slot;
	uint32_t		play;		/* 0: nothing is played */
	uint16_t		loops;
	uint8_t			echo;
	uint8_t			pad;
	struct sdp_state	sdp;
	union addr		sip;	/* where its SIP comes from or goes to; family 0: unknown */
	uint64_t		room;	/* 0: in none */
	uint8_t			room_flags;
	uint8_t			dtmf;	/* enum media_dtmf_way */
	uint8_t			norder;	/* the codecs that may be used, best first; 0: all */
	uint8_t			order[SDP_CODEC_SLOTS];
	char			music[MUSIC_CLASS_MAX + 1];	/* class that it hears; "" none */
};

struct session {
	struct session_rec	 rec;
	UT_hash_handle		 hh;
	struct stream		*stream;	/* lent to the worker */
	struct worker		*worker;
	struct port_pair	 ports;
	uint32_t		 slot;
	bool			 closing;	/* the worker is asked to give the stream back */
	bool			 loading;	/* the loader has not answered for rec.play */
	/* ... which goes on where it was before the restart */
	bool			 resume;
};

/* NULL: none, or closing. */
struct session *session_find(struct mediad *m, uint64_t id);

int session_offer(struct mediad *m, const struct msg_media_offer *msg, const char **reason);
int session_answer(struct mediad *m, const struct msg_media_answer *msg, const char **reason);
/* *len octets of SDP into out (SDP_TEXT_MAX). */
int session_make_answer(struct mediad *m, uint64_t id, uint64_t like, char *out, size_t *len,
    const char **reason);
int session_make_offer(struct mediad *m, const struct msg_media_make_offer *msg, char *out,
    size_t *len, const char **reason);
enum media_direction session_direction(const struct session *s);

int session_connect(struct mediad *m, uint64_t a, uint64_t b, const char **reason);
int session_disconnect(struct mediad *m, uint64_t id, const char **reason);
int session_echo(struct mediad *m, uint64_t id, bool on, const char **reason);
int session_join(struct mediad *m, const struct msg_media_join *msg, const char **reason);
int session_leave(struct mediad *m, uint64_t id, const char **reason);
/* A key that its far end pressed outside of its media. */
int session_key(struct mediad *m, const struct msg_media_key *msg, const char **reason);
int session_play(struct mediad *m, const struct msg_media_play *msg, const char **reason);
int session_play_stop(struct mediad *m, uint64_t id, const char **reason);

/*
 * The worker gives the stream back in a while (EV_REMOVED, then session_removed()). False: no such
 * session, or closing already.
 */
bool session_close(struct mediad *m, uint64_t id, bool *closing);
void session_removed(struct mediad *m, struct stream *stream);

/* Music on hold in place of whom it is connected to; class "" the default one. */
int session_music(struct mediad *m, uint64_t id, bool on, const char *class,
    const char **reason);
void session_music_loaded(struct mediad *m, const struct ev *ev);

/* What came back from the loader and from the worker about playing. */
void session_loaded(struct mediad *m, const struct loader_result *result);
bool session_played(struct mediad *m, uint64_t id, uint32_t play);

/*
 * Takes up every session of the checkpoint: same ports, same streams. At start, before packets
 * flow.
 */
void session_restore(struct mediad *m);

/*
 * At exit: frees what is in memory; the checkpoint stays for the next process. Workers have
 * stopped.
 */
void session_free_all(struct mediad *m);

#endif
