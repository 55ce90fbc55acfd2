# SPDX-License-Identifier: MIT
"""Every real client under a real daemon, inside the lab; prints TAP. One argument: the TLS version, for names.

Each client is first shown to reach the stand-in without aicp; then every refusal is proven by the stand-in's own log,
byte for byte, not by what the client was told.
"""

import json
import os
import sys
import uuid

import labclients
from labdaemon import FORBIDDEN, SECRET, Daemon
from tap import Tap
from wirelog import Wirelog

wire = Wirelog()
markers_refused = []


def marker():
    return "marker-" + uuid.uuid4().hex


def refused():
    """A prompt that the lab's policy blocks; it must never be seen at the stand-in."""
    text = marker()
    markers_refused.append(text)
    return "%s %s" % (FORBIDDEN, text), text


def wrong_refusal(client, report, *words):
    """None when the report is a refusal in the provider's own error shape that contains all words."""
    if report["status"] != 403:
        return "status is not 403: %s" % report
    if client.sdk and (report["class"] != "PermissionDeniedError" or report["attempts"] != 1):
        return "not one attempt that ended in PermissionDeniedError: %s" % report
    body = json.loads(report["body"])
    if client.shape == "ollama":
        # The SDK has taken the outer object off.
        message = body if isinstance(body, str) else body["error"]
    elif client.shape == "messages":
        if body.get("type") != "error" or body["error"].get("type") != "permission_error":
            return "not Anthropic's error shape: %s" % body
        message = body["error"]["message"]
    else:
        # The SDK has taken the outer object off.
        error = body if client.sdk else body.get("error", {})
        if not {"message", "type", "param", "code"} <= set(error):
            return "not OpenAI's error shape: %s" % body
        message = error["message"]
    missing = [word for word in words if word.lower() not in message.lower()]
    return "message lacks %s: %s" % (missing, message) if missing else None


def wrong_counts(mark, reached, text):
    if wire.reached(text, mark) != reached:
        return "%d connections carried the request, not %d" % (wire.reached(text, mark), reached)
    if not reached and wire.data_bytes(mark):
        return "%d bytes of application data arrived" % wire.data_bytes(mark)
    return None


def without_aicp(client):
    """A request that the policy would block arrives when aicp is not there: the tests below can fail."""
    mark, text = wire.mark(), marker()
    report = client.run([FORBIDDEN + " " + text])[0]
    return wrong_counts(mark, 1, text) or (None if report["status"] == 200 else report)


def allowed(client, daemon):
    mark, text = wire.mark(), marker()
    report = client.run([text], daemon.run_prefix())[0]
    if report["status"] != 200:
        return report
    if client.sdk and "stand-in heard you" not in report["body"]:
        return "the answer was not read: %s" % report
    return wrong_counts(mark, 1, text)


def witnessed(client, daemon):
    """What came back is in the ledger: every byte was seen, and the tokens are those that the stand-in counted."""
    mark, text = wire.mark(), marker()
    report = client.run([text], daemon.run_prefix())[0]
    if report["status"] != 200:
        return report
    record = daemon.witnessed()[0]
    if record["gen_ai.response.model"] != record["gen_ai.request.model"]:
        return "the model is %s" % record["gen_ai.response.model"]
    return wire.wrong_response(record, mark)


def blocked(client, daemon):
    mark, (prompt, text) = wire.mark(), refused()
    report = client.run([prompt], daemon.run_prefix())[0]
    return wrong_refusal(client, report, "the lab forbids this word") or wrong_counts(mark, 0, text)


def kept_alive(client, daemon):
    mark, texts, (prompt, blocked_text) = wire.mark(), [marker() for _ in range(3)], refused()
    reports = client.run([texts[0], texts[1], prompt, texts[2]], daemon.run_prefix())
    statuses = [report["status"] for report in reports]
    if statuses != [200, 200, 403, 200]:
        return "%s: %s" % (statuses, reports)
    reached = [wire.reached(text, mark) for text in (*texts, blocked_text)]
    if reached != [1, 1, 1, 0]:
        return "reached: %s" % reached
    return wrong_refusal(client, reports[2], "the lab forbids this word")


