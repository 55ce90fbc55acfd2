#!/bin/bash
# SPDX-License-Identifier: MIT
# The documents made from tables are what `make docs` makes of them now.
set -u
cd "$(dirname "$0")/../.."
n=0 bad=0
make -s build/release/docs/generate >&2 || { echo "Bail out! docs/generate.c does not build"; exit 1; }
for doc in facts config api; do
	n=$((n + 1))
	file=docs/${doc^^}.md
	if difference=$(diff "$file" <(build/release/docs/generate $doc)); then
		echo "ok $n - $file"
	else
		bad=1
		echo "not ok $n - $file is not what its table says; run make docs"
		sed 's/^/# /' <<<"$difference"
	fi
done
echo "1..$n"
exit $bad
