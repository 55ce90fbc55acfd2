#!/bin/bash
# SPDX-License-Identifier: MIT
# The ledger from outside: what the commands say about whole, cut and changed logs, a second verifier in another language, and
# thousands of damaged bundles.
set -u
cd "$(dirname "$0")/../.."

n=0 failed=0
ok() { # ok NAME COMMAND...
	n=$((n + 1))
	local name=$1
	shift
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; failed=$((failed + 1)); fi
}
status() { # status WANTED COMMAND...
	local want=$1
	shift
	"$@" >"$work/out" 2>&1
	local got=$?
	[ $got = "$want" ] && return 0
	echo "# exit status $got, not $want: $*"
	sed 's/^/# /' "$work/out"
	return 1
}
json() { jq -e "$@" >/dev/null; }
says() { grep -q -- "$1" "$work/out" || { sed 's/^/# /' "$work/out"; return 1; }; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -m 750 "$work/state" "$work/cut"
python=/usr/bin/python3 aicp=build/aicp verify=build/aicp-verify

libraries=$(ls build/release/lib{ledger,record,model,base}.a)
${CC:-gcc} -std=gnu17 -D_GNU_SOURCE -O1 -Iinclude -Idaemon -o "$work/writer" tests/lab/ledger_writer.c \
	-Wl,--start-group $libraries -Wl,--end-group -lsqlite3 -lcrypto -lyaml -lm || exit 1

"$work/writer" "$work/state" 120 60 "$work/anchor" || exit 1
key=$work/state/log.vkey

ok "a whole log that nobody anchored: 3" status 3 $aicp ledger verify --state-dir "$work/state"
ok "... and it says what is not proven" says "NOT ANCHORED"
ok "... and whose key it was" says "read beside the log"
ok "with a checkpoint kept outside: 0" status 0 $aicp ledger verify --state-dir "$work/state" --key "$key" --anchor "$work/anchor"
ok "size and root do as well" status 0 $aicp ledger verify --state-dir "$work/state" --min-size "$(sed -n 2p "$work/anchor")" --root "$(sed -n 3p "$work/anchor")"
ok "a larger size: 1" status 1 $aicp ledger verify --state-dir "$work/state" --min-size 5000 --root "$(sed -n 3p "$work/anchor")"
ok "the answer for programs" status 3 $aicp ledger verify --state-dir "$work/state" --json
ok "... is JSON and says the same" json '.outcome == "intact" and .records == 123 and .anchor_size == null' "$work/out"
ok "no ledger there: 2, not 1" status 2 $aicp ledger verify --state-dir "$work"
ok "an argument too many: 2" status 2 $aicp ledger verify --state-dir "$work/state" more
ok "a status" status 0 $aicp ledger show --state-dir "$work/state"
ok "... with its counts" says "decisions:  108"
ok "one record, as it was hashed" status 0 $aicp ledger show --state-dir "$work/state" 7
ok "... with its number" json '.seq == 7 and .schema == "aicp-ledger/1"' "$work/out"
ok "no such record: 1" status 1 $aicp ledger show --state-dir "$work/state" 100000
ok "the checkpoint is the file" status 0 $aicp ledger show --state-dir "$work/state" --checkpoint
ok "... byte for byte" cmp -s "$work/out" "$work/state/checkpoint"

ok "JSON" status 0 $aicp ledger export --state-dir "$work/state" --format json
ok "... of all decisions" json 'length == 108 and .[0].type == "decision"' "$work/out"
ok "CSV" status 0 $aicp ledger export --state-dir "$work/state" --format csv
ok "... without formulas, with quotes and newlines in place" $python - "$work/out" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert len(rows) == 108, len(rows)
assert {r["user"] for r in rows} == {"ada", "'=1+1", 'Jörg "J"', "\x01\n", ""}, {r["user"] for r in rows}
assert not any(v[:1] in "=+-@" for r in rows for v in r.values() if v)
PY

ok "a bundle" status 0 $aicp ledger export --state-dir "$work/state" --format bundle --output "$work/whole"
ok "... is not written over" status 1 $aicp ledger export --state-dir "$work/state" --format bundle --output "$work/whole"
ok "... is the same each time" status 0 $aicp ledger export --state-dir "$work/state" --format bundle -o "$work/again"
ok "... byte for byte" cmp -s "$work/whole" "$work/again"
ok "... is an archive for any tar" status 0 tar -tvf "$work/whole"
ok "a part of it" status 0 $aicp ledger export --state-dir "$work/state" --format bundle --first 40 --count 30 -o "$work/part"
ok "more than is signed: 1" status 1 $aicp ledger export --state-dir "$work/state" --format bundle --first 100 --count 30 -o "$work/none"
ok "... and leaves no file" [ ! -e "$work/none" ]

for b in whole part; do
	ok "$b bundle: intact" status 3 $verify "$work/$b" --key "$key"
	ok "$b bundle: anchored" status 0 $verify "$work/$b" --key "$key" --anchor "$work/anchor"
	ok "$b bundle, second verifier: intact" status 3 $python tests/lab/verify_bundle.py "$work/$b" "$key"
	ok "$b bundle, second verifier: anchored" status 0 $python tests/lab/verify_bundle.py "$work/$b" "$key" "$work/anchor"
done
ok "no key, no verdict" status 2 $verify "$work/whole"
ok "the bundle's own key, when that is asked for" status 3 $verify "$work/whole" --trust-bundle-key
ok "... and it says so" says "proves nothing against whoever could replace both"
"$work/writer" "$work/cut" 3 || exit 1
ok "another log's key: 1" status 1 $verify "$work/whole" --key "$work/cut/log.vkey"
ok "another log's key, second verifier: 1" status 1 $python tests/lab/verify_bundle.py "$work/whole" "$work/cut/log.vkey"
ok "another log's anchor is refused" status 2 $verify "$work/whole" --key "$key" --anchor "$work/cut/checkpoint"
ok "the verifier needs no database" sh -c "! ldd $verify | grep -q sqlite"

# What docs/LEDGER.md says to do by hand.
by_hand() (
	cd "$work" && tar -xf part && cd aicp-evidence || exit 1
	for f in VERIFY.txt log.vkey checkpoint proof records.jsonl; do
		grep -q "\"name\":\"$f\",\"sha256\":\"$(sha256sum $f | cut -d' ' -f1)\"" manifest.json || exit 1
	done
	hash=$( (printf '\0'; sed -n 1p records.jsonl | tr -d '\n') | sha256sum | cut -d' ' -f1)
	[ "$(sed -n 2p records.jsonl | jq -r .prev)" = "$hash" ] || exit 1
	sed -n 1,3p checkpoint >text
	tail -n 1 checkpoint | cut -d' ' -f3 | base64 -d | tail -c 64 >signature
	(printf '0*0\005\006\003+ep\003!\0'; cut -d+ -f3- "$key" | base64 -d | tail -c 32) >key.der
	openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature >/dev/null || exit 1
	echo >>text
	! openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature >/dev/null
)
ok "checked by hand: hashes, chain, signature" by_hand

# A tail cut by somebody who holds the key: an older copy of everything. Only an anchor from behind the cut sees it.
rm -rf "$work/cut" && cp -a "$work/state" "$work/cut"
"$work/writer" "$work/state" 30 30 "$work/later" || exit 1
ok "cut by whoever holds the key: no better than intact" status 3 $aicp ledger verify --state-dir "$work/cut"
ok "... an anchor from before the cut does not see it" status 0 $aicp ledger verify --state-dir "$work/cut" --anchor "$work/anchor"
ok "... one from behind it does" status 1 $aicp ledger verify --state-dir "$work/cut" --anchor "$work/later"
ok "... and says so" says "cut off"
ok "an old bundle against a later anchor: 1" status 1 $verify "$work/whole" --key "$key" --anchor "$work/later"
ok "... second verifier" status 1 $python tests/lab/verify_bundle.py "$work/whole" "$key" "$work/later"

# Verifying writes nothing.
(cd "$work/cut" && sha256sum ledger.db checkpoint log.vkey) >"$work/sums"
$aicp ledger verify --state-dir "$work/cut" >/dev/null
ok "the files are what they were" sh -c "cd $work/cut && sha256sum --quiet -c $work/sums"

while IFS= read -r line; do
	case $line in
	"ok "* | "not ok "*) ok "${line#*- }" [ "${line%% *}" = ok ] ;;
	1..*) ;;
	*) echo "# $line" ;;
	esac
done < <($python tests/lab/mutate_bundle.py $verify "$work/part" "$key" "$work/anchor" 2400 2>&1)

echo "1..$n"
[ $failed = 0 ]
