#!/bin/bash
# SPDX-License-Identifier: MIT
# `make demo` does what it announces and leaves nothing; with DEMO_KEEP=1 it leaves the daemon up until it is told to stop.
set -u
cd "$(dirname "$0")"
. ./leaves.sh

api=http://127.0.0.1:8642
healthy() { curl -sf --max-time 5 $api/health >/dev/null; }
nobody_listens() { ! curl -s --max-time 5 $api/health >/dev/null; }
clean_up() { ./demo.sh --stop >/dev/null; }
trap clean_up EXIT

before=$(traces)
out=$(./demo.sh 2>&1)
rc=$?
ok "the demo ends with 0" [ $rc = 0 ]
[ $rc = 0 ] || sed 's/^/# /' <<<"$out"
ok "it shows blocked requests" grep -q 'refused with 403; 0 bytes reached the provider' <<<"$out"
ok "it shows an approved request" grep -q 'approved: the provider answers' <<<"$out"
ok "it shows a rejected request" grep -q 'rejected: refused with the reason; it never left' <<<"$out"
ok "it says what is to come" grep -q 'Not in this version yet' <<<"$out"
ok "nothing of it is left" same "$before" "$(traces)"
ok "nor a process" gone_soon "$PWD/drive_demo.py"

if ! nobody_listens; then
	echo "ok $((n += 1)) - DEMO_KEEP=1 # SKIP port 8642 of this machine is taken"
else
	out=$(DEMO_KEEP=1 ./demo.sh 2>&1)
	ok "DEMO_KEEP=1 ends with 0" [ $? = 0 ]
	ok "and the API is reachable from outside the lab" healthy
	key=$(sed -n 's/.*admin key: //p' <<<"$out")
	ok "with the key it shows" curl -sf --max-time 5 -o /dev/null -H "X-API-Key: $key" $api/api/status
	ok "--stop ends it" ./demo.sh --stop
	ok "nobody listens any more" nobody_listens
	ok "no process of it is left" gone_soon "$PWD/drive_demo.py"
	ok "nothing of it is left behind" same "$before" "$(traces)"
fi
echo "1..$n"
[ $failed = 0 ]
