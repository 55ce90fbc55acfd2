#!/bin/bash
# SPDX-License-Identifier: MIT
# `make install` into an empty folder: every file in its place, the configuration good, the unit understood by systemd.
cd "$(dirname "$0")/../.." || exit 1
n=0
ok() { # ok NAME COMMAND...
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then echo "ok $n - $name"; else echo "not ok $n - $name"; sed 's/^/# /' <<<"$out"; fi
}
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT

ok "installs" env DESTDIR="$dest" PREFIX=/usr SYSCONFDIR=/etc sh packaging/install.sh
for file in usr/sbin/aicpd usr/bin/aicp usr/bin/aicp-verify usr/lib/aicp/libaicp.so; do
	ok "$file can be run or loaded" test -x "$dest/$file"
done
ok "the configuration is good" "$dest/usr/sbin/aicpd" -t -c "$dest/etc/aicp/aicp.yaml"
ok "packages watch, they do not stop" grep -qx "mode: monitor" "$dest/etc/aicp/aicp.yaml"
ok "no place holder is left" sh -c "! grep -r '@[A-Z]*@' '$dest/usr/lib/systemd' '$dest/usr/lib/sysusers.d' '$dest/usr/lib/tmpfiles.d'"
echo "mode: enforce" >"$dest/etc/aicp/aicp.yaml"
ok "installs again" env DESTDIR="$dest" PREFIX=/usr SYSCONFDIR=/etc sh packaging/install.sh
ok "an existing configuration is kept" grep -qx "mode: enforce" "$dest/etc/aicp/aicp.yaml"
ok "a user for each role of the daemon" sh -c "
	for user in \$(grep -o '= \"aicp[a-z-]*\"' daemon/io/warden.c | tr -d '= \"'); do
		grep -q \"^u \$user \" '$dest/usr/lib/sysusers.d/aicp.conf' || { echo \"\$user is missing\"; exit 1; }
	done"
if command -v systemd-sysusers >/dev/null && systemd-sysusers --help | grep -q dry-run; then
	ok "systemd-sysusers reads the users" sh -c "! systemd-sysusers --dry-run '$dest/usr/lib/sysusers.d/aicp.conf' 2>&1 | grep -i 'not a valid\|unknown\|fail'"
fi
if command -v systemd-analyze >/dev/null; then
	# Where this machine has no aicpd installed, that alone is no fault of the unit.
	ok "systemd reads the unit" sh -c "! systemd-analyze verify '$dest/usr/lib/systemd/system/aicp.service' 2>&1 |
		grep aicp.service | grep -v 'not executable'"
fi
echo "1..$n"
