#!/bin/bash
# SPDX-License-Identifier: MIT
#
# An installation under a real systemd: a container over this machine's own files (an overlay in memory), with systemd as its
# process 1, installs aicp, starts, reloads, kills and stops it, and uninstalls it. Nothing of the host changes: when the
# container's first process ends, the kernel takes all but one empty cgroup away, and that this script removes.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
mine=aicp-systemd-$$

skip() { echo "ok 1 - aicp under a real systemd # SKIP $*"; echo "1..1"; exit 0; }

# The hierarchies in which systemd-nspawn makes groups: version 2, and systemd's own of version 1.
hierarchies() { awk '$3 == "cgroup2" || $3 == "cgroup" && $4 ~ /name=systemd/ {print $2}' /proc/mounts; }

remove_groups() {
	local h
	for h in $(hierarchies); do
		[ ! -d "$h/$mine" ] || find "$h/$mine" -depth -type d -exec rmdir {} \;
	done
}

outside() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is missing (package systemd-container)"
	[ -x /lib/systemd/systemd ] || skip "there is no systemd to boot"
	[ ! -d /run/systemd/system ] || skip "this host's own systemd owns the cgroups; run it where process 1 is another"
	local h
	out=$(mktemp)
	trap 'remove_groups; rm -f "$out"' EXIT
	for h in $(hierarchies); do mkdir "$h/$mine" || skip "no cgroup can be made below $h"; done
	(
		for h in $(hierarchies); do echo $BASHPID >"$h/$mine/cgroup.procs" || exit 1; done
		exec setpriv --pdeathsig KILL unshare --mount --pid --ipc --fork --kill-child=SIGKILL --mount-proc \
			--propagation private bash "${BASH_SOURCE[0]}" --inside
	) >"$out" 2>&1
	grep -q '^ok 1 \|^not ok 1 ' "$out" || skip "the container does not boot: $(tail -n 3 "$out" | tr '\n' ' ')"
	cat "$out"
}

# ---- in namespaces of its own: make the container and boot it -------------------------------------

inside() {
	local c=/run/c/root
	mount -t tmpfs -o size=300m,mode=755 aicp /run && mkdir -p /run/lock /run/c/{upper,work,root} || exit 1
	mount -t overlay -o lowerdir=/,upperdir=/run/c/upper,workdir=/run/c/work aicp $c || exit 1
	rm -rf $c/etc/systemd/system/*.wants $c/etc/aicp $c/var/lib/aicp $c/etc/ld.so.preload
	# Users that this machine happens to have would hide that none are made.
	sed -i '/^aicp/d' $c/etc/passwd $c/etc/group $c/etc/shadow $c/etc/gshadow 2>/dev/null
	echo 0123456789abcdef0123456789abcdef >$c/etc/machine-id
	mkdir -p $c/probe $c/aicp $c/etc/systemd/system
	cp "${BASH_SOURCE[0]}" $c/probe/probe.sh
	printf '%s\n' '[Unit]' 'Requires=basic.target probe.service' >$c/etc/systemd/system/probe.target
	cat >$c/etc/systemd/system/probe.service <<-UNIT
		[Unit]
		After=basic.target
		[Service]
		Type=oneshot
		ExecStart=-/bin/bash /probe/probe.sh --probe
		ExecStopPost=/bin/systemctl --no-block start poweroff.target
		StandardOutput=append:/probe/out
		StandardError=append:/probe/out
		TimeoutStartSec=90
	UNIT
	timeout --kill-after=5 120 systemd-nspawn -D $c --register=no --keep-unit --private-network --console=pipe \
		--bind-ro="$root:/aicp" -b systemd.unit=probe.target </dev/null >/run/c/console 2>&1
	[ -s $c/probe/out ] && cat $c/probe/out || cat /run/c/console
}

# ---- in the container -----------------------------------------------------------------------------

n=0
ok() { # ok NAME COMMAND...
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then echo "ok $n - $name"; else echo "not ok $n - $name"; sed 's/^/# /' <<<"$out"; fi
}

# until COMMAND...: within five seconds.
within() {
	local tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { "$@"; return 1; }
		sleep 0.05
	done
}

start_provider() {
	mkdir /tls && cd /tls || exit 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=api.openai.com -addext subjectAltName=DNS:api.openai.com 2>/dev/null
	echo "127.0.0.1 api.openai.com" >>/etc/hosts
	cat >provider.py <<-'PYTHON'
		import http.server, ssl
		class Provider(http.server.BaseHTTPRequestHandler):
		    def do_POST(self):
		        self.rfile.read(int(self.headers["content-length"]))
		        self.send_response(200)
		        self.send_header("content-length", "2")
		        self.end_headers()
		        self.wfile.write(b"{}")
		    def log_message(self, *_):
		        pass
		server = http.server.HTTPServer(("127.0.0.1", 443), Provider)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain("cert.pem", "key.pem")
		server.socket = context.wrap_socket(server.socket, server_side=True)
		server.serve_forever()
	PYTHON
	/usr/bin/python3 provider.py >/dev/null 2>&1 &
	within bash -c ': </dev/tcp/127.0.0.1/443'
}

answers() { # answers STATUS PROMPT
	local got
	got=$(aicp run -- curl -sS --max-time 10 --cacert /tls/cert.pem -o /tls/answer -w '%{http_code}' \
		-H 'Content-Type: application/json' https://api.openai.com/v1/chat/completions \
		-d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"'"$2"'"}]}')
	[ "$got" = "$1" ] || { echo "$got in place of $1"; cat /tls/answer; return 1; }
}

runs_as() { # runs_as USER ROLE
	local pid
	pid=$(pgrep -f -- "^aicpd --role=$2") && [ "$(stat -c %U "/proc/$pid")" = "$1" ]
}

says() { "${@:2}" 2>&1 | grep -q -- "$1" || { "${@:2}"; return 1; }; }
none_runs() { ! pgrep -a '^aicpd$'; }

left_over() {
	local found
	found=$(find /etc /usr /var /run -xdev \( -name '*aicp*' -o -name 'aicp*' \) ! -path '/etc/aicp*' ! -path '/var/lib/aicp*')
	[ -z "$found" ] || { echo "$found"; return 1; }
}

install_and_start() {
	ok "installs" env PREFIX=/usr SYSCONFDIR=/etc sh packaging/install.sh
	for user in aicp aicp-ledger aicp-api aicp-courier; do ok "the user $user is made" id $user; done
	ok "systemd finds no fault with the unit" sh -c '! systemd-analyze verify aicp.service 2>&1 | grep aicp'
	sed -n '/^```yaml/,/^```$/{/^```/!p}' README.md >/etc/aicp/policies/merger.yaml
	ok "aicpd -t finds no fault" aicpd -t
	systemctl daemon-reload
	ok "starts, and says so to systemd" systemctl start aicp
	ok "the engine is aicp" runs_as aicp engine
	ok "the ledger is aicp-ledger" runs_as aicp-ledger ledger
	ok "the API is aicp-api" runs_as aicp-api api
	ok "the courier is aicp-courier" runs_as aicp-courier courier
	ok "aicp status is well" says "gateway  *operational" aicp status
	ok "aicp doctor finds no failure" says " 0 failures" aicp doctor
}

govern_and_reload() {
	ok "an installation watches" says "mode  *monitor" aicp status
	ok "what would be refused passes" answers 200 "about the merger"
	systemctl stop aicp
	ok "while it is stopped, everything passes" answers 200 "hello"
	systemctl start aicp
	sed -i 's/^mode: .*/mode: enforce/' /etc/aicp/aicp.yaml
	ok "systemctl reload" systemctl reload aicp
	ok "now it enforces" says "mode  *enforce" aicp status
	ok "a request that no policy matches passes" answers 200 "hello"
	ok "one that a policy matches is refused" answers 403 "about the merger"
	ok "aicp log show says why" says "no-merger-talk: The merger is confidential.$" \
		sh -c 'aicp log show $(aicp log --status blocked | cut -d" " -f2)'
	# `aicp run` reads the configuration too, and would stop at the mistake.
	cp /etc/aicp/aicp.yaml /etc/aicp/good.yaml
	echo "polices: []" >>/etc/aicp/aicp.yaml
	ok "reload says that the configuration is wrong" sh -c '! systemctl reload aicp'
	ok "the journal says where, and what to do" says "aicp.yaml:[0-9]*:.*did you mean" journalctl -u aicp
	AICP_CONFIG=/etc/aicp/good.yaml ok "the last good configuration stays" answers 403 "about the merger"
	sed -i '/polices/d' /etc/aicp/aicp.yaml
}

