# SPDX-License-Identifier: MIT
"""What breaks, and what bad input does: the daemon hung, killed, without disk or key; requests that no one should trust.

Runs inside the lab, prints TAP. Whatever happens, a governed request gets an answer that says so (or passes, with
`fail: open`), nothing unjudged reaches the provider, and hosts that nobody governs do not notice.
"""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid

import labclients
from labdaemon import AICPD, FORBIDDEN, POLICY, Daemon
from tap import Tap
from wirelog import Wirelog

wire = Wirelog()
CLIENT = labclients.ALL[2]
RAW = [labclients.PYTHON, labclients.CLIENTS + "/raw_tls.py"]
# The shim's own patience with an engine that does not answer, and some more.
PATIENCE_S = 40


def marker():
    return "marker-" + uuid.uuid4().hex


def ask(daemon, text, shape=None):
    return CLIENT.run([text], daemon.run_prefix(), shape=shape, timeout_s=PATIENCE_S)[0]


def wrong_refusal(report, mark, words=()):
    message = report["body"] + (report["message"] or "")
    if report["status"] != 403:
        return "not refused with 403: %s" % report
    if wire.data_bytes(mark):
        return "%d bytes of application data arrived" % wire.data_bytes(mark)
    missing = [word for word in words if not re.search(word, message, re.IGNORECASE)]
    return "the answer lacks %s: %s" % (missing, message) if missing else None


def wrong_pass(report, mark, text):
    if report["status"] != 200 or wire.reached(text, mark) != 1:
        return "did not pass: %s, reached %d" % (report, wire.reached(text, mark))
    return None


def refused(daemon, *words):
    mark = wire.mark()
    return wrong_refusal(ask(daemon, marker()), mark, words)


def passes(daemon, shape=None):
    mark, text = wire.mark(), marker()
    return wrong_pass(ask(daemon, text, shape), mark, text)


def passes_soon(daemon, seconds=15):
    """Until a role is back, requests are refused; none may be lost in between."""
    deadline = time.monotonic() + seconds
    while True:
        mark, text = wire.mark(), marker()
        report = ask(daemon, text)
        if report["status"] == 200:
            return wrong_pass(report, mark, text)
        wrong = wrong_refusal(report, mark)
        if wrong or time.monotonic() > deadline:
            return wrong or "still refused after %d s: %s" % (seconds, report)
        time.sleep(0.2)


# ---- the daemon ------------------------------------------------------------------------------------


def role_pid(daemon, role):
    for pid in daemon.pids():
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            if role.encode() in file.read():
                return pid
    raise RuntimeError("no process of role %s" % role)


def hung(daemon):
    daemon.signal_all(signal.SIGSTOP)
    try:
        return refused(daemon, "aicp") or passes(daemon, shape="plain")
    finally:
        daemon.signal_all(signal.SIGCONT)


def killed_mid_request(daemon):
    """The engine stops while it holds the request; then everything dies."""
    mark, text, reports = wire.mark(), marker(), []
    os.kill(role_pid(daemon, "engine"), signal.SIGSTOP)
    asking = threading.Thread(target=lambda: reports.append(ask(daemon, text)))
    asking.start()
    # The shim asks as soon as the connection stands, and waits for a second.
    while asking.is_alive() and not any(event["event"] == "tls" for event in wire.events(mark)):
        time.sleep(0.01)
    time.sleep(0.2)
    early = list(reports)
    daemon.kill()
    asking.join(PATIENCE_S)
    if early:
        return "was answered while the engine stood still: %s" % early
    if not reports:
        return "no answer within %d s" % PATIENCE_S
    return wrong_refusal(reports[0], mark, ["aicp"])


def role_killed(role):
    def check(daemon):
        before = role_pid(daemon, role)
        os.kill(before, signal.SIGKILL)
        wrong = passes_soon(daemon)
        after = role_pid(daemon, role)
        return wrong or ("the role was not started again" if after == before else None)

    return check


def second_daemon(daemon):
    done = subprocess.run([AICPD, "-c", daemon.config], capture_output=True, text=True, timeout=20)
    if done.returncode == 0 or not done.stderr.strip():
        return "a second daemon on the same folders: %s" % done
    return passes(daemon)


def socket_gone(daemon):
    socket_path = daemon.runtime_dir + "/shim.sock"
    os.rename(socket_path, socket_path + ".away")
    try:
        return refused(daemon, "aicp")
    finally:
        os.rename(socket_path + ".away", socket_path)


