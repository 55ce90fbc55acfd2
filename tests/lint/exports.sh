#!/bin/bash
# SPDX-License-Identifier: MIT
# The shim can be loaded anywhere: it exports its hooks and nothing else, and needs nothing that an older or other
# libc might lack. A symbol that is not found kills the program that the shim is loaded into.
set -u
cd "$(dirname "$0")/../.."
lib=build/libaicp.so
n=0 bad=0

check() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		sed 's/^/# /' <<<"$2"
	fi
}

[ -f $lib ] || make -s $lib >&2 || { echo "Bail out! $lib does not build"; exit 1; }

listed=$(sed -n '/global:/,/local:/s/^\t\t\([A-Za-z_0-9]*\);$/\1/p' preload/shim.map | LC_ALL=C sort)
hooks=$(sed -n 's/^HOOK [a-z_]* \**\([A-Za-z_0-9]*\)(.*/\1/p' preload/hook_*.c | LC_ALL=C sort)
exported=$(nm -D --defined-only $lib | awk '{ print $3 }' | LC_ALL=C sort)
check "exports are those of preload/shim.map" "$(diff <(echo "$listed") <(echo "$exported"))"
check "every hook is listed, and every listed name is a hook" "$(diff <(echo "$hooks") <(echo "$listed"))"
check "needs libc and nothing else" "$(readelf -d $lib | grep NEEDED | grep -v '\[libc\.so\.6\]')"
check "no symbol newer than glibc 2.17" "$(nm -D --undefined-only $lib | grep -o 'GLIBC_[0-9.]*' |
	sort -uV | awk '{ print } END { print "GLIBC_2.17" }' | sort -uV | sed '1,/^GLIBC_2\.17$/d')"
check "no fortify, stack protector, stdio, allocator, locale, exit or assert" "$(nm -D --undefined-only $lib | awk '{ print $2 }' |
	sed 's/@.*//' | grep -E '_chk$|__stack_chk|printf|^f?put|^(m|c|re)alloc$|^free$|locale|^_?exit$|abort|assert|dlsym|dlopen')"
check "no lazy binding, cannot be unloaded" "$(readelf -d $lib | grep -q 'NOW.*NODELETE' || echo 'flags missing')"
# The one that looks for a program with OpenSSL inside (preload/entry.c).
check "one constructor of ours, no destructor" "$(readelf -d $lib | grep -E '\((INIT|FINI)' | grep -vE '\(INIT_ARRAY\)|\(INIT_ARRAYSZ\) +8 \(bytes\)')"
# Their last step is a jump, so that the loader sees the real caller.
check "dlopen, dlsym and dlvsym jump to the loader's own" "$(for f in dlopen dlsym dlvsym; do
	objdump -d --no-show-raw-insn --disassemble=$f $lib | grep -qE '\sjmp +\*|\sbr +x' || echo "$f does not"
done)"
check "thread-local data needs no call of the loader" "$(nm -D --undefined-only $lib | grep tls_get_addr)"
check "no executable stack, no writable code" "$(readelf -lW $lib | grep -E 'GNU_STACK.*RWE|LOAD.*RWE')"
echo "1..$n"
exit $bad
