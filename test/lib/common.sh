# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034
#
# What the shell tests share: a temporary directory, free ports, waiting for events, pass and fail lines, and a running
# suite. Sourced by the scripts in test/call, test/kill and test/conf and by packaging/quickstart. A test prints
# "ok NAME" and "not ok NAME: why" lines, which test/all counts, and ends non-zero when one failed.

set -u
export LC_ALL=C
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${WARDEN_BIN:-$top/build/bin}
passed=0
failed=0
clean_up_commands=()

# ---- results --------------------------------------------------------------------------------------------------------

ok() {
	passed=$((passed + 1))
	echo "ok $*"
}

not_ok() {
	failed=$((failed + 1))
	echo "not ok $*"
}

# check NAME COMMAND...: ok when the command succeeds; its output is the reason when it does not.
check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name: $* ($?) ${out:0:600}"
		return 1
	fi
}

# same NAME GOT WANTED
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1: got \"$2\", wanted \"$3\""
		return 1
	fi
}

say() { echo "# $*"; }

# ---- the temporary directory, and its end ---------------------------------------------------------------------------

at_end() { clean_up_commands=("$*" "${clean_up_commands[@]}"); }

finish() {
	local status=$? c
	trap '' INT TERM
	for c in "${clean_up_commands[@]}"; do
		eval "$c"
	done
	clean_up_commands=()
	[ "${KEEP:-}" ] || rm -rf "$tmp"
	[ "$failed" -eq 0 ] || exit $((status ? status : 1))
	exit "$status"
}

begin() {
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/warden.XXXXXX") || exit 1
	chmod 755 "$tmp"
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[ "${KEEP:-}" ] && echo "# in $tmp"
}

# ---- time -----------------------------------------------------------------------------------------------------------

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# wait_for SECONDS COMMAND...: until it succeeds; fails when it never did.
wait_for() {
	local until=$(($(date +%s%N) + $1 * 1000000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s%N)" -lt "$until" ] || return 1
		sleep 0.03
	done
}

# ---- ports ----------------------------------------------------------------------------------------------------------

port_free() {	# nothing has it, TCP or UDP, connected or not
	! ss -Hntu state all exclude time-wait "( sport = :$1 )" 2>/dev/null | grep -q .
}

# A base for test/stack --port-base, below the ports that the kernel gives to clients: base, base + 80 and the RTP range are free, and no other test has just taken it.
port_base() {
	local base lock low
	mkdir -m 1777 /tmp/warden-ports 2>/dev/null
	read -r low _ </proc/sys/net/ipv4/ip_local_port_range
	for _ in $(seq 600); do
		base=$((20000 + RANDOM % (low < 32000 ? 1 : (low - 20000) / 6000) * 6000))
		lock=/tmp/warden-ports/$base
		if (set -C && echo "$$" >"$lock") 2>/dev/null || take_stale "$lock"; then
			if port_free "$base" && port_free $((base + 80)) && port_free $((base + 1000)); then
				at_end "rm -f $lock"
				port_base=$base
				return
			fi
			rm -f "$lock"
		fi
		sleep 0.2
	done
	echo "no free range of ports" >&2
	exit 1
}

take_stale() {
	local pid
	pid=$(cat "$1" 2>/dev/null)
	[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && return 1
	rm -f "$1"
	(set -C && echo "$$" >"$1") 2>/dev/null
}

# Ports for phones: outside every range that port_base gives, and below the kernel's own.
phone_port_next=$((10000 + $$ % 100 * 90))
phone_port() {
	while :; do
		phone_port_next=$((phone_port_next + 2))
		[ "$phone_port_next" -lt 19900 ] || phone_port_next=10000
		port_free "$phone_port_next" && port_free $((phone_port_next + 1)) && break
	done
	phone_port=$phone_port_next
}

# ---- the suite ------------------------------------------------------------------------------------------------------

# stack_start [SETTINGS-FUNCTION]: the suite in $tmp/s; the function may write files in $tmp/s/etc first.
stack_start() {
	port_base
	s=$tmp/s
	mkdir -p "$s/etc"
	# Who calls an extension that does not answer is to hear so, unless voicemail is what is tested.
	[ -e "$s/etc/featured.overrides" ] || echo features.voicemail=false >"$s/etc/featured.overrides"
	[ $# -gt 0 ] && "$@"
	at_end "stack_stop \"$s\""
	"$top/test/stack" start "$s" --port-base "$port_base" >"$tmp/start.log" 2>&1 || {
		cat "$tmp/start.log"
		not_ok "start of the suite"
		exit 1
	}
	stack_env
}

# stack_stop DIR: a daemon that crashed makes the test fail, though it was started again.
stack_stop() {
	"$top/test/stack" stop "$1" >"$tmp/stop.log" 2>&1 || not_ok "no daemon crashes: $(tail -n 6 "$tmp/stop.log")"
}

stack_env() {
	# shellcheck disable=SC1091
	. "$s/run/env"
}

# set_key NAME section.key=value: an override for the next start.
set_key() { echo "$2" >>"$s/etc/$1.overrides"; }

sql() { psql -X -q -At -F '|' -h "$PGHOST" -p 5432 -d warden "$@"; }

api() {		# api METHOD PATH [JSON]
	curl -sS -m 10 -X "$1" -H "Authorization: Bearer $API_TOKEN" ${3:+-H 'Content-Type: application/json' -d "$3"} \
		"http://127.0.0.1:$HTTP_PORT$2"
}

# One number out of GET /api/status.
status_of() { api GET /api/status | sed -n "s/.*\"$1\": *\([a-z0-9]*\).*/\1/p"; }

calls_are() { [ "$(status_of active_calls)" = "$1" ]; }

cdr_count() { sql -c 'SELECT count(*) FROM report.cdr'; }

cdr_count_is() { [ "$(cdr_count)" = "$1" ]; }

tone() { "$tone_bin" "$@"; }

# The tone maker and finder, built once for all.
build_tone() {
	tone_bin=$top/build/test/tone
	[ "$tone_bin" -nt "$top/test/lib/tone.c" ] && return
	mkdir -p "$(dirname "$tone_bin")"
	gcc -std=gnu17 -O2 -o "$tone_bin.$$" "$top/test/lib/tone.c" -lm && mv "$tone_bin.$$" "$tone_bin"
}
