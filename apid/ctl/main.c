/* SPDX-License-Identifier: ISC */
/* wardenctl: arguments and the table of commands. See ctl.h and wardenctl(8). */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apid/ctl/ctl.h"
#include "common/base/str.h"
#include "common/daemon/daemon.h"

struct command {
	const char	*name;
	const char	*operand;	/* as in the usage; NULL: none */
	bool		 needs_operand;
	enum ctl_exit	(*run)(const struct ctl *, const char *operand);
	const char	*help;
};

/* Asks and prints: as JSON, or by columns (NULL: an object's members). */
static enum ctl_exit
show(const struct ctl *ctl, const char *path, const struct ctl_column *columns)
{
	json_t *doc;
	enum ctl_exit r = ctl_request(ctl, "GET", path, NULL, &doc);

	if (r == CTL_OK) {
		if (ctl->json)
			ctl_json(doc);
		else if (columns != NULL)
			ctl_table(doc, columns);
		else
			ctl_members(doc);
	}
	json_decref(doc);
	return r;
}

/* Does something; says said when it is done. */
static enum ctl_exit
act(const struct ctl *ctl, const char *method, const char *path, const char *said)
{
	json_t *doc;
	enum ctl_exit r = ctl_request(ctl, method, path, NULL, &doc);

	if (r == CTL_OK && ctl->json)
		ctl_json(doc);
	else if (r == CTL_OK)
		printf("%s\n", said);
	json_decref(doc);
	return r;
}

/* An operand becomes one path segment. Returns false when it cannot. */
static bool
segment_path(char *out, size_t size, const char *before, const char *operand, const char *after)
{
	for (const char *p = operand; *p != '\0'; p++)
		if (strchr("0123456789abcdefABCDEF-.:", *p) == NULL) {
			fprintf(stderr, "wardenctl: \"%s\" is no id or address\n", operand);
			return false;
		}
	return str_format(out, size, "%s%s%s", before, operand, after);
}

static enum ctl_exit
run_status(const struct ctl *ctl, const char *operand)
{
	(void)operand;
	return show(ctl, "/api/v1/status", NULL);
}

static enum ctl_exit
run_calls(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "call_id", "CALL ID" }, { "from", "FROM" },
		{ "to", "TO" }, { "state", "STATE" }, { "duration", "SECONDS" },
		{ "start_time", "SINCE" }, { NULL, NULL } };

	(void)operand;
	return show(ctl, "/api/v1/calls", columns);
}

static enum ctl_exit
run_extensions(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "number", "NUMBER" }, { "name", "NAME" },
		{ "registered", "REGISTERED" }, { "contacts", "CONTACTS" },
		{ "contact", "NEWEST CONTACT" }, { "user_agent", "PHONE" }, { NULL, NULL } };

	(void)operand;
	return show(ctl, "/api/v1/extensions", columns);
}

static enum ctl_exit
run_extension(const struct ctl *ctl, const char *operand)
{
	char *number = curl_easy_escape(NULL, operand, 0), *body = NULL;
	char path[300];
	enum ctl_exit r = CTL_USAGE;
	json_t *doc = NULL, *ask = json_object();
	size_t i = 0;

	while (i < ctl->sets && ctl_set(ask, ctl->set[i]))
		i++;
	if (ctl->sets > 0)
		body = json_dumps(ask, JSON_COMPACT);
	if (i < ctl->sets)
		fprintf(stderr, "wardenctl: \"%s\" is not KEY=VALUE\n", ctl->set[i]);
	else if (number == NULL ||
	    !str_format(path, sizeof(path), "/api/v1/extensions/%s", number))
		fprintf(stderr, "wardenctl: \"%s\" is no extension\n", operand);
	else
		r = ctl_request(ctl, body != NULL ? "PATCH" : "GET", path, body, &doc);
	if (r == CTL_OK && ctl->json)
		ctl_json(doc);
	else if (r == CTL_OK)
		ctl_members(doc);
	json_decref(doc);
	json_decref(ask);
	curl_free(number);
	free(body);
	return r;
}

static enum ctl_exit
run_trace(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "time", "TIME" }, { "source", "SOURCE" },
		{ "event", "EVENT" }, { "detail", "DETAIL" }, { NULL, NULL } };
	char path[200];
	json_t *doc;
	enum ctl_exit r;

	if (!segment_path(path, sizeof(path), "/api/v1/calls/", operand, "/trace"))
		return CTL_USAGE;
	r = ctl_request(ctl, "GET", path, NULL, &doc);
	if (r == CTL_OK && ctl->json)
		ctl_json(doc);
	else if (r == CTL_OK)
		ctl_table(json_object_get(doc, "trace"), columns);
	json_decref(doc);
	return r;
}

static enum ctl_exit
run_hangup(const struct ctl *ctl, const char *operand)
{
	char path[200];

	if (!segment_path(path, sizeof(path), "/api/v1/calls/", operand, ""))
		return CTL_USAGE;
	return act(ctl, "DELETE", path, "the call is being ended");
}

