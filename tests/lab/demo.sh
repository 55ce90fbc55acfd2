#!/bin/bash
# SPDX-License-Identifier: MIT
# `make demo`: governs real, unmodified clients on this machine alone and shows what happens.
#   DEMO_KEEP=1   leaves the daemon up in its lab, its API reachable at 127.0.0.1:8642 of this machine
#   --stop        ends what DEMO_KEEP left up
set -eu
cd "$(dirname "$0")/../.."

lab=tests/lab/lab.sh
driver="/usr/bin/python3 $PWD/tests/lab/drive_demo.py"
kept=build/demo.pid

stop() {
	local pid
	pid=$(cat $kept 2>/dev/null) || { echo "demo: nothing was left up"; return 0; }
	# The number may be another process's by now.
	if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "drive_demo.py keep"; then
		kill "$pid"
		while [ -d "/proc/$pid" ]; do sleep 0.05; done
	fi
	rm -f $kept
	echo "demo: stopped"
}

[ "${1:-}" != --stop ] || { stop; exit 0; }
[ "$(id -u)" = 0 ] || { echo "demo: needs root, for its private network: sudo make demo" >&2; exit 2; }
for program in build/aicpd build/aicp build/libaicp.so; do
	[ -e $program ] || { echo "demo: $program is missing; run: make" >&2; exit 2; }
done
[ ! -t 1 ] || export DEMO_COLOUR=1

if [ "${DEMO_KEEP:-0}" != 1 ]; then
	exec $lab -- $driver
fi

stop >/dev/null
out=$(mktemp)
setsid /usr/bin/python3 tests/lab/forward.py listen 8642 $lab -- $driver keep >"$out" 2>&1 </dev/null &
echo $! >$kept
rc=1
exec 3< <(exec tail --pid=$! -n +1 -f "$out")
tail=$!
while IFS= read -r line <&3; do
	[ "$line" != "demo: done" ] || { rc=0; break; }
	printf '%s\n' "$line"
done
kill $tail 2>/dev/null || true
[ $rc = 0 ] || rm -f $kept
rm -f "$out"
exit $rc
