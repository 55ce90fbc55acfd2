# SPDX-License-Identifier: MIT
"""Every real client held by a real daemon, inside the lab; prints TAP. One argument: the TLS version, for names.

People are played by the API and by `aicp approval`. Nothing of a request that waits is at the stand-in; what arrives after
an approval is the request that was shown; what is refused or given up never arrives.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

import labclients
from labdaemon import POLICY, Daemon
from tap import Tap
from wirelog import Wirelog

wire = Wirelog()
never = []  # markers of requests that must not arrive
WORD = "lab-held"
POLICIES = POLICY + """\
---
policy: lab-holds-word
description: Asks people about a word that only the lab's tests use.
when:
  field: prompt
  contains: %s
then: hold
reason: the lab wants to be asked
""" % WORD
TIMEOUT_S = 15


def marker():
    return "marker-" + uuid.uuid4().hex


def start(client, prompts, daemon, shape=None):
    """The client under aicp, running; its reports come with finish()."""
    command = [*daemon.run_prefix(), *client.command(), shape or client.shape, *prompts]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, **client.env}, start_new_session=True)


def finish(process):
    out, err = process.communicate(timeout=40)
    reports = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if not reports:
        raise RuntimeError("no report, exit status %s: %s%s" % (process.returncode, out, err))
    return reports


def until(look, what):
    """The first thing that look() gives, within a while."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise RuntimeError("waited in vain for " + what)


def pending(daemon, text):
    """The pending approval whose request holds text."""
    def look():
        for row in daemon.api("/api/approvals/pending")["pending"]:
            if text in json.dumps(daemon.api("/api/approvals/" + row["approval_id"])):
                return row["approval_id"]
        return None
    return until(look, "an approval for " + text)


def held(daemon, count):
    """Waits until so many requests are in the engine's hands."""
    until(lambda: daemon.api("/api/status")["engine"]["holds"] == count, "%d holds" % count)


def decide(daemon, approval, word):
    """word: approve or reject."""
    status, answer = daemon.call("/api/approvals/%s/%s" % (approval, word), {"rationale": "the lab says so"})
    if status != 200:
        raise RuntimeError("%s: %d %s" % (word, status, answer))


def ends(daemon, approval):
    """How the holds of an approval ended, by its history."""
    history = daemon.api("/api/approvals/%s/history" % approval)["decision_history"]
    return [entry["body"]["outcome"] for entry in history if entry["event_type"] == "hold.ended"]


def approved(client, daemon):
    """Allow, hold, allow on one kept-alive client: the held one arrives only when it may."""
    mark, texts = wire.mark(), [marker() for _ in range(3)]
    prompts = [texts[0], "%s %s" % (WORD, texts[1]), texts[2]]
    process = start(client, prompts, daemon)
    approval = pending(daemon, texts[1])
    held(daemon, 1)
    if wire.reached(texts[1], mark):
        return "it arrived before anybody approved"
    decide(daemon, approval, "approve")
    statuses = [report["status"] for report in finish(process)]
    reached = [wire.reached(text, mark) for text in texts]
    if statuses != [200, 200, 200] or reached != [1, 1, 1]:
        return "statuses %s, reached %s" % (statuses, reached)
    return None


def rejected(client, daemon):
    mark, text = wire.mark(), marker()
    never.append(text)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    decide(daemon, approval, "reject")
    report = finish(process)[0]
    if report["status"] != 403:
        return "status %s: %s" % (report["status"], report)
    if client.sdk and (report["class"] != "PermissionDeniedError" or report["attempts"] != 1):
        return "not one attempt that ended in PermissionDeniedError: %s" % report
    if approval not in report["body"] or "the lab says so" not in report["body"]:
        return "the answer does not name the approval and the reason: %s" % report["body"]
    return None if not wire.reached(text, mark) else "it arrived"


def given_up(client, daemon):
    """The client goes away; its retry joins, and one approval lets one request pass."""
    mark, text = wire.mark(), marker()
    prompt = "%s %s" % (WORD, text)
    process = start(client, [prompt], daemon)
    approval = pending(daemon, text)
    held(daemon, 1)
    # Some clients of the lab are programs that run the one that asks.
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    held(daemon, 0)
    decide(daemon, approval, "approve")
    if wire.reached(text, mark):
        return "the request of a client that is gone arrived"
    report = finish(start(client, [prompt], daemon))[0]
    if report["status"] != 200 or wire.reached(text, mark) != 1:
        return "the retry did not pass: %s" % report
    process = start(client, [prompt], daemon)
    again = pending(daemon, text)
    if again == approval:
        return "an approval was used twice"
    decide(daemon, again, "reject")
    report = finish(process)[0]
    return None if report["status"] == 403 and wire.reached(text, mark) == 1 else "used twice: %s" % report


