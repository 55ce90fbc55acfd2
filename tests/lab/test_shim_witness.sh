#!/bin/bash
# SPDX-License-Identifier: MIT
# Responses that the engine asks to see, with the shim alone: what the program reads is what the engine sees, and the program
# notices nothing of it, whatever it or the engine does meanwhile.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi
# shellcheck source=tests/lab/shim/rig.sh
. tests/lab/shim/rig.sh

witnessed=$PWD/build/shim/witnessed
good() { clear_logs; is good under "$witnessed" "$@"; }
small="HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"

# The engine logs what it saw when the connection has ended; "bytes gaps end digest" of each, in order.
seen() {
	for _ in $(seq 100); do
		[ "$(grep -c ^seen "$tmp/engine.log")" -ge "$1" ] && break
		sleep 0.05
	done
	sed -n 's/^seen bytes=\([0-9]*\) gaps=\([0-9]*\) end=\([01]\) sha256=\([0-9a-f]*\) .*/\1 \2 \3 \4/p' "$tmp/engine.log"
}
# saw LINES...: exactly these were seen.
saw() {
	local got
	got=$(seen $#)
	[ "$got" = "$(printf '%s\n' "$@")" ] && return
	printf 'seen:\n%s\n' "$got"
	cat "$tmp/engine.log"
	return 1
}
digest() { sha256sum | cut -c1-8; }
# What /large or /close sends: its length, no gap, and the digest. whole HEAD BYTES END
whole() {
	"$python" -c 'import random, sys; h, n = sys.argv[1], int(sys.argv[2])
data = h.encode().decode("unicode_escape").encode() + random.Random(0).randbytes(n)
import hashlib; print(len(data), 0, sys.argv[3], hashlib.sha256(data).hexdigest()[:8])' "$1" "$2" "$3"
}
head="HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
small_seen="$(printf "$small" | wc -c) 0 0 $(printf "$small" | digest)"

plain() { good plain "$1" && saw "$small_seen" "$small_seen"; }
large() {
	clear_logs
	is 200 ask "https://api.openai.com:$1/large?150000" -d x-test-SEEN &&
		saw "$(whole "$head"'Content-Length: 150000\r\n\r\n' 150000 0)"
}
held() { clear_logs; is 200 ask "https://api.openai.com:$1/c" -d 'x-test-HOLD x-test-SEEN' && saw "$small_seen"; }
# The response can be read before the thread that sent the request has noted that it did.
held_async() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		clear_logs
		is 200 under "$python" "$lab/clients.py" aiohttp "$1" 'x-test-HOLD x-test-SEEN' && saw "$small_seen" || return 1
	done
}
# The interim response is one more that the engine sees and skips.
continued() {
	clear_logs
	local interim="HTTP/1.1 100 Continue\r\n\r\n$small"
	is 200 ask "https://api.openai.com:$1/c" -H 'Expect: 100-continue' -d x-test-SEEN || return 1
	saw "$(printf "$interim" | wc -c) 0 0 $(printf "$interim" | digest)"
}
peeks() { good peeks "$1" && saw "40 0 0 $(printf "$small" | head -c 40 | digest)"; }
forks() { good forks "$1" && [ "$(seen 1 | cut -d' ' -f1,2,3)" = "91000 0 0" ] || { cat "$tmp/engine.log"; return 1; }; }
leaves_child() { good leaves-child "$1" && saw "$small_seen"; }
closes() { good closes "$1" && [ "$(seen 2 | sed -n 2p)" = "$small_seen" ] || { cat "$tmp/engine.log"; return 1; }; }
replaces() { good replaces "$1" && [ "$(seen 1 | wc -l)" = 1 ]; }
# Nothing is told where descriptors are few.
few() { good few "$1" && saw "0 0 0 $(printf '' | digest)"; }
to_the_end() { good to-the-end "$1" && saw "$(whole "$head"'\r\n' 10000 1)"; }
slow() {
	good slow "$1" || return 1
	# The test is none unless something had to be left out.
	[ "$(seen 3 | awk '$1 < 2900000' | wc -l)" = 3 ] || { cat "$tmp/engine.log"; return 1; }
}
stops() { clear_logs; is 200 ask "https://api.openai.com:$1/large?3000000" -d "$2" && [ "$(wc -c <"$tmp/body")" = 3000000 ]; }
many() {
	clear_logs
	is '50 0' under "$python" "$lab/clients.py" aiohttp-seen "$1" || return 1
	[ "$(seen 50 | sort -u)" = "$small_seen" ] && [ "$(seen 50 | wc -l)" = 50 ] || { seen 50; return 1; }
}
for port in 443 444; do
	tls="TLS 1.$((port - 441))"
	ok "one, then one that is not to be seen, then one, $tls" plain $port
	ok "150 KB, every byte, $tls" large $port
	ok "behind a hold, $tls" held $port
	ok "behind a hold that a loop waits for, $tls" held_async $port
	ok "100 Continue, $tls" continued $port
	ok "peeking is not reading, $tls" peeks $port
	ok "until the server closes, $tls" to_the_end $port
	ok "a child tells nothing, $tls" forks $port
	ok "a child that lives on does not keep it open, $tls" leaves_child $port
	ok "all descriptors closed, $tls" closes $port
	ok "all descriptors replaced, $tls" replaces $port
	ok "few descriptors, $tls" few $port
	ok "50 in parallel, $tls" many $port
	ok "errno and OpenSSL's errors, $tls" good errors $port
	ok "an engine that does not read, $tls" slow $port
	ok "an engine that wants no more, $tls" stops $port x-test-SEEN-CLOSE
	ok "an engine that dies, $tls" stops $port x-test-SEEN-DIE
	start_engine
done
ok "no message broke the protocol" bash -c "! grep -v 'wrong=\$' '$tmp/engine.log'"

echo "1..$n"
[ $bad -eq 0 ]
