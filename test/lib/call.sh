# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2154,SC1091
#
# What the call and kill tests do again and again with phones: call, talk, hang up, and read the record of it. Sourced by
# them first; brings common.sh and phones.sh along and makes the temporary directory.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin
. "$top/test/lib/phones.sh"
build_tone || exit 1

# Each phone heard the other's tone for at least MS milliseconds.
both_heard() {	# both_heard A HZ-OF-A B HZ-OF-B MS
	heard "$1" "$4" "$5" && heard "$3" "$2" "$5"
}

# talk NAME A HZ B HZ: waits until each hears the other; ok or not ok NAME.
talk() {
	if wait_for 20 both_heard "$2" "$3" "$4" "$5" 1000; then
		ok "$1"
	else
		not_ok "$1: $2 hears $5 Hz: $(heard "$2" "$5" | tail -n 1); $4 hears $3 Hz: $(heard "$4" "$3" | tail -n 1)"
	fi
}

# Forgets what was recorded until now, for calls whose two phones live longer than one.
forget_sound() {
	local p
	for p; do
		rm -f "$tmp/$p"/dump-*.wav
	done
}

# ring NAME A NUMBER B: A dials, B rings.
ring() {
	phone_forget "$2"
	phone_forget "$4"
	forget_sound "$2" "$4"
	phone_do "$2" dial "$3"
	phone_wait "$4" CALL_INCOMING 20 || {
		not_ok "$1: $4 does not ring ($(phone_closed "$2"))"
		return 1
	}
}

# answer NAME A B: B accepts, both are established.
answer() {
	phone_do "$3" accept
	phone_wait "$2" CALL_ESTABLISHED 20 && phone_wait "$3" CALL_ESTABLISHED 10 || {
		not_ok "$1: not established"
		return 1
	}
}

# hang_up NAME A B: A hangs up, B sees it.
hang_up() {
	phone_do "$2" hangup
	check "$1" phone_wait "$3" CALL_CLOSED 15
}

# dial_fails NAME A NUMBER STATUS: the call ends with that status.
dial_fails() {
	phone_forget "$2"
	phone_do "$2" dial "$3"
	if ! phone_wait "$2" CALL_CLOSED "${5:-20}"; then
		not_ok "$1: the call does not end"
		phone_do "$2" hangup
		return 1
	fi
	case $(phone_closed "$2") in
	"$4 "*) ok "$1" ;;
	*) not_ok "$1: \"$(phone_closed "$2")\" instead of $4" ;;
	esac
}

# cdr_is NAME COUNT COLUMNS WANTED: after COUNT records exist, the newest one's columns.
cdr_is() {
	if ! wait_for 20 cdr_count_is "$2"; then
		not_ok "$1: $(cdr_count) records instead of $2"
		return 1
	fi
	same "$1" "$(sql -c "SELECT $3 FROM report.cdr ORDER BY start_time DESC LIMIT 1")" "$4"
}

nothing_left() { # NAME: no call, no RTP port
	check "$1: no call is left" wait_for 15 calls_are 0
}
