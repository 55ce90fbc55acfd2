#!/bin/bash
# SPDX-License-Identifier: MIT
# aicp itself, without a daemon: help, man pages, arguments, and what it says when something is missing.
set -u
cd "$(dirname "$0")/../.."
aicp=$PWD/build/aicp
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

# ok NAME COMMAND...: COMMAND succeeds.
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$tmp/out" | head -30
	fi
}

# gives CODE TEXT COMMAND...: COMMAND ends with CODE and says TEXT somewhere.
gives() {
	local code=$1 text=$2 rc=0
	shift 2
	"$@" >"$tmp/said" 2>&1 </dev/null || rc=$?
	cat "$tmp/said"
	[ $rc -eq "$code" ] || { echo "exit status $rc, not $code"; return 1; }
	[ -z "$text" ] || grep -qF -- "$text" "$tmp/said" || { echo "does not say: $text"; return 1; }
}

# ---- help and man pages -------------------------------------------------------------------------

# Every command of `aicp --help`, as words.
commands() { "$aicp" --help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)   *[A-Z].*/\1/p'; }
options() { grep -oE -- '(^|[^a-zA-Z0-9-])--?[a-z][a-z-]*' | grep -oE -- '--?[a-z][a-z-]*' | sort -u; }
# A man page as text; options in it are written with \-.
page() { sed -e 's/\\f[A-Z]//g; s/\\-/-/g; s/\\&//g; s/"//g' "docs/man/$1"; }

every_help() {
	"$aicp" --help
	commands | while read -r words; do
		# shellcheck disable=SC2086
		"$aicp" $words --help || return 1
	done
}
same_options() {
	local help=$1 page=$2
	diff <(options <<<"$help") <(options <<<"$page")
}
all_commands_in_page() {
	local missing
	missing=$(commands | while read -r words; do
		page aicp.1 | grep -qE "^\.SS aicp $words( |\$)" || echo "$words"
	done)
	[ -z "$missing" ] || { echo "not in aicp.1: $missing"; return 1; }
}
all_page_commands_exist() {
	local unknown
	unknown=$(page aicp.1 | sed -n 's/^\.SS aicp \([a-z -]*[a-z]\).*/\1/p' | sed 's/ --.*//' | while read -r words; do
		commands | grep -qxF "$words" || echo "$words"
	done)
	[ -z "$unknown" ] || { echo "no such commands: $unknown"; return 1; }
}
ok "there are commands" test "$(commands | wc -l)" -ge 14
ok "every command has its help" every_help
# -- is the end of options, not one.
ok "aicp.1 and --help have the same options" same_options "$(every_help | grep -v '^usage')" "$(page aicp.1 | grep -E '^\.(B|BR) ')"
ok "aicpd.8 and --help have the same options" same_options "$(build/aicpd --help | grep -v '^usage')" "$(page aicpd.8 | grep -E '^\.(B|BR) ')"
ok "aicp.1 has every command" all_commands_in_page
ok "every command of aicp.1 exists" all_page_commands_exist
for f in docs/man/*; do
	if command -v man >/dev/null; then
		ok "$f is well formed" bash -c "! man --warnings -l '$f' 2>&1 >/dev/null | grep ."
	else
		n=$((n + 1))
		echo "ok $n - $f is well formed # SKIP no man here"
	fi
done

# ---- arguments ------------------------------------------------------------------------------------

ok "no command" gives 2 "usage: aicp" "$aicp"
ok "unknown command" gives 2 'did you mean `status`' "$aicp" statsu
ok "unknown subcommand" gives 2 'no command `aicp policy lst`; did you mean `list`' "$aicp" policy lst
ok "a group without its subcommand" gives 2 "policy dry-run" "$aicp" policy
ok "unknown option" gives 2 "see \`aicp log --help\`" "$aicp" log --nonsense
ok "one argument too many" gives 2 "aicp log show ID" "$aicp" log 65f
ok "version" gives 0 "aicp 0." "$aicp" --version
ok "run without a program" gives 2 "which program?" "$aicp" run --
ok "configuration that is not there" gives 1 "/nowhere.yaml" "$aicp" -c /nowhere.yaml status
printf 'state_dir: /x\nnonsense: 1\n' >"$tmp/bad.yaml"
ok "a wrong configuration, with its line" gives 1 "bad.yaml:2" "$aicp" -c "$tmp/bad.yaml" config check
printf 'state_dir: %s/state\nruntime_dir: %s/run\n' "$tmp" "$tmp" >"$tmp/aicp.yaml"
ok "config check" gives 0 "in order" "$aicp" -c "$tmp/aicp.yaml" config check
ok "config check --json" gives 0 '{"ok":true}' "$aicp" --json -c "$tmp/aicp.yaml" config check
ok "AICP_CONFIG" gives 1 "bad.yaml:2" env AICP_CONFIG="$tmp/bad.yaml" "$aicp" status
ok "-c wins over AICP_CONFIG" gives 0 "in order" env AICP_CONFIG="$tmp/bad.yaml" "$aicp" -c "$tmp/aicp.yaml" config check

# ---- no daemon ------------------------------------------------------------------------------------

for words in "status" "log" "log show 0123456789abcdef" "policy list" "policy show x" "policy dry-run" "policy reload"; do
	# shellcheck disable=SC2086
	ok "$words: no daemon" gives 1 "no daemon answers at $tmp/run/api.sock" "$aicp" -c "$tmp/aicp.yaml" $words
done
ok "doctor says so" gives 1 "no daemon answers" "$aicp" -c "$tmp/aicp.yaml" doctor
doctor_json() {
	"$aicp" --json -c "$tmp/aicp.yaml" doctor | jq -e '.ok == false and ([.checks[] | select(.level == "fail" and .mend == null)] | length == 0)'
}
ok "doctor --json: every failure has a cure" doctor_json

# ---- run ------------------------------------------------------------------------------------------

run() { "$aicp" -c "$tmp/aicp.yaml" run "$@"; }
ok "run: no governed file" gives 125 "$tmp/run/governed" run -- true
mkdir -p "$tmp/run" "$tmp/bin"
printf 'aicp-governed\t1\nfail\tclosed\nmode\tenforce\n' >"$tmp/run/governed"
ok "run: the program's status" gives 7 "" run -- sh -c 'exit 7'
ok "run: the program's options are its own" gives 0 "--help --json" run echo --help --json
ok "run: sees shim and runtime directory" gives 0 "libaicp.so $tmp/run" run -- sh -c 'echo "${LD_PRELOAD##*/} $AICP_RUNTIME_DIR"'
ok "run: keeps LD_PRELOAD" gives 0 "libaicp.so:libm.so.6" env LD_PRELOAD=libm.so.6 "$aicp" -c "$tmp/aicp.yaml" run -- sh -c 'echo $LD_PRELOAD'
ok "run: is loaded" gives 0 "libaicp.so" run -- grep -o 'libaicp.so$' /proc/self/maps
ok "run: not found" gives 127 "not found" run -- no-such-program
ok "run: not executable" gives 126 "" run -- "$tmp/aicp.yaml"
printf 'int main(void) { return 3; }\n' >"$tmp/x.c"
if gcc -static -o "$tmp/bin/static" "$tmp/x.c" 2>/dev/null; then
	ok "run: static" gives 125 "linked statically" run -- "$tmp/bin/static"
	ok "run: --unseen" gives 3 "" run --unseen -- "$tmp/bin/static"
	printf '#! %s/bin/static\n' "$tmp" >"$tmp/bin/script" && chmod +x "$tmp/bin/script"
	ok "run: a script of a static interpreter" gives 125 "linked statically" run -- "$tmp/bin/script"
