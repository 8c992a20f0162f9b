/* SPDX-License-Identifier: ISC */
/*
 * The log of log.h: a line is put together on the stack and leaves by one write(2) per destination.
 * What does not fit into LINE_MAX_LEN is cut with "..." rather than lost. Never allocates, so that
 * it can tell that memory ran out.
 */
#include "common/base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/str.h"

#define LINE_MAX_LEN 4000

static struct {
	const char	*ident;
	atomic_int	 min;
	atomic_int	 file;		/* -1: none */
	atomic_bool	 console;
	bool		 journal;	/* stderr is the journal's stream */
} out = { .ident = "warden", .min = LL_INFO, .file = -1, .console = true };

static const char *const level_names[] = { "DEBUG", "INFO", "WARNING", "ERROR" };
static const char level_priority[] = { '7', '6', '4', '3' };	/* syslog(3), for the journal */

struct line {
	char	 text[LINE_MAX_LEN + 8];
	size_t	 len;
	bool	 cut;
};

static void
put(struct line *l, const char *s, size_t n)
{
	size_t room = LINE_MAX_LEN - l->len;

	if (n > room) {
		l->cut = true;
		n = room;
	}
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static void
put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* Length of the UTF-8 sequence at s that may go out as it is (not ASCII, no C1 control), or 0. */
static size_t
utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80 || (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return str_utf8((const char *)s);
}

static bool
needs_quotes(const char *s)
{
	if (*s == '\0')
		return true;
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '=' || *s == '\\')
			/* char is signed here or not: a byte over 0x7e is quoted either way */
			return true;
	}
	return false;
}

/* A value from anywhere: one line stays one line, and no byte reaches a terminal as a command. */
static void
put_value(struct line *l, const char *s)
{
	if (!needs_quotes(s)) {
		put_str(l, s);
		return;
	}
	put(l, "\"", 1);
	while (*s != '\0') {
		unsigned char c = (unsigned char)*s;
		size_t n = utf8_len((const unsigned char *)s);
		char esc[5];

		if (n > 0) {
			put(l, s, n);
			s += n;
			continue;
		}
		if (c == '"' || c == '\\') {
			esc[0] = '\\';
			esc[1] = *s;
			put(l, esc, 2);
		} else if (c == '\n') {
			put(l, "\\n", 2);
		} else if (c == '\r') {
			put(l, "\\r", 2);
		} else if (c == '\t') {
			put(l, "\\t", 2);
		} else if (c < ' ' || c >= 0x7f) {
			snprintf(esc, sizeof(esc), "\\x%02x", c);
			put(l, esc, 4);
		} else {
			put(l, s, 1);
		}
		s++;
		if (l->cut)
			break;
	}
	put(l, "\"", 1);
}

static void
put_field(struct line *l, const struct kv *f)
{
	char text[40];

	put(l, " ", 1);
	put_str(l, f->key);
	put(l, "=", 1);
	switch (f->kind) {
	case KV_END:
		break;
	case KV_STR:
		put_value(l, f->v.s != NULL ? f->v.s : "");
		break;
	case KV_UINT:
		snprintf(text, sizeof(text), "%llu", (unsigned long long)f->v.u);
		put_str(l, text);
		break;
	case KV_INT:
		snprintf(text, sizeof(text), "%lld", (long long)f->v.i);
		put_str(l, text);
		break;
	case KV_HEX:
		snprintf(text, sizeof(text), "%016llx", (unsigned long long)f->v.u);
		put_str(l, text);
		break;
	case KV_UUID: {
		struct uuid u;

		/* Printed here, not by uuid_print(): log is below id. */
		memcpy(u.b, f->v.b, UUID_LEN);
		str_hex(text, u.b, UUID_LEN);
		for (int i = 0; i < 2 * UUID_LEN; i++) {
			if (i == 8 || i == 12 || i == 16 || i == 20)
				put(l, "-", 1);
			put(l, text + i, 1);
		}
		break;
	}
	}
}

