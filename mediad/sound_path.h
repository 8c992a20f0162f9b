/* SPDX-License-Identifier: ISC */
/*
 * From what featured asks to be played to files on the disk. Pure but for stat(); the loader thread
 * calls it.
 *
 * A play list is up to SOUND_LIST_MAX sounds joined by '&', before all of them a language or none:
 * "fr:vm-youhave&digits/3&vm-messages". A sound is
 *
 *   tone:NAME            made, see sound_tone()
 *   voicemail:BOX/UUID   a message or greeting in the voicemail storage
 *   announcement:NAME    one that was recorded by a caller
 *   anything else        a prompt: in the language's directory, then in the sub-directories of that
 *                        name, then, English, where no language is named
 */
#ifndef WARDEN_MEDIAD_SOUND_PATH_H
#define WARDEN_MEDIAD_SOUND_PATH_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOUND_LIST_MAX	48
#define SOUND_PATH_LEN	1024
#define SOUND_LANGUAGE_LEN 2

/* All borrowed, ended by NULL where lists. languages: "fr", "/dir", "es", "/dir", NULL. */
struct sound_dirs {
	const char *const	*prompts;
	const char *const	*languages;
	const char		*voicemail;	/* NULL: none */
	const char		*announcements;
	const char		*music;		/* classes are its sub-directories; NULL: none */
	const char		*music_default;
	const char		*music_shipped;	/* for classes that have none; "" none */
};

/*
 * The language that list begins with ("" none) into language (3 bytes). Returns the rest of it.
 */
const char *sound_list_language(const char *list, char *language);

/*
 * Takes the next sound off *list into name (size bytes). Returns false when there is none; too
 * long ones and empty ones come as "", which is found nowhere.
 */
bool sound_list_next(const char **list, char *name, size_t size);

/* A recording's file, which is not worth keeping in memory. */
bool sound_path_private(const char *name);

/*
 * sound_music.c: file number index (modulo their number) of a class of music, or of the default one
 * in its place, into full (SOUND_PATH_LEN bytes). Returns how many files there are; 0: none.
 */
size_t sound_music_find(const struct sound_dirs *dirs, const char *class, uint32_t index,
    char *full);

/*
 * The file of a sound that is no tone into full (SOUND_PATH_LEN bytes), and its status. Never one
 * outside of the directories.
 */
bool sound_path_find(const struct sound_dirs *dirs, const char *language, const char *name,
    char *full, struct stat *st);

#endif
