#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What aicp adds to one allowed 4 KB chat request on a kept-alive TLS connection, beside what the machine itself costs.

Runs inside the lab (tests/bench/run starts it). In turns, in one run: requests without aicp, requests under `aicp run`
(shim, engine, ledger, durable record), bare durable commits, Unix round trips. Added latency is a difference
of percentiles: with aicp minus without. Then the same with a build of aicpd whose ledger does not wait for the disk, which
shows what is left when the disk is not counted. Prints RESULT lines, see tests/bench/run.

Argument: a folder on a real disk, for the ledger and for the bare commits.
"""

import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/tests/lab")
import labdaemon
from labdaemon import Daemon

BENCH = ROOT + "/build/release/bench"
ROUNDS, WARM_UP = 3000, 100
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


def serve():
    """The server at the other end, ready."""
    ca = os.environ["LAB"] + "/ca/provider"
    command = ["nsenter", "--net=" + os.environ["LAB_PROVIDER_NET"], BENCH + "/tls_pair", "server", "10.77.0.2", "443"]
    process = subprocess.Popen([*command, ca + ".pem", ca + ".key"], stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise SystemExit("latency: the server did not start")
    return process


def pss_kib(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def idle_pss_kib(daemon):
    time.sleep(2)
    return pss_kib(daemon.pids())


def result(name, value, unit, bound=""):
    print("RESULT\t%s\t%.4g\t%s\t%s" % (name, value, unit, bound))


def report(samples, label, floor_name, floor_of, bounds):
    """One row for each measured percentile, and the added latency as a multiple of the floor."""
    for share, mark in ((0.5, "p50"), (0.99, "p99")):
        at = {name: percentile(values, share) for name, values in samples.items()}
        for name, value in at.items():
            result("%s: %s, %s" % (label, name, mark), value, "us")
        added, floor = at["request with aicp"] - at["request without aicp"], floor_of(at)
        result("%s: added by aicp, %s" % (label, mark), added, "us")
        bound = "<= %g" % bounds[share] if share in bounds else ""
        result("%s: added / (%s), %s" % (label, floor_name, mark), added / floor, "times", bound)


def phase(daemon, client, folder):
    """Measures one of each in turns: whatever else the machine does falls on all alike, and each begins with its processes
    asleep. In a loop of its own a round trip takes a tenth of the time, which no real request ever sees."""
    without, governed = Worker(client), Worker([*daemon.run_prefix(), *client])
    floor = Worker([BENCH + "/floor", folder])
    turns = (("request without aicp", without, ""), ("request with aicp", governed, ""),
             ("bare durable commit", floor, "commit"), ("Unix round trip", floor, "roundtrip"))
    samples = {name: [] for name, _, _ in turns}
    for name, worker, line in turns:
        worker.measure(line, WARM_UP)
    for _ in range(ROUNDS):
        for name, worker, line in turns:
            samples[name] += worker.measure(line, 1)
    for worker in (without, governed, floor):
        worker.stop()
    recorded = len(json.loads(daemon.aicp("--json", "log", "--limit", "10000").stdout))
    if recorded < ROUNDS:
        raise SystemExit("latency: only %d records for %d requests: they were not governed" % (recorded, ROUNDS))
    daemon.stop()
    return samples


def main():
    folders = [sys.argv[1] + "/durable", sys.argv[1] + "/volatile"]
    for folder in folders:
        os.mkdir(folder)
        os.chmod(folder, 0o755)
    serving = serve()
    client = [BENCH + "/tls_pair", "client", "api.openai.com", "443", request_file(os.environ["LAB"] + "/request")]

    daemon = Daemon("durable", policy=POLICY, state_dir=folders[0] + "/state").start()
    result("idle memory of all roles (PSS)", idle_pss_kib(daemon) / 1024, "MiB", "<= 48")
    report(phase(daemon, client, folders[0]), "durable", "commit + two round trips",
           lambda at: at["bare durable commit"] + 2 * at["Unix round trip"], {0.5: 1.5, 0.99: 3})

    labdaemon.AICPD = ROOT + "/build/volatile/aicpd"
    daemon = Daemon("volatile", policy=POLICY, state_dir=folders[1] + "/state").start()
    report(phase(daemon, client, folders[1]), "durability off", "round trip",
           lambda at: at["Unix round trip"], {0.5: 2.5})
    serving.terminate()


if __name__ == "__main__":
    main()
