#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs that Debian and npm offer, each doing a small piece of its work: output, errors and exit status with the shim
# are those without. On hosts that are not governed; tests/lab/matrix.txt is the table. Namespaces of its own.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi
# shellcheck source=tests/lab/shim/rig.sh
. tests/lab/shim/rig.sh

work=$tmp/work table=$PWD/tests/lab/matrix.txt
npm=$PWD/build/clients/npm/node_modules node18=$PWD/build/clients/node18/run

# Debian's Node reads its JavaScript from /usr/share/nodejs, compiled in.
mount -t overlay -o "lowerdir=$PWD/build/clients/node18/usr/share:/usr/share" lab /usr/share || exit 1

# What every program finds: files of all kinds, and a server for them.
mkdir -p "$tmp/files/folder"
seq 2000 >"$tmp/files/numbers"
head -c 300000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null >"$tmp/files/bytes"
printf 'one,1\ntwo,2\nthree,3\n' >"$tmp/files/table.csv"
printf '{"a":[1,2,{"b":"text"}],"c":null}\n' >"$tmp/files/data.json"
printf '#include <stdio.h>\nint main(void) { puts("compiled"); return 3; }\n' >"$tmp/files/program.c"
printf 'const   a = {b:1}\nfunction f( x ){return x+a.b}\nconsole.log(f(2))\n' >"$tmp/files/code.js"
printf 'const n: number = 41;\nconsole.log(n + 1);\nexport {};\n' >"$tmp/files/code.ts"
openssl genrsa -out "$tmp/files/rsa.pem" 2048 2>/dev/null
chmod 600 "$tmp/files/rsa.pem"
ssh-keygen -q -t ed25519 -N '' -C test -f "$tmp/files/ssh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
(
	export GIT_AUTHOR_DATE='2024-01-01 00:00:00 +0000' GIT_COMMITTER_DATE='2024-01-01 00:00:00 +0000'
	git init -q -b main "$tmp/repo" && cd "$tmp/repo" && cp "$tmp/files/numbers" . && git add . &&
		git -c user.name=t -c user.email=t@t commit -q -m first
	git clone -q --bare "$tmp/repo" "$tmp/files/repo.git" && git -C "$tmp/files/repo.git" update-server-info
)
"$python" "$lab/files.py" "$tmp/files" "$tmp/cert.pem" "$tmp/key.pem" 446 &
pids+=($!)
for _ in $(seq 100); do curl -s -o /dev/null https://ungoverned.test:446/numbers && break; sleep 0.1; done

# once NAME COMMAND [LD_PRELOAD=...]: output, errors and exit status of one program in $tmp/NAME.*
once() {
	local name=$1 command=$2
	shift 2
	rm -rf "$work" && cp -a "$tmp/files" "$work"
	(
		cd "$work" && exec env -i "$@" PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME="$work" LANG=C.UTF-8 TZ=UTC U=https://ungoverned.test:446 \
			SSL_CERT_FILE="$tmp/cert.pem" CURL_CA_BUNDLE="$tmp/cert.pem" REQUESTS_CA_BUNDLE="$tmp/cert.pem" \
			NODE_EXTRA_CA_CERTS="$tmp/cert.pem" CA="$tmp/cert.pem" N="$npm" NODE18="$node18" AICP_RUNTIME_DIR="$tmp/run" \
			GIT_CONFIG_GLOBAL=/dev/null GIT_SSL_CAINFO="$tmp/cert.pem" PYTHONDONTWRITEBYTECODE=1 \
			timeout -k 1 60 bash -c "$command"
	) >"$tmp/$name.out" 2>"$tmp/$name.err" </dev/null
	echo $? >"$tmp/$name.rc"
}
same() {
	once bare "$1"
	once under "$1" LD_PRELOAD="$lib"
	diff "$tmp/bare.rc" "$tmp/under.rc" && diff -a "$tmp/bare.out" "$tmp/under.out" && diff -a "$tmp/bare.err" "$tmp/under.err" ||
		return 1
	# It did its work: a program that is missing says the same both times.
	[ "$(cat "$tmp/bare.rc")" = "${2:-0}" ] && [ -s "$tmp/bare.out" ] || {
		echo "exit status $(cat "$tmp/bare.rc") without the shim, or no output"
		cat "$tmp/bare.err"
		return 1
	}
}

programs=0
while IFS='|' read -r name code command; do
	case $name in '' | '#'*) continue ;; esac
	programs=$((programs + 1))
	ok "$name" same "$command" "$code"
done < <(sed -E 's/^([^|]*[^ |]) *\| *([0-9]+) *\| */\1|\2|/' "$table")
ok "at least 40 programs" test $programs -ge 40
ok "nobody was asked" test ! -s "$tmp/engine.log"

echo "1..$n"
[ $bad -eq 0 ]
