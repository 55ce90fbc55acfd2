#!/bin/bash
# SPDX-License-Identifier: MIT
# Includes point downward only: include/aicp < base < model < {http provider detect policy record} < engine < ledger <
# {io api} < main. Folders in braces never include each other; cli and preload see less still.
set -u
cd "$(dirname "$0")/../.."

declare -A may=(
	[base]="aicp base"
	[model]="aicp base model"
	[http]="aicp base model http"
	[provider]="aicp base model provider"
	[detect]="aicp base model detect"
	[policy]="aicp base model policy"
	[record]="aicp base model record"
	[engine]="aicp base model http provider detect policy record engine"
	[ledger]="aicp base model http provider detect policy record engine ledger"
	[io]="aicp base model http provider detect policy record engine ledger io"
	# What every role has: messages between roles, and the log in its one form.
	[api]="aicp base model http provider detect policy record engine ledger api io/link.h io/log.h"
)
n=0

# check NAME ALLOWED FILE...: every quoted include of the files begins with an allowed folder, is an allowed file, or stands
# beside its file.
check() {
	local name=$1 allowed=" $2 " bad="" file line target folder
	shift 2
	for file; do
		while IFS=: read -r line target; do
			target=${target#*\"}
			target=${target%%\"*}
			folder=${target%%/*}
			case $target in
			*..*) bad="$bad$file:$line: $target"$'\n'; continue ;;
			*/*) ;;
			*) [ -f "$(dirname "$file")/$target" ] && [ "${file#daemon/*/}" = "$file" ] && continue ;;
			esac
			case $allowed in
			*" $folder "* | *" $target "*) ;;
			*) bad="$bad$file:$line: $target"$'\n' ;;
			esac
		done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file")
	done
	n=$((n + 1))
	if [ -z "$bad" ]; then
		echo "ok $n - $name includes only:$allowed"
	else
		echo "not ok $n - $name includes only:$allowed"
		printf '%s' "$bad" | sed 's/^/# /'
	fi
}

for layer in base model http provider detect policy record engine ledger io api; do
	mapfile -t files < <(git ls-files "daemon/$layer/*.c" "daemon/$layer/*.h" "daemon/$layer/*.def")
	[ ${#files[@]} -eq 0 ] || check "daemon/$layer" "${may[$layer]}" "${files[@]}"
done
mapfile -t files < <(git ls-files 'include/*.h')
check include "aicp" "${files[@]}"
mapfile -t files < <(git ls-files 'cli/*.c' 'cli/*.h')
[ ${#files[@]} -eq 0 ] || check cli "aicp base model http policy record ledger" "${files[@]}"
mapfile -t files < <(git ls-files 'preload/*.c' 'preload/*.h')
[ ${#files[@]} -eq 0 ] || check preload "aicp" "${files[@]}"

# A folder that this script does not know would be held to nothing.
unknown=$(git ls-files 'daemon/*/*' | cut -d/ -f2 | sort -u | while read -r f; do
	[ -n "${may[$f]:-}" ] || echo "$f"
done)
n=$((n + 1))
if [ -z "$unknown" ]; then
	echo "ok $n - every folder of daemon/ is a layer"
else
	echo "not ok $n - every folder of daemon/ is a layer: $unknown"
fi
echo "1..$n"
