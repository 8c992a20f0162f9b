/* SPDX-License-Identifier: ISC */
/*
 * Play lists of any content: no file outside of the sound directories is ever found.
 *
 * links: mediad/sound_path.c mediad/sound_music.c common/base/str.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "mediad/sound_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prompts[] = { "/proc/self", NULL };
	static const char *const languages[] = { "fr", "/proc/self/net", NULL };
	static const struct sound_dirs dirs = { .prompts = prompts,
		.languages = languages,
		.voicemail = "/proc/self/fd",
		.announcements = "/proc/self/ns" };
	char list[256], language[SOUND_LANGUAGE_LEN + 1], name[256], full[SOUND_PATH_LEN];
	const char *rest;
	struct stat st;
	int n = 0;

	str_ncopy(list, sizeof(list), (const char *)data, size);
	for (rest = sound_list_language(list, language);
	     sound_list_next(&rest, name, sizeof(name)) && n < SOUND_LIST_MAX; n++) {
		if (sound_path_find(&dirs, language, name, full, &st) &&
		    (strncmp(full, "/proc/self/", 11) != 0 || strstr(full, "/../") != NULL))
			abort();
	}
	return 0;
}
