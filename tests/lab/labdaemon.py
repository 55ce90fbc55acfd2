# SPDX-License-Identifier: MIT
"""Starts, stops and breaks an aicpd inside the lab, and runs programs under it."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AICPD, AICP = ROOT + "/build/aicpd", ROOT + "/build/aicp"
API = "http://127.0.0.1:8642"

FORBIDDEN, SECRET = "lab-forbidden", "lab-secret"
POLICY = """\
policy: lab-forbidden-word
description: Blocks a word that only the lab's tests use.
when:
  field: prompt
  contains: %s
then: block
reason: the lab forbids this word
---
policy: lab-hides-word
description: Takes out a word that only the lab's tests use.
when:
  field: prompt
  contains: %s
then: redact
reason: the lab hides this word
""" % (FORBIDDEN, SECRET)


class Daemon:
    """One aicpd with its own folder under LAB. keys are lines added to its configuration."""

    def __init__(self, name="daemon", policy=POLICY, state_dir=None, **keys):
        self.folder = os.path.join(os.environ["LAB"], name)
        self.runtime_dir = "/run/aicp"
        self.state_dir = state_dir or self.folder + "/state"
        self.config = self.folder + "/aicp.yaml"
        self.log_path = self.folder + "/log"
        self.process = None
        os.makedirs(self.folder + "/policies", exist_ok=True)
        self.set_policy(policy)
        lines = {"state_dir": self.state_dir, "runtime_dir": self.runtime_dir, "policies": "[policies]", **keys}
        with open(self.config, "w") as file:
            file.writelines("%s: %s\n" % pair for pair in lines.items())

    def set_policy(self, text):
        with open(self.folder + "/policies/lab.yaml", "w") as file:
            file.write(text)

    def start(self, timeout_s=20):
        """Ready is what systemd would call ready, and then /health must say so too."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = self.folder + "/notify"
        if os.path.exists(notify_path):
            os.unlink(notify_path)
        notify.bind(notify_path)
        notify.settimeout(0.1)
        environment = {**os.environ, "NOTIFY_SOCKET": notify_path}
        with notify, open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([AICPD, "-c", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)
            self.wait_for_ready(notify, time.monotonic() + timeout_s)
        if not self.healthy():
            raise RuntimeError("aicpd says READY=1, but /health does not:\n" + self.log())
        return self

    def wait_for_ready(self, notify, deadline):
        while True:
            try:
                if "READY=1" in notify.recv(4096).decode().split("\n"):
                    return
            except TimeoutError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("aicpd is not ready (exit status %s):\n%s" % (self.process.poll(), self.log()))

    def healthy(self):
        try:
            with urllib.request.urlopen(API + "/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    @staticmethod
    def pids():
        """All processes of this lab that run aicpd."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/exe" % entry).removesuffix(" (deleted)") == os.path.realpath(AICPD):
                    found.append(int(entry))
            except OSError:
                continue
        return found

    @classmethod
    def signal_all(cls, number):
        for pid in cls.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    @classmethod
    def kill_any(cls):
        """Whatever a test that broke off has left running. A parent may yet start a child."""
        while cls.pids():
            cls.signal_all(signal.SIGKILL)
            time.sleep(0.01)

    def stop(self, timeout_s=15):
        """Orderly; gives the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.poll()
        self.process.terminate()
        return self.process.wait(timeout_s)

    def kill(self):
        """No role gets to say anything. The first comes first, so that nobody restarts the others."""
        self.process.kill()
        self.process.wait()
        self.kill_any()

    def forget(self):
        """Removes the state, so that the next start is a first one."""
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def aicp_command(self):
        return [AICP, "-c", self.config]

    def aicp(self, *arguments, **options):
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run([*self.aicp_command(), *arguments], **options)

    def run_prefix(self):
        return [*self.aicp_command(), "run", "--"]

    def call(self, path, body=None):
        """GET, or POST with a body, over the daemon's Unix socket, where root is admin; (status, the answer's JSON)."""
        connection = http.client.HTTPConnection("localhost", 8642, timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.runtime_dir + "/api.sock")
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def api(self, path):
        """The JSON that a GET gives; anything but 200 raises."""
        status, answer = self.call(path)
        if status != 200:
            raise RuntimeError("GET %s: %d %s" % (path, status, answer))
        return answer

    def witnessed(self, records=1, seconds=10):
        """The last so many decisions, once what came back for each that passed is recorded."""
        deadline = time.monotonic() + seconds
        while True:
            last = self.decisions()[-records:]
            whole = [r for r in last if r["response_facts"] or r["status"] != "success"]
            if len(whole) == records or time.monotonic() > deadline:
                return last
            time.sleep(0.02)

    def decisions(self):
        """The recorded decisions, at most 1000, oldest first."""
        return [event for event in self.api("/api/logs?limit=1000") if event["event_type"] == "decision"]
