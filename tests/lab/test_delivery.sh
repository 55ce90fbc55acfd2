#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever becomes of the shim's file, programs run: missing, cut off, unreadable, of another machine, replaced under
# way; by LD_PRELOAD and by /etc/ld.so.preload. And `aicp` finds each. In a mount namespace of its own, with a copy of /etc.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --propagation private -- bash "$0" inside
fi

tmp=$(mktemp -d)
n=0
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; umount -l /etc "$tmp/suid" 2>/dev/null; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# ok NAME COMMAND...: one test.
ok() {
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' <<<"$out" | tail -n 20
	fi
}
gives() { # gives CODE TEXT COMMAND...
	local code=$1 text=$2 rc=0
	shift 2
	"$@" >"$tmp/said" 2>&1 </dev/null || rc=$?
	cat "$tmp/said"
	[ $rc -eq "$code" ] || { echo "exit status $rc, not $code"; return 1; }
	[ -z "$text" ] || grep -qF -- "$text" "$tmp/said" || { echo "does not say: $text"; return 1; }
}

install() { DESTDIR=$tmp/opt sh packaging/install.sh >/dev/null; }
ok "installs" install
lib=$tmp/opt/usr/lib/aicp/libaicp.so aicp=$tmp/opt/usr/bin/aicp list=/etc/ld.so.preload
size=$(stat -c %s "$lib")

cp -a /etc "$tmp/etc"
rm -f "$tmp/etc/ld.so.preload"
mount --bind "$tmp/etc" /etc
mkdir -m 755 "$tmp/run" "$tmp/suid"
printf 'aicp-governed\t1\nfail\tclosed\nmode\tenforce\n' >"$tmp/run/governed"
printf 'state_dir: %s/state\nruntime_dir: %s/run\n' "$tmp" "$tmp" >"$tmp/aicp.yaml"
printf 'state_dir: %s/state\nruntime_dir: %s/run\nfail: open\n' "$tmp" "$tmp" >"$tmp/open.yaml"
mount -t tmpfs -o mode=755,suid none "$tmp/suid"
cp /usr/bin/id "$tmp/suid/id" && chmod 4755 "$tmp/suid/id"

as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
# What programs do, each with its exit status; LD_PRELOAD is set, or not, for those programs alone.
programs() {
	env "$@" true; echo $?
	env "$@" sh -c 'echo a b | cat; exit 3'; echo $?
	env "$@" python3 -c 'import ssl, subprocess; print(subprocess.run(["sh", "-c", "exit 4"]).returncode); raise SystemExit(5)'; echo $?
	env "$@" perl -e 'print `echo from perl`; exit 6'; echo $?
	env "$@" git --version; echo $?
	as_nobody env "$@" id -u; echo $?
	as_nobody env "$@" "$tmp/suid/id" -u; echo $?
}
# The loader's own line; everything else on stderr is compared.
without_complaint() { grep -v '^ERROR: ld.so: object .* cannot be preloaded (.*): ignored\.$'; }
programs A=1 >"$tmp/want" 2>"$tmp/want.err"

same() {
	diff "$tmp/want" "$tmp/got" && diff <(without_complaint <"$tmp/want.err") <(without_complaint <"$tmp/got.err")
}
by_variable() { programs LD_PRELOAD="$lib" >"$tmp/got" 2>"$tmp/got.err"; same; }
by_list() {
	echo "$lib" >$list
	programs A=1 >"$tmp/got" 2>"$tmp/got.err"
	rm -f $list
	same
}
no_complaint() { ! grep 'cannot be preloaded' "$tmp/got.err"; }
complaint() { grep -q "cannot be preloaded ($1): ignored" "$tmp/got.err" || { cat "$tmp/got.err"; return 1; }; }

ok "a good shim, LD_PRELOAD: as without" by_variable
ok "a good shim, LD_PRELOAD: nothing on stderr" no_complaint
ok "a good shim, ld.so.preload: as without" by_list
ok "a good shim, ld.so.preload: nothing on stderr" no_complaint

