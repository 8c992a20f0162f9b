/* SPDX-License-Identifier: ISC */
/*
 * wardenctl: the sysadmin's command line, a client of apid's REST API over its Unix socket. main.c
 * reads arguments and has the table of commands, client.c talks HTTP, table.c prints, set.c reads
 * --set. Everything that it can do is in the API too.
 */
#ifndef WARDEN_CTL_H
#define WARDEN_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,		/* the API refused: the message says why */
	CTL_USAGE = 2,
	CTL_AWAY = 3,		/* apid, or what it needs, cannot be reached */
};

#define CTL_SETS_MAX 16

struct ctl {
	const char	*run_dir;
	bool		 json;		/* print what the API answered */
	bool		 admin;		/* token --admin */
	bool		 help, version;
	const char	*date;		/* cdr */
	const char	*limit;		/* cdr */
	const char	*set[CTL_SETS_MAX];	/* extension */
	size_t		 sets;
};

/*
 * One request. body: JSON text or NULL. *doc gets the answer (the caller's). On an error it is told
 * on stderr and the status for exit is returned.
 */
enum ctl_exit ctl_request(const struct ctl *ctl, const char *method, const char *path,
    const char *body, json_t **doc);

/*
 * Adds a change as it is typed, "dnd=true", "forward_all=1003", "forward_all=" or
 * "blacklist=777,0190*", to the object ask. False: it is none, or there is no memory.
 */
bool ctl_set(json_t *ask, const char *text);

/* A column of a table: the member of each item, and its heading. */
struct ctl_column {
	const char	*member;
	const char	*heading;
};

/*
 * Prints an array of objects (columns end with member NULL); cells are cleaned of what could drive
 * a terminal.
 */
void ctl_table(const json_t *list, const struct ctl_column *columns);

/* Prints an object's members, "name: value" a line. */
void ctl_members(const json_t *object);

/* Prints the document as the API gave it, indented. */
void ctl_json(const json_t *doc);

#endif
