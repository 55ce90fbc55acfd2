# SPDX-License-Identifier: MIT
"""The API of a running daemon: who is let in, what it tells, and what it never tells."""

import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import labdaemon
from tap import Tap

PORT = 8642
CANARY_KEY = "sk-canary-4f1c9e0b7d"
CANARY_PROMPT = "canary-prompt-93ab55"
WRONG_KEY = "aicp_%08x_%064x"


class Api:
    def __init__(self, key):
        self.key = key

    def ask(self, path, method="GET", key=True, host="127.0.0.1:%d" % PORT, headers=None, body=None):
        """(status, headers, text)."""
        c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        all_headers = {"Host": host, **(headers or {})}
        if key:
            all_headers["Authorization"] = "Bearer " + (self.key if key is True else key)
        if body is not None:
            all_headers.setdefault("Content-Type", "application/json")
            all_headers["Content-Length"] = str(len(body))
        for name, value in all_headers.items():
            c.putheader(name, value)
        c.endheaders()
        if body:
            c.send(body.encode())
        answer = c.getresponse()
        text = answer.read().decode()
        c.close()
        return answer.status, answer.headers, text

    def get(self, path):
        status, _, text = self.ask(path)
        if status != 200:
            raise RuntimeError("GET %s: %d %s" % (path, status, text))
        return json.loads(text)


HELD = "lab-held"
POLICIES = labdaemon.POLICY + """\
---
policy: lab-holds-word
when:
  field: prompt
  contains: %s
then: hold
""" % HELD


def curl(daemon, prompt):
    """One governed request; the status that curl saw."""
    body = json.dumps({"model": "gpt-4o", "user": "<script>\x1b[31m\u202e", "messages": [{"role": "user", "content": prompt}]})
    done = subprocess.run(
        daemon.run_prefix() + ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-d", body,
                               "-H", "Content-Type: application/json", "-H", "Authorization: Bearer " + CANARY_KEY,
                               # Nobody waits for people here.
                               "-H", "X-Server-Timeout: 1",
                               "https://api.openai.com/v1/chat/completions"],
        capture_output=True, text=True, timeout=60)
    return done.stdout


def operations(api):
    """(method, path, operation, body) of the OpenAPI document, parameters filled with what there is."""
    held = next(entry for entry in api.get("/api/logs?limit=100") if entry["policy_id"] == "lab-holds-word")
    known = {"execution_id": held["execution_id"], "policy_id": "lab-forbidden-word", "approval_id": held["approval"]["approval_id"]}
    for path, methods in api.get("/api/openapi.json")["paths"].items():
        for method, operation in methods.items():
            body = '{"rationale": "the lab says so"}' if "{approval_id}" in path else "{}"
            filled = re.sub(r"\{(\w+)\}", lambda match: known[match[1]], path)
            yield method.upper(), filled, operation, body if method == "post" else None


def differ(*pairs):
    """None when all pairs are equal."""
    wrong = ["%r is not %r" % pair for pair in pairs if pair[0] != pair[1]]
    return "\n".join(wrong) or None


def decide(daemon):
    return differ((curl(daemon, HELD), "403"), (curl(daemon, "hello " + CANARY_PROMPT), "200"),
                  (curl(daemon, labdaemon.FORBIDDEN + " " + CANARY_PROMPT), "403"))


def every_operation(api):
    wrong = []
    for method, path, operation, body in operations(api):
        want = 200 if operation["x-permission"] == "public" else 401
        status, _, _ = api.ask(path, method, key=False, body=body)
        if status != want:
            wrong.append("%s %s without key: %d" % (method, path, status))
        status, _, _ = api.ask(path, method, host="evil.example:%d" % PORT, body=body)
        if status != 421:
            wrong.append("%s %s of another host: %d" % (method, path, status))
        status, _, _ = api.ask(path, method, headers={"Origin": "http://evil.example"}, body=body)
        if status != 403:
            wrong.append("%s %s from another origin: %d" % (method, path, status))
        status, headers, text = api.ask(path, method, body=body)
        # The question was approved by the operation before this one, and the first decision counts.
        if status != (409 if path.endswith("/reject") else 200):
            wrong.append("%s %s: %d %s" % (method, path, status, text))
        if headers["X-Content-Type-Options"] != "nosniff" or headers["Cache-Control"] != "no-store":
            wrong.append("%s %s: %s" % (method, path, headers))
    return "\n".join(wrong) or None


def documented(api):
    with open(os.path.join(labdaemon.ROOT, "docs/API.md")) as file:
        rows = set(re.findall(r"^\| `(GET|POST) ([^`]*)`", file.read(), re.M))
    served = {(method.upper(), path) for path, methods in api.get("/api/openapi.json")["paths"].items() for method in methods}
    return differ((rows, served))


