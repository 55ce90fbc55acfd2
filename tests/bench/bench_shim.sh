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

without= with=
for _ in 1 2 3 4 5; do
	without+="$(build/release/bench/ssl_calls) "
	with+="$(AICP_RUNTIME_DIR=$runtime LD_PRELOAD=$PWD/build/libaicp.so build/release/bench/ssl_calls) "
done
least() { tr ' ' '\n' <<<"$1" | grep . | sort -n | head -1; }
awk -v a="$(least "$without")" -v b="$(least "$with")" 'BEGIN {
	printf "RESULT\tSSL_write and SSL_read of 16 bytes, without the shim\t%.1f\tns a call\t\n", a
	printf "RESULT\tSSL_write and SSL_read of 16 bytes, with the shim\t%.1f\tns a call\t\n", b
	printf "RESULT\tadded to a call that nobody governs\t%.1f\tns a call\t<= 60\n", b - a
}'
