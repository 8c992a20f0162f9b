# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2154
#
# Phones for tests, none of them written here: baresip, driven over its TCP control port, and linphonec, driven over its
# standard input. Each plays a tone of its own and records what it hears. Sourced after common.sh; everything that a phone
# has lies in $tmp/NAME, and ends with the test. The recording is found by `heard`.

phones=()

at_end phones_stop

# phone NAME USER PASSWORD [key=value...]: starts a baresip and registers it.
#   tone=HZ (440)  server=HOST:PORT ($SIP_HOST:$SIP_PORT)  transport=udp|tcp  answer=manual|auto|early  codecs=PCMU,PCMA (G722/16000, opus/48000/2)  ptime=20
#   register=yes|no|try  host=ADDRESS (its own, 127.0.0.1)  family=4|6 (of its media)  mwi=yes (subscribes to message waiting)
phone() {
	local name=$1 user=$2 password=$3 kv tone=440 server=127.0.0.1:$SIP_PORT transport=udp answer=manual
	local codecs=PCMU,PCMA ptime=20 register=yes host=127.0.0.1 family=4 mwi="" dir ctrl sip
	shift 3
	for kv; do
		local "${kv?}"
	done
	dir=$tmp/$name
	mkdir -p "$dir"
	phone_port
	sip=$phone_port
	phone_port
	ctrl=$phone_port
	# The source must have the rate and channels of the codec.
	# shellcheck disable=SC2046
	tone make "$dir/tone.wav" "$tone" 120 $(case $codecs in G722*) echo 16000 ;; opus*) echo 48000 2 ;; esac)
	# mwi before account: it loops for ever when it finds itself registered a millisecond after it was loaded.
	cat >"$dir/config" <<-END
		poll_method		epoll
		sip_listen		$host:$sip
		call_local_timeout	300
		call_max_calls		8
		audio_source		aufile,$dir/tone.wav
		audio_player		aubridge,$name
		audio_alert		aubridge,$name-alert
		rtp_ports		$((sip + 30000))-$((sip + 30040))
		jitter_buffer_delay	1-10
		snd_path		$dir
		module_path		/usr/lib/baresip/modules
		module			g711.so
		module			g722.so
		module			opus.so
		module			aufile.so
		module			aubridge.so
		module			sndfile.so
		module			ctrl_tcp.so
		${mwi:+module_app mwi.so}
		module_app		account.so
		module_app		menu.so
		ctrl_tcp_listen		127.0.0.1:$ctrl
	END
	echo "<sip:$user@$server;transport=$transport>;auth_user=$user;auth_pass=$password;answermode=$answer${mwi:+;mwi=$mwi}" \
		";audio_codecs=$codecs;ptime=$ptime;regint=$([ "$register" = no ] && echo 0 || echo 600)" |
		sed 's/ ;/;/g' >"$dir/accounts"
	: >"$dir/events"
	(cd "$dir" && exec baresip "-$family" -f "$dir" -p /nonexistent </dev/null >"$dir/log" 2>&1) &
	echo $! >"$dir/pid"
	disown
	phones+=("$name")
	# The control connection: commands go in over descriptor 3 of the reader, events come out into the file.
	mkfifo "$dir/in"
	(
		until exec 3<>"/dev/tcp/127.0.0.1/$ctrl"; do
			kill -0 "$(cat "$dir/pid")" || exit 1
			sleep 0.03
		done
		cat <&3 >>"$dir/events" &
		echo $! >"$dir/reader"
		exec cat "$dir/in" >&3
	) </dev/null 2>/dev/null &
	echo $! >"$dir/writer"
	disown
	exec {fd}>"$dir/in"
	eval "fd_$name=$fd"
	wait_for 15 test -s "$dir/reader"
	[ "$register" = yes ] || return 0
	# It may have registered before the control connection was there, so its log counts.
	wait_for 20 grep -q ' 200 OK' "$dir/log" || {
		say "$name: not registered: $(tail -n 3 "$dir/log")"
		return 1
	}
}

