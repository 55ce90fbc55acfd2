# SPDX-License-Identifier: MIT
"""What each process of aicpd is and may do, and what becomes of the service when one of them dies."""

import json
import os
import pwd
import re
import resource
import signal
import socket
import subprocess
import sys
import time

from labdaemon import AICPD, FORBIDDEN, Daemon
from tap import Tap

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = HERE + "/roles/shim_client.py"
ROLES = ["engine", "ledger", "api", "courier", "reader"]
USERS = {"engine": "aicp", "ledger": "aicp-ledger", "api": "aicp-api", "courier": "aicp-courier",
         "reader": "root", "warden": "root"}
# By what the engine knows a process again; the reader opened it.
WATCH = r"/proc/\d+/pagemap"
# Numbers of capabilities (linux/capability.h).
DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP, SYS_PTRACE = 2, 5, 6, 7, 8, 19
CAPS = {"warden": {DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP, SYS_PTRACE}, "reader": {DAC_READ_SEARCH, SYS_PTRACE}}


def pid_of(daemon, role):
    """The running process of that role; None when there is none now."""
    if role == "warden":
        return daemon.process.pid
    for pid in daemon.pids():
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                if ("--role=" + role).encode() in file.read().split(b"\0"):
                    return pid
        except OSError:
            continue
    return None


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return None


