/* SPDX-License-Identifier: ISC */
/* See sound_path.h: play lists, languages and where files of sounds are. */
#include "mediad/sound_path.h"

#include <ctype.h>
#include <string.h>

#include "common/base/str.h"

#define VOICEMAIL "voicemail:"
#define ANNOUNCEMENT "announcement:"

static const char *const extensions[] = { "", ".wav", ".flac", ".ogg", ".opus", ".mp3", ".sln",
	".ulaw", ".alaw", ".gsm", NULL };

const char *
sound_list_language(const char *list, char *language)
{
	if (islower((unsigned char)list[0]) && islower((unsigned char)list[1]) && list[2] == ':') {
		memcpy(language, list, SOUND_LANGUAGE_LEN);
		language[SOUND_LANGUAGE_LEN] = '\0';
		return list + SOUND_LANGUAGE_LEN + 1;
	}
	language[0] = '\0';
	return list;
}

bool
sound_list_next(const char **list, char *name, size_t size)
{
	size_t n;

	if (*list == NULL)
		return false;
	n = strcspn(*list, "&");
	if (!str_ncopy(name, size, *list, n))
		name[0] = '\0';
	*list = (*list)[n] == '&' ? *list + n + 1 : NULL;
	return true;
}

bool
sound_path_private(const char *name)
{
	return str_starts(name, VOICEMAIL);
}

/* Relative, and not out of the directory. */
static bool
path_ok(const char *path)
{
	const char *p = path;

	if (*p == '\0' || *p == '/')
		return false;
	while ((p = strstr(p, "..")) != NULL) {
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return false;
		p += 2;
	}
	return true;
}

static bool
find_in(const char *dir, const char *sub, const char *name, char *full, struct stat *st)
{
	for (const char *const *e = extensions; *e != NULL; e++) {
		if (str_format(full, SOUND_PATH_LEN, "%s/%s%s%s%s", dir, sub,
		        sub[0] != '\0' ? "/" : "", name, *e) &&
		    stat(full, st) == 0 && S_ISREG(st->st_mode))
			return true;
	}
	return false;
}

static bool
find_prompt(const struct sound_dirs *dirs, const char *language, const char *name, char *full,
    struct stat *st)
{
	const char *const *l;

	if (language[0] != '\0') {
		for (l = dirs->languages; l != NULL && l[0] != NULL; l += 2) {
			if (str_eq(l[0], language) && find_in(l[1], "", name, full, st))
				return true;
		}
		for (l = dirs->prompts; *l != NULL; l++) {
			if (find_in(*l, language, name, full, st))
				return true;
		}
	}
	for (l = dirs->prompts; *l != NULL; l++) {
		if (find_in(*l, "", name, full, st) || find_in(*l, "en", name, full, st))
			return true;
	}
	return false;
}

bool
sound_path_find(const struct sound_dirs *dirs, const char *language, const char *name, char *full,
    struct stat *st)
{
	const char *dir = NULL;

	if (str_starts(name, VOICEMAIL)) {
		name += strlen(VOICEMAIL);
		dir = dirs->voicemail;
	} else if (str_starts(name, ANNOUNCEMENT)) {
		name += strlen(ANNOUNCEMENT);
		dir = dirs->announcements;
	} else {
		return path_ok(name) && find_prompt(dirs, language, name, full, st);
	}
	return path_ok(name) && dir != NULL && find_in(dir, "", name, full, st);
}