fi
gcc -o "$tmp/bin/dynamic" "$tmp/x.c"
ok "run: dynamic" gives 3 "" run -- "$tmp/bin/dynamic"
printf '#!/bin/sh\nexit 4\n' >"$tmp/bin/sh-script" && chmod +x "$tmp/bin/sh-script"
ok "run: a script" gives 4 "" run -- "$tmp/bin/sh-script"
ok "run: found along PATH" gives 4 "" env PATH="$tmp/bin:$PATH" "$aicp" -c "$tmp/aicp.yaml" run sh-script
cp "$tmp/bin/dynamic" "$tmp/bin/setuid" && chown 65534 "$tmp/bin/setuid" && chmod 4755 "$tmp/bin/setuid"
ok "run: set-user-id" gives 125 "more rights" run -- "$tmp/bin/setuid"
head -c 100 "$tmp/bin/dynamic" >"$tmp/bin/cut" && chmod +x "$tmp/bin/cut"
ok "run: a program that is cut off" gives 125 "looked into" run -- "$tmp/bin/cut"
# A shim beside a copy of aicp, cut off at every 16 KiB.
mkdir "$tmp/own" && cp "$aicp" "$tmp/own/aicp"
size=$(stat -c %s build/libaicp.so)
cut_shims() {
	local at
	for ((at = 0; at < size; at += 16384)); do
		head -c $at build/libaicp.so >"$tmp/own/libaicp.so"
		gives 125 "libaicp.so is " "$tmp/own/aicp" -c "$tmp/aicp.yaml" run -- true || return 1
	done
	cp build/libaicp.so "$tmp/own/libaicp.so"
	gives 0 "" "$tmp/own/aicp" -c "$tmp/aicp.yaml" run -- true
}
ok "run: a shim that is cut off" cut_shims

# ---- what answers at the socket may be anybody ----------------------------------------------------

answers() { # answers BYTES TEXT: a listener that says BYTES makes aicp fail with TEXT
	rm -f "$tmp/run/api.sock"
	/usr/bin/python3 - "$tmp/run/api.sock" "$1" <<-'PY' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		c, _ = s.accept()
		c.recv(65536)
		c.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin-1"))
	PY
	local pid=$!
	while [ ! -S "$tmp/run/api.sock" ]; do sleep 0.05; done
	sleep 0.1
	gives 1 "$2" timeout 20 "$aicp" -c "$tmp/aicp.yaml" status
	local rc=$?
	wait $pid
	return $rc
}
ok "answer: nothing" answers '' "not as aicp does"
ok "answer: no HTTP" answers 'hello\r\n\r\n' "not as aicp does"
ok "answer: a cut body" answers 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{' "not as aicp does"
ok "answer: two lengths" answers 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}' "not as aicp does"
ok "answer: no JSON" answers 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx' "status 200 and no reason"
ok "answer: an error that is cut" answers 'HTTP/1.1 403 No\r\nContent-Length: 23\r\n\r\n{"message": "not today"}' "status 403 and no reason"
ok "answer: an error" answers 'HTTP/1.1 403 No\r\nContent-Length: 24\r\n\r\n{"message": "not today"}' "not today"

echo "1..$n"