def status_of(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def caps(mask):
    value = int(mask, 16)
    return {bit for bit in range(64) if value >> bit & 1}


def shim(daemon, *arguments, user=None, seconds=30):
    """First line of what a shim would get."""
    command = ["/usr/bin/python3", CLIENT, daemon.runtime_dir + "/shim.sock", *arguments]
    if user:
        command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    return done.stdout + done.stderr


def judged(daemon):
    """None when requests are passed and blocked as the policy says."""
    good, bad = shim(daemon), shim(daemon, "--body", FORBIDDEN)
    if not good.startswith("pass "):
        return "a good request got: " + good
    if not bad.startswith("answer ") or "the lab forbids this word" not in bad:
        return "a forbidden request got: " + bad
    return None


def records(daemon, kind=None):
    leaves = subprocess.run(["sqlite3", "-readonly", daemon.state_dir + "/ledger.db",
                             "select cast(bytes as text) from leaf order by rowid"],
                            capture_output=True, text=True, check=True).stdout.splitlines()
    found = [json.loads(line) for line in leaves]
    return [leaf for leaf in found if kind is None or leaf["type"] == kind]


# ---- privileges ---------------------------------------------------------------------------------


def privileges(daemon, role):
    pid = pid_of(daemon, role)
    if not pid:
        return "not running"
    now, user = status_of(pid), pwd.getpwnam(USERS[role])
    wrong = []
    if now["Uid"].split() != [str(user.pw_uid)] * 4:
        wrong.append("Uid " + now["Uid"])
    if now["Gid"].split() != [str(user.pw_gid)] * 4:
        wrong.append("Gid " + now["Gid"])
    if user.pw_uid and now["Groups"].split():
        wrong.append("Groups " + now["Groups"])
    for name in ("CapPrm", "CapEff", "CapBnd"):
        if caps(now[name]) != CAPS.get(role, set()):
            wrong.append("%s %s" % (name, sorted(caps(now[name]))))
    for name in ("CapInh", "CapAmb"):
        if caps(now[name]):
            wrong.append("%s %s" % (name, now[name]))
    if now["NoNewPrivs"] != "1":
        wrong.append("NoNewPrivs " + now["NoNewPrivs"])
    if role != "warden" and now["Seccomp"] != "2":
        wrong.append("Seccomp " + now["Seccomp"])
    with open("/proc/%d/limits" % pid) as file:
        core = [line for line in file if line.startswith("Max core file size")][0]
    if core.split()[4:6] != ["0", "0"]:
        wrong.append(core)
    # The owner of a process that may not be dumped is root.
    if os.stat("/proc/%d/environ" % pid).st_uid != 0:
        wrong.append("dumpable")
    return "\n".join(wrong) or None


def descriptors(daemon, role):
    """Nothing is open but standard streams, sockets, anonymous files, and what the role owns."""
    pid, wrong = pid_of(daemon, role), []
    allowed = {"ledger": [daemon.state_dir], "api": [daemon.state_dir], "reader": ["/proc/"],
               "warden": [daemon.runtime_dir + "/aicpd.lock", os.path.realpath(AICPD)]}.get(role, [])
    for fd in os.listdir("/proc/%d/fd" % pid):
        target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        if role == "engine" and re.fullmatch(WATCH, target):
            continue
        if int(fd) > 2 and not target.startswith(("socket:", "anon_inode:", "/memfd:", *allowed)):
            wrong.append("%s -> %s" % (fd, target))
    return "\n".join(wrong) or None


def descriptors_for_all(daemon):
    """Three for each of 4096 connections of shims, as far as this host lets root have them."""
    want = min(3 * 4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    with open("/proc/%d/limits" % pid_of(daemon, "engine")) as file:
        have = int(re.search(r"Max open files +(\d+)", file.read())[1])
    return None if have >= want else "the engine may open %d files, not %d" % (have, want)


def engine_has_no_files(daemon):
    links = [os.readlink("/proc/%d/fd/%s" % (pid_of(daemon, "engine"), fd))
             for fd in os.listdir("/proc/%d/fd" % pid_of(daemon, "engine")) if int(fd) > 2]
    return None if not [link for link in links if link.startswith("/") and not re.fullmatch(WATCH, link)] else str(links)


def api_cannot_write(daemon):
    user = pwd.getpwnam("aicp-api").pw_uid
    for name in os.listdir(daemon.state_dir):
        now = os.stat(os.path.join(daemon.state_dir, name))
        if now.st_uid == user or now.st_mode & 0o022:
            return "%s: %o" % (name, now.st_mode)
        if name in ("admin.key", "log.key", "pepper", "engine.key") and now.st_mode & 0o077:
            return "%s: %o" % (name, now.st_mode)
    return None


# ---- identity and records -----------------------------------------------------------------------


def identity(daemon):
    shim(daemon, user="64200")
    last = records(daemon, "decision")[-1]["body"]["process"]
    python = os.stat(os.path.realpath("/usr/bin/python3"))
    sha = subprocess.run(["sha256sum", os.path.realpath("/usr/bin/python3")], capture_output=True, text=True,
                         check=True).stdout.split()[0]
    expected = {"uid": 64200, "gid": 64200, "exe_inode": str(python.st_ino), "exe_sha256": sha,
                "exe_device": "%d:%d" % (os.major(python.st_dev), os.minor(python.st_dev))}
    wrong = {key: last.get(key) for key in expected if last.get(key) != expected[key]}
    if wrong or "shim_client.py" not in last["claimed"]["args"] or not last.get("start_ticks"):
        return json.dumps(last)
    return None


def no_credentials(daemon):
    """The stand-in sends a canary as its key; and it stands in an argument."""
    shim(daemon, "--body", "hello", "--host", "api.openai.com")
    subprocess.run(["/usr/bin/python3", "-c", "import sys; sys.argv = sys.argv[1:]; exec(open(sys.argv[0]).read())",
                    CLIENT, daemon.runtime_dir + "/shim.sock", "--path", "/v1/chat/completions?key=sk-canary-0123456789"],
                   capture_output=True, check=True)
    text = json.dumps(records(daemon)) + daemon.log()
    return None if "canary" not in text else text[max(0, text.index("canary") - 500):text.index("canary") + 100]


# ---- deaths -------------------------------------------------------------------------------------


def killed(daemon, role):
    before = pid_of(daemon, role)
    os.kill(before, signal.SIGKILL)
    after = wait_for(lambda: pid_of(daemon, role) not in (None, before) and pid_of(daemon, role))
    if not after:
        return "not started again"
    if not wait_for(lambda: judged(daemon) is None):
        return judged(daemon)
    parts = lambda kind: [leaf["body"]["part"] for leaf in records(daemon, kind)]
    if not wait_for(lambda: role in parts("degraded") and role in parts("recovered")):
        return "degraded: %s, recovered: %s" % (parts("degraded"), parts("recovered"))
    return privileges(daemon, role)


def killed_often(daemon):
    """The first restart is at once, later ones wait longer, none is the last."""
    waits = []
    for _ in range(5):
        before = pid_of(daemon, "courier")
        os.kill(before, signal.SIGKILL)
        begin = time.monotonic()
        if not wait_for(lambda: pid_of(daemon, "courier") not in (None, before)):
            return "not started again"
        waits.append(time.monotonic() - begin)
        time.sleep(0.1)
    return None if waits[0] < 0.3 and waits[-1] > 0.3 else str(waits)


def without_ledger(daemon):
    """While the ledger hangs nothing passes; afterwards it does."""
    os.kill(pid_of(daemon, "ledger"), signal.SIGSTOP)
    answer = shim(daemon)
    os.kill(pid_of(daemon, "ledger"), signal.SIGCONT)
    if not answer.startswith("answer ") or "could not be recorded" not in answer:
        return answer
    return judged(daemon)


def reader_hangs(daemon):
    """A process whose identity cannot be read costs only its own user the identity."""
    reader = pid_of(daemon, "reader")
    os.kill(reader, signal.SIGSTOP)
    culprit = subprocess.Popen(["setpriv", "--reuid", "64203", "--regid", "64203", "--clear-groups", "--",
                                "/usr/bin/python3", CLIENT, daemon.runtime_dir + "/shim.sock"], stdout=subprocess.PIPE, text=True)
    if not wait_for(lambda: daemon.api("/api/status")["engine"]["in_judgement"]):
        return "the request did not come"
    time.sleep(0.4)
    # What the watchdog does to a reader that hangs in the kernel.
    os.kill(reader, signal.SIGALRM)
    os.kill(reader, signal.SIGCONT)
    answer = culprit.communicate(timeout=10)[0]
    other = shim(daemon, user="64204")
    process = {leaf["body"]["process"]["uid"]: leaf["body"]["process"] for leaf in records(daemon, "decision")}
    if not answer.startswith("pass ") or not other.startswith("pass "):
        return answer + other
    if "exe_sha256" in process[64203] or "exe_sha256" not in process[64204]:
        return json.dumps([process[64203], process[64204]])
    return None


# ---- hostile peers ------------------------------------------------------------------------------


def bad_frame(daemon, *arguments):
    answer = shim(daemon, *arguments)
    return None if answer.startswith("answer ") and "403" in answer else answer


def silent(daemon):
    answer = shim(daemon, "--silent", "10")
    return None if answer.strip() == "closed" else answer


def over_budget(daemon):
    """One user's excess is refused with a reason, and is nobody else's."""
    holder = subprocess.Popen(["setpriv", "--reuid", "64201", "--regid", "64201", "--clear-groups", "--",
                               "/usr/bin/python3", CLIENT, daemon.runtime_dir + "/shim.sock", "--connections", "256"],
                              stdout=subprocess.PIPE, text=True)
    answer = holder.communicate(timeout=30)[0]
    other = shim(daemon, user="64202")
    if not answer.startswith("answer ") or "too many requests" not in answer:
        return answer
    if not other.startswith("pass "):
        return other
    seen = wait_for(lambda: [leaf for leaf in records(daemon, "throttled") if leaf["body"].get("uid") == 64201])
    return None if seen else "no record of it"


# ---- reload, stop, start ------------------------------------------------------------------------


def reload_good(daemon):
    loads = len(records(daemon, "policy.load"))
    daemon.set_policy(open(daemon.folder + "/policies/lab.yaml").read().replace(FORBIDDEN, "another-word"))
    daemon.process.send_signal(signal.SIGHUP)
    if not wait_for(lambda: len(records(daemon, "policy.load")) == loads + 1):
        return daemon.log()[-2000:]
    answer = shim(daemon, "--body", "another-word")
    return None if answer.startswith("answer ") and shim(daemon, "--body", FORBIDDEN).startswith("pass ") else answer


def reload_bad(daemon):
    refused = len(records(daemon, "policy.refused"))
    good = open(daemon.folder + "/policies/lab.yaml").read()
    daemon.set_policy(good + "nonsense: 1\n")
    daemon.process.send_signal(signal.SIGHUP)
    seen = wait_for(lambda: records(daemon, "policy.refused")[refused:])
    daemon.set_policy(good)
    if not seen or not re.search(r"lab\.yaml:\d+: .*nonsense", seen[0]["body"]["error"]):
        return str(seen)
    answer = shim(daemon, "--body", "another-word")
    return None if answer.startswith("answer ") else answer


def reload_slow(daemon):
    """Loading a large set takes seconds, in which requests are judged by the old one."""
    loads, path = len(records(daemon, "policy.load")), daemon.folder + "/policies/many.yaml"
    with open(path, "w") as file:
        for i in range(800):
            file.write("---\npolicy: many-%d\nwhen:\n  field: prompt\n  matches_pattern: '(?i)never-%d[a-z]{2,8}\\d+x'\n"
                       "then: block\nreason: never\n" % (i, i))
    daemon.process.send_signal(signal.SIGHUP)
    served, begin = 0, time.monotonic()
    while len(records(daemon, "policy.load")) == loads:
        answer = shim(daemon)
        if not answer.startswith("pass ") or time.monotonic() - begin > 60:
            return "after %.1f s and %d requests: %s" % (time.monotonic() - begin, served, answer)
        served += 1
    os.unlink(path)
    daemon.process.send_signal(signal.SIGHUP)
    if not wait_for(lambda: len(records(daemon, "policy.load")) == loads + 2):
        return daemon.log()[-2000:]
    return None if served >= 2 else "only %d requests meanwhile" % served


def large_beside_small(daemon):
    """One user's 30 MB requests, eight at a time, do not keep another's small ones waiting."""
    path = os.environ["LAB"] + "/large"
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}]}' % (b"y" * 30_000_000)
    with open(path, "wb") as file:
        file.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    flood = [subprocess.Popen(["setpriv", "--reuid", "64205", "--regid", "64205", "--clear-groups", "--", "/usr/bin/python3",
                               CLIENT, daemon.runtime_dir + "/shim.sock", "--raw", path, "--memfd"], stdout=subprocess.PIPE,
                              text=True) for _ in range(8)]
    small = shim(daemon, "--repeat", "300", user="64206")
    large = [one.communicate(timeout=60)[0].split(" ")[0] for one in flood]
    os.unlink(path)
    slowest = re.search(r"p99 (\d+) us", small)
    if not small.startswith("pass ") or not slowest or int(slowest[1]) > 500_000:
        return small
    return None if "pass" in large and not set(large) - {"pass", "answer"} else str(large)


