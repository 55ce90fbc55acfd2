# SPDX-License-Identifier: MIT
"""What every Python client of the lab asks and how it reports: one JSON line per prompt.

Arguments: SHAPE PROMPT..., where SHAPE is chat (OpenAI chat completions), responses, messages (Anthropic), ollama (on this
machine, in clear), plain or local (a host, and a port of this machine, that nobody governs). All prompts go one after another through one session of the client, so that it may keep its
connection alive. The line: status (HTTP status or null), class and message of the exception, body (its start).
"""

import json
import sys

# Not a credential: a text that must never be found in anything aicp writes.
CANARY = "sk-lab-canary-7f3c21d09be4"

SHAPES = {
    "chat": ("api.openai.com", "/v1/chat/completions"),
    "responses": ("api.openai.com", "/v1/responses"),
    "messages": ("api.anthropic.com", "/v1/messages"),
    "plain": ("example.org", "/anything"),
    "ollama": ("localhost:11434", "/api/chat"),
    "local": ("localhost:11435", "/anything"),
}


def arguments():
    """(shape, prompts) from the command line."""
    return sys.argv[1], sys.argv[2:]


def url(shape):
    return ("http" if shape in ("ollama", "local") else "https") + "://%s%s" % SHAPES[shape]


def headers(shape):
    fields = {"Content-Type": "application/json"}
    if shape in ("chat", "responses"):
        fields["Authorization"] = "Bearer " + CANARY
    elif shape == "messages":
        fields["x-api-key"] = CANARY
        fields["anthropic-version"] = "2023-06-01"
    return fields


def body(shape, prompt):
    messages = [{"role": "user", "content": prompt}]
    bodies = {
        "chat": {"model": "gpt-4o-mini", "messages": messages},
        "responses": {"model": "gpt-4o-mini", "input": prompt},
        "messages": {"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": messages},
        "plain": {"text": prompt},
        "ollama": {"model": "llama3.2", "messages": messages, "stream": False},
        "local": {"text": prompt},
    }
    return json.dumps(bodies[shape]).encode()


def report(status=None, text="", error=None):
    line = {"status": status, "body": text[:2000]}
    line["class"] = type(error).__name__ if error else None
    line["message"] = str(error) if error else None
    print(json.dumps(line), flush=True)
