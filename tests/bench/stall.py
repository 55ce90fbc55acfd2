#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long the event loop of a program stands still while one of its requests waits three seconds for people.

Runs inside the lab (tests/bench/run starts it). The longest gap between ticks of the loop, in three seconds with a request
that is allowed and in three with one that is held, in turns; the least of each, as whatever else the machine does makes gaps too. Prints RESULT lines.
"""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/lab")
from holds import POLICY
from labdaemon import Daemon
from latency import result

HERE = os.path.dirname(os.path.abspath(__file__))
TURNS, HOLD_S = 3, 3
URL = "https://api.openai.com/v1/chat/completions"


def gap(daemon, program, prompt):
    """Runs the program once, approves what it asks for after a while; its longest gap in ms."""
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]})
    process = subprocess.Popen([*daemon.run_prefix(), *program, URL, body, str(HOLD_S)], stdout=subprocess.PIPE, text=True)
    while "bench-hold" in prompt and process.poll() is None:
        rows = daemon.api("/api/approvals/pending")["pending"]
        if rows:
            time.sleep(HOLD_S)
            daemon.call("/api/approvals/%s/approve" % rows[0]["approval_id"], {"rationale": "bench"})
            break
        time.sleep(0.05)
    status, longest = process.communicate(timeout=60)[0].split()
    if status != "200":
        raise SystemExit("stall: %s answers %s" % (program[-1], status))
    return float(longest)


def main():
    daemon = Daemon("stall", policy=POLICY).start()
    programs = {"aiohttp": ["/usr/bin/python3", HERE + "/loop_gap.py"],
                "Node 18 fetch": [os.environ["LAB_NODE18"], HERE + "/loop_gap.js"]}
    for name, program in programs.items():
        allowed, held = [], []
        for turn in range(TURNS):
            allowed.append(gap(daemon, program, "hello %d" % turn))
            held.append(gap(daemon, program, "bench-hold %s %d" % (name, turn)))
        result("%s: longest gap of its loop, allowed" % name, min(allowed), "ms")
        result("%s: longest gap of its loop, held %d s" % (name, HOLD_S), min(held), "ms")
        result("%s: more by a hold" % name, min(held) - min(allowed), "ms", "<= 30")
    daemon.stop()


if __name__ == "__main__":
    main()
