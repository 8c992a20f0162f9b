/* SPDX-License-Identifier: ISC */
/*
 * A WAV file that grows: 16-bit PCM at 8 or 16 kHz with a plain header of 44 octets in front. The header
 * is brought up to date every few seconds and never says more than is there, so whatever kills us
 * leaves a file that every player takes; whoever opens it again goes on at its end. (libsndfile
 * can do neither: it takes a header at its word.)
 *
 * Blocks on disks: writer threads, or tests.
 */
#ifndef WARDEN_MEDIAD_RECORD_FILE_H
#define WARDEN_MEDIAD_RECORD_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define RECORD_RATE	8000
#define RECORD_RATE_WIDE 16000
#define RECORD_WAV_HEAD	44
#define RECORD_BYTES_MAX UINT32_C(0xfff00000)	/* what a WAV file can say: 37 hours of stereo */

struct record_file {
	int		 fd;		/* -1: none */
	unsigned	 channels;
	unsigned	 rate;
	uint64_t	 frames;	/* in the file */
	uint64_t	 told;		/* by its header */
};

/*
 * Makes root/path (relative, parents are made, mode 0600). Returns 0, -EEXIST, -ENOSPC or another
 * -errno.
 */
int record_file_make(struct record_file *f, const char *root, const char *path, unsigned channels,
    unsigned rate);

/* Opens it to go on at its end, at the rate that it has. -ENOENT: it is gone. */
int record_file_again(struct record_file *f, const char *root, const char *path, unsigned channels);

/* n frames (channels samples each). After an error the file is as it was. */
int record_file_append(struct record_file *f, const int16_t *pcm, uint32_t n);

/* Header up to date. */
int record_file_header(struct record_file *f);

/*
 * Does the header of a file of ours, bytes long, not tell all that is in it? Then f is what it should
 * tell, for record_file_header(), once it has a descriptor to write by.
 */
bool record_file_behind(struct record_file *f, int fd, uint64_t bytes);

/* Header, and all of it on the disk before this returns. Closes in any case. */
int record_file_close(struct record_file *f);

/*
 * path: relative, no component that leads out, nothing but letters, digits and "-_./". For names
 * that come from another daemon.
 */
bool record_path_ok(const char *path);

#endif