def redacted(client, daemon):
    """The rest of the prompt arrives, before and behind the word; the word does not."""
    mark, before, behind = wire.mark(), marker(), marker()
    reports = client.run(["%s %s %s" % (before, SECRET, behind), before], daemon.run_prefix())
    if [report["status"] for report in reports] != [200, 200]:
        return reports
    if wire.reached(SECRET, mark):
        return "the word arrived"
    whole = "%s [REDACTED:lab-hides-word] %s" % (before, behind)
    return None if wire.reached(whole, mark) == 1 else "the rest did not arrive as it was: %s" % wire.plaintexts(mark)


def daemon_gone(client, daemon):
    mark, text = wire.mark(), marker()
    markers_refused.append(text)
    report = client.run([text], daemon.run_prefix())[0]
    return wrong_refusal(client, report, "aicp") or wrong_counts(mark, 0, text)


def ungoverned(client, daemon, shape="plain"):
    mark, text = wire.mark(), marker()
    report = client.run([FORBIDDEN + " " + text], daemon.run_prefix(), shape=shape)[0]
    return wrong_counts(mark, 1, text) or (None if report["status"] == 200 else report)


def found_in_files(folder, needle):
    """Files below folder that contain needle."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and needle in open(full, "rb").read():
                found.append(full)
    return found


def check_ledger(tap, daemon, refusals):
    """What the daemon wrote: every refusal, no credential, a ledger that verifies."""
    records = daemon.decisions()
    blocks = sum("block" in json.dumps(record) for record in records)
    tap.ok(blocks >= refusals, "the log holds every refusal", "%d of %d: %s" % (blocks, refusals, records[:3]))
    sys.path.insert(0, labclients.CLIENTS)
    from ask import CANARY

    exports = daemon.aicp("--json", "log", "--limit", "1000").stdout + daemon.aicp("ledger", "export").stdout
    tap.ok(CANARY not in exports, "no credential in what the log and the export print")
    verify = daemon.aicp("ledger", "verify")
    tap.ok(verify.returncode == 3, "the ledger is intact and says that it is not anchored", verify)
    status = daemon.stop()
    tap.ok(status == 0, "the daemon stops in order", "exit status %s\n%s" % (status, daemon.log()))
    verify = daemon.aicp("ledger", "verify")
    tap.ok(verify.returncode == 3, "the ledger of a stopped daemon is intact", verify)
    found = found_in_files(daemon.folder, CANARY.encode())
    tap.ok(not found, "no credential in any file of the daemon", found)


def main():
    tap = Tap("TLS %s: " % sys.argv[1])
    chosen = [client for client in labclients.ALL if not sys.argv[2:] or client.name in sys.argv[2:]]
    for client in chosen:
        tap.check("%s reaches the provider without aicp" % client.name, without_aicp, client)

    daemon = Daemon("enforcing").start()
    for client in chosen:
        tap.check("%s: allowed" % client.name, allowed, client, daemon)
        tap.check("%s: what came back is recorded" % client.name, witnessed, client, daemon)
        tap.check("%s: blocked, nothing arrives" % client.name, blocked, client, daemon)
        tap.check("%s: redacted, the word does not arrive" % client.name, redacted, client, daemon)
        tap.check("%s: kept alive, allow allow block allow" % client.name, kept_alive, client, daemon)
    tap.check("an ungoverned host is left alone", ungoverned, chosen[0], daemon)
    refusals = len(markers_refused)
    check_ledger(tap, daemon, refusals)

    daemon.start().kill()
    for client in chosen:
        tap.check("%s: daemon killed, refused" % client.name, daemon_gone, client, daemon)
        if not client.sdk:  # an SDK has one host to talk to
            tap.check("%s: daemon killed, an ungoverned host is left alone" % client.name, ungoverned, client, daemon)

    daemon = Daemon("open", fail="open").start()
    daemon.kill()
    for client in chosen:
        tap.check("%s: daemon killed with fail open, passes" % client.name, allowed, client, daemon)

    leaked = [text for text in markers_refused if wire.reached(text)]
    tap.ok(not leaked, "none of the %d refused requests is in the provider's log" % len(markers_refused), leaked)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