def large_of_two_users(daemon):
    """A stream of one user's requests of 1 MB, always the smaller ones, does not starve another's of 3 MB."""
    paths = [os.environ["LAB"] + "/raw-%d" % mb for mb in (1, 3)]
    for path, mb in zip(paths, (1, 3)):
        body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}]}' % (b"x y " * (mb * 250_000))
        with open(path, "wb") as file:
            file.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    flood = [subprocess.Popen(["setpriv", "--reuid", "64207", "--regid", "64207", "--clear-groups", "--", "/usr/bin/python3",
                               CLIENT, daemon.runtime_dir + "/shim.sock", "--raw", paths[0], "--memfd", "--repeat", "1000000"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(24)]
    time.sleep(1.5)
    running = sum(one.poll() is None for one in flood)
    answers = [shim(daemon, "--raw", paths[1], "--memfd", user="64208") for _ in range(3)]
    for one in flood:
        one.kill()
        one.wait()
    for path in paths:
        os.unlink(path)
    if running < 24:
        return "only %d of 24 flooded" % running
    return None if all(answer.startswith("pass ") for answer in answers) else str(answers)


def reload_writable(daemon):
    """A file that others can write decides nothing."""
    refused = len(records(daemon, "policy.refused"))
    path = daemon.folder + "/policies/lab.yaml"
    os.chmod(path, 0o666)
    daemon.process.send_signal(signal.SIGHUP)
    seen = wait_for(lambda: records(daemon, "policy.refused")[refused:])
    os.chmod(path, 0o644)
    return None if seen and "chmod go-w" in seen[0]["body"]["error"] else str(seen)


def stops(daemon):
    pids = daemon.pids()
    status = daemon.stop()
    left = [pid for pid in pids if os.path.exists("/proc/%d" % pid)]
    names = sorted(os.listdir(daemon.runtime_dir))
    if status != 0 or left or names != ["aicpd.lock", "governed"]:
        return "status %s, left %s, files %s\n%s" % (status, left, names, daemon.log()[-2000:])
    last = records(daemon)[-1]
    return None if last["type"] == "stop" else str(last)


def warden_killed(daemon):
    """Roles do not outlive their warden, and the next start serves."""
    daemon.set_policy(open(daemon.folder + "/policies/lab.yaml").read().replace("another-word", FORBIDDEN))
    daemon.start()
    pids = daemon.pids()
    daemon.process.kill()
    daemon.process.wait()
    if not wait_for(lambda: not daemon.pids()):
        return "left: %s of %s" % (daemon.pids(), pids)
    daemon.start()
    wrong, status = judged(daemon), daemon.stop()
    return wrong or (None if status == 0 else "did not stop in order")


def not_this_folder(daemon, folder):
    """A slip in the configuration does not give away a folder of the system."""
    before = os.stat(folder)
    path = daemon.folder + "/slip.yaml"
    with open(path, "w") as file:
        file.write("state_dir: %s\nruntime_dir: /run/slip\n" % folder)
    done = run_aicpd("-c", path)
    after = os.stat(folder)
    if (before.st_uid, before.st_gid, before.st_mode) != (after.st_uid, after.st_gid, after.st_mode):
        return "changed"
    return None if done.returncode == 1 and "cannot be used" in done.stderr else done.stderr


def notifies(daemon):
    """systemd's protocol: READY only when requests are judged; STOPPING at the end."""
    path = os.environ["LAB"] + "/notify"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    listener.settimeout(20)
    os.environ["NOTIFY_SOCKET"] = path
    process = subprocess.Popen([AICPD, "-c", daemon.config], stderr=subprocess.DEVNULL)
    del os.environ["NOTIFY_SOCKET"]
    daemon.process = process
    ready = listener.recv(4096).decode()
    wrong = judged(daemon) if "READY=1" in ready else ready
    process.send_signal(signal.SIGHUP)
    reloading = listener.recv(4096).decode()
    again = listener.recv(4096).decode()
    process.terminate()
    stopping = listener.recv(4096).decode()
    process.wait(20)
    listener.close()
    os.unlink(path)
    if wrong:
        return wrong
    if not re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+$", reloading) or "READY=1" not in again or stopping != "STOPPING=1":
        return repr((ready, reloading, again, stopping))
    return None if process.returncode == 0 else "status %d" % process.returncode


def run_aicpd(*arguments, prefix=()):
    return subprocess.run([*prefix, AICPD, *arguments], capture_output=True, text=True, timeout=30)


def exits(status, words, *arguments):
    done = run_aicpd(*arguments)
    text = done.stdout + done.stderr
    missing = [word for word in words if word not in text]
    return None if done.returncode == status and not missing else "status %d\n%s" % (done.returncode, text)


def checks(folder, text, status, *words):
    path = folder + "/check.yaml"
    with open(path, "w") as file:
        file.write(text)
    return exits(status, words, "-t", "-c", path)


def missing_user(daemon):
    with open("/etc/passwd") as file:
        lines = file.readlines()
    fewer = os.environ["LAB"] + "/passwd"
    with open(fewer, "w") as file:
        file.writelines(line for line in lines if not line.startswith("aicp-api:"))
    script = "mount --bind %s /etc/passwd && exec %s -c %s" % (fewer, AICPD, daemon.config)
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=30)
    word = "useradd --system --no-create-home --shell /usr/sbin/nologin aicp-api"
    return None if done.returncode == 1 and word in done.stderr else "status %d\n%s" % (done.returncode, done.stderr)


def rootless():
    """All of it as nobody: one user, the cooperative tier, requests judged."""
    home = os.environ["LAB"] + "/nobody"
    os.makedirs(home)
    os.chown(home, 65534, 65534)
    policy = home + "/policy.yaml"
    with open(policy, "w") as file:
        file.write("policy: no\nwhen: {field: prompt, contains: %s}\nthen: block\nreason: the lab forbids this word\n"
                   % FORBIDDEN)
    with open(home + "/aicp.yaml", "w") as file:
        file.write("policies: [policy.yaml]\nstate_dir: %s/state\n" % home)
    environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_RUNTIME_DIR": home}
    log = open(home + "/log", "w")
    daemon = Daemon("rootless")
    daemon.runtime_dir, daemon.state_dir, daemon.config = home + "/aicp", home + "/state", home + "/aicp.yaml"
    daemon.log_path = home + "/log"
    daemon.process = subprocess.Popen(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--",
                                       AICPD, "--rootless", "-c", daemon.config], env=environment, stderr=log)
    try:
        if not wait_for(lambda: '"event":"ready"' in daemon.log()):
            return daemon.log()
        wrong = judged_as(daemon, "65534")
        if wrong:
            return wrong
        for pid in daemon.pids():
            if status_of(pid)["Uid"].split() != ["65534"] * 4 or status_of(pid)["NoNewPrivs"] != "1":
                return str(status_of(pid))
        status = daemon.stop()
        tiers = [leaf["body"]["tier"] for leaf in records(daemon, "mode")]
        return None if status == 0 and tiers == ["cooperative"] else "status %s, tiers %s" % (status, tiers)
    finally:
        daemon.kill_any()


