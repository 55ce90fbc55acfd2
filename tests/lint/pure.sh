#!/bin/bash
# SPDX-License-Identifier: MIT
# The pure layers are pure: what their release archives need from outside is on the list below (memory, strings, arithmetic,
# and the libraries that only compute), so no system call, clock, file, socket, randomness or environment; and they
# hold no writable data.
set -u
cd "$(dirname "$0")/../.."

# One pattern a line; a symbol has to match one of them whole.
allowed='
malloc calloc realloc free abort
mem(chr|cmp|cpy|move|set|mem|rchr) __mem(cpy|move|set)_chk __explicit_bzero_chk explicit_bzero
str(n?len|chr|rchr|n?cmp|n?casecmp|str|n?dup|spn|cspn) strtod __strcpy_chk __str(n?)cpy_chk
v?snprintf v?asprintf __v?snprintf_chk __v?asprintf_chk
qsort(_r)? bsearch
__stack_chk_fail __errno_location
round lround llround floor ceil fabs pow log2? exp fmod trunc ldexp nextafter
_GLOBAL_OFFSET_TABLE_
yaml_parser_(initialize|delete|parse|set_input_string|set_encoding) yaml_event_delete
EVP_[A-Za-z0-9_]+ HMAC CRYPTO_memcmp OPENSSL_cleanse SHA256(_[A-Za-z]+)?
BrotliDecoder[A-Za-z]+
ZSTD_[A-Za-z_]+
inflate inflateInit2_ inflateEnd crc32(_z)?
hs_[a-z_]+
'
# Of the libraries above, what draws on randomness.
refused='EVP_PKEY_(keygen|generate|Q_keygen).* EVP_RAND.* EVP_CIPHER_CTX_rand_key'

layers="base model http provider detect policy record engine"
pattern="^($(echo $allowed | tr ' ' '|'))\$"
never="^($(echo $refused | tr ' ' '|'))\$"
n=0
archives=

result() { # result NAME WHAT-IS-WRONG
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

for layer in $layers; do
	ls daemon/"$layer"/*.c >/dev/null 2>&1 || continue
	archive=build/release/lib$layer.a
	if ! log=$(make -s FLAVOUR=release "$archive" 2>&1); then
		result "$layer builds" "$log"
		continue
	fi
	archives="$archives $archive"
done
# shellcheck disable=SC2086 # a list of words
own=$(nm --defined-only $archives 2>/dev/null | awk 'NF == 3 {print $3}' | sort -u)
for archive in $archives; do
	layer=${archive#build/release/lib}
	layer=${layer%.a}
	outside=$(nm -u "$archive" | awk '$1 == "U" {print $2}' | sort -u | comm -23 - <(echo "$own"))
	wrong=$(echo "$outside" | grep -vE "$pattern"; echo "$outside" | grep -E "$never")
	result "daemon/$layer needs nothing but memory and arithmetic" "${wrong//$'\n'/ }"
	# .data.rel.ro holds constant tables of pointers; the others are variables.
	data=$(size -A "$archive" | awk '/ :$|:$/ {file = $1} $1 ~ /^\.(data|bss|tdata|tbss)(\.[^r].*)?$/ && $2 > 0 {print file, $1, $2}')
	result "daemon/$layer has no variables that outlive a call" "$data"
done
[ $n -gt 0 ] || result "pure layers" "no archive was found"
echo "1..$n"
