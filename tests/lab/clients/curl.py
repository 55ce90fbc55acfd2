# SPDX-License-Identifier: MIT
"""The curl program, one process for all prompts; LAB_CURL_ARGS are more of its arguments (--http1.1, --http2)."""

import os
import subprocess
import tempfile

import ask

shape, prompts = ask.arguments()
extra = os.environ.get("LAB_CURL_ARGS", "").split()
command = ["curl", "--silent", "--show-error", "--max-time", "20"]
with tempfile.TemporaryDirectory(dir=os.environ.get("LAB")) as folder:
    for number, prompt in enumerate(prompts):
        if number:
            command += ["--next", "--silent", "--show-error", "--max-time", "20"]
        data = os.path.join(folder, "request%d" % number)
        with open(data, "wb") as file:
            file.write(ask.body(shape, prompt))
        command += [*extra, "--output", os.path.join(folder, "answer%d" % number), "--write-out", "%{http_code}\n"]
        for pair in ask.headers(shape).items():
            command += ["--header", "%s: %s" % pair]
        command += ["--data-binary", "@" + data, ask.url(shape)]
    done = subprocess.run(command, capture_output=True, text=True)
    statuses = [int(line) for line in done.stdout.split()]
    for number, status in enumerate(statuses):
        try:
            with open(os.path.join(folder, "answer%d" % number)) as file:
                text = file.read()
        except FileNotFoundError:
            text = ""
        error = None if status else OSError(done.stderr.strip())
        ask.report(status or None, text, error)