# ---- files that are no shim ------------------------------------------------------------------------

cp "$lib" "$tmp/good.so"
patched() { # patched OFFSET BYTES: the good file with other bytes there
	cp "$tmp/good.so" "$lib" && printf "$2" | dd of="$lib" bs=1 seek="$1" conv=notrunc status=none
}
put_missing() { rm -rf "$lib"; }
put_empty() { : >"$lib"; }
put_text() { yes 'not a shared object' | head -n 200 >"$lib"; }
put_folder() { rm -f "$lib"; mkdir "$lib"; }
put_dangling() { rm -f "$lib"; ln -s "$tmp/nowhere" "$lib"; }
put_half() { head -c $((size / 2)) "$tmp/good.so" >"$lib"; }
put_last_byte_gone() { head -c $((size - 1)) "$tmp/good.so" >"$lib"; }
put_other_machine() { patched 18 '\xb7\x00'; }
put_other_class() { patched 4 '\x01'; }
put_unreadable() { cp "$tmp/good.so" "$lib"; chmod 600 "$lib"; }
restore() { rm -rf "$lib"; cp "$tmp/good.so" "$lib"; chmod 755 "$lib"; }

# kind|what the loader says (nobody's programs alone, for the unreadable one)|what aicp says
kinds='missing|cannot open shared object file|not there
empty|file too short|cut off in its first bytes
text|invalid ELF header|not a shared object
folder|cannot read file data|cannot be read
dangling|cannot open shared object file|not there
half|cannot read file data|is cut off
last_byte_gone|cannot read file data|is cut off
other_machine|cannot open shared object file|another machine
other_class|wrong ELF class: ELFCLASS32|another machine
unreadable|cannot open shared object file|closed to other users'

doctor_finds() { # by the path that aicp run takes, and in the list
	"$aicp" -c "$tmp/aicp.yaml" doctor >"$tmp/said"
	grep -E '^(fail|warn) +shim ' "$tmp/said" | grep -F "$1" || { cat "$tmp/said"; return 1; }
	echo "$lib" >$list
	"$aicp" -c "$tmp/aicp.yaml" doctor >"$tmp/said"
	rm -f $list
	grep -E '^fail +ld.so.preload ' "$tmp/said" | grep -F "$1" || { cat "$tmp/said"; return 1; }
}
while IFS='|' read -r kind loader text; do
	restore
	"put_$kind"
	ok "$kind, LD_PRELOAD: as without" by_variable
	ok "$kind, LD_PRELOAD: the loader says it" complaint "$loader"
	ok "$kind, ld.so.preload: as without" by_list
	ok "$kind, ld.so.preload: the loader says it" complaint "$loader"
	ok "$kind: doctor finds it" doctor_finds "$text"
	[ "$kind" = unreadable ] && continue # not for root
	# A link that leads nowhere and a missing file: another shim may be found, that of the package.
	ok "$kind: aicp run refuses" gives 125 "$text" "$aicp" -c "$tmp/aicp.yaml" run -- true
	ok "$kind: aicp run under fail: open says so and runs" gives 9 "is not governed" "$aicp" -c "$tmp/open.yaml" run -- sh -c 'exit 9'
	ok "$kind: it cannot be enabled" gives 1 "" "$aicp" -c "$tmp/aicp.yaml" preload enable
	ok "$kind: no list was made" test ! -e $list
done <<<"$kinds"

cuts() { # at every 512 bytes and around each edge
	local at
	for at in $(seq 0 512 $((size - 1))) 1 63 64 65 119 120 631 831 832 833 $((size - 560)) $((size - 561)) $((size - 2)); do
		head -c "$at" "$tmp/good.so" >"$tmp/cut.so"
		LD_PRELOAD=$tmp/cut.so /bin/true 2>/dev/null || { echo "cut at $at: $?"; return 1; }
	done
}
ok "cut off anywhere: the program runs" cuts