def lingering(daemon):
    """A stranger's TCP sockets, whose last close waits for a peer that does not read, lie behind frames that are in order."""
    request, host = b"GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", b"api.openai.com"
    frame = struct.pack("<IHHIIIIII", 0x50434941, 1, 1, 0, 0, len(host), len(request), len(request), 0) + host + request
    kept = []
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            for _ in range(10):
                ours = socket.create_connection(server.getsockname())
                shim = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                kept += [server.accept()[0], shim]
                ours.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        ours.send(bytes(65536))
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, PATIENCE_S))
                shim.connect(daemon.runtime_dir + "/shim.sock")
                shim.send(frame)
                try:
                    socket.send_fds(shim, [frame], [ours.fileno()])
                except BrokenPipeError:  # answered and closed already
                    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                ours.close()
        time.sleep(0.3)
        return passes(daemon)
    finally:
        for one in kept:
            one.close()


def api_takes_no_descriptors(daemon):
    with socket.socket(socket.AF_UNIX) as api, open("/dev/null") as file:
        api.connect(daemon.runtime_dir + "/api.sock")
        try:
            socket.send_fds(api, [b"GET"], [file.fileno()])
        except PermissionError:
            return None
        return "it took one"


def check_daemon(tap):
    daemon = Daemon("faults").start()
    tap.check("a request passes to begin with", passes, daemon)
    tap.check("a second daemon refuses to start and harms nothing", second_daemon, daemon)
    tap.check("daemon hung: refused, ungoverned hosts unaffected", hung, daemon)
    tap.check("daemon no longer hung: passes", passes_soon, daemon)
    tap.check("sockets that a stranger passed and lets linger: nobody waits", lingering, daemon)
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (6, 16):
        tap.check("api.sock takes no descriptors", api_takes_no_descriptors, daemon)
    for role in ("engine", "ledger", "api", "courier"):
        tap.check("%s killed: started again, nothing passes unjudged" % role, role_killed(role), daemon)
    tap.check("socket refused: refused", socket_gone, daemon)
    tap.check("socket back: passes", passes, daemon)
    tap.check("killed while a request is in judgement: refused", killed_mid_request, daemon)
    tap.check("after SIGKILL it starts again", lambda: daemon.start() and None)
    tap.check("and requests pass", passes, daemon)
    verify = daemon.aicp("ledger", "verify")
    tap.ok(verify.returncode == 3, "the ledger came through all that intact", verify)
    daemon.stop()


def check_open(tap):
    daemon = Daemon("faults-open", fail="open").start()
    mark = wire.mark()
    tap.check("fail open: a blocked request is still blocked",
              lambda: wrong_refusal(ask(daemon, FORBIDDEN), mark, ["the lab forbids"]))
    daemon.signal_all(signal.SIGSTOP)
    tap.check("fail open: daemon hung, passes", passes, daemon)
    daemon.signal_all(signal.SIGCONT)
    daemon.stop()


def check_monitor(tap):
    daemon = Daemon("monitor", mode="monitor").start()
    mark, text = wire.mark(), FORBIDDEN + " " + marker()
    tap.check("monitor: what would be blocked passes", lambda: wrong_pass(ask(daemon, text), mark, text))
    records = [json.dumps(record) for record in daemon.decisions()]
    tap.ok(any("block" in record for record in records), "monitor: the would-be verdict is recorded", records)
    daemon.stop()


# ---- disk and files --------------------------------------------------------------------------------


