# SPDX-License-Identifier: MIT
"""Clients of an Ollama on this machine under a real daemon, inside the lab, in clear; prints TAP.

Two stand-ins listen in the lab's own network: localhost:11434, which ships as a governed endpoint, and localhost:11435, which
nobody governs. Their logs are the proof of what arrived.
"""

import os
import subprocess
import sys
import time

LAB = os.environ["LAB"]
os.environ["LAB_LOG"] = LAB + "/clear.log"
open(os.environ["LAB_LOG"], "w").close()

import drive_clients
import drive_hold
import labclients
from labdaemon import FORBIDDEN, Daemon
from tap import Tap
from wirelog import Wirelog

HERE = os.path.dirname(os.path.abspath(__file__))
other = Wirelog(LAB + "/other.log")


def stand_in(port, name, log):
    ready = "%s/ready.%d" % (LAB, port)
    process = subprocess.Popen(["/usr/bin/python3", HERE + "/provider.py", "--clear", name, "--port", str(port), "--log", log,
                                "--ready", ready])
    while not os.path.exists(ready):
        if process.poll() is not None:
            raise RuntimeError("the stand-in did not start")
        time.sleep(0.02)


def ungoverned(client, daemon):
    """What the policy would block passes to a port that is not Ollama's, and nobody is asked."""
    mark, text, before = other.mark(), drive_clients.marker(), len(daemon.decisions())
    report = client.run([FORBIDDEN + " " + text], daemon.run_prefix(), shape="local")[0]
    if report["status"] != 200 or other.reached(text, mark) != 1:
        return "%s, reached %d" % (report, other.reached(text, mark))
    return None if len(daemon.decisions()) == before else "somebody was asked"


def ungoverned_gone(client, prefix):
    mark, text = other.mark(), drive_clients.marker()
    report = client.run([FORBIDDEN + " " + text], prefix, shape="local")[0]
    return None if report["status"] == 200 and other.reached(text, mark) == 1 else report


def host_differs(daemon):
    """Connected to Ollama's address, with a Host that says otherwise: refused, nothing arrives."""
    mark, text = drive_clients.wire.mark(), drive_clients.marker()
    body = '{"model":"m","messages":[{"role":"user","content":"%s"}]}' % text
    done = subprocess.run([*daemon.run_prefix(), "curl", "-sS", "-m", "20", "-H", "Host: another.example", "-d", body,
                           "http://localhost:11434/api/chat"], capture_output=True, text=True, timeout=40)
    if "names another host" not in done.stdout or drive_clients.wire.reached(text, mark):
        return "%s%s" % (done.stdout, done.stderr)
    return None


def records(daemon):
    """The log says that it was clear, and where."""
    rows = daemon.decisions()
    wrong = [row for row in rows if row.get("url.scheme") != "http" or row.get("server.port") != 11434]
    return wrong[:2] or (None if rows else "no decisions")


def main():
    tap = Tap("clear: ")
    stand_in(11434, "ollama", os.environ["LAB_LOG"])
    stand_in(11435, "example.org", other.path)
    chosen = [client for client in labclients.CLEAR if not sys.argv[1:] or client.name in sys.argv[1:]]
    # SDKs have one host to talk to.
    anywhere = [client for client in chosen if client.script not in ("ollama_sdk.js", "openai_sdk.js")]
    for client in chosen:
        tap.check("%s reaches the server without aicp" % client.name, drive_clients.without_aicp, client)
    daemon = Daemon("clear", policy=drive_hold.POLICIES).start()
    for client in chosen:
        tap.check("%s: allowed" % client.name, drive_clients.allowed, client, daemon)
        tap.check("%s: blocked, nothing arrives" % client.name, drive_clients.blocked, client, daemon)
        tap.check("%s: redacted, the word does not arrive" % client.name, drive_clients.redacted, client, daemon)
        tap.check("%s: kept alive, allow allow block allow" % client.name, drive_clients.kept_alive, client, daemon)
        tap.check("%s: held and approved" % client.name, drive_hold.approved, client, daemon)
        tap.check("%s: held and rejected" % client.name, drive_hold.rejected, client, daemon)
        if client.script not in ("curl.py", "wget.py"):  # the program they start outlives them
            tap.check("%s: gives up, retry joins" % client.name, drive_hold.given_up, client, daemon)
    for client in anywhere:
        tap.check("%s: another port of localhost is left alone" % client.name, ungoverned, client, daemon)
    tap.check("a Host that says otherwise is refused", host_differs, daemon)
    tap.check("records say that it was clear", records, daemon)
    drive_clients.check_ledger(tap, daemon, len(drive_clients.markers_refused))

    daemon.start().kill()
    for client in chosen:
        tap.check("%s: daemon killed, refused" % client.name, drive_clients.daemon_gone, client, daemon)
    for client in anywhere:
        tap.check("%s: daemon killed, another port is left alone" % client.name, ungoverned_gone, client,
                  daemon.run_prefix())
    gone = drive_clients.markers_refused + drive_hold.never
    leaked = [text for text in gone if drive_clients.wire.reached(text)]
    tap.ok(not leaked, "none of the %d refused requests is in the server's log" % len(gone), leaked)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
