#!/bin/bash
# SPDX-License-Identifier: MIT
# Clear HTTP under the shim alone: real programs, a stand-in for the engine, and servers in clear that log what reaches them.
# localhost:11434 is governed, localhost:11435 is not; api.openai.com is governed in clear too.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi
# shellcheck source=tests/lab/shim/rig.sh
. tests/lab/shim/rig.sh

clear=$PWD/build/shim/clear
py() { under "$python" "$lab/clients.py" "$@"; }
good() { is good under "$clear" "$@"; }
posts() { [ "$(grep -c ^POST "$tmp/server.log")" = "$1" ] || { cat "$tmp/server.log"; return 1; }; }
asked() { told "$2" "host=$1 "; }

without_shim() { clear_logs; is 200 curl -sS -o /dev/null -w '%{http_code}' http://localhost:11434/c -d x-test-BLOCK && posts 1; }
ok "without the shim, what will be blocked reaches the server" without_shim

# curl_both URL HOST: an allowed and a blocked one, as HOST.
curl_both() {
	clear_logs
	is 200 ask "$1/c" -d fine && is 403 ask "$1/c" -d x-test-BLOCK && posts 1 && asked "$2" 2 &&
		grep -q test-decision-1 "$tmp/body"
}
ok "curl, localhost:11434" curl_both http://localhost:11434 localhost:11434
ok "curl, 127.0.0.1:11434" curl_both http://127.0.0.1:11434 127.0.0.1:11434
ok "curl, a governed name on port 80" curl_both http://api.openai.com api.openai.com:80
ok "curl, a governed name on another port" curl_both http://api.openai.com:11435 api.openai.com:11435
curl_proxy() { clear_logs; is 403 ask -x http://localhost:11435 http://api.openai.com/c -d x-test-BLOCK && posts 0 && asked api.openai.com:80 1; }
ok "curl, a governed name through a proxy" curl_proxy
curl_expect() { clear_logs; is "$1" ask http://localhost:11434/c -H 'Expect: 100-continue' -d "$2" && posts "$3"; }
ok "curl that waits for 100 Continue, allowed" curl_expect 200 fine 1
ok "curl that waits for 100 Continue, blocked" curl_expect 403 x-test-BLOCK 0
untouched() {
	clear_logs
	is 200 ask "$1/c" -d x-test-BLOCK && posts 1 && [ ! -s "$tmp/engine.log" ]
}
ok "another port of localhost is left alone" untouched http://localhost:11435
ok "port 80 of localhost is left alone" untouched http://localhost
same_bytes() {
	clear_logs
	head -c 5000000 /dev/urandom >"$tmp/big"
	is 200 ask http://localhost:11434/c -H Expect: --data-binary "@$tmp/big" || return 1
	is 200 ask http://localhost:11434/c -H 'Transfer-Encoding: chunked' -H Expect: --data-binary "@$tmp/big" || return 1
	sed -n 's/^POST .* //p' "$tmp/server.log" | sort >"$tmp/a"
	sed -n 's/^request pass .*sha256=\([0-9a-f]*\) wrong=$/\1/p' "$tmp/engine.log" | sort >"$tmp/b"
	posts 2 && diff "$tmp/a" "$tmp/b"
}
ok "what was judged is what arrives, byte for byte" same_bytes

sequence() { clear_logs; is '200 200 403 200' py "$1" 11434 a b x-test-BLOCK c && posts 3; }
holds() { clear_logs; is '200 200 200 403 200' py "$1" 11434 x-test-HOLD fine x-test-HOLD x-test-HOLD-BLOCK fine && posts 4; }
alone() { clear_logs; is '200 200 200' py "$1" 11435 a x-test-BLOCK x-test-HOLD-BLOCK && posts 3 && [ ! -s "$tmp/engine.log" ]; }
for c in requests urllib urllib-blocking httpx httpx-async aiohttp chunked pycurl; do
	ok "$c: allow, allow, block, allow" sequence "$c"
	ok "$c: held, allowed, held, held and refused, allowed" holds "$c"
	ok "$c: another port is left alone" alone "$c"
done
ok "aiohttp: 50 in parallel, half of them blocked" is '25 25' py aiohttp-parallel 11434
ok "a loop goes on during a hold" is '200 403 200 short' py stall 11434 x-test-HOLD x-test-HOLD-BLOCK fine
gives_up() {
	clear_logs
	is 'ReadTimeout 200' py gives-up 11434 x-test-HOLD-LONG fine && posts 1 || return 1
	for _ in $(seq 50); do grep -q abandoned "$tmp/engine.log" && return; sleep 0.1; done
	cat "$tmp/engine.log"
	return 1
}
ok "the client gives up: nothing is sent, the engine is told" gives_up

for mode in kept-alive bytewise pieces messages reads waits duplicates reused forks threads large unreadable forms; do
	ok "$mode" good $mode 11434
done
held_mode() {
	clear_logs
	good held 11434 && posts 4 || return 1
	for _ in $(seq 50); do grep -q abandoned "$tmp/engine.log" && return; sleep 0.1; done
	cat "$tmp/engine.log"
	return 1
}
ok "held, by socket calls; closed while it waits" held_mode
ok "what is not governed goes as it is" good not-governed 11435
ok "also on port 80" good not-governed 80
ok "a signal handler that connects" good interrupted 11435
proxied() { clear_logs; good proxy 11435 && posts 5 && asked api.openai.com:80 3 && asked monitored.example:80 1; }
ok "one connection to a proxy, for hosts that are governed and others" proxied
ok "no frame broke the protocol" bash -c "! grep -v 'wrong=\$' '$tmp/engine.log'"

stop_engine
down() { clear_logs; is 403 ask http://localhost:11434/c -d hello && posts 0 && grep -q '^{"error":"' "$tmp/body"; }
ok "the engine is gone: refused in the provider's shape" down
ok "and what is not governed goes on" is 200 ask http://localhost:11435/c -d hello
govern open enforce
ok "the engine is gone, fail open: passes" is 200 ask http://localhost:11434/c -d hello

echo "1..$n"
[ $bad -eq 0 ]