damaged() { # a block that never reached the disk
	restore
	dd if=/dev/zero of="$lib" bs=512 seek=$((size / 1024)) count=1 conv=notrunc status=none
	gives 125 damaged "$aicp" -c "$tmp/aicp.yaml" run -- true && gives 1 damaged "$aicp" -c "$tmp/aicp.yaml" preload enable &&
		doctor_finds damaged
}
ok "damaged, of the right length: found" damaged
unsealed() { # any other object under the name
	restore
	cp "$tmp/foreign.so" "$lib"
	gives 125 'seal is missing' "$aicp" -c "$tmp/aicp.yaml" run -- true && doctor_finds 'seal is missing'
}
echo 'int foreign;' | gcc -shared -fPIC -x c - -o "$tmp/foreign.so"
ok "without its seal: found" unsealed
strips() { ! strip -o "$tmp/stripped.so" "$tmp/good.so"; }
ok "strip(1) does not take the seal off" strips
exposed() {
	restore
	chmod 777 "$lib"
	gives 125 'open to change' "$aicp" -c "$tmp/aicp.yaml" run -- true && doctor_finds 'open to change' || return 1
	restore
	chown 12345 "$lib"
	gives 125 'open to change' "$aicp" -c "$tmp/aicp.yaml" run -- true && doctor_finds 'open to change' || return 1
	restore
	chmod 777 "$tmp/opt/usr/lib"
	gives 1 "$tmp/opt/usr/lib is not root's alone" "$aicp" -c "$tmp/aicp.yaml" preload enable || return 1
	echo "$lib" >$list
	gives 1 "$tmp/opt/usr/lib is not root's alone" "$aicp" -c "$tmp/aicp.yaml" doctor
	local rc=$?
	rm -f $list
	chmod 755 "$tmp/opt/usr/lib"
	return $rc
}
ok "open to change by others: found" exposed
restore

# ---- enable, disable ---------------------------------------------------------------------------------

ok "enable" gives 0 "every dynamic program" "$aicp" -c "$tmp/aicp.yaml" preload enable
ok "enable: it is there, for all to read" test "$(cat $list) $(stat -c %a $list)" = "$lib 644"
ok "enable: a program has it, in an empty environment" env -i grep -q "$lib" /proc/self/maps
ok "enable again: one name" bash -c "'$aicp' -c '$tmp/aicp.yaml' preload enable && [ \$(grep -c . $list) = 1 ]"
ok "enable says that programs look elsewhere" gives 0 "look for the daemon in /run/aicp" "$aicp" -c "$tmp/aicp.yaml" preload enable
ok "status" gives 0 "$lib: in order" "$aicp" preload status
ok "status --json" bash -c "'$aicp' --json preload status | jq -e '.enabled and (.shims | length) == 1'"
ok "doctor: every program carries it" bash -c "'$aicp' -c '$tmp/aicp.yaml' doctor | grep '^ok  *ld.so.preload'"
ok "disable" gives 0 "does not name the shim any more" "$aicp" preload disable
ok "disable: the file was ours alone and is gone" test ! -e $list
ok "disable again" gives 0 "does not name the shim" "$aicp" preload disable
ok "only root" gives 1 "only root" as_nobody "$aicp" -c "$tmp/aicp.yaml" preload enable

