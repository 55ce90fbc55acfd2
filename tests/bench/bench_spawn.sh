#!/bin/bash
# SPDX-License-Identifier: MIT
# What the shim costs every program that starts: /bin/true without and with it, in turns; the median of each.
set -eu
cd "$(dirname "$0")/../.."

/usr/bin/python3 - "$PWD/build/libaicp.so" <<'END'
import os
import sys
import time

bare = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
under = dict(bare, LD_PRELOAD=sys.argv[1])


def spawn(env):
    begin = time.perf_counter()
    os.waitpid(os.posix_spawn("/bin/true", ["true"], env), 0)
    return (time.perf_counter() - begin) * 1e6


times = {"without": [], "with": []}
for _ in range(400):
    times["without"].append(spawn(bare))
    times["with"].append(spawn(under))
median = {k: sorted(v)[len(v) // 2] for k, v in times.items()}
for k in ("without", "with"):
    print(f"RESULT\tstart of /bin/true, {k} the shim\t{median[k]:.0f}\tus\t")
print(f"RESULT\tstart of a program, with the shim : without\t{median['with'] / median['without']:.2f}\tratio\t<= 1.5")
END
