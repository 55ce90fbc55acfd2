#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what the build and the tests need. Debian 12 and kin: with apt; elsewhere: says what it would need.
set -eu

build="gcc make pkg-config libssl-dev libyaml-dev libcjson-dev libsqlite3-dev libmicrohttpd-dev libhyperscan-dev
zlib1g-dev libbrotli-dev libzstd-dev libseccomp-dev libcap-ng-dev"
tests="libcmocka-dev clang clang-format clang-tidy cppcheck libclang-rt-14-dev curl openssl iproute2 util-linux
python3 python3-requests python3-h11 python3-httpx python3-aiohttp python3-uvloop python3-pycurl python3-yaml
wget git php-cli php-curl ruby libwww-perl liblwp-protocol-https-perl libgnutls28-dev jq binutils sqlite3
ca-certificates musl musl-tools
g++ m4 gdb strace rsync gawk mawk lua5.4 tcl busybox cpio socat gnupg openssh-client zip unzip bc ed patch file
bzip2 xz-utils zstd man-db less"

if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: no apt-get here. These Debian packages, or your system's own of the same content, are needed:" >&2
	echo $build $tests >&2
	exit 1
fi

missing=
for p in $build $tests; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
# npm may come with a Node that is not Debian's.
command -v npm >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
	echo "deps: installing$missing"
	if [ "$(id -u)" != 0 ]; then
		echo "deps: run as root, or install these packages yourself:$missing" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null
	apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

# Test clients that cannot stand beside the machine's own go under build/.
sh tests/lab/fetch-clients.sh
