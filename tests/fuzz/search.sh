#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/fuzz/search.sh NAME...: searches each target with libFuzzer for FUZZ_SECONDS (default 60). What it finds goes to
# tests/fuzz/regress/NAME/, which is replayed with the corpus; inputs that reach new code stay in build/fuzz/corpus/NAME/.
set -u
cd "$(dirname "$0")/../.."

seconds=${FUZZ_SECONDS:-60}
cc=${FUZZ_CC:-clang}
flags="-std=gnu17 -D_GNU_SOURCE -DAICP_VERSION=\"fuzz\" -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined"
flags="$flags -fno-sanitize-recover=undefined -iquote . -Iinclude -Idaemon -Ibuild/gen"
declare -A below=(
	[base]="base" [model]="model base" [http]="http model base" [provider]="provider model base"
	[detect]="detect model base" [policy]="policy model base" [record]="record model base"
	[engine]="engine record policy detect provider http model base"
	[ledger]="ledger engine record policy detect provider http model base"
	[io]="io ledger engine record policy detect provider http model base"
	[preload]="preload base"
	[api]="api io ledger engine record policy detect provider http model base"
)
libs="-lyaml -lcrypto -lm -lz -lbrotlidec -lzstd -lhs -lsqlite3 -lseccomp -lcap-ng -lmicrohttpd -lcjson -lpthread"

if ! command -v "$cc" >/dev/null; then
	echo "search.sh: $cc is not there; run 'make deps' or name another clang in FUZZ_CC" >&2
	exit 1
fi
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')

status=0
for name; do
	source=tests/fuzz/fuzz_$name.c
	if [ ! -f "$source" ]; then
		echo "search.sh: there is no $source" >&2
		exit 1
	fi
	layer=$(sed -n 's/.*layer: \([a-z]*\).*/\1/p' "$source" | head -1)
	if [ -z "${below[$layer]:-}" ]; then
		echo "search.sh: $source names no layer that is known here" >&2
		exit 1
	fi
	sources=
	for l in ${below[$layer]}; do
		# The shim's hooks are for programs that it is loaded into.
		if [ "$l" = preload ]; then
			sources="$sources $(ls preload/*.c | grep -v /hook_)"
		else
			sources="$sources $(ls daemon/"$l"/*.c 2>/dev/null)"
		fi
	done
	mkdir -p build/fuzz/corpus/"$name" build/fuzz/found/"$name"
	echo "  FUZZ $name: building"
	# shellcheck disable=SC2086 # lists of words
	if ! $cc $flags -o build/fuzz/"$name" "$source" $sources -Wl,--as-needed $libs; then
		echo "search.sh: $name does not build" >&2
		status=1
		continue
	fi
	echo "  FUZZ $name: $seconds seconds"
	if ! build/fuzz/"$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix=build/fuzz/found/"$name"/ build/fuzz/corpus/"$name" tests/fuzz/corpus/"$name" \
		>build/fuzz/"$name".log 2>&1; then
		echo "search.sh: $name: found something, see build/fuzz/$name.log and tests/fuzz/regress/$name/" >&2
		status=1
		mkdir -p tests/fuzz/regress/"$name"
		mv build/fuzz/found/"$name"/* tests/fuzz/regress/"$name"/
	fi
	grep -E "stat::number_of_executed_units|stat::new_units_added" build/fuzz/"$name".log | sed 's/^/  /'
done
exit $status