static enum ctl_exit
run_cdr(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "start_time", "START" },
		{ "from_extension", "FROM" }, { "to_extension", "TO" },
		{ "disposition", "DISPOSITION" }, { "billsec", "BILLSEC" },
		{ "answered_by", "ANSWERED BY" }, { "transferred_to", "TRANSFERRED TO" },
		{ "hangup_cause", "CAUSE" }, { "call_id", "CALL ID" }, { NULL, NULL } };
	char path[200], *date = NULL, *limit = NULL;
	enum ctl_exit r;

	(void)operand;
	if (ctl->date != NULL)
		date = curl_easy_escape(NULL, ctl->date, 0);
	if (ctl->limit != NULL)
		limit = curl_easy_escape(NULL, ctl->limit, 0);
	str_format(path, sizeof(path), "/api/cdr?%s%s%s%s", date != NULL ? "date=" : "",
	    date != NULL ? date : "", limit != NULL ? "&limit=" : "", limit != NULL ? limit : "");
	r = show(ctl, path, columns);
	curl_free(date);
	curl_free(limit);
	return r;
}

static enum ctl_exit
run_token(const struct ctl *ctl, const char *operand)
{
	const char *name = operand != NULL ? operand : "wardenctl";
	json_t *ask = json_pack("{s:s, s:b}", "name", name, "admin", ctl->admin), *doc = NULL;
	char *body = ask != NULL ? json_dumps(ask, JSON_COMPACT) : NULL;
	enum ctl_exit r = CTL_USAGE;

	if (body == NULL) {
		fprintf(stderr, "wardenctl: the token's name must be UTF-8\n");
	} else if ((r = ctl_request(ctl, "POST", "/api/v1/tokens", body, &doc)) == CTL_OK) {
		if (ctl->json)
			ctl_json(doc);
		else
			printf("%s\n", json_string_value(json_object_get(doc, "token")));
	}
	json_decref(doc);
	json_decref(ask);
	free(body);
	return r;
}

static enum ctl_exit
run_tokens(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "id", "ID" }, { "name", "NAME" },
		{ "admin", "ADMIN" }, { "created", "CREATED" }, { NULL, NULL } };

	(void)operand;
	return show(ctl, "/api/v1/tokens", columns);
}

static enum ctl_exit
run_revoke(const struct ctl *ctl, const char *operand)
{
	char path[200];

	if (!segment_path(path, sizeof(path), "/api/v1/tokens/", operand, ""))
		return CTL_USAGE;
	return act(ctl, "DELETE", path, "the token is revoked");
}

static enum ctl_exit
run_bans(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "address", "ADDRESS" },
		{ "failures", "FAILURES" }, { "until", "UNTIL" }, { NULL, NULL } };

	(void)operand;
	return show(ctl, "/api/v1/bans", columns);
}

static enum ctl_exit
run_unban(const struct ctl *ctl, const char *operand)
{
	char path[200];

	if (!segment_path(path, sizeof(path), "/api/v1/bans/", operand, ""))
		return CTL_USAGE;
	return act(ctl, "DELETE", path, "the ban is lifted");
}

static enum ctl_exit
run_reload(const struct ctl *ctl, const char *operand)
{
	(void)operand;
	return act(ctl, "POST", "/api/v1/reload", "settings taken");
}

static enum ctl_exit
run_parked(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "park_number", "SLOT" },
		{ "from_extension", "FROM" }, { "original_destination", "TO" },
		{ "parker", "PARKED BY" }, { "duration", "SECONDS" }, { "call_id", "CALL ID" },
		{ NULL, NULL } };

	(void)operand;
	return show(ctl, "/api/v1/parked", columns);
}

static enum ctl_exit
run_voicemail(const struct ctl *ctl, const char *operand)
{
	static const struct ctl_column columns[] = { { "received", "RECEIVED" },
		{ "caller", "CALLER" }, { "caller_name", "NAME" }, { "seconds", "SECONDS" },
		{ "folder", "FOLDER" }, { "heard", "HEARD" }, { "urgent", "URGENT" },
		{ "message_id", "MESSAGE ID" }, { NULL, NULL } };
	char *box = curl_easy_escape(NULL, operand, 0), path[300];
	enum ctl_exit r = CTL_USAGE;

	if (box != NULL &&
	    str_format(path, sizeof(path), "/api/v1/voicemail/%s/messages", box))
		r = show(ctl, path, columns);
	else
		fprintf(stderr, "wardenctl: \"%s\" is no mailbox\n", operand);
	curl_free(box);
	return r;
}

static enum ctl_exit
run_voicemail_delete(const struct ctl *ctl, const char *operand)
{
	char path[200];

	if (!segment_path(path, sizeof(path), "/api/v1/voicemail_messages/", operand, ""))
		return CTL_USAGE;
	return act(ctl, "DELETE", path, "the message is deleted");
}

