/* SPDX-License-Identifier: ISC */
/* Growing WAV files, see record_file.h. */
#include "mediad/record_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"

#define PATH_LEN 768

static void
le16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
le32(uint8_t *p, uint32_t v)
{
	le16(p, v);
	le16(p + 2, v >> 16);
}

static uint32_t
get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool
record_path_ok(const char *path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
	const char *p;

	if (*path == '\0' || *path == '/' || path[strspn(path, allowed)] != '\0')
		return false;
	for (p = path; *p != '\0'; p++) {
		if ((p == path || p[-1] == '/') && (*p == '.' || *p == '/'))
			return false;
	}
	return p[-1] != '/';
}

/* The directories that lead to full, below root (whose length is given). */
static int
make_parents(char *full, size_t root_len)
{
	for (char *p = full + root_len + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(full, 0700) == -1 && errno != EEXIST) {
			*p = '/';
			return -errno;
		}
		*p = '/';
	}
	return 0;
}

static int
write_all(int fd, const void *data, size_t len, uint64_t at)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, (off_t)at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
record_file_header(struct record_file *f)
{
	uint32_t bytes = (uint32_t)(f->frames * f->channels * sizeof(int16_t));
	uint8_t h[RECORD_WAV_HEAD];
	int r;

	memcpy(h, "RIFF....WAVEfmt ", 16);
	le32(h + 4, bytes + RECORD_WAV_HEAD - 8);
	le32(h + 16, 16);
	le16(h + 20, 1);	/* PCM */
	le16(h + 22, f->channels);
	le32(h + 24, f->rate);
	le32(h + 28, f->rate * f->channels * (uint32_t)sizeof(int16_t));
	le16(h + 32, f->channels * (unsigned)sizeof(int16_t));
	le16(h + 34, 16);
	memcpy(h + 36, "data", 4);
	le32(h + 40, bytes);
	if ((r = write_all(f->fd, h, sizeof(h), 0)) == 0)
		f->told = f->frames;
	return r;
}

int
record_file_make(struct record_file *f, const char *root, const char *path, unsigned channels,
    unsigned rate)
{
	char full[PATH_LEN];
	int r;

	*f = (struct record_file){ .fd = -1, .channels = channels, .rate = rate };
	if (!record_path_ok(path) || !str_format(full, sizeof(full), "%s/%s", root, path))
		return -EINVAL;
	if (mkdir(root, 0700) == -1 && errno != EEXIST)
		return -errno;
	if ((r = make_parents(full, strlen(root))) < 0)
		return r;
	f->fd = open(full, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd == -1)
		return -errno;
	if ((r = record_file_header(f)) < 0) {
		close(f->fd);
		f->fd = -1;
		unlink(full);
	}
	return r;
}

int
record_file_again(struct record_file *f, const char *root, const char *path, unsigned channels)
{
	uint32_t frame = channels * (uint32_t)sizeof(int16_t);
	char full[PATH_LEN];
	uint8_t rate[4];
	struct stat st;
	int r = 0;

	*f = (struct record_file){ .fd = -1, .channels = channels, .rate = RECORD_RATE };
	if (!record_path_ok(path) || !str_format(full, sizeof(full), "%s/%s", root, path))
		return -EINVAL;
	f->fd = open(full, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd == -1)
		return -errno;
	if (fstat(f->fd, &st) == -1)
		r = -errno;
	else if (st.st_size > RECORD_WAV_HEAD)
		f->frames = (uint64_t)(st.st_size - RECORD_WAV_HEAD) / frame;
	if (r == 0 && pread(f->fd, rate, sizeof(rate), 24) == sizeof(rate) &&
	    get_le32(rate) == RECORD_RATE_WIDE)
		f->rate = RECORD_RATE_WIDE;
	if (r == 0)
		r = record_file_header(f);
	if (r < 0) {
		close(f->fd);
		f->fd = -1;
	}
	return r;
}

int
record_file_append(struct record_file *f, const int16_t *pcm, uint32_t n)
{
	uint32_t frame = f->channels * (uint32_t)sizeof(int16_t);
	int r;

	if ((f->frames + n) * frame > RECORD_BYTES_MAX)
		return -EFBIG;
	r = write_all(f->fd, pcm, (size_t)n * frame, RECORD_WAV_HEAD + f->frames * frame);
	if (r == 0)
		f->frames += n;
	return r;
}

bool
record_file_behind(struct record_file *f, int fd, uint64_t bytes)
{
	uint8_t h[RECORD_WAV_HEAD];
	uint64_t frame;

	*f = (struct record_file){ .fd = -1 };
	if (pread(fd, h, sizeof(h), 0) != (ssize_t)sizeof(h) || memcmp(h, "RIFF", 4) != 0 ||
	    memcmp(h + 36, "data", 4) != 0 || h[22] < 1 || h[22] > 2 ||
	    bytes < sizeof(h) || bytes > RECORD_BYTES_MAX)
		return false;
	f->channels = h[22];
	f->rate = get_le32(h + 24);
	frame = f->channels * sizeof(int16_t);
	f->frames = (bytes - sizeof(h)) / frame; /* half a frame at its end is nobody's */
	return f->frames * frame > get_le32(h + 40);
}

int
record_file_close(struct record_file *f)
{
	uint32_t frame = f->channels * (uint32_t)sizeof(int16_t);
	int r;

	if (f->fd == -1)
		return 0;
	r = record_file_header(f);
	/* half of an append that failed */
	if (ftruncate(f->fd, (off_t)(RECORD_WAV_HEAD + f->frames * frame)) == -1 && r == 0)
		r = -errno;
	if (fdatasync(f->fd) == -1 && r == 0)
		r = -errno;
	close(f->fd);
	f->fd = -1;
	return r;
}
