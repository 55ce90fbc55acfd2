#!/bin/bash
# SPDX-License-Identifier: MIT
# both_tls.sh DRIVER [ARGUMENT...]: runs a driver in two labs side by side, one with TLS 1.2 and one with 1.3, and makes one
# TAP plan of their two.
set -u
cd "$(dirname "$0")"
driver=$1
shift

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for tls in 1.2 1.3; do
	./lab.sh --tls $tls --alpn h2 -- /usr/bin/python3 "$PWD/$driver" $tls "$@" >"$out/$tls" 2>&1 &
	eval "lab_${tls/./_}=$!"
done
rc=0
wait "$lab_1_2" || rc=1
wait "$lab_1_3" || rc=1

cat "$out/1.2" "$out/1.3" | awk '
	/^ok /     { sub(/^ok [0-9]+/, "ok " ++n) }
	/^not ok / { sub(/^not ok [0-9]+/, "not ok " ++n) }
	/^1\.\./   { plans++; next }
	{ print }
	END { print "1.." n; exit plans == 2 ? 0 : 1 }' || rc=1
exit $rc
