# SPDX-License-Identifier: MIT
"""The engine keeps an identity for a moment; these processes could be taken for who was there before."""

import datetime
import json
import os
import shutil
import subprocess
import sys

from labdaemon import Daemon
from tap import Tap

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = HERE + "/roles/shim_client.py"
PYTHON = os.path.realpath("/usr/bin/python3")
# As long as the engine keeps one (AICP_IDENTITY_AGE_MS_MAX).
AGE = datetime.timedelta(seconds=1)
LAST_PID = "/proc/sys/kernel/ns_last_pid"


def decisions(daemon):
    """Their leaves, oldest first."""
    query = "select cast(bytes as text) from leaf order by rowid"
    done = subprocess.run(["sqlite3", "-readonly", daemon.state_dir + "/ledger.db", query], capture_output=True, text=True,
                          check=True)
    return [leaf for leaf in map(json.loads, done.stdout.splitlines()) if leaf["type"] == "decision"]


def taken_at(leaf):
    return datetime.datetime.fromisoformat(leaf["at"][:26])


def decisions_of(daemon, count, run):
    """The processes of the decisions that run() makes: count, all within the time an identity is kept."""
    for _ in range(10):
        before = len(decisions(daemon))
        run()
        leaves = decisions(daemon)[before:]
        if len(leaves) != count:
            raise RuntimeError("%d decisions, not %d" % (len(leaves), count))
        if taken_at(leaves[-1]) - taken_at(leaves[0]) < AGE * 0.9:
            return [leaf["body"]["process"] for leaf in leaves]
    raise RuntimeError("this machine is too slow for the test to say anything")


def becomes_another(daemon, copy):
    """Asks twice, lets a child ask, executes another program, asks, changes its user, asks."""
    def run():
        subprocess.run([PYTHON, HERE + "/roles/changing_client.py", daemon.runtime_dir + "/shim.sock", copy],
                       stdout=subprocess.DEVNULL, check=True, timeout=30)

    who = decisions_of(daemon, 5, run)
    first, again, child, executed, changed = who
    inodes = [str(os.stat(path).st_ino) for path in (PYTHON, copy)]
    same = lambda a, b, *keys: all(a.get(key) == b.get(key) for key in keys)
    facts = {
        "the second question is of the same process": first == again and first["exe_inode"] == inodes[0],
        "a child is itself": child["pid"] != first["pid"] and child["start_ticks"] >= first["start_ticks"],
        "the process is the same": same(first, executed, "pid", "start_ticks"),
        "the program is another": executed["exe_inode"] == inodes[1] and executed["claimed"]["exe"] == copy,
        "so are its arguments": executed["claimed"]["args"] != first["claimed"]["args"],
        "its hash is of the program": executed["exe_sha256"] == first["exe_sha256"],  # it is a copy
        "the user is the new one": (executed["uid"], changed["uid"], changed["gid"]) == (0, 64201, 64201),
    }
    wrong = [name for name, holds in facts.items() if not holds]
    return "%s\n%s" % (wrong, who) if wrong else None


def number_used_again(daemon, copy):
    """Two programs one after the other under one number."""
    pids = []

    def run():
        pids.clear()
        for interpreter in (PYTHON, copy):
            if pids:
                with open(LAST_PID, "w") as file:
                    file.write(str(pids[0] - 1))
            process = subprocess.Popen([interpreter, CLIENT, daemon.runtime_dir + "/shim.sock"], stdout=subprocess.DEVNULL)
            pids.append(process.pid)
            process.wait(30)

    first, second = decisions_of(daemon, 2, run)
    if pids[0] != pids[1]:
        return "the number was not given again: %s" % pids
    inodes = [str(os.stat(path).st_ino) for path in (PYTHON, copy)]
    return None if [first["exe_inode"], second["exe_inode"]] == inodes else str([first, second])


def wakes(daemon, role):
    """How often that role waited for something so far."""
    for pid in daemon.pids():
        with open("/proc/%d/cmdline" % pid) as command, open("/proc/%d/status" % pid) as status:
            if "--role=" + role in command.read():
                return int([line for line in status if line.startswith("voluntary_ctxt_switches")][0].split()[1])
    raise RuntimeError("there is no " + role)


def asks_seldom(daemon, count):
    """One process asks count times: the reader is asked about it once, and again each time that was long ago."""
    before, begin = wakes(daemon, "reader"), datetime.datetime.now()
    subprocess.run([PYTHON, CLIENT, daemon.runtime_dir + "/shim.sock", "--repeat", str(count)], stdout=subprocess.DEVNULL, check=True)
    asked, may = wakes(daemon, "reader") - before, 10 + 5 * ((datetime.datetime.now() - begin) // AGE)
    return None if asked <= may else "the reader woke %d times, not %d" % (asked, may)


def main():
    tap = Tap()
    daemon = Daemon("identity").start()
    copy = daemon.folder + "/python"
    shutil.copy(PYTHON, copy)
    for path in (os.environ["LAB"], daemon.folder, copy):
        os.chmod(path, 0o755)
    # Both executables are hashed before their time counts.
    for interpreter in (PYTHON, copy):
        subprocess.run([interpreter, CLIENT, daemon.runtime_dir + "/shim.sock"], stdout=subprocess.DEVNULL, check=True)
    tap.check("a process that asks again is known", asks_seldom, daemon, 200)
    tap.check("a process that changes is who it is now", becomes_another, daemon, copy)
    tap.check("a number that is used again is of the new process", number_used_again, daemon, copy)
    daemon.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
