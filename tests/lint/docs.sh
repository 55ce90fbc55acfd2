#!/bin/bash
# SPDX-License-Identifier: MIT
# Every file, make target and subcommand that the documents name exists.
set -u
cd "$(dirname "$0")/../.."
n=0
report() { # report OK|FAIL NAME
	n=$((n + 1))
	if [ "$1" = OK ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
docs=$(git ls-files '*.md')

missing=$(grep -ohE '`(daemon|include|preload|cli|tests|docs|policies|packaging|bpf|dashboard|compliance)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]`' $docs |
	tr -d '`' | sort -u | while read -r path; do
		case $path in *NAME*) ;; *) [ -e "$path" ] || echo "$path" ;; esac
	done)
[ -z "$missing" ] && report OK "paths in backticks exist" || { echo "# missing: $missing"; report FAIL "paths in backticks exist"; }

broken=$(for doc in $docs; do
	grep -oE '\]\([^)#]+' "$doc" | sed 's/](//' | grep -vE '^[a-z]+:' | while read -r link; do
		[ -e "$(dirname "$doc")/$link" ] || echo "$doc: $link"
	done
done)
[ -z "$broken" ] && report OK "links lead somewhere" || { echo "# broken: $broken"; report FAIL "links lead somewhere"; }

unknown=$(grep -ohE '(^|`)make [a-z][a-z-]*' $docs | sed 's/.*make //' | sort -u | while read -r target; do
	grep -qE "^$target:" Makefile || echo "$target"
done)
[ -z "$unknown" ] && report OK "make targets exist" || { echo "# unknown: $unknown"; report FAIL "make targets exist"; }

unknown=$(grep -ohE '`aicp [a-z][a-z-]*' $docs | sed 's/`aicp //' | sort -u | while read -r command; do
	[ -e "cli/cmd_$(echo "$command" | tr - _).c" ] || echo "$command"
done)
[ -z "$unknown" ] && report OK "subcommands exist" || { echo "# unknown: $unknown"; report FAIL "subcommands exist"; }
echo "1..$n"