# ---- one client is enough for these ---------------------------------------------------------------


def client_waits(client, daemon):
    """What an SDK says of its patience ends the hold before it: one clear answer, and the question stays open."""
    text = marker()
    sdk = labclients.Client("openai chat", "openai_sdk.js", "chat", {"LAB_TIMEOUT_MS": "3000"}, sdk=True)
    begin = time.monotonic()
    process = start(sdk, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    report = finish(process)[0]
    took = time.monotonic() - begin
    if report["status"] != 403 or report["attempts"] != 1 or approval not in report["body"]:
        return "%s" % report
    if pending(daemon, text) != approval:
        return "the question is gone after %.1f s" % took
    decide(daemon, approval, "approve")
    report = finish(start(sdk, ["%s %s" % (WORD, text)], daemon))[0]
    return None if report["status"] == 200 else "the retry did not pass: %s" % report


def many(client, daemon):
    """150 requests of 500 KB at once, every other one approved: each gets its own answer."""
    mark, texts = wire.mark(), [marker() for _ in range(150)]
    at_once = labclients.Client("Node 18 fetch", "fetch_many.js", "chat")
    process = start(at_once, ["%s %s" % (WORD, text) for text in texts], daemon)
    held(daemon, len(texts))
    number = {text: i for i, text in enumerate(texts)}
    for row in daemon.api("/api/approvals/pending?limit=1000")["pending"]:
        body = daemon.api("/api/approvals/" + row["approval_id"])["content"]["body"]
        i = next(number[text] for text in texts if text in body)
        decide(daemon, row["approval_id"], "reject" if i % 2 else "approve")
    statuses = [report["status"] for report in finish(process)]
    arrived = set(re.findall(r"marker-[0-9a-f]{32}", "".join(wire.plaintexts(mark).values())))
    wrong = [i for i in range(150) if statuses[i] != (403 if i % 2 else 200) or (texts[i] in arrived) != (i % 2 == 0)]
    if wrong:
        return "wrong are %s; statuses %s" % (wrong, statuses)
    return None


def joined(client, daemon):
    """Two identical requests at once are one question; the approval is for one of them."""
    mark, text = wire.mark(), marker()
    both = [start(client, ["%s %s" % (WORD, text)], daemon) for _ in range(2)]
    approval = pending(daemon, text)
    held(daemon, 2)
    open_now = [row for row in daemon.api("/api/approvals/pending")["pending"]]
    decide(daemon, approval, "approve")
    statuses = sorted(finish(process)[0]["status"] for process in both)
    if len(open_now) != 1 or statuses != [200, 403] or wire.reached(text, mark) != 1:
        return "%d questions, statuses %s, reached %d" % (len(open_now), statuses, wire.reached(text, mark))
    return None


def rejected_once(client, daemon):
    """After a rejection the same request is refused at once, and nobody is asked again."""
    text = marker()
    never.append(text)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    decide(daemon, pending(daemon, text), "reject")
    finish(process)
    report = finish(start(client, ["%s %s" % (WORD, text)], daemon))[0]
    asked = daemon.api("/api/approvals/pending")["count"]
    return None if report["status"] == 403 and asked == 0 else "%s, %d questions" % (report, asked)


def decided_twice(client, daemon):
    text = marker()
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    decide(daemon, approval, "approve")
    finish(process)
    done = daemon.aicp("approval", "reject", approval, "--reason", "too late")
    return None if done.returncode and "approved" in done.stdout + done.stderr else "%s" % done


def restarted(client, daemon):
    """The daemon ends with a request in hand: refused. Its question is still there afterwards."""
    mark, text = wire.mark(), marker()
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    held(daemon, 1)
    daemon.kill()
    report = finish(process)[0]
    if report["status"] != 403 or wire.reached(text, mark):
        return "in flight at a crash, and not refused: %s" % report
    daemon.start()
    if pending(daemon, text) != approval:
        return "the question did not survive"
    decide(daemon, approval, "approve")
    report = finish(start(client, ["%s %s" % (WORD, text)], daemon))[0]
    if report["status"] != 200 or wire.reached(text, mark) != 1:
        return "the approval did not survive: %s" % report
    return None if "refused" in ends(daemon, approval) else "the hold has no end: %s" % ends(daemon, approval)


def role_pid(daemon, role):
    for pid in daemon.pids():
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            if role.encode() in file.read():
                return pid
    raise RuntimeError("no process of the " + role)


def engine_killed(client, daemon):
    text = marker()
    never.append(text)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    held(daemon, 1)
    os.kill(role_pid(daemon, "engine"), signal.SIGKILL)
    report = finish(process)[0]
    if report["status"] != 403:
        return "not refused: %s" % report
    until(lambda: daemon.healthy(), "the engine to be back")
    until(lambda: "refused" in ends(daemon, approval), "the hold's end")
    decide(daemon, approval, "reject")
    return None


def ledger_killed(client, daemon):
    """A request goes on waiting while the ledger is started again."""
    mark, text = wire.mark(), marker()
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    held(daemon, 1)
    os.kill(role_pid(daemon, "ledger"), signal.SIGKILL)
    time.sleep(0.2)
    until(lambda: daemon.healthy(), "the ledger to be back")
    if wire.reached(text, mark) or process.poll() is not None:
        return "it did not wait"
    decide(daemon, approval, "approve")
    report = finish(process)[0]
    return None if report["status"] == 200 else "not released: %s" % report


def ledger_late(client, daemon):
    """Nobody waits for a ledger that does not answer; what it records afterwards has an end, and a retry joins."""
    mark, text = wire.mark(), marker()
    prompt = "%s %s" % (WORD, text)
    ledger = role_pid(daemon, "ledger")
    os.kill(ledger, signal.SIGSTOP)
    try:
        report = finish(start(client, [prompt], daemon))[0]
    finally:
        os.kill(ledger, signal.SIGCONT)
    if report["status"] != 403 or wire.reached(text, mark):
        return "not refused: %s" % report
    approval = pending(daemon, text)
    until(lambda: ends(daemon, approval) == ["refused"], "the hold's end")
    row = daemon.api("/api/approvals/" + approval)
    entry = daemon.api("/api/logs/" + row["execution_id"])
    if entry["status"] != "blocked" or entry["approval"]["hold_reason"] != "no-record":
        return "the log says %s" % entry
    decide(daemon, approval, "approve")
    report = finish(start(client, [prompt], daemon))[0]
    return None if report["status"] == 200 and wire.reached(text, mark) == 1 else "the retry did not pass: %s" % report


def stopped(client, daemon):
    """An orderly stop ends what waits."""
    text = marker()
    never.append(text)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    held(daemon, 1)
    status = daemon.stop()
    report = finish(process)[0]
    daemon.start()
    decide(daemon, approval, "reject")
    if status != 0 or report["status"] != 403 or approval not in report["body"]:
        return "exit status %s, %s" % (status, report)
    return None


def not_your_own(client, daemon):
    """Whoever asks is not who approves; root is, and it is on record."""
    text = marker()
    command = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", *daemon.run_prefix(), "curl", "-sS", "-m", "20",
               "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/json",
               "-d", json.dumps({"model": "m", "messages": [{"role": "user", "content": WORD + text}]}),
               "https://api.openai.com/v1/chat/completions"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    approval = pending(daemon, text)
    # 1000 may approve on this host, but not this.
    own = subprocess.run(["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", *daemon.aicp_command(),
                          "approval", "approve", approval, "--reason", "mine"], capture_output=True, text=True, timeout=20)
    decide(daemon, approval, "approve")
    status = process.communicate(timeout=20)[0]
    if own.returncode == 0 or status != "200":
        return "%s %s" % (own, status)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, "lab-held " + text)
    decide(daemon, approval, "approve")
    finish(process)
    record = daemon.api("/api/approvals/" + approval)
    return None if record.get("self_approved") is True else "root's own approval is not marked: %s" % record