foreign() {
	printf '# libaicp.so is not here\n%s /old/libaicp.so # kept\n\n/old/libaicp.so:%s\n /old/libaicp.so \n' \
		"$tmp/foreign.so" "$tmp/foreign.so" >$list
	"$aicp" -c "$tmp/aicp.yaml" preload enable || return 1
	diff $list - <<-END || return 1
		# libaicp.so is not here
		$tmp/foreign.so  # kept

		:$tmp/foreign.so
		$lib
	END
	"$aicp" preload disable || return 1
	[ "$(tail -1 $list)" = ":$tmp/foreign.so" ] && grep -q '^# libaicp.so is not here$' $list
}
ok "names that are not ours stay" foreign
undone() { # an object of somebody else's that does not bear ours in the list
	gcc -D_GNU_SOURCE -shared -fPIC -x c - -o "$tmp/jealous.so" <<-'C'
		#include <link.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		static int look(struct dl_phdr_info *i, size_t n, void *found)
		{
			if (strstr(i->dlpi_name, "libaicp.so"))
				*(int *)found = 1;
			return 0;
		}
		__attribute__((constructor)) static void jealous(void)
		{
			int found = 0;
			dl_iterate_phdr(look, &found);
			if (found && !getenv("LD_PRELOAD"))
				_exit(99);
		}
	C
	echo "$tmp/jealous.so" >$list
	gives 1 'ended with 99, not with 0; nothing is changed' "$aicp" -c "$tmp/aicp.yaml" preload enable &&
		[ "$(cat $list)" = "$tmp/jealous.so" ]
}
ok "what fails is undone" undone
echo /nowhere/other.so >$list
ok "doctor: somebody else's object that is missing" bash -c "'$aicp' -c '$tmp/aicp.yaml' doctor | grep 'which is not aicp.s and is not there'"
rm -f $list
ok "a link in place of the list is left alone" bash -c "ln -s '$tmp/elsewhere' $list
	! '$aicp' -c '$tmp/aicp.yaml' preload enable && [ -L $list ] && [ ! -e '$tmp/elsewhere' ]"
rm -f $list

# ---- replaced under way ------------------------------------------------------------------------------

replaced() {
	"$aicp" -c "$tmp/aicp.yaml" preload enable >/dev/null || return 1
	# A program that was started with the old file, and touches the shim all the while.
	env -i python3 -c '
import os, sys
while os.read(0, 1):
    os.write(1, b"y" * 200)' <"$tmp/ask" >"$tmp/answer" 2>"$tmp/complaints" &
	pids+=($!)
	exec 8>"$tmp/ask" 9<"$tmp/answer"
	(while [ ! -e "$tmp/enough" ]; do install; done) &
	local installer=$! i
	pids+=($installer)
	for i in $(seq 300); do
		/bin/true 2>>"$tmp/complaints" || echo "program $i ended with $?" >>"$tmp/complaints"
		printf x >&8
		read -r -N 200 -u 9 _ || echo "the old one ended" >>"$tmp/complaints"
	done
	touch "$tmp/enough"
	wait $installer
	exec 8>&- 9<&-
	"$aicp" preload disable >/dev/null
	[ ! -s "$tmp/complaints" ] || { head -5 "$tmp/complaints"; return 1; }
}
mkfifo "$tmp/ask" "$tmp/answer"
ok "installed again and again under 300 programs: none notices" replaced

# ---- uninstall ---------------------------------------------------------------------------------------

uninstalled() {
	mkdir -p "$tmp/opt/etc"
	printf '# a\n/usr/lib/aicp/libaicp.so\n/x.so:/usr/lib/aicp/libaicp.so # b\n' >"$tmp/opt/etc/ld.so.preload"
	DESTDIR=$tmp/opt sh packaging/uninstall.sh || return 1
	diff "$tmp/opt/etc/ld.so.preload" - <<-END && [ ! -e "$lib" ]
		# a
		/x.so # b
	END
}
ok "uninstall takes the line out, then the file" uninstalled
alone() {
	echo /usr/lib/aicp/libaicp.so >"$tmp/opt/etc/ld.so.preload"
	DESTDIR=$tmp/opt sh packaging/uninstall.sh && [ ! -e "$tmp/opt/etc/ld.so.preload" ]
}
ok "uninstall of the only line takes the list away" alone

echo "1..$n"
