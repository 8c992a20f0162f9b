/* SPDX-License-Identifier: ISC */
/* What mediad.yml says. The keys, their defaults and ranges are in settings.c. */
#ifndef WARDEN_MEDIAD_SETTINGS_H
#define WARDEN_MEDIAD_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "mediad/music.h"

struct mediad_settings {
	struct {
		char	rtp_host[46];		/* "" any */
		char	external_address[46];	/* "" none */
		int64_t	rtp_first, rtp_last;
		int64_t	workers;		/* 0: one per core */
		int64_t	silence_s;
	} server;
	struct {
		struct conf_strs directories;
		struct conf_pairs languages;
		char		 announcements[256];
		int64_t		 cache_mb;
	} sounds;
	struct {
		char	directory[256];
		char	default_class[MUSIC_CLASS_MAX + 1];
		char	shipped[256];		/* "" none */
	} music;
	struct {
		char	path[256];
		int64_t	min_free_mb, warn_free_mb;
	} recording;
	struct {
		char	path[256];
	} voicemail;
	struct conf_logging logging;
};

extern const struct conf_key mediad_keys[];

/* Checks that span keys; for struct conf. */
bool mediad_settings_check(struct conf *conf, void *settings);

#endif