def check_disk(tap):
    disk = os.environ["LAB"] + "/disk"
    os.makedirs(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tiny", disk], check=True)
    daemon = Daemon("faults-disk", state_dir=disk + "/state").start()
    tap.check("disk with room: passes", passes, daemon)
    with open(disk + "/filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass
    tap.check("disk full: refused", until_refused, daemon)
    tap.check("disk full: ungoverned hosts unaffected", passes, daemon, "plain")
    os.unlink(disk + "/filler")
    tap.check("disk with room again: passes", passes_soon, daemon)
    verify = daemon.aicp("ledger", "verify")
    tap.ok(verify.returncode == 3, "the ledger is intact after a full disk", verify)
    daemon.stop()
    subprocess.run(["umount", disk], check=False)


def until_refused(daemon):
    """The ledger may have some room left in its own files; it must say so when that is used up."""
    for _ in range(400):
        mark, text = wire.mark(), marker()
        report = ask(daemon, text)
        if report["status"] != 200:
            return wrong_refusal(report, mark, ["record"])
    return "400 requests were recorded on a full disk"


def start_fails(daemon, *words):
    """aicpd does not start, and says why in words."""
    done = subprocess.run([AICPD, "-c", daemon.config], capture_output=True, text=True, timeout=20)
    missing = [word for word in words if word not in done.stderr + done.stdout]
    return "status %d, lacks %s: %s" % (done.returncode, missing, done) if done.returncode == 0 or missing else None


def check_start(tap):
    daemon = Daemon("faults-start", unknown_key="yes")
    line = "aicp.yaml:4"
    tap.check("an unknown key in the configuration is an error with file:line", start_fails, daemon, line, "unknown_key")
    done = subprocess.run([AICPD, "-t", "-c", daemon.config], capture_output=True, text=True, timeout=20)
    tap.ok(done.returncode != 0 and line in done.stderr, "aicpd -t finds it too", done)
    daemon = Daemon("faults-policy", policy=POLICY + "then_what: block\n")
    tap.check("an unknown key in a policy is an error with file:line", start_fails, daemon, "lab.yaml:", "then_what")
    daemon = Daemon("faults-reload").start()
    daemon.set_policy("policy: broken\nwhen: [\n")
    reload = daemon.aicp("policy", "reload")
    tap.ok(reload.returncode != 0 and "lab.yaml:" in reload.stderr + reload.stdout, "a broken set is not taken", reload)
    mark = wire.mark()
    tap.check("and the last good one stays", lambda: wrong_refusal(ask(daemon, FORBIDDEN), mark, ["the lab forbids"]))
    daemon.set_policy(POLICY.replace(FORBIDDEN, "another-word"))
    reload = daemon.aicp("policy", "reload")
    tap.ok(reload.returncode == 0, "a good set is taken", reload)
    mark = wire.mark()
    tap.check("and in force", lambda: wrong_refusal(ask(daemon, "another-word"), mark, ["the lab forbids"]))
    tap.check("the word of the old set is free", lambda: None if ask(daemon, FORBIDDEN)["status"] == 200 else "refused")
    daemon.stop()


def check_key(tap):
    daemon = Daemon("faults-key").start()
    daemon.stop()
    for name in ("log.key", "pepper"):
        path = daemon.state_dir + "/" + name
        os.rename(path, path + ".away")
        mark = wire.mark()
        tap.check("%s missing: refused" % name, lambda: wrong_refusal(without_ledger(daemon), mark, ["aicp"]))
        tap.ok(name + ": is missing" in daemon.log(), "%s missing: the daemon says so" % name, daemon.log())
        os.rename(path + ".away", path)
    daemon.start()
    tap.check("keys back: passes", passes, daemon)
    verify = daemon.aicp("ledger", "verify")
    tap.ok(verify.returncode == 3, "no key was made in their place", verify)
    daemon.stop()


def without_ledger(daemon):
    """A request while the daemon cannot open its ledger, whether it gives up or goes on trying."""
    try:
        daemon.start(timeout_s=3)
    except RuntimeError:
        pass
    try:
        return ask(daemon, marker())
    finally:
        Daemon.kill_any()
        daemon.process.wait()


# ---- bad input -------------------------------------------------------------------------------------


def http(body, head="", method="POST", path="/v1/chat/completions", host="api.openai.com"):
    lines = "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s" % (method, path, host, head)
    if "ransfer-" not in head and "ontent-Length" not in head:
        lines += "Content-Length: %d\r\n" % len(body)
    return lines.encode() + b"\r\n" + body


def chat(text):
    return json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}).encode()


def send_raw(prefix, data, patience_s=20):
    command = [*prefix, *RAW, "api.openai.com", str(patience_s)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE_S)
    return json.loads(done.stdout)


