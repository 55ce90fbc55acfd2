#!/bin/sh
# SPDX-License-Identifier: MIT
# Removes what install.sh put below DESTDIR. What the operator owns stays: the configuration, the ledger and the users.
set -eu
prefix=${PREFIX:-/usr} sysconfdir=${SYSCONFDIR:-/etc} dest=${DESTDIR:-}

# The line first, then the file: a line without its file makes every program complain.
list=$dest$sysconfdir/ld.so.preload shim=$prefix/lib/aicp/libaicp.so
if grep -qsF "$shim" "$list"; then
	awk -v shim="$shim" '
		{
			code = $0; comment = ""
			if (at = index(code, "#")) { comment = substr(code, at); code = substr(code, 1, at - 1) }
			n = split(code, name, /[ \t:]+/); rest = ""; found = 0
			for (i = 1; i <= n; i++)
				if (name[i] == shim) found = 1
				else if (name[i] != "") rest = rest (rest == "" ? "" : " ") name[i]
			if (!found) print
			else if (rest comment != "") print rest (rest == "" || comment == "" ? "" : " ") comment
		}' "$list" >"$list.aicp-new"
	chmod 644 "$list.aicp-new"
	if [ -s "$list.aicp-new" ]; then
		sync "$list.aicp-new"
		mv -f "$list.aicp-new" "$list"
	else
		rm -f "$list.aicp-new" "$list"
	fi
	echo "uninstall: took the shim out of $list; programs that run keep it until they end"
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
