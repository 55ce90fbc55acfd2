#!/bin/bash
# SPDX-License-Identifier: MIT
# The shim in surroundings that are hard on it: small limits, sandboxes, descriptors that are closed under it, objects
# that are freed and used again, two libraries in one process, no /proc, a read-only root. The program behaves as
# without it, or gets the refusal. In network and mount namespaces of its own.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi

client=$PWD/build/shim/hostile
. tests/lab/shim/rig.sh

# Users without rights run it too.
install -m 755 "$client" "$tmp/hostile"
client=$tmp/hostile
good() { is good under "$client" "$@"; }
bare() { is good env UNGOVERNED=1 timeout -k 1 90 "$client" "$@"; }

# ---- limits, sandboxes, signals, descriptors ---------------------------------------------------------

for port in 443 444; do
	tls="TLS 1.$((port - 441))"
	for mode in reuse clear gone closer files file-size processes address-space stacks storm sandboxes strict; do
		# The expectations are those of any program: without the shim nothing is refused, and all else is the same.
		ok "$mode without the shim, $tls" bare $mode $port
		ok "$mode, $tls" good $mode $port
	done
	ok "jumps out of a write, $tls" good jumps $port
done
ok "more connections than there is memory for" good many 443
govern open enforce
FAIL_OPEN=1 ok "sandboxes under fail: open" good sandboxes 444
govern closed enforce
ok "no frame broke the protocol" bash -c "! grep -v 'wrong=\$' '$tmp/engine.log' | grep -v '^frame unreadable'"

# ---- two libraries in one process --------------------------------------------------------------------

# A second libssl and libcrypto: Debian's, with another soname of the same length. Names of symbols stay.
second_library() {
	local from
	from=$(ldconfig -p | sed -n 's/.*x86-64.* => \(.*libssl\.so\.3\)$/\1/p' | head -1)
	sed 's/libssl\.so\.3/libssX.so.3/g; s/libcrypto\.so\.3/libcryptX.so.3/g' "$from" >"$tmp/libssX.so.3"
	sed 's/libcrypto\.so\.3/libcryptX.so.3/g' "${from%libssl.so.3}libcrypto.so.3" >"$tmp/libcryptX.so.3"
	gcc -shared -fPIC -o "$tmp/first.so" "$lab/plugin.c" -lssl -lcrypto &&
		gcc -shared -fPIC -o "$tmp/second.so" "$lab/plugin.c" "$tmp/libssX.so.3" "$tmp/libcryptX.so.3"
}
ok "a second TLS library can be made" second_library
two() { # two BLOCKED COMMAND...
	local blocked=$1 port
	shift
	for port in 443 444; do
		is good "$@" "$PWD/build/shim/two_libraries" $port "$blocked" "$tmp/first.so" "$tmp/second.so" &&
			is good "$@" "$PWD/build/shim/two_libraries" $port "$blocked" "$tmp/second.so" "$tmp/first.so" || return 1
	done
}
apart() { # each plugin has its own
	[ "$(LD_DEBUG=files "$PWD/build/shim/two_libraries" 444 200 "$tmp/first.so" "$tmp/second.so" 2>&1 | grep -oE 'file=lib(ssl|ssX|crypto|cryptX)\.so\.3 .*generating link map' | sort -u | wc -l)" = 4 ]
}
export LD_LIBRARY_PATH=$tmp
ok "two libraries, without the shim" two 200 env
ok "two libraries are two" apart
ok "two libraries" two 403 under
unset LD_LIBRARY_PATH

# ---- odd hosts -----------------------------------------------------------------------------------------

sink=/dev/null
both() { # allowed and blocked, by curl
	clear_logs
	is 200 "$@" env LD_PRELOAD="$lib" curl -sS -m 20 -o "$sink" -w '%{http_code}' https://api.openai.com/c -d fine &&
		is 403 "$@" env LD_PRELOAD="$lib" curl -sS -m 20 -o "$sink" -w '%{http_code}' https://api.openai.com/c -d x-test-BLOCK &&
		[ "$(reached)" = 1 ]
}
no_proc() { both unshare --mount bash -c 'umount -l /proc && ! [ -e /proc/self ] && exec "$@"' -; }
ok "no /proc" no_proc
read_only() { both unshare --mount bash -c 'mount -o remount,bind,ro / && ! touch /x 2>/dev/null && exec "$@"' -; }
ok "a read-only root" read_only
no_dev() { both unshare --mount bash -c 'mount -t tmpfs -o ro none /dev && exec "$@"' -; }
sink=$tmp/body ok "no /dev" no_dev
jail() { # a root of its own, without the runtime folder: it cannot be seen who is governed, and nothing is
	mkdir -p "$tmp/jail/lib" "$tmp/jail/lib64"
	cp /lib64/ld-linux-x86-64.so.2 "$tmp/jail/lib64/"
	ldd "$client" | grep -o '/lib[^ ]*' | xargs -I{} cp {} "$tmp/jail/lib/"
	cp "$client" "$lib" "$tmp/jail/lib/"
	is good chroot "$tmp/jail" /lib64/ld-linux-x86-64.so.2 --library-path /lib --preload /lib/libaicp.so /lib/hostile reuse 443
}
UNGOVERNED=1 ok "a chroot without the runtime folder" jail
jail_with_folder() {
	mkdir -p "$tmp/jail$tmp/run"
	mount --bind "$tmp/run" "$tmp/jail$tmp/run" || return 1
	is good chroot "$tmp/jail" /lib64/ld-linux-x86-64.so.2 --library-path /lib --preload /lib/libaicp.so /lib/hostile reuse 443
	local rc=$?
	umount "$tmp/jail$tmp/run"
	return $rc
}
ok "a chroot with the runtime folder" jail_with_folder

echo "1..$n"
[ $bad -eq 0 ]
