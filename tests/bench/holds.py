#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A thousand requests that wait for people: what each keeps in memory, and what an allowed request beside them takes.

Runs inside the lab (tests/bench/run starts it). Memory is proportional set size, of the program that waits and of all roles,
with the requests sent minus with the connections made. Latency is measured before, beside and after the holds, so that
what else the machine does shows. Prints RESULT lines, see tests/bench/run.

Argument: a folder on a real disk, for the ledger.
"""

import subprocess
import sys
import time

from latency import BENCH, Worker, percentile, pss_kib, request_file, result, serve
from labdaemon import Daemon

HOLDS, ROUNDS, WARM_UP = 1000, 1000, 100
POLICY = """\
policy: bench-holds-word
description: Asks people about a word that only this benchmark uses.
when:
  field: prompt
  contains: bench-hold
then: hold
reason: to be asked
"""


def measure(without, governed):
    """Added by aicp at the median, in microseconds; one of each in turns."""
    samples = [], []
    for _ in range(ROUNDS):
        for worker, values in zip((without, governed), samples):
            values += worker.measure("", 1)
    return percentile(samples[1], 0.5) - percentile(samples[0], 0.5)


def until_held(daemon):
    deadline = time.monotonic() + 60
    while daemon.api("/api/status")["engine"]["holds"] < HOLDS:
        if time.monotonic() > deadline:
            raise SystemExit("holds: only %d are held" % daemon.api("/api/status")["engine"]["holds"])
        time.sleep(0.1)


def main():
    serving = serve()
    daemon = Daemon("holding", policy=POLICY, state_dir=sys.argv[1] + "/holds").start()
    client = [BENCH + "/tls_pair", "client", "api.openai.com", "443", request_file("/run/lab/request")]
    without, governed = Worker(client), Worker([*daemon.run_prefix(), *client])
    for worker in (without, governed):
        worker.measure("", WARM_UP)
    waiters = subprocess.Popen([*daemon.run_prefix(), BENCH + "/tls_pair", "waiters", "api.openai.com", "443", str(HOLDS),
                                "bench-hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if waiters.stdout.readline() != "connected\n":
        raise SystemExit("holds: the connections were not made")
    before = measure(without, governed)
    program, roles = pss_kib([waiters.pid]), pss_kib(daemon.pids())
    waiters.stdin.write("go\n")
    waiters.stdin.flush()
    if waiters.stdout.readline() != "sent\n":
        raise SystemExit("holds: the requests were not sent")
    until_held(daemon)
    per_hold = (pss_kib([waiters.pid]) - program) / HOLDS, (pss_kib(daemon.pids()) - roles) / HOLDS
    beside = measure(without, governed)
    waiters.stdin.close()
    waiters.wait(30)
    after = measure(without, governed)
    for worker in (without, governed):
        worker.stop()
    daemon.stop()
    serving.terminate()
    result("%d holds: memory in the program, each" % HOLDS, per_hold[0], "KiB")
    result("%d holds: memory in all roles, each" % HOLDS, per_hold[1], "KiB")
    result("%d holds: memory in all, each" % HOLDS, sum(per_hold), "KiB", "<= 64")
    result("added by aicp without holds, p50", (before + after) / 2, "us")
    result("added by aicp beside %d holds, p50" % HOLDS, beside, "us")
    result("added beside %d holds : without, p50" % HOLDS, beside / ((before + after) / 2), "times", "<= 1.5")


if __name__ == "__main__":
    main()
