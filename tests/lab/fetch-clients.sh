#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches the clients that the lab governs and that cannot stand beside the machine's own, into build/clients:
# Debian's Node 18 (shared OpenSSL) unpacked, never installed; npm packages (official SDKs, Node 20) by the lock file.
set -eu
cd "$(dirname "$0")/../.."

into=build/clients
from=tests/lab/clients
debs='nodejs=18* libnode108 libuv1 libc-ares2 libicu72 libnghttp2-14 node-acorn node-cjs-module-lexer node-undici'

# What is there was made by this very script and lock file: nothing to do.
want=$(cat "$from/package.json" "$from/package-lock.json" tests/lab/fetch-clients.sh | sha256sum | cut -d' ' -f1)
[ "$(cat "$into/stamp" 2>/dev/null)" != "$want" ] || exit 0

fetch_node18() {
	echo "deps: fetching Debian's Node 18 into $into/node18"
	rm -rf "$into/node18" "$into/debs"
	mkdir -p "$into/debs" "$into/node18"
	download='apt-get -q -o APT::Sandbox::User=root download'
	(cd "$into/debs" && { $download $debs || { apt-get -q update && $download $debs; }; }) >"$into/log" 2>&1 ||
		{ cat "$into/log" >&2; echo "deps: cannot download Node 18 with apt-get" >&2; exit 1; }
	for deb in "$into"/debs/*.deb; do dpkg -x "$deb" "$into/node18"; done
	rm -rf "$into/debs"
	cat >"$into/node18/run" <<-'END'
		#!/bin/sh
		# Debian's Node with the libraries that were unpacked with it.
		here=$(dirname "$0")
		for dir in "$here"/usr/lib/*-linux-gnu; do export LD_LIBRARY_PATH="$dir"; done
		exec "$here/usr/bin/node" "$@"
	END
	chmod +x "$into/node18/run"
}

fetch_npm() {
	echo "deps: fetching npm packages into $into/npm"
	command -v npm >/dev/null || { echo "deps: npm is missing: apt-get install npm" >&2; exit 1; }
	mkdir -p "$into/npm"
	cp "$from/package.json" "$from/package-lock.json" "$into/npm/"
	(cd "$into/npm" && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund) >"$into/log" 2>&1 ||
		{ cat "$into/log" >&2; echo "deps: npm ci failed in $into/npm" >&2; exit 1; }
}

mkdir -p "$into"
rm -f "$into/stamp"
fetch_node18
fetch_npm
rm -f "$into/log"
echo "$want" >"$into/stamp"
