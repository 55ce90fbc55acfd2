# SPDX-License-Identifier: MIT
"""Redaction in the forms that requests take, inside the lab; prints TAP. One argument: the TLS version, for names.

What the stand-in's own log holds is the proof: the marker of each request arrived, the secret beside it never did.
"""

import gzip
import json
import os
import subprocess
import sys
import uuid

import labclients
from labdaemon import FORBIDDEN, POLICY, Daemon
from tap import Tap
from wirelog import Wirelog

wire = Wirelog()
secrets = []
REDACTED = "[REDACTED:hide-tokens]"
CLIENTS = ("curl HTTP/1.1", "aiohttp", "openai chat stream")
POLICIES = POLICY + """\
---
policy: hide-tokens
description: Takes out what the lab's tests call a secret.
when:
  field: prompt
  matches_pattern: 'token-[0-9a-f]{32}'
then: redact
reason: the lab's secrets stay here
"""


def marker():
    return "marker-" + uuid.uuid4().hex


def secret():
    secrets.append("token-" + uuid.uuid4().hex)
    return secrets[-1]


def wrong_arrival(mark, text, hidden):
    """None when a request with text arrived, with the replacement and without hidden."""
    if wire.reached(text, mark) != 1:
        return "%d connections carried the request, not 1" % wire.reached(text, mark)
    if wire.reached(hidden, mark):
        return "the secret arrived"
    if not wire.reached(REDACTED, mark):
        return "no %s arrived" % REDACTED
    return None


def redacted(client, daemon):
    """Allow, redact, block, redact on one kept-alive client."""
    mark, texts, hidden = wire.mark(), [marker() for _ in range(4)], [secret(), secret()]
    prompts = [texts[0], "%s é%s\n" % (texts[1], hidden[0]), "%s %s" % (FORBIDDEN, texts[2]), hidden[1] + texts[3]]
    reports = client.run(prompts, daemon.run_prefix())
    statuses = [report["status"] for report in reports]
    if statuses != [200, 200, 403, 200]:
        return "%s: %s" % (statuses, reports)
    reached = [wire.reached(text, mark) for text in texts]
    if reached != [1, 1, 0, 1]:
        return "reached: %s" % reached
    return wrong_arrival(mark, texts[1], hidden[0]) or wrong_arrival(mark, texts[3], hidden[1])


def request_body(text, hidden, filler=""):
    prompt = "%s %s %s" % (filler, hidden, text)
    return json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]}).encode()


def curl(daemon, body, *arguments):
    """Sends body from a file; (HTTP status, answer)."""
    path = os.path.join(os.environ["LAB"], "body")
    with open(path, "wb") as file:
        file.write(body)
    command = [*daemon.run_prefix(), "curl", "-sS", "-m", "20", "-w", "\n%{http_code}", "-H", "Content-Type: application/json",
               *arguments, "--data-binary", "@" + path, "https://api.openai.com/v1/chat/completions"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40)
    answer, _, status = done.stdout.rpartition("\n")
    return status, answer + done.stderr


def form(daemon, encode, filler, *arguments):
    mark, text, hidden = wire.mark(), marker(), secret()
    status, answer = curl(daemon, encode(request_body(text, hidden, filler)), *arguments)
    if status != "200":
        return "status %s: %s" % (status, answer[:400])
    return wrong_arrival(mark, text, hidden)


def signed(daemon):
    """A body that is signed cannot be rewritten unseen, so it does not leave."""
    mark, text, hidden = wire.mark(), marker(), secret()
    status, answer = curl(daemon, request_body(text, hidden), "-H", "Authorization: AWS4-HMAC-SHA256 Credential=x")
    if status != "403" or "cannot be rewritten" not in answer:
        return "status %s: %s" % (status, answer)
    return None if not wire.data_bytes(mark) else "%d bytes arrived" % wire.data_bytes(mark)


def main():
    tap = Tap("TLS %s: " % sys.argv[1])
    daemon = Daemon("redacting", policy=POLICIES).start()
    for client in (client for client in labclients.ALL if client.name in CLIENTS):
        tap.check("%s: kept alive, allow redact block redact" % client.name, redacted, client, daemon)
    tap.check("a chunked body", form, daemon, bytes, "", "-H", "Transfer-Encoding: chunked")
    tap.check("a compressed body", form, daemon, gzip.compress, "", "-H", "Content-Encoding: gzip")
    tap.check("a body of 3 MB behind Expect", form, daemon, bytes, "word " * 600000)
    tap.check("a signed body is refused", signed, daemon)
    rows = [row for row in daemon.decisions() if row.get("policy_id") == "hide-tokens"]
    expected = 2 * len(CLIENTS) + 4  # the signed one, too
    tap.ok(len(rows) == expected, "every redaction is recorded", "%d of %d" % (len(rows), expected))
    told = daemon.aicp("log", "show", rows[0]["execution_id"]).stdout if rows else ""
    tap.ok("taken out under the policy hide-tokens" in told, "aicp log show says that something was taken out", told)
    tap.ok(daemon.stop() == 0, "the daemon stops in order", daemon.log())
    leaked = [text for text in secrets if wire.reached(text)]
    tap.ok(not leaked, "none of the %d secrets is in the provider's log" % len(secrets), leaked)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
