# SPDX-License-Identifier: MIT
"""What `make demo` shows, inside the lab: real clients under a real daemon, and what the provider got of it.

Exit status 0 only when everything that is announced has happened. Argument: "keep" leaves the daemon up afterwards.
"""

import concurrent.futures
import json
import os
import pwd
import signal
import subprocess
import sys
import textwrap
import time

import labclients
from labdaemon import API, Daemon
from wirelog import Wirelog

HERE = os.path.dirname(os.path.abspath(__file__))
COLOUR = os.environ.get("DEMO_COLOUR") == "1"
BOLD, GREEN, RED, DIM = ("1", "32", "31", "2") if COLOUR else ("", "", "", "")
wire = Wirelog()
wrong = []

BY_NAME = {client.name: client for client in labclients.ALL}
ALLOWED = [
    ("curl HTTP/1.1", "Write a haiku about rain."),
    ("requests", "Explain recursion in one sentence."),
    ("aiohttp", "Translate 'good morning' into Latin."),
    ("openai chat stream", "Name three uses of a paper clip."),
    ("anthropic messages", "Why is the sky blue?"),
]
CARD = "Refund card 4111 1111 1111 1111, please."
BLOCKED = [(name, CARD) for name, _ in ALLOWED]
MAIL = "jane.doe@example.org"
REDACTED = [
    ("curl HTTP/1.1", "Write to %s that we are late." % MAIL),
    ("openai chat", "Who is %s?" % MAIL),
    ("anthropic messages", "Is %s a man or a woman?" % MAIL),
]
HELD = [
    ("requests", "Prepare a wire transfer of 90,000 to our supplier.", "approve", "the invoice is known"),
    ("anthropic messages", "Draft a wire transfer to an account abroad, urgently.", "reject", "nobody ordered this"),
]


