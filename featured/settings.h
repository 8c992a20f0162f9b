/* SPDX-License-Identifier: ISC */
/*
 * featured's settings: the struct that featured.yml fills, its table of keys, and what is made of
 * it after each load (credentials, digest hashes, an index of extensions). Everybody in featured
 * reads it, main.c alone replaces it.
 *
 * Life: conf_load(&conf, ...) -> settings_prepare() -> in use, constant -> settings_release() ->
 * conf_free(). On a reload a second struct goes through the same and then takes the first one's
 * place, between two events of the loop; so a pointer into the settings must not be kept over a
 * turn.
 */
#ifndef WARDEN_FEATURED_SETTINGS_H
#define WARDEN_FEATURED_SETTINGS_H

#include "common/conf/conf.h"

#define EXT_NUMBER_LEN	64
#define EXT_NAME_LEN	128
#define EXT_PASSWORD_LEN 128
#define EXT_PIN_LEN	16
#define DOMAIN_LEN	128
#define PATTERN_LEN	255

/* Which of an extension's calls are recorded. */
enum auto_record {
	AUTO_RECORD_DEFAULT,	/* as recording.auto_record says */
	AUTO_RECORD_NONE,
	AUTO_RECORD_INCOMING,
	AUTO_RECORD_OUTGOING,
	AUTO_RECORD_ALL,
};

enum recording_channels { RECORDING_STEREO, RECORDING_MIXED };

/* An item of the list extensions. */
struct extension {
	char	number[EXT_NUMBER_LEN + 1];
	char	name[EXT_NAME_LEN + 1];
	/* "" in the file: the generated one after settings_prepare() */
	char	password[EXT_PASSWORD_LEN + 1];
	char	voicemail_pin[EXT_PIN_LEN + 1];		/* the same */
	bool	allow_external;
	char	pickup_group[33];			/* "" none */
	int64_t	max_calls;		/* that it may have at once; 0 any number */
	int64_t	ring_time_s;		/* 0: dialplan.ring_time */
	/* who is rung when it does not answer: "NUMBER" or "NUMBER:SECONDS" */
	struct conf_strs find_me;
	int	find_me_strategy;	/* enum find_me_strategy */
	struct conf_strs codecs;	/* that may be used, best first; none: all */
	int	dtmf;			/* enum media_dtmf_way */
	int	auto_record;				/* enum auto_record */
	char	music_on_hold[33];	/* class that its callers hear; "" the default */
	char	language[3];		/* of what is spoken to it; "": server.language */
	/*
	 * Not in the file; made by settings_prepare(). Lower-case hex of H(number:realm:password),
	 * RFC 7616 3.4.2.
	 */
	char	ha1_md5[33];
	char	ha1_sha256[65];
};

enum find_me_strategy {
	FIND_ME_IN_ORDER,	/* after the extension itself, one after the other */
	FIND_ME_ALL,		/* together with it */
};

enum group_strategy {
	GROUP_ALL,
	GROUP_IN_ORDER,
	GROUP_RANDOM,
	GROUP_LEAST_RECENT,
};

/* An item of the list ring_groups. */
struct ring_group {
	char	number[EXT_NUMBER_LEN + 1];
	char	name[EXT_NAME_LEN + 1];
	struct conf_strs members;	/* extensions */
	int	strategy;		/* enum group_strategy */
	int64_t	ring_time_s;		/* all: of all of them; else of each */
	char	overflow[EXT_NUMBER_LEN + 1];	/* where a call goes that nobody took; "" ends */
};

/* An item of the list paging_groups. */
struct paging_group {
	char	number[EXT_NUMBER_LEN + 1];
	char	name[EXT_NAME_LEN + 1];
	struct conf_strs members;	/* extensions */
};

#define ANNOUNCEMENT_LEN 8	/* digits of its number */

