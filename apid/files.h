/* SPDX-License-Identifier: ISC */
/*
 * The web panel's files, read into memory at start and on reload: no path that a client sends ever
 * reaches the file system. One directory, no sub-directories.
 */
#ifndef WARDEN_APID_FILES_H
#define WARDEN_APID_FILES_H

#include <stddef.h>

#include "apid/target.h"

struct file {
	char		 name[64];
	const char	*content_type;
	char		*data;
	size_t		 size;
};

struct files;

/*
 * Reads the regular files of directory whose ending has a known type; dot files are left out.
 * Bounded: 64 files of 2 MiB. Returns 0 or -errno; *out is the caller's until files_free().
 */
int files_load(struct files **out, const char *directory);
void files_free(struct files **files);

/* The file that the target names ("/" is index.html), or NULL. files may be NULL. */
const struct file *files_find(const struct files *files, const struct target *t);

#endif