def tells_no_secret(daemon, api):
    """The prompt and the client's key are in no answer, no log line and no file."""
    texts = {path: api.ask(path, method, body=body)[2] for method, path, _, body in operations(api)}
    texts["csv"] = api.ask("/api/audit/export?format=csv")[2]
    texts["daemon's log"] = daemon.log()
    for arguments in (["log"], ["status"], ["doctor"], ["--json", "log"], ["ledger", "export"]):
        texts[" ".join(arguments)] = daemon.aicp(*arguments).stdout
    for name in os.listdir(daemon.state_dir):
        with open(os.path.join(daemon.state_dir, name), "rb") as file:
            texts[name] = file.read().decode("latin-1")
    found = [name for name, text in texts.items() if CANARY_KEY in text or CANARY_PROMPT in text]
    if not all("gpt-4o" in texts[name] for name in ("csv", "log", "ledger export")):
        return "what was searched does not hold the decisions"
    return "found in: %s" % found if found else None


def shows_no_escape(daemon):
    """What a program chose does not reach the terminal as it is."""
    text = daemon.aicp("log").stdout + daemon.aicp("log", "show", daemon.decisions()[-1]["execution_id"]).stdout
    return differ(("\x1b" in text, False), ("\u202e" in text, False), ("\\x1b" in text, True))


def log_entry(api):
    entry = api.get("/api/logs?status=blocked&limit=1")[0]
    return differ((entry["status"], "blocked"), (entry["user"], "uid:0"), (entry["policy_id"], "lab-forbidden-word"),
                  (entry["prompt"], "[MASKED %d chars]" % len(labdaemon.FORBIDDEN + " " + CANARY_PROMPT)),
                  (entry["gen_ai.request.model"], "gpt-4o"), (entry["gen_ai.provider.name"], "openai"),
                  (api.get("/api/logs/" + entry["execution_id"]), entry),
                  (api.get("/api/decisions/%s/why-blocked" % entry["execution_id"])["policy_id"], "lab-forbidden-word"),
                  (api.get("/api/decisions/%s/which-policy" % entry["execution_id"])["policies_evaluated"], ["lab-forbidden-word", "lab-hides-word", "lab-holds-word"]))


def dry_run(daemon, api):
    wrong = []
    for prompt, action in (("hello", "allow"), (labdaemon.FORBIDDEN, "block")):
        status, _, text = api.ask("/api/policies/dry-run?agent_id=a&prompt=" + prompt, "POST", body='{"hour": 3}')
        answer = json.loads(text)
        wrong.append(differ((status, 200), (answer["decision"]["action"], action), (answer["report"]["final_decision"], action),
                            (answer["report"]["policies_evaluated"], 3),
                            (answer["report"]["policies_matched"], 1 if action == "block" else 0)))
    said = daemon.aicp("policy", "dry-run", "--prompt", labdaemon.FORBIDDEN)
    wrong.append(differ((said.returncode, 2), ("lab-forbidden-word" in said.stdout, True)))
    wrong.append(differ((daemon.aicp("policy", "dry-run", "--prompt", "hello").returncode, 0)))
    return "\n".join(filter(None, wrong)) or None


def reload(daemon, api):
    daemon.set_policy("policy: x\nwhen: {prompt: {contain: y}}\nthen: block\n")
    refused = daemon.aicp("policy", "reload")
    still = api.get("/api/policies")["policies"][0]["id"]
    daemon.set_policy(labdaemon.POLICY)
    taken = daemon.aicp("policy", "reload")
    return differ((refused.returncode, 1), ("lab.yaml:2" in refused.stderr, True), (still, "lab-forbidden-word"), (taken.returncode, 0))


def socket_of_others(daemon):
    def status(*who):
        done = subprocess.run([*who, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
                               daemon.runtime_dir + "/api.sock", "http://localhost/api/status"], capture_output=True, text=True)
        return done.stdout
    other = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    return differ((status(), "200"), (status(*other), "403"))


def guesses(api):
    """200 at once; the right key is served meanwhile, and one more time at once behind it."""
    def guess(i):
        return api.ask("/api/status", key=WRONG_KEY % (i, i))[0]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        wrong = [pool.submit(guess, i) for i in range(200)]
        began = time.monotonic()
        right = api.ask("/api/status")[0]
        took = time.monotonic() - began
        statuses = {answer.result() for answer in wrong}
    return differ((right, 200), (statuses <= {401, 429}, True), (429 in statuses, True), (took < 5, True), (api.ask("/api/status")[0], 200))


