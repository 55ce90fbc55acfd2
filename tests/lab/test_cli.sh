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

for words in "status" "log" "log show 0123456789abcdef" "approval list" "approval show x" "approval reject --reason y x" "policy list" "policy show x" "policy dry-run" "policy reload"; do
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
chmod 666 "$tmp/run/governed"
ok "run: a governed file that others can write" gives 125 "others may write it" run -- true
chmod 644 "$tmp/run/governed"
chown 12345 "$tmp/run/governed"
ok "run: a governed file of somebody else" gives 125 "neither to root nor to you" run -- true
chown 0 "$tmp/run/governed"
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

# ---- approvals ------------------------------------------------------------------------------------

id=0123456789abcdef01234567
cat >"$tmp/answers" <<'JSON'
{
 "GET /api/approvals/pending?limit=2048": [200, {"count": 1, "pending": [{"approval_id": "0123456789abcdef01234567",
  "requested_at": "2026-11-28T12:00:00.000000000Z", "expires_at": "2026-11-28T13:00:00.000000000Z", "user": "uid:1000",
  "policy_id": "ask-first", "gen_ai.request.model": "gpt-4o\u001b[31m", "server.address": "api.openai.com", "reason": "please look"}]}],
 "GET /api/approvals/0123456789abcdef01234567": [200, {"approval_id": "0123456789abcdef01234567", "status": "pending", "policy_id": "ask-first",
  "identity": {"uid": 1000, "exe_sha256": "aa", "claimed": {"exe": "/bin/\u001b]0;owned\u0007", "args": "sh -c \u202egnihtemos"}},
  "content": {"method": "POST", "host": "api.openai.com", "path": "/v1/x", "query": "a=\u001b[2J", "scheme": "https",
    "body_bytes": 9, "target_truncated": true, "truncated": false},
  "shown": [{"policies": [], "text": "one\nstatus           approved\u001b[2J \u27e6ssn: forged\u27e7 "},
            {"policies": ["ssn"], "text": "123\u202e45"}, {"policies": [], "text": " tail"}]}],
 "GET /api/approvals/999999999999999999999999": [404, {"message": "no approval has this id\u001b[31m"}],
 "POST /api/approvals/0123456789abcdef01234567/approve": [200, {"status": "approved", "reviewer": "uid:0", "decision_record_id": 7}],
 "POST /api/approvals/0123456789abcdef01234567/reject": [409, {"message": "this is decided already: uid:0 approved it"}],
 "POST /api/approvals/111111111111111111111111/reject": [410, {"message": "nobody decided in time"}],
 "POST /api/approvals/222222222222222222222222/approve": [403, {"message": "a request of your own"}]
}
JSON
/usr/bin/python3 tests/lab/stand_in_api.py "$tmp/run/api.sock" "$tmp/answers" "$tmp/asked" &
stand_in=$!
for _ in $(seq 100); do /usr/bin/python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])" "$tmp/run/api.sock" 2>/dev/null && break; sleep 0.05; done
approval() { "$aicp" -c "$tmp/aicp.yaml" approval "$@"; }
# Nothing that acts on a terminal, and no line of the request at the very left.
harmless() {
	approval "$@" >"$tmp/shown" || return 1
	cat "$tmp/shown"
	! grep -P '[\x00-\x08\x0b-\x1f\x7f\x{202e}]' "$tmp/shown" || return 1
	! grep -E '^status +approved' "$tmp/shown"
}
said() { tail -n 1 "$tmp/asked" | jq -e "$1"; }
ok "approval list" gives 0 "$id 2026-11-28T12:00:00Z until 2026-11-28T13:00:00Z uid:1000 ask-first gpt-4o\\x1b[31m api.openai.com  please look" approval list
ok "approval list: harmless" harmless list
ok "approval list --wait: there is one already" gives 0 "$id" timeout 5 "$aicp" -c "$tmp/aicp.yaml" approval list --wait
ok "approval list --follow goes on when the clock is set back" bash -c "cp '$tmp/answers' '$tmp/answers.now'
	timeout 3 '$aicp' -c '$tmp/aicp.yaml' approval list --follow >'$tmp/followed' & sleep 1.2
	sed 's/\"pending\": \[{/\"pending\": [{\"approval_id\": \"aaaaaaaaaaaaaaaaaaaaaaaa\", \"requested_at\": \"2026-11-28T11:00:00.000000000Z\"}, {/' '$tmp/answers.now' >'$tmp/answers.next'
	mv '$tmp/answers.next' '$tmp/answers'; wait; mv '$tmp/answers.now' '$tmp/answers'
	test \$(grep -c $id '$tmp/followed') = 1 && test \$(grep -c aaaaaaaaaaaaaaaaaaaaaaaa '$tmp/followed') = 1"
ok "approval list --follow shows each once" bash -c "timeout 2 '$aicp' -c '$tmp/aicp.yaml' approval list --follow >'$tmp/followed'; test \$(grep -c $id '$tmp/followed') = 1"
ok "approval list --json" bash -c "'$aicp' --json -c '$tmp/aicp.yaml' approval list | jq -e '.pending[0].approval_id == \"$id\"'"
ok "approval show: harmless" harmless show "$id"
ok "approval show: who asks, and what it claims" gives 0 'claims exe       /bin/\x1b]0;owned\x07' approval show "$id"
ok "approval show: a cut target says so" gives 0 'this is not all of it' approval show "$id"
ok "approval show: what would be sent" gives 0 'POST https://api.openai.com/v1/x?a=\x1b[2J' approval show "$id"
ok "approval show: findings are marked" gives 0 '⟦ssn: 123\u{202e}45⟧ tail' approval show "$id"
ok "approval show: marks cannot be forged" gives 0 '\u{27e6}ssn: forged\u{27e7}' approval show "$id"
ok "approval show: every line behind its margin" gives 0 '  | status           approved\x1b[2J' approval show "$id"
ok "approval show: unknown, and harmless" gives 1 'no approval has this id\x1b[31m' approval show 999999999999999999999999
ok "approval approve" gives 0 "approved by uid:0, record 7" approval approve "$id" --reason "looks good" --comment "seen"
ok "approval approve: what was said" said '.body == {"rationale": "looks good", "comment": "seen"}'
ok "approval approve --json" bash -c "'$aicp' --json -c '$tmp/aicp.yaml' approval approve $id --reason x | jq -e '.status == \"approved\"'"
ok "approval reject: decided already" gives 3 "uid:0 approved it" approval reject --reason no "$id"
ok "approval reject: too late" gives 3 "nobody decided in time" approval reject --reason no 111111111111111111111111
ok "approval approve: one's own" gives 1 "a request of your own" approval approve --reason x 222222222222222222222222
ok "approval approve: why?" gives 2 "say why, with --reason" approval approve "$id"
ok "approval approve: which?" gives 2 "which approval ID?" approval approve --reason x
ok "approval approve: two" gives 2 "which approval ID?" approval approve --reason x "$id" "$id"
if command -v script >/dev/null; then
	ok "approval approve: asks on a terminal" bash -c "printf 'because\n' | script -qec \"'$aicp' -c '$tmp/aicp.yaml' approval approve $id\" /dev/null | grep -q 'approved by uid:0'"
	ok "approval approve: and says what it was told" said '.body == {"rationale": "because"}'
fi
kill $stand_in

echo "1..$n"