/* An item of the list announcements. */
struct announcement {
	/* dialled to hear it; keyed after *77 to record it */
	char	number[EXT_NUMBER_LEN + 1];
	char	name[EXT_NAME_LEN + 1];
	char	then[EXT_NUMBER_LEN + 1];	/* where the call goes on; "" it ends */
	struct conf_strs recorded_by;		/* extensions; none: everyone */
};

#define MEMBERS_MAX 64			/* of a group, a find-me list */

/* Which headers tell a phone who is at the other end. */
enum identity_headers {
	IDENTITY_PAI,
	IDENTITY_RPID,
	IDENTITY_BOTH,
	IDENTITY_NONE,
};

/* An item of the list queues. */
struct queue_setting {
	char	number[EXT_NUMBER_LEN + 1];
	char	name[EXT_NAME_LEN + 1];
	int	strategy;
	int64_t	max_wait_time_s;
	int64_t	max_queue_size;		/* 0: unlimited */
};

/* An item of the list trunks. */
struct trunk_setting {
	char	id[65];
	char	name[EXT_NAME_LEN + 1];
	char	host[256];
	int64_t	port;
	char	username[129];
	char	password[EXT_PASSWORD_LEN + 1];
	bool	enabled;
	struct conf_strs codec_preferences;
};

/* An item of the list outbound_rules; in the file's order. */
struct outbound_rule {
	char	pattern[PATTERN_LEN + 1];
	char	trunk_id[65];
	int64_t	strip;
	char	prepend[33];
};

/* An item of the list resource_lists. */
struct resource_list {
	char	name[EXT_NUMBER_LEN + 1];	/* what phones subscribe to */
	struct conf_strs members;		/* extensions and parking slots */
};

struct settings_index;		/* number -> extension; private to settings.c */

struct settings {
	struct {
		char	domain[DOMAIN_LEN + 1];	/* of every address of record; "warden" */
		char	realm[DOMAIN_LEN + 1];	/* of the digest challenge; "warden" */
		char	language[3];		/* of prompts; "en" */
	} server;
	struct conf_items	extensions;	/* struct extension */
	struct {
		/* POSIX extended regular expressions, checked to compile */
		char	internal_pattern[PATTERN_LEN + 1];
		char	conference_pattern[PATTERN_LEN + 1];
		char	voicemail_pattern[PATTERN_LEN + 1];
		char	parking_pattern[PATTERN_LEN + 1];
		char	queue_pattern[PATTERN_LEN + 1];
		struct conf_strs emergency;			/* numbers, default 112 and 911 */
		int64_t	ring_time_s;				/* how long a callee rings */
		int64_t	digit_timeout_s;	/* the next digit of a number keyed in a call */
		/* callers whom nobody takes; one that ends in * is a prefix */
		struct conf_strs blacklist;
		int	identity_headers;			/* enum identity_headers */
	} dialplan;
	struct {
		bool call_recording, call_transfer, call_hold, conference, voicemail, call_parking,
		    call_queues;
		bool	presence, music_on_hold;
		int64_t	max_call_duration_s;
	} features;
	struct {
		/* a call without hold whose party sends no RTP ends after this; 0 never */
		int64_t	rtp_timeout_s;
	} media;
	struct {
		bool	auto_record;
		int	format;
		int	channels;		/* enum recording_channels */
		/* what both parties hear when it begins: "" nothing, "beep", or a sound's path */
		char	notice[65];
		int64_t	keep_days;		/* 0 for ever */
		int64_t	keep_mb;		/* all recordings together; 0 any */
	} recording;
	struct {
		int64_t	max_message_duration_s, min_message_duration_s;
		int64_t	max_silence_s;		/* that ends a recording; 0 none does */
		int64_t	max_messages;		/* in a mailbox */
		int64_t	retention_days;		/* of messages that were heard; 0 for ever */
		char	operator_number[EXT_NUMBER_LEN + 1];	/* who is reached by 0; "" nobody */
		bool	email_notifications;
		bool	notify_refresh;		/* message waiting at each REGISTER */
	} voicemail;
	struct {
		int64_t	max_participants;
		bool	record_conferences;
	} conference;
	struct conf_items	queues;		/* struct queue_setting */
	struct conf_items	ring_groups;	/* struct ring_group */
	struct conf_items	paging_groups;	/* struct paging_group */
	struct conf_items	announcements;	/* struct announcement */
	struct {
		int64_t	range_start, range_end, timeout_s;
		int64_t	ringback_s;	/* how long the parker is rung after that */
	} parking;
	struct {
		int64_t	auto_away_timeout_s, auto_offline_timeout_s;
	} presence;
	struct {
		int64_t	min_expires_s, max_expires_s, default_expires_s;
	} subscriptions;
	struct conf_items	resource_lists;	/* struct resource_list */
	struct {
		int64_t	max_per_extension, keep_days;
	} messages;
	struct {
		bool	require_authentication;
		int64_t	max_failed_attempts;
		int64_t	ban_duration_s;
		struct conf_strs allow;	/* IP addresses (or ADDRESS/BITS) that are never banned */
		int64_t	nonce_lifetime_s;
	} security;
	struct {
		int64_t	max_contacts;		/* per AOR; the oldest goes out */
		int64_t	min_expires_s, max_expires_s, default_expires_s;
	} registration;
	struct conf_items	trunks;		/* struct trunk_setting */
	struct conf_items	outbound_rules;	/* struct outbound_rule */
	struct conf_pairs	feature_codes;	/* as in the file; use settings_feature_code() */
	struct {
		char	host[108];		/* directory of PostgreSQL's Unix socket */
		char	name[64];
		char	user[64];
	} database;
	struct conf_logging	logging;

