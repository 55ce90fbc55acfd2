#!/bin/bash
# SPDX-License-Identifier: MIT
# The lab itself: what it promises inside, and that it leaves nothing behind, however it ends.
set -u
cd "$(dirname "$0")"

. ./leaves.sh

before=$(traces)

inside=$(./lab.sh --alpn h2 -- /usr/bin/python3 "$PWD/drive_lab.py" 2>&1)
ok "the checks inside ran" grep -q '^1\.\.[1-9]' <<<"$inside"
while IFS= read -r line; do
	case $line in
	"ok "* | "not ok "*) ok "${line#*- }" [ "${line%% *}" = ok ] ;;
	1..*) ;;
	*) echo "# $line" ;;
	esac
done <<<"$inside"

./lab.sh -- sh -c 'exit 7'
ok "the command's exit status is passed on" [ $? = 7 ]

for signal in TERM KILL; do
	# A number that no other process has in its arguments.
	number=4$$$RANDOM
	./lab.sh -- sleep $number &
	lab=$!
	ok "SIG$signal: the command runs" began $number
	kill -$signal $lab
	wait $lab 2>/dev/null
	ok "SIG$signal: no process is left" gone_soon $number
done

ok "nothing outside was changed" same "$before" "$(traces)"
echo "1..$n"
[ $failed = 0 ]