def hostile_requests():
    """(name, bytes); none of them may arrive."""
    ok = chat("hello")
    whole = http(ok)
    yield "truncated JSON", http(ok[:-1])
    yield "duplicate key", http(b'{"model":"m","messages":[],"messages":' + ok[len(b'{"model": "gpt-4o-mini", "messages": '):])
    yield "invalid UTF-8", http(chat("hello").replace(b"hello", b"\xff\xfe"))
    yield "lone surrogate", http(chat("hello").replace(b"hello", b"\\ud800"))
    yield "JSON with text behind it", http(ok + b"{}")
    yield "nested too deep", http(b'{"a":' * 1000 + b"1" + b"}" * 1000)
    yield "no JSON at all", http(b"hello")
    yield "Host of another", http(ok, host="example.org")
    yield "two Hosts", http(ok, head="Host: example.org\r\n")
    yield "two lengths", http(ok, head="Content-Length: %d\r\nContent-Length: 3\r\n" % len(ok))
    yield "length and chunked", http(b"0\r\n\r\n", head="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
    yield "bad chunk", http(b"zz\r\nhello\r\n0\r\n\r\n", head="Transfer-Encoding: chunked\r\n")
    yield "unknown transfer coding", http(ok, head="Transfer-Encoding: gzip, chunked\r\n")
    yield "bare line feeds", whole.replace(b"\r\n", b"\n", 2)
    yield "a space before the colon", whole.replace(b"Content-Type:", b"Content-Type :")
    yield "folded header", whole.replace(b"Content-Type:", b"X-A: b\r\n c\r\nContent-Type:")
    yield "two requests at once", whole + http(chat(FORBIDDEN))
    yield "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
    yield "not HTTP", bytes(range(256))
    yield "unknown content coding", http(ok, head="Content-Encoding: pigeon\r\n")
    yield "body over the limit", http(chat("x" * (33 << 20)))
    yield "head over the limit", http(ok, head="X-Long: %s\r\n" % ("x" * 70000))
    yield "the word, chunked", http(b"%x\r\n%s\r\n0\r\n\r\n" % (len(chat(FORBIDDEN)), chat(FORBIDDEN)),
                                    head="Transfer-Encoding: chunked\r\n")
    yield "the word, escaped", http(chat(FORBIDDEN).replace(b"lab", b"\\u006c\\u0061\\u0062"))
    yield "the word in capitals", http(chat(FORBIDDEN.upper()))
    yield "the word in parts", http(json.dumps({"model": "m", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "see: " + FORBIDDEN}]}]}).encode())


def hostile(daemon, data):
    mark = wire.mark()
    send_raw([], data, patience_s=0.05)
    if not wire.data_bytes(mark):
        return "without aicp it does not arrive either"
    mark = wire.mark()
    report = send_raw(daemon.run_prefix(), data)
    return wrong_refusal(report, mark)


def good_raw(daemon, data, text):
    mark = wire.mark()
    report = send_raw(daemon.run_prefix(), data)
    return wrong_pass(report, mark, text)


def check_input(tap):
    daemon = Daemon("input").start()
    for name, data in hostile_requests():
        tap.check("refused: " + name, hostile, daemon, data)
    text = marker()
    chunks = b"".join(b"%x;x=y\r\n%s\r\n" % (len(piece), piece) for piece in (chat(text)[:50], chat(text)[50:]))
    chunked = http(chunks + b"0\r\n\r\n", head="Transfer-Encoding: chunked\r\n")
    tap.check("passes: chunked", good_raw, daemon, chunked, text)
    text = marker()
    tap.check("passes: 1 MB body", good_raw, daemon, http(chat(text + "y" * 1000000)), text)
    text = marker()
    tap.check("passes: 20 MB body", good_raw, daemon, http(chat(text + "y" * 20000000)), text)
    mark, text = wire.mark(), marker()
    head = send_raw(daemon.run_prefix(), http(b"", method="HEAD", path="/v1/models?" + text))
    tap.check("passes: HEAD", lambda: wrong_pass(head, mark, text))
    tap.check("still passes after all that", passes, daemon)
    verify = daemon.aicp("ledger", "verify")
    tap.ok(verify.returncode == 3, "and the ledger is intact", verify)
    daemon.stop()


CHECKS = {"daemon": check_daemon, "open": check_open, "monitor": check_monitor, "disk": check_disk, "key": check_key, "start": check_start,
          "input": check_input}


def main():
    tap = Tap()
    for name in sys.argv[1:] or CHECKS:
        try:
            CHECKS[name](tap)
        except Exception as error:  # a part that cannot even begin has failed
            tap.ok(False, "%s: runs to its end" % name, repr(error))
            Daemon.kill_any()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
