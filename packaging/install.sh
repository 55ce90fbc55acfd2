#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what `make` built below DESTDIR. An existing configuration is kept. Run as root it also makes the users (without DESTDIR only).
set -eu
prefix=${PREFIX:-/usr} sysconfdir=${SYSCONFDIR:-/etc} dest=${DESTDIR:-}

for file in build/aicpd build/aicp build/aicp-verify build/libaicp.so; do
	[ -f "$file" ] || { echo "install: $file is missing; run make first" >&2; exit 1; }
done

# put MODE FILE PLACE: by rename, and on the disk before that. Programs that run have the old shim mapped, and those
# that start meanwhile find the old one or the new one, whole.
put() {
	install -m "$1" "$2" "$3.new"
	sync "$3.new"
	mv -f "$3.new" "$3"
}

install -d "$dest$prefix/sbin" "$dest$prefix/bin" "$dest$prefix/lib/aicp" "$dest$prefix/lib/systemd/system" \
	"$dest$prefix/lib/sysusers.d" "$dest$prefix/lib/tmpfiles.d" "$dest$sysconfdir/aicp/policies" \
	"$dest$prefix/share/man/man1" "$dest$prefix/share/man/man8"
put 755 build/aicpd "$dest$prefix/sbin/aicpd"
put 755 build/aicp "$dest$prefix/bin/aicp"
put 755 build/aicp-verify "$dest$prefix/bin/aicp-verify"
put 755 build/libaicp.so "$dest$prefix/lib/aicp/libaicp.so"
sed -e "s|@PREFIX@|$prefix|g" -e "s|@SYSCONFDIR@|$sysconfdir|g" packaging/systemd/aicp.service \
	>"$dest$prefix/lib/systemd/system/aicp.service"
chmod 644 "$dest$prefix/lib/systemd/system/aicp.service"
install -m 644 packaging/systemd/aicp.sysusers "$dest$prefix/lib/sysusers.d/aicp.conf"
install -m 644 packaging/systemd/aicp.tmpfiles "$dest$prefix/lib/tmpfiles.d/aicp.conf"
install -m 644 docs/man/aicp.1 "$dest$prefix/share/man/man1/aicp.1"
install -m 644 docs/man/aicpd.8 "$dest$prefix/share/man/man8/aicpd.8"
[ -e "$dest$sysconfdir/aicp/aicp.yaml" ] || install -m 644 packaging/aicp.yaml "$dest$sysconfdir/aicp/aicp.yaml"

if [ -z "$dest" ] && [ "$(id -u)" = 0 ]; then
	if command -v systemd-sysusers >/dev/null; then
		systemd-sysusers "$prefix/lib/sysusers.d/aicp.conf"
	else
		for user in aicp aicp-ledger aicp-api aicp-courier; do
			id "$user" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$user"
		done
	fi
	install -d -m 2750 -o aicp-ledger -g aicp-api /var/lib/aicp
fi
echo "installed; next: aicpd -t, then systemctl enable --now aicp"
