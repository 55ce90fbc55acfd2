# SPDX-License-Identifier: MIT
"""The real clients of the lab as a table, and how to run one."""

import json
import os
import subprocess
from dataclasses import dataclass, field

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
PYTHON = "/usr/bin/python3"


@dataclass
class Client:
    name: str
    script: str
    shape: str
    env: dict = field(default_factory=dict)
    sdk: bool = False  # raises PermissionDeniedError and counts its attempts
    node: str = "LAB_NODE18"  # Debian's, with a shared OpenSSL; LAB_NODE20 carries its own

    def command(self):
        kind = os.path.splitext(self.script)[1]
        runner = {".js": os.environ[self.node], ".php": "php", ".pl": "perl", ".py": PYTHON, ".rb": "ruby"}[kind]
        return [runner, os.path.join(CLIENTS, self.script)]

    def run(self, prompts, prefix=(), shape=None, timeout_s=60, env=None):
        """Asks prompts one after another; gives a report for each (clients/ask.py). prefix: `aicp run --`."""
        command = [*prefix, *self.command(), shape or self.shape, *prompts]
        environment = {**os.environ, **self.env, **(env or {})}
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment)
        reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if len(reports) != len(prompts):
            message = "%s: %d reports for %d prompts, exit status %d\n%s%s"
            sizes = (self.name, len(reports), len(prompts), done.returncode, done.stdout, done.stderr)
            raise RuntimeError(message % sizes)
        return reports


STREAM = {"LAB_STREAM": "1"}
# In clear, to a server on this machine.
AT_OLLAMA = {"OPENAI_BASE_URL": "http://localhost:11434/v1"}
CLEAR = [
    Client("curl", "curl.py", "ollama"),
    Client("requests", "requests_session.py", "ollama"),
    Client("httpx sync", "httpx_sync.py", "ollama"),
    Client("httpx async", "httpx_async.py", "ollama"),
    Client("aiohttp", "aiohttp_session.py", "ollama"),
    Client("urllib", "urllib_open.py", "ollama"),
    Client("wget", "wget.py", "ollama"),
    Client("pycurl", "pycurl_easy.py", "ollama"),
    Client("Node 18 http", "https_agent.js", "ollama"),
    Client("Node 18 fetch", "fetch.js", "ollama"),
    Client("ollama", "ollama_sdk.js", "ollama"),
    Client("ollama stream", "ollama_sdk.js", "ollama", STREAM),
    Client("openai", "openai_sdk.js", "ollama", AT_OLLAMA, sdk=True),
    Client("openai stream", "openai_sdk.js", "ollama", {**AT_OLLAMA, **STREAM}, sdk=True),
]
ALL = [
    Client("curl HTTP/1.1", "curl.py", "chat", {"LAB_CURL_ARGS": "--http1.1"}),
    Client("curl offering h2", "curl.py", "messages", {"LAB_CURL_ARGS": "--http2"}),
    Client("requests", "requests_session.py", "chat"),
    Client("httpx sync", "httpx_sync.py", "messages"),
    Client("httpx async", "httpx_async.py", "chat"),
    Client("aiohttp", "aiohttp_session.py", "messages"),
    Client("urllib", "urllib_open.py", "responses"),
    Client("aiohttp on uvloop", "uvloop_aiohttp.py", "chat"),
    Client("wget", "wget.py", "chat"),
    Client("pycurl", "pycurl_easy.py", "messages"),
    Client("Ruby net/http", "net_http.rb", "responses"),
    Client("Perl LWP", "lwp.pl", "chat"),
    Client("PHP streams", "streams.php", "chat"),
    Client("PHP curl", "curl.php", "messages"),
    Client("ctypes", "ctypes_tls.py", "chat"),
    Client("Node 18 https", "https_agent.js", "chat"),
    Client("Node 18 fetch", "fetch.js", "messages"),
    Client("openai chat", "openai_sdk.js", "chat", sdk=True),
    Client("openai chat stream", "openai_sdk.js", "chat", STREAM, sdk=True),
    Client("openai responses", "openai_sdk.js", "responses", sdk=True),
    Client("openai responses stream", "openai_sdk.js", "responses", STREAM, sdk=True),
    Client("anthropic messages", "anthropic_sdk.js", "messages", sdk=True),
    Client("anthropic messages stream", "anthropic_sdk.js", "messages", STREAM, sdk=True),
    Client("Node 20 https", "https_agent.js", "chat", node="LAB_NODE20"),
    Client("Node 20 fetch", "fetch.js", "messages", node="LAB_NODE20"),
    Client("Node 20 openai chat", "openai_sdk.js", "chat", sdk=True, node="LAB_NODE20"),
    Client("Node 20 openai responses stream", "openai_sdk.js", "responses", STREAM, sdk=True, node="LAB_NODE20"),
    Client("Node 20 anthropic messages", "anthropic_sdk.js", "messages", sdk=True, node="LAB_NODE20"),
]