def paint(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if code else text


def title(text):
    print("\n" + paint(BOLD, text), flush=True)


def say(text):
    print(textwrap.fill(text, 108, initial_indent="  ", subsequent_indent="  "), flush=True)


def expect(condition, text):
    """Announces what was to happen; remembers when it has not."""
    print("    %s %s" % (paint(GREEN, "✓") if condition else paint(RED, "✗ NOT SO:"), text), flush=True)
    if not condition:
        wrong.append(text)


def message_of(report):
    """The text that a person would read in the client's answer."""
    try:
        body = json.loads(report["body"])
    except ValueError:
        return report["body"].strip()
    if not isinstance(body, dict):
        return str(body)
    if "choices" in body:
        return body["choices"][0]["message"]["content"]
    if isinstance(body.get("content"), list):
        return body["content"][0]["text"]
    return (body.get("error") or body).get("message", report["body"])


def ask(daemon, name, prompt):
    """Runs one client under aicp; (report, requests that arrived, bytes of application data that arrived)."""
    mark = wire.mark()
    print("  %-20s asks: %s" % (name, prompt))
    report = BY_NAME[name].run([prompt], daemon.run_prefix())[0]
    return saw(report, mark)


def saw(report, mark):
    """Prints what a client got and what got to the provider since mark; as ask()."""
    said = " ".join(filter(None, (str(report["status"]), report["class"], "—", message_of(report))))
    print(textwrap.fill(said, 108, initial_indent="    saw:     ", subsequent_indent="             "))
    arrived = (len(wire.requests(mark)), wire.data_bytes(mark))
    print("    arrived: %s, %d bytes of TLS application data at the provider"
          % ("1 request" if arrived[0] == 1 else "%d requests" % arrived[0], arrived[1]))
    return report, *arrived


def roles(daemon):
    title("2. The daemon: one program, five roles, each as its own user")
    users = set()
    for pid in sorted(daemon.pids()):
        with open("/proc/%d/status" % pid) as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        user = pwd.getpwuid(int(status["Uid"].split()[0])).pw_name
        users.add(user)
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            command = file.read().replace(b"\0", b" ").decode().strip()
        print("    pid %-5d user %-13s capabilities %s  seccomp %s  %s"
              % (pid, user, status["CapEff"].lstrip("0") or "none", "on" if status["Seccomp"] == "2" else "off", command))
    expect({"root", "aicp", "aicp-ledger", "aicp-api", "aicp-courier"} <= users, "every role runs as its own user")


def show_allowed(daemon):
    title("3. Allowed: no policy objects, the request passes and stands in the ledger")
    for name, prompt in ALLOWED:
        report, requests, size = ask(daemon, name, prompt)
        expect(report["status"] == 200 and requests == 1 and size > 0, "answered by the provider")


def show_blocked(daemon):
    title("4. Blocked: policy no-card-numbers; an answer that the program understands, and nothing leaves the host")
    for name, prompt in BLOCKED:
        report, requests, size = ask(daemon, name, prompt)
        expect(report["status"] == 403 and requests == 0 and size == 0, "refused with 403; 0 bytes reached the provider")


def show_redacted(daemon):
    title("5. Redacted: policy no-mail-addresses; the rest of the request passes, byte for byte")
    for name, prompt in REDACTED:
        mark = wire.mark()
        report, requests, _ = ask(daemon, name, prompt)
        print("    left:    %s" % prompt.replace(MAIL, "[REDACTED:no-mail-addresses]"))
        clean = not wire.reached(MAIL, mark) and wire.reached("[REDACTED:no-mail-addresses]", mark)
        expect(report["status"] == 200 and requests == 1 and clean, "answered; the address never reached the provider")


def wait_for_question(daemon):
    """The approval that is pending, within a while."""
    for _ in range(500):
        rows = daemon.api("/api/approvals/pending")["pending"]
        if rows:
            return rows[0]["approval_id"]
        time.sleep(0.02)
    raise SystemExit("demo: no approval was asked for")


def show_text(text):
    print(textwrap.indent(text.rstrip("\n"), "      "))


def show_held(daemon):
    title("6. Held: policy payments-need-a-person; the program waits, people decide")
    with concurrent.futures.ThreadPoolExecutor() as programs:
        for name, prompt, word, reason in HELD:
            mark = wire.mark()
            print("  %-20s asks: %s" % (name, prompt))
            client = programs.submit(BY_NAME[name].run, [prompt], daemon.run_prefix())
            approval = wait_for_question(daemon)
            print("    and waits; on the operator's side: aicp approval show " + approval)
            show_text(daemon.aicp("approval", "show", approval).stdout)
            expect(not wire.reached(prompt, mark) and not client.done(), "meanwhile nothing of it is at the provider")
            print("    the operator: aicp approval %s %s --reason '%s'" % (word, approval, reason))
            decided = daemon.aicp("approval", word, approval, "--reason", reason)
            report, requests, _ = saw(client.result()[0], mark)
            if word == "approve":
                expect(decided.returncode == 0 and report["status"] == 200 and requests == 1, "approved: the provider answers")
            else:
                said = report["status"] == 403 and reason in message_of(report)
                expect(decided.returncode == 0 and said and requests == 0, "rejected: refused with the reason; it never left")


def show_log(daemon):
    title("7. The record: aicp log")
    text = daemon.aicp("log", "--limit", "20").stdout
    print(textwrap.indent(text.rstrip("\n"), "    "))
    total = len(ALLOWED) + len(BLOCKED) + len(REDACTED) + len(HELD)
    decisions = daemon.decisions()
    expect(len(decisions) == total, "each of the %d decisions is recorded (%d found)" % (total, len(decisions)))
    refused = next(decision["execution_id"] for decision in decisions if decision["status"] == "blocked")
    print("    and one of them in full: aicp log show " + refused)
    shown = daemon.aicp("log", "show", refused)
    print(textwrap.indent(shown.stdout.rstrip("\n"), "      "))
    expect(shown.returncode == 0 and "no-card-numbers" in shown.stdout, "the operator can see why")
    title("8. The ledger: aicp ledger verify")
    verify = daemon.aicp("ledger", "verify")
    print(textwrap.indent((verify.stdout + verify.stderr).rstrip("\n"), "    "))
    expect(verify.returncode == 3, "the ledger is intact; it claims no more than that, as nothing outside anchors it yet")


def show_killed(daemon):
    title("9. The daemon is killed: governed requests stop with a reason, everything else goes on")
    daemon.kill()
    report, _, size = ask(daemon, "requests", "Is anybody there?")
    expect(report["status"] == 403 and size == 0, "refused with 403; 0 bytes reached the provider")
    client = BY_NAME["requests"]
    report = client.run(["hello"], daemon.run_prefix(), shape="plain")[0]
    expect(report["status"] == 200, "example.org, which nobody governs, answers as ever")


def closing():
    title("Not in this version yet")
    say("The kernel gate that also stops programs which avoid the shim "
        "(statically linked ones, or those started outside `aicp run`), the dashboard, and anchoring the ledger outside "
        "this host.")
    print()
    if wrong:
        print(paint(RED, "The demo failed: %d things did not happen as announced." % len(wrong)))
        return 1
    print(paint(GREEN, "All of it happened as announced."))
    return 0


def keep(daemon):
    daemon.start()
    forward = [labclients.PYTHON, os.path.join(HERE, "forward.py"), "serve", "8642"]
    subprocess.Popen(forward, pass_fds=[int(os.environ["LAB_FORWARD"])])
    with open(daemon.state_dir + "/admin.key") as file:
        key = file.read().strip()
    title("The daemon stays up")
    print("    %s/health and /api; admin key: %s" % (API, key))
    print("    end it with: tests/lab/demo.sh --stop", flush=True)


def main():
    title("1. The lab: a private network on this machine, with stand-ins for api.openai.com and api.anthropic.com")
    say("Own network, mount, process and cgroup namespaces, own CA, own users. Nothing outside is touched. The stand-in logs "
        "every byte that reaches it, so what left this host is counted, not claimed.")
    with open(HERE + "/demo-policies.yaml") as file:
        policies = file.read()
    daemon = Daemon("demo", policy=policies).start()
    roles(daemon)
    show_allowed(daemon)
    show_blocked(daemon)
    show_redacted(daemon)
    show_held(daemon)
    show_log(daemon)
    show_killed(daemon)
    status = closing()
    if status == 0 and sys.argv[1:] == ["keep"]:
        keep(daemon)
        print("demo: done", flush=True)
        signal.pause()
    return status


if __name__ == "__main__":
    sys.exit(main())
