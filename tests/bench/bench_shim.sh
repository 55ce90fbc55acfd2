#!/bin/bash
# SPDX-License-Identifier: MIT
# What the shim costs a program that talks to nobody governed: the same calls without and with it, in turns.
set -eu
cd "$(dirname "$0")/../.."

runtime=$1/runtime
mkdir -p "$runtime"
printf 'aicp-governed\t1\nfail\tclosed\nmode\tenforce\nhost\tapi.openai.com\topenai\n' >"$runtime/governed"
chmod 755 "$runtime"
chmod 644 "$runtime/governed"

least() { tr ' ' '\n' <<<"$1" | grep . | sort -n | head -1; }

# compare WHAT LIMIT PROGRAM...: five turns of each.
compare() {
	local what=$1 limit=$2 without= with=
	shift 2
	for _ in 1 2 3 4 5; do
		without+="$("$@") "
		with+="$(AICP_RUNTIME_DIR=$runtime LD_PRELOAD=$PWD/build/libaicp.so "$@") "
	done
	awk -v what="$what" -v limit="$limit" -v a="$(least "$without")" -v b="$(least "$with")" 'BEGIN {
		printf "RESULT\t%s, without the shim\t%.1f\tns a call\t\n", what, a
		printf "RESULT\t%s, with the shim\t%.1f\tns a call\t\n", what, b
		printf "RESULT\tadded to %s that nobody governs\t%.1f\tns a call\t<= %d\n", what, b - a, limit
	}'
}
compare "SSL_write and SSL_read of 16 bytes" 60 build/release/bench/ssl_calls
compare "write and read of a file" 20 build/release/bench/socket_calls file
compare "write and read of a socket" 20 build/release/bench/socket_calls socket
