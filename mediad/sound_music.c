/* SPDX-License-Identifier: ISC */
/*
 * Which file of a class of music is the next: the loader's side of music.h. A class is a
 * sub-directory of the music directory; the default class, and one that is not there, may be the
 * directory that came with a package instead. Blocks on disks: loader thread.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "mediad/sound_path.h"

#define FILES_MAX 4096

static int
is_sound(const struct dirent *e)
{
	static const char *const extensions[] = { ".wav", ".flac", ".ogg", ".opus", ".mp3", ".sln",
		".ulaw", ".alaw", ".gsm" };
	const char *dot = strrchr(e->d_name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (dot != e->d_name && str_ieq(dot, extensions[i]))
			return 1;
	}
	return 0;
}

/* Returns how many files the directory has; file number index (modulo that) into full. */
static size_t
pick(const char *dir, uint32_t index, char *full)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_sound, alphasort);

	if (n < 0)
		return 0;
	if (n > 0 && !str_format(full, SOUND_PATH_LEN, "%s/%s", dir,
	        list[index % (uint32_t)n]->d_name))
		full[0] = '\0';
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return n > FILES_MAX ? FILES_MAX : (size_t)n;
}

size_t
sound_music_find(const struct sound_dirs *dirs, const char *class, uint32_t index, char *full)
{
	char dir[SOUND_PATH_LEN];
	size_t n = 0;

	if (dirs->music == NULL)
		return 0;
	if (*class != '\0' && *class != '.' && strchr(class, '/') == NULL &&
	    str_format(dir, sizeof(dir), "%s/%s", dirs->music, class))
		n = pick(dir, index, full);
	if (n == 0 && !str_eq(class, dirs->music_default) &&
	    str_format(dir, sizeof(dir), "%s/%s", dirs->music, dirs->music_default))
		n = pick(dir, index, full);
	if (n == 0 && dirs->music_shipped != NULL && *dirs->music_shipped != '\0')
		n = pick(dirs->music_shipped, index, full);
	return n;
}