die_and_stop() {
	ok "restarts" systemctl restart aicp
	ok "governs again" answers 403 "about the merger"
	kill -KILL "$(systemctl show -P MainPID aicp)"
	ok "comes back when it is killed" within aicp status
	ok "and governs" answers 403 "about the merger"
	ok "stops" systemctl stop aicp
	ok "its end was a good one" says success systemctl show -P Result aicp
	ok "no process is left" none_runs
	ok "requests are refused while it is stopped" answers 403 "hello"
	ok "the ledger is intact" says "^INTACT" aicp ledger verify
	ok "nothing was denied that a role needs" sh -c '! journalctl -b | grep -i "aicp.*\(not permitted\|denied\|SYS\b\)"'
}

cannot_start() { # cannot_start REGEX CONFIGURATION: says so within ten seconds
	local said
	echo "$2" >/tmp/aicp.yaml
	if said=$(timeout 10 aicpd -c /tmp/aicp.yaml 2>&1) || [ $? = 124 ] || ! grep -q -- "$1" <<<"$said"; then
		echo "$said"
		return 1
	fi
}

say_why_not() {
	mount -t tmpfs -o ro aicp /mnt
	ok "a folder that cannot be given away" cannot_start "/mnt cannot be made ready.*Read-only" "state_dir: /mnt"
	mount -o remount,rw /mnt && chown aicp-ledger:aicp-api /mnt && chmod 2750 /mnt && mount -o remount,ro /mnt
	ok "a folder that cannot be written" cannot_start "/mnt/engine.key cannot be made: Read-only" "state_dir: /mnt"
	umount /mnt
	ok "an address that is in use" cannot_start "127.0.0.1:443: Address already in use" "api.listen: 127.0.0.1:443"
	sed -i.kept '/^aicp-ledger:/d' /etc/passwd
	ok "a user that is missing" cannot_start "useradd .*aicp-ledger" "{}"
	mv /etc/passwd.kept /etc/passwd
	systemctl start aicp
	ok "a second daemon" cannot_start "another aicpd is running" "{}"
	systemctl stop aicp
}

probe() {
	cd /aicp || exit 1
	install_and_start
	start_provider
	cd /aicp && govern_and_reload
	die_and_stop
	say_why_not
	ok "starts again, to be uninstalled" systemctl start aicp
	ok "uninstalls" env PREFIX=/usr SYSCONFDIR=/etc sh packaging/uninstall.sh
	ok "no process is left of it" none_runs
	ok "no file is left of it but configuration and ledger" left_over
	ok "the ledger is left" sh -c 'ls /var/lib/aicp | grep .'
	echo "1..$n"
}

case ${1:-} in
--inside) inside ;;
--probe) probe ;;
*) outside ;;
esac
