# SPDX-License-Identifier: MIT
"""Every provider that ships: a request reaches the stand-in and is answered in the provider's format, and one with the
forbidden word gets a 403 in the provider's own shape and never leaves.

Runs inside the lab, prints TAP.
"""

import json
import subprocess
import sys
import uuid

from labdaemon import FORBIDDEN, Daemon
from tap import Tap
from wirelog import Wirelog

wire = Wirelog()
tap = Tap()

GEMINI = "generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"
BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2FUs.x"
ARN = "arn:aws:bedrock:us-east-1:1:inference-profile/Us.x"


def chat(text, **more):
    return {"model": "lab-model", "messages": [{"role": "user", "content": text}], **more}


def contents(text):
    return {"contents": [{"parts": [{"text": text}]}]}


def converse(text):
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


def message(*keys):
    """Where the text of an error stands."""

    def find(value):
        for key in keys:
            value = value[key]
        return value

    return find


# name, URL, body, where an error has its text, what a whole answer has in it, provider and model as recorded
ROWS = [
    ("OpenAI", "api.openai.com/v1/chat/completions", chat, message("error", "message"), "heard", ("openai", "lab-model")),
    ("Anthropic", "api.anthropic.com/v1/messages", lambda text: chat(text, max_tokens=9), message("error", "message"),
     "heard", ("anthropic", "lab-model")),
    ("Gemini", GEMINI + ":generateContent", contents, message("error", "message"), "heard",
     ("gcp.gemini", "gemini-2.5-flash")),
    ("Gemini, streamed as events", GEMINI + ":streamGenerateContent?alt=sse", contents, message("error", "message"),
     "data: ", ("gcp.gemini", "gemini-2.5-flash")),
    ("Gemini, streamed as an array", GEMINI + ":streamGenerateContent", contents, message(0, "error", "message"),
     "heard", ("gcp.gemini", "gemini-2.5-flash")),
    ("Mistral", "api.mistral.ai/v1/chat/completions", chat, message("message"), "heard", ("mistral_ai", "lab-model")),
    ("Mistral, streamed", "api.mistral.ai/v1/chat/completions", lambda text: chat(text, stream=True), message("message"),
     "data: [DONE]", ("mistral_ai", "lab-model")),
    ("Bedrock", BEDROCK + "/converse", converse, message("message"), "heard", ("aws.bedrock", ARN)),
    ("Bedrock, streamed", BEDROCK + "/converse-stream", converse, message("message"), "messageStop", ("aws.bedrock", ARN)),
    ("Ollama", "ollama.com/api/chat", lambda text: chat(text, stream=False), message("error"), "heard",
     ("ollama", "lab-model")),
    ("Ollama, streamed", "ollama.com/api/chat", chat, message("error"), "done_reason", ("ollama", "lab-model")),
]


def curl(daemon, url, body):
    """(status, head, body) as curl saw them."""
    command = [*daemon.run_prefix(), "curl", "-sS", "-i", "--max-time", "20", "-H", "Content-Type: application/json",
               "--data-binary", "@-", "https://" + url]
    done = subprocess.run(command, input=json.dumps(body).encode(), capture_output=True, timeout=30)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    head = head.decode(errors="replace").lower()
    return int((head.split() or ["0", "0"])[1]), head, rest.decode(errors="replace")


def wrong_record(daemon, want, mark=None):
    record = daemon.witnessed()[-1]
    got = (record.get("gen_ai.provider.name"), record.get("gen_ai.request.model"))
    if got != want:
        return "recorded as %s" % (got,)
    return None if mark is None else wire.wrong_response(record, mark)


def allowed(daemon, url, body, answer, recorded):
    mark, text = wire.mark(), "marker-" + uuid.uuid4().hex
    status, _, rest = curl(daemon, url, body(text))
    if status != 200 or answer not in rest or wire.reached(text, mark) != 1:
        return "%d, reached %d: %s" % (status, wire.reached(text, mark), rest[:300])
    return wrong_record(daemon, recorded, mark)


def blocked(daemon, url, body, find, recorded):
    mark = wire.mark()
    status, head, rest = curl(daemon, url, body(FORBIDDEN))
    if status != 403 or wire.data_bytes(mark):
        return "%d, %d bytes arrived: %s" % (status, wire.data_bytes(mark), rest[:300])
    if "the lab forbids this word" not in find(json.loads(rest)) or "x-should-retry: false" not in head:
        return "not in its shape: %s\n%s" % (head, rest)
    if recorded[0] == "aws.bedrock" and "x-amzn-errortype: accessdeniedexception" not in head:
        return "no error type: %s" % head
    return wrong_record(daemon, recorded)


def main():
    daemon = Daemon().start()
    for name, url, body, find, answer, recorded in ROWS:
        tap.check(name + ": allowed", allowed, daemon, url, body, answer, recorded)
        tap.check(name + ": blocked", blocked, daemon, url, body, find, recorded)
    daemon.stop()
    return tap.done()


sys.exit(main())