def obligations(client, daemon):
    """What others redact is out before people look, and stays out."""
    mark, text = wire.mark(), marker()
    process = start(client, ["%s lab-secret %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    record = daemon.api("/api/approvals/" + approval)
    shown = json.dumps([record["content"], record["shown"]])
    marked = [piece["text"] for piece in record["shown"] if "lab-holds-word" in piece["policies"]]
    decide(daemon, approval, "approve")
    report = finish(process)[0]
    if "lab-secret" in shown or "[REDACTED:lab-hides-word]" not in shown or marked != [WORD]:
        return "marked %s, shown: %s" % (marked, shown)
    if report["status"] != 200 or wire.reached("lab-secret", mark) or not wire.reached("[REDACTED:lab-hides-word]", mark):
        return "arrived otherwise: %s" % report
    return None


def hostile_text(client, daemon):
    """What would hide from a reader is made visible to people."""
    text = marker()
    process = start(client, ["%s \u202e\x1b[2J %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    shown = daemon.aicp("approval", "show", approval).stdout
    decide(daemon, approval, "approve")
    finish(process)
    if "\x1b" in shown or "\u202e" in shown or text not in shown or WORD not in shown:
        return repr(shown)
    return None


def expired(client, daemon):
    """Its own configuration: questions are open for two seconds."""
    text = marker()
    never.append(text)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    report = finish(process)[0]
    state = daemon.api("/api/approvals/" + approval)["status"]
    done = daemon.aicp("approval", "approve", approval, "--reason", "too late")
    if report["status"] != 403 or state not in ("expired", "timeout") or done.returncode == 0:
        return "%s %s %s" % (report, state, done)
    return None


def strict(client, daemon):
    text = marker()
    never.append(text)
    process = start(client, ["%s %s" % (WORD, text)], daemon)
    approval = pending(daemon, text)
    done = daemon.aicp("approval", "approve", approval, "--reason", "mine")
    process.kill()
    process.communicate()
    return None if done.returncode != 0 else "root approved a request of its own: %s" % done


def verdict(daemon, prompt):
    """What the engine says to a shim that cannot wait: (decision id, answer)."""
    host = b"api.openai.com"
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (host, len(body))
    request = head + body
    frame = struct.pack("<IHHIIIIII", 0x50434941, 1, 1, 0, 0, len(host), len(request), len(head), 0) + host + request
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as shim:
        shim.settimeout(TIMEOUT_S)
        shim.connect(daemon.runtime_dir + "/shim.sock")
        shim.send(frame)
        said = shim.recv(65536)
    return said[16:40].decode(), said[56:].decode()


def crowded(client, daemon):
    """As many questions as a user may ask; the next request is refused, and recorded with its end."""
    waiting = [verdict(daemon, "%s %d" % (WORD, n)) for n in range(1024)]
    decision, answer = verdict(daemon, "%s too many" % WORD)
    if "has to approve" not in waiting[-1][1]:
        return "no question: %s" % (waiting[-1],)
    if "too many requests wait" not in answer or daemon.api("/api/approvals/pending")["count"] != 1024:
        return "not refused: %s" % answer
    entry = until(lambda: daemon.api("/api/logs/" + decision), "the decision")
    if entry["status"] != "blocked" or entry["approval"]["hold_reason"] != "holds-full":
        return "the log says %s" % entry
    counts = daemon.api("/api/status")["engine"]
    return None if counts["unrecorded"] == 0 else "counted as not recorded: %s" % counts


def main():
    tap = Tap("TLS %s: " % sys.argv[1])
    chosen = [client for client in labclients.ALL if not sys.argv[2:] or client.name in sys.argv[2:]]
    daemon = Daemon("holding", policy=POLICIES, **{"approvals.approvers": "[1000]"}).start()
    for client in chosen:
        tap.check("%s: held and approved" % client.name, approved, client, daemon)
        tap.check("%s: held and rejected" % client.name, rejected, client, daemon)
        tap.check("%s: gives up, retry joins" % client.name, given_up, client, daemon)
    client = next(client for client in labclients.ALL if client.name == "requests")
    # These are about the daemon: once is enough.
    for name, check in [] if sys.argv[1] == "1.2" else (("150 at once", many), ("the client says how long it waits", client_waits),
                        ("two at once are one question", joined), ("a rejection is not asked again", rejected_once),
                        ("the first decision counts", decided_twice), ("killed and started again", restarted),
                        ("the engine is killed", engine_killed), ("the ledger is killed", ledger_killed), ("the ledger is late", ledger_late),
                        ("an orderly stop", stopped), ("nobody approves their own", not_your_own),
                        ("obligations are kept", obligations), ("control characters are shown", hostile_text)):
        tap.check(name, check, client, daemon)
    tap.ok(daemon.api("/api/approvals/pending")["count"] == 0, "no question is left open")
    tap.ok(daemon.stop() == 0, "the daemon stops in order", daemon.log())
    tap.ok(daemon.aicp("ledger", "verify").returncode == 3, "the ledger is intact")
    if sys.argv[1] != "1.2":
        configurations(tap, client)
    leaked = [text for text in never if wire.reached(text)]
    tap.ok(not leaked, "none of the %d requests that nobody approved is in the provider's log" % len(never), leaked)
    return tap.done()


def configurations(tap, client):
    daemon = Daemon("expiring", policy=POLICIES, **{"approvals.expiry_seconds": "2"}).start()
    tap.check("a question expires", expired, client, daemon)
    daemon.stop()
    daemon = Daemon("crowded", policy=POLICIES).start()
    tap.check("a thousand questions of one user", crowded, client, daemon)
    daemon.stop()
    daemon = Daemon("strict", policy=POLICIES, **{"approvals.strict": "true"}).start()
    tap.check("approvals.strict binds root as well", strict, client, daemon)
    daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
