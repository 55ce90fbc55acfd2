#!/bin/sh
# SPDX-License-Identifier: MIT
# Removes what install.sh put below DESTDIR. What the operator owns stays: the configuration, the ledger and the users.
set -eu
prefix=${PREFIX:-/usr} sysconfdir=${SYSCONFDIR:-/etc} dest=${DESTDIR:-}

if grep -qs "$prefix/lib/aicp/libaicp.so" "$dest/etc/ld.so.preload"; then
	echo "uninstall: $dest/etc/ld.so.preload names the shim; remove that line first, or every program will complain" >&2
	exit 1
fi
if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
	systemctl disable --now aicp >/dev/null 2>&1 || true
fi
rm -f "$dest$prefix/sbin/aicpd" "$dest$prefix/bin/aicp" "$dest$prefix/bin/aicp-verify" \
	"$dest$prefix/lib/aicp/libaicp.so" "$dest$prefix/lib/systemd/system/aicp.service" \
	"$dest$prefix/lib/sysusers.d/aicp.conf" "$dest$prefix/lib/tmpfiles.d/aicp.conf" \
	"$dest$prefix/share/man/man1/aicp.1" "$dest$prefix/share/man/man8/aicpd.8"
rmdir "$dest$prefix/lib/aicp" 2>/dev/null || true
if [ -z "$dest" ]; then
	rm -rf /run/aicp
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
fi
echo "uninstalled; left as yours: $sysconfdir/aicp, /var/lib/aicp (the ledger) and the users aicp, aicp-ledger, aicp-api, aicp-courier"