static void
write_all(int fd, const char *p, size_t n)
{
	ssize_t r;

	/* One write; a disk that is full or a pipe that is gone must not stop a call. */
	do {
		r = write(fd, p, n);
	} while (r < 0 && errno == EINTR);
}

void
log_write(enum log_level level, const char *msg, const struct kv *fields)
{
	int saved = errno, file = atomic_load(&out.file);
	bool console = atomic_load(&out.console);
	struct line l;
	char when[32];
	size_t start, body;

	l.len = 0;
	l.cut = false;
	/*
	 * "<6>" for the journal, then the time and name for a file; stderr leaves out what the
	 * journal knows.
	 */
	put(&l, (char[]){ '<', level_priority[level], '>' }, 3);
	clock_iso8601(clock_real_ms(), when);
	put_str(&l, when);
	put(&l, " ", 1);
	put_str(&l, out.ident);
	put(&l, " ", 1);
	body = l.len;
	put_str(&l, "level=");
	put_str(&l, level_names[level]);
	put_str(&l, " msg=");
	put_value(&l, msg);
	for (; fields->kind != KV_END; fields++)
		put_field(&l, fields);
	if (l.cut) {
		memcpy(l.text + l.len, "...", 3);
		l.len += 3;
	}
	l.text[l.len++] = '\n';
	if (file >= 0)
		write_all(file, l.text + 3, l.len - 3);
	if (console) {
		start = 3;
		if (out.journal) {
			start = body - 3;
			memmove(l.text + start, l.text, 3);
		}
		write_all(STDERR_FILENO, l.text + start, l.len - start);
	}
	errno = saved;
}

/* systemd tells the device and inode of the stream that it set up for stderr (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return env != NULL && sscanf(env, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void
log_open(const char *ident)
{
	out.ident = ident;
	out.journal = stderr_is_journal();
}

int
log_setup(enum log_level min, const char *file, bool console)
{
	int fd = -1, old;

	if (*file != '\0') {
		fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
		if (fd < 0)
			return -errno;
	}
	old = atomic_load(&out.file);
	if (fd >= 0 && old >= 0) {
		/*
		 * The same number goes on, so that a line being written by another thread never
		 * meets a closed one.
		 */
		int r = dup3(fd, old, O_CLOEXEC) < 0 ? -errno : 0;

		close(fd);
		if (r < 0)
			return r;
	} else {
		atomic_store(&out.file, fd);
		if (old >= 0)
			close(old);
	}
	atomic_store(&out.min, (int)min);
	atomic_store(&out.console, console);
	return 0;
}

bool
log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&out.min, memory_order_relaxed);
}

bool
log_allow(struct log_bucket *b, uint32_t burst)
{
	uint64_t now = clock_mono_ms();

	/* A bucket that leaks one line a second; window_ms is when it was last looked at. */
	if (b->window_ms == 0) {
		b->window_ms = now;
	} else if (now - b->window_ms >= 1000) {
		uint64_t leaked = (now - b->window_ms) / 1000;

		b->used = leaked >= b->used ? 0 : b->used - (uint32_t)leaked;
		b->window_ms += leaked * 1000;
	}
	if (b->used >= burst) {
		b->suppressed++;
		return false;
	}
	b->used++;
	return true;
}

static _Noreturn void
vfatal(int status, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	dprintf(STDERR_FILENO, "%s%s: %s\n", out.journal ? "<3>" : "", out.ident, text);
	/* A message in the log file too, where there is one: who starts it at boot reads that. */
	if (atomic_load(&out.file) >= 0) {
		atomic_store(&out.console, false);
		log_error("cannot start", kv_s("reason", text));
	}
	exit(status);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfatal(1, fmt, ap);
}

void
fatal_status(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfatal(status, fmt, ap);
}

void
panic_at(const char *file, int line, const char *what)
{
	log_write(LL_ERROR, "panic",
	    (const struct kv[]){
	        kv_s("what", what), kv_s("file", file), kv_i("line", line), { .kind = KV_END } });
	abort();
}