# phone_do NAME COMMAND [PARAMS]: dial, accept, hangup, hold, resume, sndcode, quit...
phone_do() {
	local fd="fd_$1" json
	json="{\"command\":\"$2\",\"params\":\"${3:-}\",\"token\":\"t\"}"
	printf '%d:%s,' ${#json} "$json" >&"${!fd}"
}

# phone_seen NAME EVENT [COUNT]: has it come (that often)?
phone_seen() {
	[ "$(grep -o "\"type\":\"$2\"" "$tmp/$1/events" | wc -l)" -ge "${3:-1}" ]
}

# phone_wait NAME EVENT [SECONDS] [COUNT]
phone_wait() { wait_for "${3:-10}" phone_seen "$1" "$2" "${4:-1}"; }

# The reason of the last closed call, as in CALL_CLOSED's param: "486 Busy Here".
phone_closed() {
	tr -d '\n' <"$tmp/$1/events" | grep -o '"type":"CALL_CLOSED"[^}]*' | tail -n 1 | sed -n 's/.*"param":"\([^"]*\)".*/\1/p'
}

phone_forget() { : >"$tmp/$1/events"; }

# heard NAME HZ [MIN_MS]: is the tone in what this phone recorded? Prints what was found.
heard() {
	local name=$1 file best=1
	shift
	for file in "$tmp/$name"/dump-*-dec.wav "$tmp/$name"/heard*.wav; do
		[ -e "$file" ] || continue
		tone find "$file" "$@" && best=0
	done
	return $best
}

# linphone NAME USER PASSWORD [tone=HZ] [transport=] : a linphonec, registered.
linphone() {
	local name=$1 user=$2 password=$3 kv tone=700 transport=udp dir sip
	shift 3
	for kv; do
		local "${kv?}"
	done
	dir=$tmp/$name
	mkdir -p "$dir/home/.local/share/linphone"
	phone_port
	sip=$phone_port
	tone make "$dir/tone.wav" "$tone" 120
	cat >"$dir/linphonerc" <<-END
		[sip]
		sip_port=$([ "$transport" = udp ] && echo "$sip" || echo 0)
		sip_tcp_port=$([ "$transport" = tcp ] && echo "$sip" || echo 0)
		sip_tls_port=0
		use_ipv6=0
		default_proxy=0
		guess_hostname=1
		contact="$user" <sip:$user@127.0.0.1>
		[rtp]
		audio_rtp_port=$((sip + 30000))
		[proxy_0]
		reg_proxy=<sip:127.0.0.1:$SIP_PORT;transport=$transport>
		reg_identity=sip:$user@127.0.0.1:$SIP_PORT
		reg_expires=600
		reg_sendregister=1
		publish=0
		[auth_info_0]
		username=$user
		passwd=$password
		realm=warden
		[net]
		firewall_policy=0
		[video]
		enabled=0
		[app]
		auto_download_incoming_files_max_size=-1
	END
	mkfifo "$dir/in"
	(cd "$dir" && HOME=$dir/home TMPDIR=$dir PULSE_RUNTIME_PATH=$dir/pulse exec linphonec ${LINPHONE_DEBUG:+-d 6} -c "$dir/linphonerc" <"$dir/in" >"$dir/log" 2>&1) &
	echo $! >"$dir/pid"
	disown
	phones+=("$name")
	exec {fd}>"$dir/in"
	eval "fd_$name=$fd"
	linphone_do "$name" "soundcard use files"
	linphone_do "$name" "play $dir/tone.wav"
	linphone_do "$name" "record $dir/heard.wav"
	wait_for 30 registered "$user" || {
		say "$name: not registered: $(tail -n 5 "$dir/log")"
		return 1
	}
}

# As the suite sees it.
registered() { api GET /api/extensions | tr '}' '\n' | grep "\"$1\"" | grep -q '"registered": *true'; }

linphone_do() {
	local fd="fd_$1"
	shift
	echo "$*" >&"${!fd}"
}

# linphone_wait NAME TEXT [SECONDS] [COUNT]: a line of its output
linphone_said() { [ "$(grep -c "$2" "$tmp/$1/log")" -ge "${3:-1}" ]; }
linphone_wait() { wait_for "${3:-10}" linphone_said "$1" "$2" "${4:-1}"; }

phone_stop() {
	local name=$1 fd="fd_$1" f
	[ -e "$tmp/$name/pid" ] || return 0
	if [ -e "$tmp/$name/linphonerc" ]; then
		linphone_do "$name" quit 2>/dev/null
	else
		phone_do "$name" quit 2>/dev/null
	fi
	wait_for 3 phone_gone "$name"
	for f in pid reader writer; do
		[ -s "$tmp/$name/$f" ] && kill -KILL "$(cat "$tmp/$name/$f")" 2>/dev/null
	done
	[ -n "${!fd:-}" ] && eval "exec ${!fd}>&-" && unset "$fd"
	rm -f "$tmp/$name/pid" "$tmp/$name/in"
}

phone_gone() { ! kill -0 "$(cat "$tmp/$1/pid")" 2>/dev/null; }

phones_stop() {
	local p
	for p in "${phones[@]}"; do
		phone_stop "$p" 2>/dev/null
	done
	phones=()
}