static const struct command commands[] = {
	{ "status", NULL, false, run_status, "what runs, and how much of it" },
	{ "calls", NULL, false, run_calls, "the calls that are up" },
	{ "parked", NULL, false, run_parked, "calls that are parked" },
	{ "extensions", NULL, false, run_extensions, "extensions and their phones" },
	{ "extension", "NUM", true, run_extension,
	    "what its user has set; --set KEY=VALUE changes it" },
	{ "trace", "ID", true, run_trace, "every decision made about a call" },
	{ "hangup", "ID", true, run_hangup, "ends a call" },
	{ "cdr", NULL, false, run_cdr, "the latest call records (--date YYYY-MM-DD, --limit N)" },
	{ "voicemail", "NUM", true, run_voicemail, "the messages in a mailbox" },
	{ "voicemail-delete", "ID", true, run_voicemail_delete,
	    "deletes a message, which nobody can take back" },
	{ "token", "NAME", false, run_token,
	    "makes an API token and prints it (--admin: an administrator's)" },
	{ "tokens", NULL, false, run_tokens, "the tokens there are" },
	{ "revoke", "ID", true, run_revoke, "ends a token's validity" },
	{ "bans", NULL, false, run_bans, "addresses banned for wrong credentials" },
	{ "unban", "ADDR", true, run_unban, "lifts a ban" },
	{ "reload", NULL, false, run_reload, "all daemons read their settings again" },
};

static enum ctl_exit
usage(FILE *out)
{
	fprintf(out, "usage: wardenctl [-r rundir] [--json] command\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-16s %-4s %s\n", commands[i].name,
		    commands[i].operand != NULL ? commands[i].operand : "", commands[i].help);
	return CTL_USAGE;
}

/*
 * Options may stand before or after the command. Returns the number of operands left in argv, or
 * -1.
 */
static int
parse(struct ctl *ctl, int argc, char **argv)
{
	const char *set = NULL;
	const struct {
		const char	*name;
		const char	**value;
		bool		*flag;
	} options[] = { { "-r", &ctl->run_dir, NULL }, { "--json", NULL, &ctl->json },
		{ "--admin", NULL, &ctl->admin }, { "-a", NULL, &ctl->admin },
		{ "--date", &ctl->date, NULL }, { "--limit", &ctl->limit, NULL },
		{ "--set", &set, NULL }, { "-V", NULL, &ctl->version },
		{ "-h", NULL, &ctl->help }, { "--help", NULL, &ctl->help } };
	int n = 0;

	for (int i = 1; i < argc; i++) {
		size_t k = 0;

		if (argv[i][0] != '-') {
			argv[n++] = argv[i];
			continue;
		}
		while (k < sizeof(options) / sizeof(options[0]) &&
		    !str_eq(options[k].name, argv[i]))
			k++;
		if (k == sizeof(options) / sizeof(options[0])) {
			fprintf(stderr, "wardenctl: there is no option \"%s\"\n", argv[i]);
			return -1;
		}
		if (options[k].value != NULL && i + 1 == argc) {
			fprintf(stderr, "wardenctl: %s needs a value\n", argv[i]);
			return -1;
		}
		if (options[k].flag != NULL)
			*options[k].flag = true;
		else
			*options[k].value = argv[++i];
		if (set != NULL && ctl->sets == CTL_SETS_MAX) {
			fprintf(stderr, "wardenctl: --set more than %d times\n", CTL_SETS_MAX);
			return -1;
		}
		if (set != NULL)
			ctl->set[ctl->sets++] = set;
		set = NULL;
	}
	return n;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .run_dir = "/run/warden" };
	const struct command *c = commands,
	                     *end = commands + sizeof(commands) / sizeof(commands[0]);
	enum ctl_exit r;
	int n;

	n = parse(&ctl, argc, argv);
	if (n < 0)
		return usage(stderr);
	if (ctl.help) {
		usage(stdout);
		return 0;
	}
	if (ctl.version) {
		printf("wardenctl %s\n", WARDEN_VERSION);
		return 0;
	}
	if (n == 0) {
		fprintf(stderr, "wardenctl: a command is needed\n");
		return usage(stderr);
	}
	while (c < end && !str_eq(c->name, argv[0]))
		c++;
	if (c == end)
		fprintf(stderr, "wardenctl: there is no command \"%s\"\n", argv[0]);
	else if (c->needs_operand && n == 1)
		fprintf(stderr, "wardenctl: %s needs %s\n", c->name, c->operand);
	else if (n > 1 + (c->operand != NULL))
		fprintf(stderr, "wardenctl: \"%s\" is too much\n", argv[n - 1]);
	if (c == end || n > 1 + (c->operand != NULL) || (c->needs_operand && n != 2))
		return usage(stderr);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = c->run(&ctl, n == 2 ? argv[1] : NULL);
	curl_global_cleanup();
	if (fflush(stdout) != 0)
		r = CTL_FAILED;
	return r;
}
