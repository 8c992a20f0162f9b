/* SPDX-License-Identifier: ISC */
/*
 * A leg's media session at mediad: what is told to mediad, what is owed by it, and how all of it is
 * said again after mediad was away. SDP passes through as bytes. Never touches the leg's state;
 * leg.c does, when media_sdp or media_failed comes.
 */
#ifndef WARDEN_FEATURED_CALL_SESSION_H
#define WARDEN_FEATURED_CALL_SESSION_H

#include "featured/call/leg.h"

/* The far end's offer. A copy is kept until mediad has surely taken it. */
void session_offer(struct core *core, struct leg *leg, struct ipc_view sdp);
/* The far end's answer to our offer. */
void session_answer(struct core *core, struct leg *leg, struct ipc_view sdp, bool early);
/* Only keeps it; session_replay() is to follow. */
void session_keep(struct core *core, struct leg *leg, struct ipc_view sdp, enum copy_kind kind);
/* SDP of ours, please, for that purpose (offer or answer follows from it). */
void session_want(struct core *core, struct leg *leg, enum leg_want want, uint64_t like);
void session_join(struct core *core, struct leg *a, struct leg *b);
/* It hears nobody and nothing any more, and nobody hears it. */
void session_part(struct core *core, struct leg *leg);
/*
 * Into a room: the leg hears all others there and is heard by them (flags: enum media_room_flags;
 * again with others changes them), and no longer by its peer. Room numbers are the caller's: random
 * ones. session_part() or session_join() takes it out again.
 */
void session_room(struct core *core, struct leg *leg, uint64_t room, uint8_t flags);
void session_echo(struct core *core, struct leg *leg);
/* loops 0: for ever. Returns the play's number. */
uint32_t session_play(struct core *core, struct leg *leg, const char *path, uint16_t loops);
void session_play_stop(struct core *core, struct leg *leg);
/* Music on hold of that class ("" the default one) in place of whom it is connected to; NULL: no
 * more. Ends when the session is joined to another. */
void session_music(struct core *core, struct leg *leg, const char *class);
void session_close(struct core *core, struct leg *leg);

void session_drop_copy(struct leg *leg);

/* Messages of mediad. */
void session_got_sdp(struct core *core, const struct msg_media_sdp *m);
void session_got_marked(struct core *core, const struct msg_media_marked *m);
void session_got_failed(struct core *core, const struct msg_media_failed *m);
void session_got_closed(struct core *core, const struct msg_media_closed *m);

/* Says again what mediad may have missed of this call: SDP, connections, what is played, what is
 * owed. All of it may be repeated. */
void session_replay(struct core *core, struct call *call);
/* TIMER_WANT: mediad has owed SDP for too long. */
void session_overdue(struct core *core, struct call *call);

#endif