def failures_recorded(api):
    records = [entry["record"] for entry in json.loads(api.get("/api/audit/export")["export"])]
    failed = [record["body"] for record in records if record["type"] == "auth.failed"]
    kinds = {body["outcome"] for body in failed}
    return differ((kinds >= {"wrong-key", "no-key", "throttled", "foreign"}, True), (len(failed) < 20, True),
                  (any(record["type"] == "export" for record in records), True))


def follow(daemon):
    """A decision shows up in `aicp log --follow` as it is made."""
    process = subprocess.Popen([labdaemon.AICP, "-c", daemon.config, "log", "--follow", "--limit", "1"],
                               stdout=subprocess.PIPE, bufsize=0)
    try:
        process.stdout.readline()
        curl(daemon, "hello once more")
        deadline = time.monotonic() + 10
        os.set_blocking(process.stdout.fileno(), False)
        text = b""
        while time.monotonic() < deadline and b"\n" not in text:
            text += process.stdout.read() or b""
            time.sleep(0.05)
        newest = daemon.decisions()[-1]["execution_id"]
        return differ((newest in text.decode(), True))
    finally:
        process.kill()
        process.wait()


def role_pid(daemon, role):
    for pid in daemon.pids():
        with open("/proc/%d/cmdline" % pid) as file:
            if "--role=" + role in file.read().split("\0"):
                return pid
    return None


def survives(daemon, api):
    """Any role but the warden dies; a moment later all is as before."""
    wrong = []
    for role in ("api", "engine", "ledger"):
        os.kill(role_pid(daemon, role), signal.SIGKILL)
        deadline = time.monotonic() + 15
        status = None
        while time.monotonic() < deadline and status != 200:
            time.sleep(0.1)
            try:
                status = api.ask("/health", key=False)[0]
            except (OSError, http.client.HTTPException):
                continue
        wrong.append(differ((status, 200), (api.ask("/api/status")[0], 200), (daemon.aicp("status").returncode, 0)))
    return "\n".join(filter(None, wrong)) or None


def silent_clients(api):
    """Connections that say nothing do not lock anybody out."""
    idle = []
    for _ in range(150):
        s = socket.create_connection(("127.0.0.1", PORT))
        s.send(b"GET /")
        idle.append(s)
    began = time.monotonic()
    status = api.ask("/api/status")[0]
    took = time.monotonic() - began
    for s in idle:
        s.close()
    return differ((status, 200), (took < 12, True))


def tampered(daemon, api):
    before = api.get("/api/audit/integrity")
    subprocess.run(["sqlite3", daemon.state_dir + "/ledger.db",
                    "DROP TRIGGER leaf_is; UPDATE leaf SET bytes = CAST(replace(CAST(bytes AS TEXT), 'gpt-4o', 'gpt-4x') AS BLOB) "
                    "WHERE id = (SELECT min(id) FROM decision)"], check=True)
    after = api.get("/api/audit/integrity")
    verify = daemon.aicp("ledger", "verify")
    custody = api.get("/api/audit/chain-of-custody/" + api.get("/api/logs?after=0&limit=1")[0]["execution_id"])
    return differ((before["valid"], True), (before["anchored"], False), (after["valid"], False), (verify.returncode, 1),
                  (custody["status"], "compromised"), (len(after["invalid_entries"]), 1))


def main():
    tap = Tap()
    daemon = labdaemon.Daemon(policy=POLICIES).start()
    with open(daemon.state_dir + "/admin.key") as file:
        api = Api(file.read().strip())
    try:
        tap.check("real decisions", decide, daemon)
        tap.check("every operation: key, host, origin, answer", every_operation, api)
        tap.check("docs/API.md lists what is served", documented, api)
        tap.check("a log entry says what happened", log_entry, api)
        tap.check("no answer, log or file holds prompt or key", tells_no_secret, daemon, api)
        tap.check("escapes of a program do not reach the terminal", shows_no_escape, daemon)
        tap.check("a dry run judges as the engine does", dry_run, daemon, api)
        tap.check("a wrong policy is refused with its line, the last good set stays", reload, daemon, api)
        tap.check("the socket is root's", socket_of_others, daemon)
        tap.check("200 guesses at once do not lock out the right key", guesses, api)
        tap.check("failures are recorded, a few for all", failures_recorded, api)
        tap.check("150 silent connections do not lock anybody out", silent_clients, api)
        tap.check("aicp log --follow", follow, daemon)
        tap.check("doctor finds nothing wrong", lambda: differ((daemon.aicp("doctor").returncode, 0)))
        tap.check("roles that die come back", survives, daemon, api)
        tap.check("one changed word in the database is found", tampered, daemon, api)
    finally:
        daemon.stop()
        daemon.kill_any()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
