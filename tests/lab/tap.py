# SPDX-License-Identifier: MIT
"""TAP for tests in Python: one line per check, the plan at the end."""

import time
import traceback


class Tap:
    def __init__(self, prefix=""):
        self.prefix, self.count, self.failed = prefix, 0, 0
        self.since = time.monotonic()

    def ok(self, condition, name, detail=None):
        self.count += 1
        before, self.since = self.since, time.monotonic()
        name = "%d - %s%s (%.1f s)" % (self.count, self.prefix, name, self.since - before)
        if condition:
            print("ok " + name, flush=True)
            return
        self.failed += 1
        print("not ok " + name, flush=True)
        if detail is not None:
            print("\n".join("# " + line for line in str(detail).splitlines()[:60]), flush=True)

    def check(self, name, function, *arguments):
        """function gives None when all is well, else what is not; whatever it raises fails."""
        try:
            wrong = function(*arguments)
        except Exception:  # a test that cannot run has failed
            wrong = traceback.format_exc()
        self.ok(wrong is None, name, wrong)

    def done(self):
        """Prints the plan; gives an exit status."""
        print("1..%d" % self.count, flush=True)
        return 1 if self.failed or not self.count else 0