def judged_as(daemon, user):
    good, bad = shim(daemon, user=user), shim(daemon, "--body", FORBIDDEN, user=user)
    return None if good.startswith("pass ") and "the lab forbids" in bad else good + bad


def main():
    tap = Tap()
    daemon = Daemon("roles").start()
    for role in ["warden", *ROLES]:
        tap.check("%s: user, capabilities, no_new_privs, seccomp, core, dumpable" % role, privileges, daemon, role)
    tap.check("requests are judged", judged, daemon)
    for role in ["warden", *ROLES]:
        tap.check("%s: open descriptors" % role, descriptors, daemon, role)
    tap.check("engine may hold all its connections", descriptors_for_all, daemon)
    tap.check("engine has no files", engine_has_no_files, daemon)
    tap.check("api can write nothing below state_dir, secrets are their owner's", api_cannot_write, daemon)
    tap.check("identity comes from the kernel", identity, daemon)
    tap.check("no credential in records or log", no_credentials, daemon)
    for name, arguments in {
            "wrong magic": ["--bad", "magic"], "wrong version": ["--bad", "version"],
            "unknown flags": ["--bad", "flags"], "too short": ["--bad", "short"], "too long": ["--bad", "long"],
            "too many descriptors": ["--bad", "fds"], "memfd that can change": ["--unsealed"],
            "memfd of another size": ["--wrong-size"], "unreadable: HTTP/2": ["--kind", "1"]}.items():
        tap.check("frame refused: " + name, bad_frame, daemon, *arguments)
    tap.check("a peer that says nothing is closed", silent, daemon)
    tap.check("over budget: refused with a reason, others are served", over_budget, daemon)
    for role in ROLES:
        tap.check("%s killed: started again, service goes on, both recorded" % role, killed, daemon, role)
    tap.check("killed often: restarts wait longer", killed_often, daemon)
    tap.check("reader hung: its user goes without identity, others do not", reader_hangs, daemon)
    tap.check("ledger hung: refused, then served again", without_ledger, daemon)
    tap.check("SIGHUP with good policies: in force, recorded", reload_good, daemon)
    tap.check("SIGHUP with bad policies: refused with file:line, recorded, the old ones stay", reload_bad, daemon)
    tap.check("SIGHUP with a file that others can write: refused", reload_writable, daemon)
    tap.check("SIGHUP with 800 patterns: requests are judged meanwhile", reload_slow, daemon)
    tap.check("large requests of one user: small ones of another do not wait", large_beside_small, daemon)
    tap.check("large requests of one user: larger ones of another get their turn", large_of_two_users, daemon)
    tap.check("SIGTERM: orderly, status 0, no process and no socket left", stops, daemon)
    tap.check("warden killed: no role outlives it, the next start serves", warden_killed, daemon)
    tap.check("sd_notify: READY, RELOADING, STOPPING", notifies, daemon)
    folder = daemon.folder
    tap.check("a missing user names the command that makes it", missing_user, daemon)
    tap.check("-t: good", exits, 0, ["well-formed"], "-t", "-c", daemon.config)
    tap.check("-t: unknown key with file:line", checks, folder, "mode: enforce\nmod: x\n", 1, "check.yaml:2:", "mod")
    tap.check("-t: bad policy with file:line", checks, folder, "policies: [%s]\n" % bad_policy(folder), 1, "bad.yaml:")
    tap.check("-t: missing policy file", checks, folder, "policies: [nowhere.yaml]\n", 1, "nowhere.yaml", "cannot be read")
    tap.check("-t: missing configuration", exits, 1, ["nowhere.yaml"], "-t", "-c", "/nowhere.yaml")
    tap.check("--version", exits, 0, ["aicpd "], "--version")
    tap.check("--help", exits, 0, ["usage:", "--rootless"], "--help")
    tap.check("an unknown option: status 2", exits, 2, ["--help"], "--nonsense")
    tap.check("a stray word: status 2", exits, 2, ["nonsense"], "nonsense")
    tap.check("a folder that holds other files is no state_dir", not_this_folder, daemon, full_folder(daemon))
    tap.check("a folder of somebody else is no state_dir", not_this_folder, daemon, other_folder(daemon))
    tap.check("not root: says so", not_root)
    tap.check("--rootless as nobody", rootless)
    Daemon.kill_any()
    return tap.done()


def bad_policy(folder):
    with open(folder + "/bad.yaml", "w") as file:
        file.write("policy: x\nwhen: {field: no.such.fact, contains: x}\nthen: block\n")
    return folder + "/bad.yaml"


def full_folder(daemon):
    path = daemon.folder + "/full"
    os.makedirs(path + "/somebody's")
    return path


def other_folder(daemon):
    path = daemon.folder + "/other"
    os.makedirs(path)
    os.chown(path, 4711, 4711)
    return path


def not_root():
    done = run_aicpd(prefix=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
    return None if done.returncode == 1 and "--rootless" in done.stderr else "status %d\n%s" % (done.returncode, done.stderr)


sys.exit(main())
