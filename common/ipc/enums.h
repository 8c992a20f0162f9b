/* SPDX-License-Identifier: ISC */
/*
 * Values that travel in messages. Never renumber; 0 is "not said" unless noted. Names for logs come
 * from common/ipc/msg.h.
 */
#ifndef WARDEN_IPC_ENUMS_H
#define WARDEN_IPC_ENUMS_H

/* Roles are bits, so that a message's senders and receivers are sets. */
enum ipc_role {
	IPC_SIPD = 1,
	IPC_MEDIAD = 2,
	IPC_FEATURED = 4,
	IPC_APID = 8,
	IPC_ANY = 15,
};

enum sip_transport {
	SIP_TRANSPORT_ANY = 0,
	SIP_TRANSPORT_UDP = 1,
	SIP_TRANSPORT_TCP = 2,
	SIP_TRANSPORT_TLS = 3,
	SIP_TRANSPORT_WSS = 4,
};

/* How sipd sees a leg; for reconciliation. */
/*
 * Who calls without SDP (a late offer) may take our offer before the answer, in a reliable 1xx (RFC
 * 3262 section 5).
 */
enum sip_early_offer {
	SIP_EARLY_OFFER_NO = 0,
	SIP_EARLY_OFFER_CAN = 1,
	SIP_EARLY_OFFER_MUST = 2, /* and each 1xx is reliable: the first one has to bring it */
};

enum sip_leg_state {
	SIP_LEG_OFFERED = 1,	/* incoming, no final answer yet */
	SIP_LEG_DIALING = 2,	/* outgoing, no answer yet, or only 100 */
	SIP_LEG_RINGING = 3,	/* outgoing, 18x got */
	SIP_LEG_UP = 4,
	SIP_LEG_GONE = 5,	/* over, but leg_forget has not come */
};

/* Which headers tell who is at the other end; bits. */
enum sip_party_headers {
	SIP_PARTY_NONE = 0,
	SIP_PARTY_PAI = 1,	/* P-Asserted-Identity */
	SIP_PARTY_RPID = 2,	/* Remote-Party-ID */
};

/* Who ended a leg, and how. */
enum leg_end {
	LEG_END_REMOTE = 1,	/* its far end: BYE, CANCEL or a refusal */
	LEG_END_LOCAL = 2,	/* we did, by leg_hangup */
	/* no answer to INVITE, no ACK, session timer ran out, ring_s over */
	LEG_END_TIMEOUT = 3,
	LEG_END_TRANSPORT = 4,	/* could not be sent, connection lost */
	LEG_END_LOST = 5,	/* forgotten in a restart */
};

enum media_flags {
	MEDIA_FLAG_NONE = 0,
	/* our offer is for an INVITE without SDP: all codecs, in the set order */
	MEDIA_FLAG_LATE = 1,
};

/* How keys go to a far end. */
enum media_dtmf_way {
	/* as it can: RFC 4733, else INFO if it has sent such itself, else in band */
	MEDIA_DTMF_AUTO = 0,
	MEDIA_DTMF_RFC4733 = 1,	/* or not at all */
	MEDIA_DTMF_INFO = 2,
	MEDIA_DTMF_INBAND = 3,
};

enum media_room_flags {
	MEDIA_ROOM_MUTE = 1,	/* is not heard */
	MEDIA_ROOM_TONE = 2,	/* the others hear a short tone when it comes and when it goes */
};

enum media_sdp_kind {
	MEDIA_SDP_OFFER = 1,
	MEDIA_SDP_ANSWER = 2,
};

/* Seen from the far end: what it wants to do with its media. */
enum media_direction {
	MEDIA_SENDRECV = 0,
	MEDIA_SENDONLY = 1,	/* it holds us, with its music */
	MEDIA_RECVONLY = 2,
	MEDIA_INACTIVE = 3,
};

enum media_played_outcome {
	MEDIA_PLAYED_DONE = 1,
	/* by media_play_stop, by another play or by the end of the session */
	MEDIA_PLAYED_STOPPED = 2,
	MEDIA_PLAYED_FAILED = 3,	/* no such file, or not a sound file */
};

enum presence_status {
	PRESENCE_AVAILABLE = 1,
	PRESENCE_BUSY = 2,
	PRESENCE_AWAY = 3,
	PRESENCE_DND = 4,
	PRESENCE_IN_CALL = 5,	/* automatic: never set */
	PRESENCE_IN_MEETING = 6,
	PRESENCE_OFFLINE = 7,
};

/* Which storage directory of mediad's. */
enum media_record_kind {
	MEDIA_RECORD_CALL = 1,
	MEDIA_RECORD_VOICEMAIL = 2,
	MEDIA_RECORD_ANNOUNCEMENT = 3,
};

enum media_record_flags {
	/* what the far end says, and what it hears; else both in one channel */
	MEDIA_RECORD_STEREO = 1,
	MEDIA_RECORD_FAR_ONLY = 2,	/* only what the far end says */
	MEDIA_RECORD_BEEP = 4,		/* the far end hears a beep, then it begins */
};

enum media_record_outcome {
	MEDIA_RECORD_DONE = 1,		/* stopped */
	MEDIA_RECORD_LIMIT = 2,		/* max_ms, or as much as a file can hold */
	MEDIA_RECORD_SILENCE = 3,
	MEDIA_RECORD_GONE = 4,		/* the session ended */
	MEDIA_RECORD_FAILED = 5,	/* see mediad's log; what is in the file is good */
	MEDIA_RECORD_DISK_FULL = 6,	/* the same */
};

/* What user_set changes; bits. */
enum user_fields {
	USER_SET_DND = 1,
	USER_SET_REJECT_ANONYMOUS = 2,
	USER_SET_CALL_WAITING = 4,
	USER_SET_FORWARD_ALL = 8,	/* the four in the order of the message */
	USER_SET_FORWARD_BUSY = 16,
	USER_SET_FORWARD_NOANSWER = 32,
	USER_SET_FORWARD_UNREGISTERED = 64,
	USER_SET_BLACKLIST = 128,
	USER_SET_SPEED_DIALS = 256,
};

/* Of CONTRACT section 4. */
enum call_state {
	CALL_CALLING = 1,
	CALL_RINGING = 2,
	CALL_CONNECTED = 3,
	CALL_HOLD = 4,
	CALL_TRANSFERRING = 5,
	CALL_ENDED = 6,
};

#endif
