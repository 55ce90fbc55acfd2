# SPDX-License-Identifier: MIT
# What tests of the shim alone share: servers that log what reaches them, a stand-in for the engine, a governed file.
# Sourced from the top of the tree, inside network and mount namespaces of the test's own; leaves nothing behind.

engine=$PWD/build/shim/fake_engine
python=/usr/bin/python3
lab=$PWD/tests/lab/shim
tmp=$(mktemp -d)
pids=()
n=0 bad=0
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; umount "$tmp/suid" 2>/dev/null; rm -rf "$tmp"' EXIT

# ok NAME COMMAND...: one test.
ok() {
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		bad=$((bad + 1))
		echo "not ok $n - $name"
		sed 's/^/# /' <<<"$out" | tail -n 15
	fi
}

# is WANT COMMAND...: its output is WANT.
is() {
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$want" ] && return
	echo "expected: $want"
	echo "got: $got"
	[ ! -s "$tmp/body" ] || cat "$tmp/body"
	return 1
}

# Time-outs without the shim in front; -k as a program under test may be stuck.
under() { timeout -k 1 90 env LD_PRELOAD="$lib" "$@"; }
ask() { under curl -sS -m 20 -o "$tmp/body" -w '%{http_code}' "$@"; }
reached() { wc -l <"$tmp/server.log" | tr -d ' '; }
# told N PATTERN: the engine writes its line behind its verdict, so that the program may have ended before.
told() {
	for _ in $(seq 100); do
		[ "$(grep -c "$2" "$tmp/engine.log")" = "$1" ] && return
		sleep 0.05
	done
	echo "expected $1 lines '$2' of the engine:"
	cat "$tmp/engine.log"
	return 1
}
clear_logs() { : >"$tmp/server.log"; : >"$tmp/engine.log"; }

# govern FAIL MODE
govern() {
	{
		printf 'aicp-governed\t1\nfail\t%s\nmode\t%s\nunknown-word\tx\n' "$1" "$2"
		printf 'host\tapi.openai.com\topenai\nhost\t*.example\topenai\n'
		printf 'clear\tlocalhost:11434\tollama\nclear\t127.0.0.1:11434\tollama\nclear\t[::1]:11434\tollama\n'
		printf 'shape\tollama\t{"error":"%%MESSAGE%%"}\n'
		printf 'shape\topenai\t{"error":{"message":"%%MESSAGE%%","type":"permission_error"}}\n'
	} >"$tmp/run/governed.new"
	chmod 644 "$tmp/run/governed.new"
	mv "$tmp/run/governed.new" "$tmp/run/governed"
}

start_engine() {
	rm -f "$tmp/run/shim.sock"
	"$engine" "$tmp/run/shim.sock" "$tmp/engine.log" >/dev/null 2>&1 &
	engine_pid=$!
	pids+=("$engine_pid")
	for _ in $(seq 100); do [ -S "$tmp/run/shim.sock" ] && return; sleep 0.05; done
}
stop_engine() { kill -9 "$engine_pid" 2>/dev/null; wait "$engine_pid" 2>/dev/null; }

ip link set lo up
chmod 755 "$tmp"
mkdir -m 755 "$tmp/run" "$tmp/suid"
# Where any user can read it, wherever this tree lies.
lib=$tmp/libaicp.so
install -m 755 build/libaicp.so "$lib"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/key.pem" -out "$tmp/cert.pem" \
	-days 2 -subj /CN=shim-test -addext \
	'subjectAltName=DNS:api.openai.com,DNS:ungoverned.test,DNS:monitored.example' 2>/dev/null
echo '127.0.0.1 localhost api.openai.com ungoverned.test monitored.example' >"$tmp/hosts"
mount --bind "$tmp/hosts" /etc/hosts
export AICP_RUNTIME_DIR=$tmp/run SSL_CERT_FILE=$tmp/cert.pem CURL_CA_BUNDLE=$tmp/cert.pem REQUESTS_CA_BUNDLE=$tmp/cert.pem
export PYTHONDONTWRITEBYTECODE=1
clear_logs
for s in "443 1.2" "444 1.3" "445 1.3 h2" "80 clear" "11434 clear" "11435 clear"; do
	# shellcheck disable=SC2086
	"$python" "$lab/server.py" "$tmp/server.log" "$tmp/cert.pem" "$tmp/key.pem" $s &
	pids+=($!)
done
for url in https://api.openai.com:{443,444,445} http://localhost:{80,11434,11435}; do
	for _ in $(seq 100); do
		curl -s --http1.1 -o /dev/null "$url/up" && break
		sleep 0.1
	done
done
govern closed enforce
start_engine
