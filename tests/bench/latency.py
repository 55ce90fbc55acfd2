#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What aicp adds to one allowed 4 KB chat request on a kept-alive TLS connection, beside what the machine itself costs.

Runs inside the lab (tests/bench/run starts it). In turns, in one run: requests without aicp, requests under `aicp run`
(shim, engine, ledger, durable record), bare durable commits, Unix round trips. Added latency is a difference
of percentiles: with aicp minus without. Prints RESULT lines, see tests/bench/run.

Argument: a folder on a real disk, for the ledger and for the bare commits.
"""

import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/tests/lab")
from labdaemon import Daemon

BENCH = ROOT + "/build/release/bench"
ROUNDS, PER_ROUND, WARM_UP = 60, 50, 100
REQUEST_BYTES = 4096
POLICY = """\
policy: bench-forbidden-word
description: Looks at the prompt of every request and never matches.
when:
  field: prompt
  contains: a word that is not there
then: block
reason: never
"""


class Worker:
    """A program that answers each line "[what] N" with N lines of nanoseconds."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, line, count):
        self.process.stdin.write("%s %d\n" % (line, count))
        self.process.stdin.flush()
        return [int(self.process.stdout.readline()) for _ in range(count)]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))] / 1000


def request_file(path):
    """A chat request of REQUEST_BYTES in all."""
    def text(filler):
        body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x " * filler}]})
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nAuthorization: Bearer sk-bench\r\n"
        return "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)

    filler = (REQUEST_BYTES - len(text(0))) // 2
    with open(path, "w") as file:
        file.write(text(filler))
    return path


def server():
    ca = os.environ["LAB"] + "/ca/provider"
    command = ["nsenter", "--net=" + os.environ["LAB_PROVIDER_NET"], BENCH + "/tls_pair", "server", "10.77.0.2", "443"]
    process = subprocess.Popen([*command, ca + ".pem", ca + ".key"], stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise SystemExit("latency: the server did not start")
    return process


def idle_pss_kib(daemon):
    time.sleep(2)
    total = 0
    for pid in daemon.pids():
        with open("/proc/%d/smaps_rollup" % pid) as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def result(name, value, unit, bound=""):
    print("RESULT\t%s\t%.4g\t%s\t%s" % (name, value, unit, bound))


def report(samples):
    at = {(name, share): percentile(values, share) for name, values in samples.items() for share in (0.5, 0.99)}
    for share, label, factor in ((0.5, "p50", 1.5), (0.99, "p99", 3)):
        for name in samples:
            result("latency: %s, %s" % (name, label), at[name, share], "us")
        added = at["request with aicp", share] - at["request without aicp", share]
        floor = at["bare durable commit", share] + 2 * at["Unix round trip", share]
        result("latency: added by aicp, %s" % label, added, "us")
        result("latency: commit + two round trips, %s" % label, floor, "us")
        result("latency: added / (commit + two round trips), %s" % label, added / floor, "times", "<= %g" % factor)


def main():
    folder = sys.argv[1]
    daemon = Daemon("bench", policy=POLICY, state_dir=folder + "/state").start()
    pss = idle_pss_kib(daemon)
    serving = server()
    client = [BENCH + "/tls_pair", "client", "api.openai.com", "443", request_file(os.environ["LAB"] + "/request")]
    without, governed = Worker(client), Worker([*daemon.run_prefix(), *client])
    floor = Worker([BENCH + "/floor", folder])
    turns = (("request without aicp", without, ""), ("request with aicp", governed, ""),
             ("bare durable commit", floor, "commit"), ("Unix round trip", floor, "roundtrip"))
    samples = {name: [] for name, _, _ in turns}
    for name, worker, line in turns:
        worker.measure(line, WARM_UP)
    for _ in range(ROUNDS):
        for name, worker, line in turns:
            samples[name] += worker.measure(line, PER_ROUND)
    for worker in (without, governed, floor):
        worker.stop()
    serving.terminate()
    recorded = len(json.loads(daemon.aicp("--json", "log", "--limit", "10000").stdout))
    if recorded < ROUNDS * PER_ROUND:
        raise SystemExit("latency: only %d records for %d requests: they were not governed" % (recorded, ROUNDS * PER_ROUND))
    daemon.stop()
    report(samples)
    result("idle memory of all roles (PSS)", pss / 1024, "MiB", "<= 48")


if __name__ == "__main__":
    main()
