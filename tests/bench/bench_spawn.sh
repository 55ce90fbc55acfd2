#!/bin/bash
# SPDX-License-Identifier: MIT
# What the shim costs every program that starts: /bin/true without it, with it, and with an empty object in its place
# (what loading anything at all costs), in turns; medians of the processor time that each took, and of the time that passed.
set -eu
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
${CC:-gcc} -shared -fPIC -nostartfiles -Wl,-z,norelro -Wl,-z,noseparate-code -o "$tmp/empty.so" -x c /dev/null

/usr/bin/python3 - "$PWD/build/libaicp.so" "$tmp/empty.so" <<'END'
import os
import sys
import time

bare = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
ways = {"without": bare, "with": dict(bare, LD_PRELOAD=sys.argv[1]), "empty": dict(bare, LD_PRELOAD=sys.argv[2])}


def spawn(env):
    begin = time.perf_counter()
    usage = os.wait4(os.posix_spawn("/bin/true", ["true"], env), 0)[2]
    return (usage.ru_utime + usage.ru_stime) * 1e6, (time.perf_counter() - begin) * 1e6


times = {way: [] for way in ways}
for _ in range(1500):
    for way, env in ways.items():
        times[way].append(spawn(env))
cpu = {way: sorted(t[0] for t in all)[len(all) // 2] for way, all in times.items()}
wall = {way: sorted(t[1] for t in all)[len(all) // 2] for way, all in times.items()}
print(f"RESULT\tstart of /bin/true, processor time, without the shim\t{cpu['without']:.0f}\tus\t")
print(f"RESULT\tstart of /bin/true, processor time that the shim adds\t{cpu['with'] - cpu['without']:.0f}\tus\t<= 25")
print(f"RESULT\tthe same for an empty object in its place\t{cpu['empty'] - cpu['without']:.0f}\tus\t")
print(f"RESULT\tstart of a program, with the shim : without\t{wall['with'] / wall['without']:.2f}\tratio\t<= 1.5")
END
