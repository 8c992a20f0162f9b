/* SPDX-License-Identifier: ISC */
/*
 * Structured logging: one line per event, "level=... msg=... key=value ...".
 *
 * Goes to stderr (with the <N> priority prefix when stderr is the journal's), and to a file when
 * one is set. Values from the network are safe to pass: they are quoted and control bytes are
 * escaped. Thread-safe; never blocks on more than one write(2).
 */
#ifndef WARDEN_LOG_H
#define WARDEN_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LL_DEBUG,
	LL_INFO,
	LL_WARNING,
	LL_ERROR,
};

enum kv_kind {
	KV_END,
	KV_STR,
	KV_UINT,
	KV_INT,
	KV_HEX,
	KV_UUID,
};

/* One key=value of a line. Made by kv_*(); valid only for the call it is passed to. */
struct kv {
	enum kv_kind	 kind;
	const char	*key;
	union {
		const char	*s;
		uint64_t	 u;
		int64_t		 i;
		const uint8_t	*b;
	} v;
};

static inline struct kv
kv_s(const char *key, const char *v)		/* NULL prints as "" */
{
	return (struct kv){ .kind = KV_STR, .key = key, .v.s = v };
}

static inline struct kv
kv_u(const char *key, uint64_t v)
{
	return (struct kv){ .kind = KV_UINT, .key = key, .v.u = v };
}

static inline struct kv
kv_i(const char *key, int64_t v)
{
	return (struct kv){ .kind = KV_INT, .key = key, .v.i = v };
}

static inline struct kv
kv_x(const char *key, uint64_t v)		/* 16 hex digits: leg and session ids */
{
	return (struct kv){ .kind = KV_HEX, .key = key, .v.u = v };
}

static inline struct kv
kv_uuid(const char *key, const uint8_t v[16])
{
	return (struct kv){ .kind = KV_UUID, .key = key, .v.b = v };
}

/* Sets the program's name; logs at INFO to stderr until log_setup(). Call first in main(). */
void log_open(const char *ident);

/*
 * Applies the settings' logging section. file: path or "" for none, opened for append, reopened on
 * each call (so SIGHUP after rotation works). Returns 0 or -errno (the old setup stays).
 */
int log_setup(enum log_level min, const char *file, bool console);

bool log_enabled(enum log_level level);

/* fields ends with kind KV_END. Use the macros below. */
void log_write(enum log_level level, const char *msg, const struct kv *fields);

#define log_at(level, msg, ...)                                                                    \
	do {                                                                                       \
		if (log_enabled(level))                                                            \
			log_write(level, msg,                                                      \
			    (const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ) { .kind = KV_END } }); \
	} while (0)
#define log_debug(msg, ...)   log_at(LL_DEBUG, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_info(msg, ...)    log_at(LL_INFO, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_warning(msg, ...) log_at(LL_WARNING, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_error(msg, ...)   log_at(LL_ERROR, msg __VA_OPT__(, ) __VA_ARGS__)

/*
 * A bucket for lines that the network can provoke: burst lines at once, then one each second; what
 * was held back is counted and told with the next line that passes (field "suppressed").
 * Zero-initialised is ready for use. Returns true when the line may be written.
 */
struct log_bucket {
	uint64_t	 window_ms;
	uint32_t	 used;
	uint32_t	 suppressed;
};
bool log_allow(struct log_bucket *bucket, uint32_t burst);

#define log_limited(bucket, level, msg, ...)                                                       \
	do {                                                                                       \
		struct log_bucket *lb_ = (bucket);                                                 \
		if (log_enabled(level) && log_allow(lb_, 10)) {                                    \
			uint32_t held_ = lb_->suppressed;                                          \
			lb_->suppressed = 0;                                                       \
			log_write(level, msg,                                                      \
			    (const struct kv[]){ kv_u("suppressed", held_) __VA_OPT__(, )          \
				    __VA_ARGS__, { .kind = KV_END } });                            \
		}                                                                                  \
	} while (0)

/* Cannot start: one line on stderr, exit 1. Only before readiness. printf-like. */
_Noreturn void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The same with another exit status: 64 wrong arguments, 78 wrong settings (sysexits.h); systemd
 * does not try those again.
 */
_Noreturn void fatal_status(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Our own bug: one line with file:line, then abort() (core, restart). */
_Noreturn void panic_at(const char *file, int line, const char *what);
#define panic(what) panic_at(__FILE__, __LINE__, what)
#define assert_that(cond)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			panic("assertion failed: " #cond);                                         \
	} while (0)

#endif
