/* SPDX-License-Identifier: ISC */
/* The table of mediad.yml's keys and the checks that span them. Called at start and on reload. */
#include "mediad/settings.h"

#include <ctype.h>
#include <string.h>

#include "common/base/addr.h"

#define S struct mediad_settings
#define STR_KEY(f, d, h) .type = CONF_STR, CONF_OFF(f), .def = d, .max = sizeof(((S *)0)->f) - 1, .help = h
#define INT_KEY(f, lo, hi, d, h) .type = CONF_INT, CONF_OFF(f), .def = d, .min = lo, .max = hi, .help = h
#define CONF_OFF(f) .off = offsetof(S, f), .size = sizeof(((S *)0)->f)

const struct conf_key mediad_keys[] = {
	{ .path = "server.rtp_port_range_start",
	    INT_KEY(server.rtp_first, 1024, 65534, "10000", "first UDP port of media") },
	{ .path = "server.rtp_port_range_end",
	    INT_KEY(server.rtp_last, 1024, 65535, "20000", "last one; a call takes four") },
	{ .path = "server.rtp_host",
	    STR_KEY(server.rtp_host, "", "local IP address of media; empty: any") },
	{ .path = "server.external_address",
	    STR_KEY(server.external_address, "",
	        "IP address that phones are told, behind a 1:1 NAT; empty: the one that leads to "
	        "them") },
	{ .path = "server.workers",
	    INT_KEY(server.workers, 0, 64, "0", "packet threads; 0: one per core") },
	{ .path = "server.silence_timeout",
	    INT_KEY(server.silence_s, 0, 86400, "10",
	        "seconds without RTP that should come, until it is reported; 0: never") },

	{ .path = "sounds.directories",
	    .type = CONF_STRS,
	    CONF_OFF(sounds.directories),
	    .def = "[/usr/share/warden/sounds, /usr/share/asterisk/sounds/en, "
	           "/usr/share/asterisk/sounds/en_US_f_Allison]",
	    .help = "where prompts are looked for, in order" },
	{ .path = "sounds.languages",
	    .type = CONF_MAP,
	    CONF_OFF(sounds.languages),
	    .def = "{fr: /usr/share/asterisk/sounds/fr_CA_f_June, "
	           "es: /usr/share/asterisk/sounds/es_MX_f_Allison, "
	           "it: /usr/share/asterisk/sounds/it_IT_m_Carlo, "
	           "ru: /usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU}",
	    .help = "where the prompts of a language are, besides directories' sub-directories" },
	{ .path = "sounds.announcements",
	    STR_KEY(sounds.announcements, "announcements",
	        "where announcements that callers record are written") },
	{ .path = "sounds.cache",
	    INT_KEY(sounds.cache_mb, 0, 4096, "64", "MB of decoded sounds that are kept") },

	{ .path = "music_on_hold.directory",
	    STR_KEY(music.directory, "moh", "classes are its sub-directories") },
	{ .path = "music_on_hold.default_class",
	    STR_KEY(music.default_class, "default", "class of who has none") },
	{ .path = "music_on_hold.shipped",
	    STR_KEY(music.shipped, "/usr/share/asterisk/moh",
	        "directory whose files are played where the classes have none; empty: none") },
	{ .path = "recording.storage_path",
	    STR_KEY(recording.path, "recordings", "where recordings are written") },
	{ .path = "recording.min_free",
	    INT_KEY(recording.min_free_mb, 0, 1000000, "200",
	        "MB that stay free: no recording begins when there are fewer") },
	{ .path = "recording.warn_free",
	    INT_KEY(recording.warn_free_mb, 0, 1000000, "1000",
	        "MB free below which the log warns") },
	{ .path = "voicemail.storage_path",
	    STR_KEY(voicemail.path, "voicemail", "where messages are written") },

	CONF_LOGGING(S, logging),
	{ .path = NULL },
};

static bool
check_ip(struct conf *conf, const char *path, const char *ip)
{
	union addr a;

	if (*ip == '\0' || addr_from_ip(&a, ip, 0) == 0)
		return true;
	return conf_error(conf, path, "\"%s\" is no IP address", ip);
}

bool
mediad_settings_check(struct conf *conf, void *settings)
{
	const S *s = settings;
	int64_t first = s->server.rtp_first + (s->server.rtp_first & 1);

	if (first + 1 > s->server.rtp_last)
		return conf_error(conf, "server.rtp_port_range_end",
		    "no pair of ports from %lld to %lld: an even one and the odd one after it are "
		    "needed", (long long)s->server.rtp_first, (long long)s->server.rtp_last);
	for (size_t i = 0; i < s->sounds.languages.n; i++) {
		const struct conf_pair *p = &s->sounds.languages.v[i];

		if (strlen(p->key) != 2 || !islower((unsigned char)p->key[0]) ||
		    !islower((unsigned char)p->key[1]))
			return conf_error(conf, "sounds.languages",
			    "\"%s\" is no language: two small letters", p->key);
	}
	return check_ip(conf, "server.rtp_host", s->server.rtp_host) &&
	    check_ip(conf, "server.external_address", s->server.external_address);
}
