#!/bin/bash
# SPDX-License-Identifier: MIT
# Requests that wait for people, with the shim alone: the program's loop goes on, what is released arrives whole, what is not
# released never does, whatever the program does meanwhile.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi
# shellcheck source=tests/lab/shim/rig.sh
. tests/lab/shim/rig.sh

held=$PWD/build/shim/held
py() { under "$python" "$lab/clients.py" "$@"; }
good() { is good under "$held" "$@"; }

# posts N: so many requests reached the server.
posts() { [ "$(grep -c ^POST "$tmp/server.log")" = "$1" ] || { cat "$tmp/server.log"; return 1; }; }

curl_released() { clear_logs; is 200 ask "https://api.openai.com:$1/c" -d x-test-HOLD && posts 1; }
curl_refused() {
	clear_logs
	is 403 ask "https://api.openai.com:$1/c" -d x-test-HOLD-BLOCK && posts 0 && grep -q test-decision-1 "$tmp/body"
}
sequence() {
	clear_logs
	is '200 200 200 403 200' py "$1" "$2" x-test-HOLD fine x-test-HOLD x-test-HOLD-BLOCK fine && posts 4
}
lost() {
	clear_logs
	is 403 ask "https://api.openai.com:$1/c" -d x-test-HOLD-DIE && posts 0 && grep -q 'without a verdict' "$tmp/body"
}
rewritten() {
	clear_logs
	is 200 ask "https://api.openai.com:$1/c" -d x-test-HOLD-REWRITE || return 1
	grep -q '^POST /c 14 ' "$tmp/server.log" || { cat "$tmp/server.log"; return 1; }
}
gives_up() {
	clear_logs
	is 'ReadTimeout 200' py gives-up "$1" x-test-HOLD-LONG fine && posts 1 || return 1
	for _ in $(seq 50); do grep -q abandoned "$tmp/engine.log" && return; sleep 0.1; done
	cat "$tmp/engine.log"
	return 1
}
for port in 443 444; do
	tls="TLS 1.$((port - 441))"
	ok "curl held and released, $tls" curl_released $port
	ok "curl held and refused, nothing reached, $tls" curl_refused $port
	for c in requests urllib urllib-blocking httpx httpx-async aiohttp chunked pycurl; do
		ok "$c: held, allowed, held, held and refused, allowed, $tls" sequence "$c" $port
	done
	ok "the engine dies during a hold: refused, $tls" lost $port
	ok "a new body comes with the hold, $tls" rewritten $port
	ok "the client gives up: nothing is sent, the engine is told, $tls" gives_up $port
	ok "a loop goes on during a hold, $tls" is '200 403 200 short' py stall $port x-test-HOLD x-test-HOLD-BLOCK fine
done

parallel() {
	clear_logs
	is '100 50' py aiohttp-held "$1" && posts 100 || return 1
	# What arrived is what was judged, to the byte.
	sed -n 's/^POST .* //p' "$tmp/server.log" | sort >"$tmp/a"
	sed -n 's/^request \(pass\|held\) .*sha256=\([0-9a-f]*\) wrong=$/\2/p' "$tmp/engine.log" | sort >"$tmp/b"
	[ "$(comm -13 "$tmp/b" "$tmp/a" | wc -l)" = 0 ]
}
ok "150 at once with 500 KB each, TLS 1.2" parallel 443
ok "150 at once with 500 KB each, TLS 1.3" parallel 444
govern open enforce
ok "the engine dies during a hold: refused whatever the fail mode" lost 444
govern closed enforce
ok "a second verdict that is none: refused" is 403 ask https://api.openai.com/c -d x-test-HOLD-GARBAGE

for mode in thread forks closes replaces frees clears pipelined no-threads no-threads-nonblocking server-leaves \
	server-is-slow many; do
	ok "$mode, TLS 1.2" good $mode 443
	ok "$mode, TLS 1.3" good $mode 444
done
closed() { clear_logs; good closes-its-own "$1" && sleep 1 && posts 0; }
ok "a socket that the program closed: nothing is sent, TLS 1.2" closed 443
ok "a socket that the program closed: nothing is sent, TLS 1.3" closed 444
ok "no frame broke the protocol" bash -c "! grep -v 'wrong=\$' '$tmp/engine.log'"

echo "1..$n"
[ $bad -eq 0 ]
