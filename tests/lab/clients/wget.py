# SPDX-License-Identifier: MIT
"""The wget program (GnuTLS), one process for each prompt."""

import os
import re
import subprocess
import tempfile

import ask

shape, prompts = ask.arguments()
with tempfile.TemporaryDirectory(dir=os.environ.get("LAB")) as folder:
    for prompt in prompts:
        data, answer = os.path.join(folder, "request"), os.path.join(folder, "answer")
        with open(data, "wb") as file:
            file.write(ask.body(shape, prompt))
        command = ["wget", "--quiet", "--server-response", "--content-on-error", "--tries=1", "--timeout=20"]
        command += ["--output-document", answer, "--post-file", data]
        command += ["--header=%s: %s" % pair for pair in ask.headers(shape).items()]
        done = subprocess.run([*command, ask.url(shape)], capture_output=True, text=True)
        status = re.findall(r"^  HTTP/\S+ (\d+)", done.stderr, re.M)
        with open(answer) as file:
            text = file.read()
        ask.report(int(status[-1]) if status else None, text, None if status else OSError(done.stderr.strip()))
