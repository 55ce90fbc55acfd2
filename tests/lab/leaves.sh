# SPDX-License-Identifier: MIT
# For tests that must leave this machine as it was; sourced. ok NAME COMMAND... prints one TAP line.

n=0 failed=0
ok() {
	n=$((n + 1))
	local name=$1
	shift
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; failed=$((failed + 1)); fi
}

# What of this machine a lab could have changed.
traces() {
	cat /proc/self/mountinfo
	ip -o link
	cksum /etc/hosts /etc/passwd /etc/group /etc/resolv.conf /etc/nsswitch.conf /etc/ssl/certs/ca-certificates.crt
	ls /run
}
same() { [ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2") | sed 's/^/# /'; return 1; }; }

# no_process TEXT: no process has an argument TEXT (whole).
no_process() { ! grep -qszx -- "$1" /proc/[0-9]*/cmdline; }
gone_soon() { for _ in {1..100}; do no_process "$1" && return 0; sleep 0.05; done; return 1; }
began() { for _ in {1..200}; do no_process "$1" || return 0; sleep 0.05; done; return 1; }