	struct settings_index	*index;		/* after settings_prepare() */
};

extern const struct conf_key settings_keys[];

/* For struct conf's check: what spans several keys. */
bool settings_check(struct conf *conf, void *settings);
/* Of that, feature_codes. */
bool settings_check_codes(struct conf *conf, const struct settings *s);

/*
 * Completes freshly loaded settings: passwords and PINs that the file leaves empty come from
 * state_dir/credentials (made there at random, durable before this returns, and told once on the
 * log when new), then the digest hashes and the index of extensions. state_dir NULL: nothing is
 * generated, who has no password cannot log in (tests). err (err_size bytes) says why it failed.
 * Returns 0 or -errno.
 */
int settings_prepare(struct settings *s, const char *state_dir, char *err, size_t err_size);

/* Frees what settings_prepare() made and wipes the secrets; conf_free() comes after it. */
void settings_release(struct settings *s);

/*
 * NULL: there is none. By bisection after settings_prepare(); settings that were not prepared are
 * searched in turn.
 */
const struct extension *settings_extension(const struct settings *s, const char *number);
/* NULL: there is none. */
bool settings_is_queue(const struct settings *s, const char *number);
const struct ring_group *settings_ring_group(const struct settings *s, const char *number);
const struct paging_group *settings_paging_group(const struct settings *s, const char *number);
const struct announcement *settings_announcement(const struct settings *s, const char *number);
/* May the extension record that announcement? */
bool settings_may_announce(const struct settings *s, const char *number, const char *extension);
/*
 * An item of find_me: number gets its number (65 bytes), seconds how long it rings (0: not said).
 */
bool settings_find_me(const char *text, char *number, int64_t *seconds);
/* i < extensions.n */
const struct extension *settings_extension_at(const struct settings *s, size_t i);

/*
 * The code for a key of CONTRACT section 1, such as "echo" -> "*43": the file's, or else the
 * default. NULL: no such key.
 */
const char *settings_feature_code(const struct settings *s, const char *key);

/*
 * All feature keys in turn, from i = 0; NULL ends. takes_number: digits follow the code
 * (forward_all, pickup, ...).
 */
const char *settings_feature_key(size_t i, bool *takes_number);

/* The keys of the codes that are pressed in a call (transfer_blind, ...), in turn; NULL ends. */
const char *settings_incall_key(size_t i);

#endif
