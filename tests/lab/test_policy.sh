#!/bin/bash
# SPDX-License-Identifier: MIT
# aicp policy check and eval on files, without a daemon: output, exit status, folders.
set -u
cd "$(dirname "$0")/../.."
aicp=$PWD/build/aicp
[ -x "$aicp" ] || make -s build/aicp >&2 || { echo "Bail out! build/aicp does not build"; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 bad=0

# expect NAME STATUS PATTERN COMMAND...: exit status, and a line of output (either stream) that the pattern matches.
expect() {
	local name=$1 status=$2 pattern=$3 out rc
	shift 3
	n=$((n + 1))
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc -eq "$status" ] && grep -qE -- "$pattern" <<<"$out"; then
		echo "ok $n - $name"
	else
		bad=1
		echo "not ok $n - $name"
		echo "# exit status $rc, wanted $status and: $pattern"
		sed 's/^/# /' <<<"$out"
	fi
}

mkdir "$tmp/set" "$tmp/empty"
cat > "$tmp/set/b.yaml" <<'Y'
policy: second
when: {prompt: "contains:zebra"}
then: block
reason: no zebras
Y
cat > "$tmp/set/a.yml" <<'Y'
policy: first
when: {context.cost: ">100"}
then: warn
Y
echo 'this: is not read' > "$tmp/set/notes.txt"
echo 'nor: this' > "$tmp/set/.hidden.yaml"
printf 'policy: x\nwehn: always\nthen: block\n---\npolicy: y\nwhen: {promt: a}\nthen: block\n' > "$tmp/bad.yaml"
printf '{"prompt": "a ZEBRA", "context": {"cost": 5}}' > "$tmp/facts.json"
printf '{"prompt": 7}' > "$tmp/wrong.json"

expect "a good folder" 0 '^2 policies in 2 files: no errors$' "$aicp" policy check "$tmp/set"
expect "a good file" 0 '^1 policy in 1 file: no errors$' "$aicp" policy check "$tmp/set/b.yaml"
expect "an empty folder is an empty set" 0 '^0 policies in 0 files' "$aicp" policy check "$tmp/empty"
expect "the shipped examples" 0 'no errors' "$aicp" policy check docs/examples
expect "first error, with its line" 1 "^$tmp/bad.yaml:2: a policy has no key .wehn.; did you mean .when." "$aicp" policy check "$tmp/bad.yaml"
expect "second error too" 1 "^$tmp/bad.yaml:6: there is no fact .promt.; did you mean .prompt." "$aicp" policy check "$tmp/bad.yaml"
expect "and their number" 1 '^2 errors; the set is refused as a whole$' "$aicp" policy check "$tmp/bad.yaml"
expect "names that stand twice across files" 1 'a second policy called .second. .the first is in .*/set/b.yaml:1' \
	"$aicp" policy check "$tmp/set" "$tmp/set/b.yaml"
expect "a file that is not there" 1 'nowhere.yaml: cannot be read: No such file' "$aicp" policy check "$tmp/nowhere.yaml"
expect "no file at all is wrong usage" 2 'which policy FILE' "$aicp" policy check
expect "errors as JSON" 1 '^[{]"errors":\["[^"]*bad.yaml:2:.*"files":1,"ok":false,"policies":0[}]$' "$aicp" policy check --json "$tmp/bad.yaml"
expect "success as JSON" 0 '^[{]"errors":\[\],"files":2,"ok":true,"policies":2[}]$' "$aicp" policy check --json "$tmp/set"

expect "a call that passes" 0 '^allow: no policy matched$' "$aicp" policy eval --fact prompt=hello "$tmp/set"
expect "a call that does not" 2 '^block: second: no zebras$' "$aicp" policy eval --fact "prompt=a Zebra" "$tmp/set"
expect "a warning passes" 0 '^warn: first: ' "$aicp" policy eval --fact context.cost=101 "$tmp/set"
expect "monitor mode stops nothing" 0 '^allow .if all were enforced: block.: second' \
	"$aicp" policy eval --mode monitor --fact prompt=zebra "$tmp/set"
expect "facts from a file" 2 '^block: second' "$aicp" policy eval --facts "$tmp/facts.json" "$tmp/set"
expect "a fact of the wrong kind in a file" 1 'wrong.json: prompt: is of another kind' \
	"$aicp" policy eval --facts "$tmp/wrong.json" "$tmp/set"
expect "an unknown fact" 1 'there is no fact .promt.' "$aicp" policy eval --fact promt=x "$tmp/set"
expect "a fact that is no number" 1 'max_tokens=many.: the fact is a number' "$aicp" policy eval --fact max_tokens=many "$tmp/set"
expect "explained, with line and value" 2 'true .*prompt contains `zebra` .*found: a zebra .*\[line 2\]' \
	"$aicp" policy eval --explain --fact "prompt=a zebra" "$tmp/set"
expect "explained as JSON" 2 '"decision":"block".*"policy_chain":\["second"\]' \
	"$aicp" policy eval --json --fact "prompt=a zebra" "$tmp/set"
expect "policies with errors are not evaluated" 1 "^$tmp/bad.yaml:2: " "$aicp" policy eval --fact prompt=x "$tmp/bad.yaml"
echo "1..$n"
exit $bad
