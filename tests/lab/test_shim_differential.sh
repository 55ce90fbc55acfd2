#!/bin/bash
# SPDX-License-Identifier: MIT
# A hundred thousand random calls of OpenSSL with and without the shim: results, errno and the error queue are the same.
# tests/lab/shim/differential.c says what the calls are, and in what the shim has to differ on governed hosts.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi
# shellcheck source=tests/lab/shim/rig.sh
. tests/lab/shim/rig.sh
program=$PWD/build/shim/differential

# same OPERATIONS HOST VERSION WAY
same() {
	clear_logs
	"$program" "$@" >"$tmp/bare" 2>"$tmp/bare.err" &
	local other=$!
	pids+=("$other")
	under "$program" "$@" >"$tmp/under" || { echo "the program failed under the shim"; return 1; }
	wait $other || { cat "$tmp/bare.err"; return 1; }
	diff "$tmp/bare" "$tmp/under" | head -10
	cmp "$tmp/bare" "$tmp/under" && [ "$(wc -l <"$tmp/under")" -ge "$1" ]
}
# It has seen something: successes, failures, waiting in both directions, errors in the queue.
rich() {
	local word
	for word in 'error=0 ' 'error=1 ' 'error=2 ' 'error=3 ' 'error=5 ' 'error=6 ' 'queue=0 ' 'queue=[1-9a-f]' 'state=0'; do
		[ "$(grep -c "$word" "$tmp/last")" -ge 10 ] || { echo "hardly any $word"; return 1; }
	done
}
for way in memory sockets; do
	for version in 1.2 1.3; do
		ok "20,000 calls, ungoverned, $way, TLS $version" same 20000 ungoverned.test $version $way
		cp "$tmp/under" "$tmp/last"
		ok "nobody was asked, ungoverned, $way, TLS $version" test ! -s "$tmp/engine.log"
		ok "5,000 calls, governed, $way, TLS $version" same 5000 api.openai.com $version $way
		ok "the engine judged them, $way, TLS $version" bash -c "[ \$(grep -c '^request pass' '$tmp/engine.log') -ge 300 ]"
	done
done
ok "the calls are of all kinds" rich

echo "1..$n"
[ $bad -eq 0 ]
