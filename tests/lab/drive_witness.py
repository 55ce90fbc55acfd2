# SPDX-License-Identifier: MIT
"""Responses as the engine takes them from its side of the wire: what a shim sends, well and badly, and its record."""

import array
import gzip
import json
import os
import signal
import socket
import struct
import sys
import time
from types import SimpleNamespace

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/roles")

import shim_client  # noqa: E402
from labdaemon import FORBIDDEN, SECRET, Daemon  # noqa: E402
from tap import Tap  # noqa: E402

RESPONSE = struct.Struct("<IHHIIQ")
CAN_WITNESS, V_WITNESS, R_END = 16, 1, 1
PASS, ANSWER, REWRITE = 1, 2, 3
BUDGET = 512
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 3}}
CHAT = {"id": "chatcmpl-w", "model": "gpt-4o-w", "usage": USAGE,
        "choices": [{"index": 0, "finish_reason": "tool_calls",
                     "message": {"tool_calls": [{"function": {"name": "get_weather"}}]}}]}


class Exchange:
    """One request that asks to be witnessed, up to its verdict; then the response's bytes."""

    def __init__(self, daemon, body="hello", flags=CAN_WITNESS):
        args = SimpleNamespace(kind=0, host="api.openai.com", memfd=False, unsealed=False, wrong_size=False, bad="")
        request, head_bytes = shim_client.chat(args.host, body, "/v1/chat/completions")
        message, _ = shim_client.frame(args, request, head_bytes)
        message = message[:8] + struct.pack("<I", flags) + message[12:]
        self.socket = shim_client.connect(daemon.runtime_dir + "/shim.sock")
        self.socket.settimeout(15)
        self.socket.send(message)
        reply = self.socket.recv(65536)
        _, _, _, self.action, _, ident, _, self.extra = shim_client.VERDICT.unpack(reply[:shim_client.VERDICT.size])
        self.id = ident.rstrip(b"\0").decode()
        self.offset = 0

    def send(self, data, flags=0):
        for at in range(0, max(1, len(data)), 65536):
            piece = data[at:at + 65536]
            header = RESPONSE.pack(0x50434941, 1, 3, flags, len(piece), self.offset)
            self.socket.send(header + piece)
            self.offset += len(piece)

    def closed(self, seconds=10):
        """Did the engine end it?"""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()


def sse(*events):
    body = b""
    for event in events:
        text = b"data: " + json.dumps(event).encode() + b"\n\n"
        body += b"%x\r\n%s\r\n" % (len(text), text)
    return body


def entry(daemon, ident, seconds=10):
    """The log entry once its response is recorded."""
    deadline = time.monotonic() + seconds
    while True:
        found = daemon.api("/api/logs/" + ident)
        if found["response_facts"] or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def facts(daemon, exchange, **wanted):
    """None when the record says this."""
    found = entry(daemon, exchange.id)
    if not found["response_facts"]:
        return "no response is recorded for " + exchange.id
    flat = {**found, **found["response_facts"]}
    wrong = ["%s is %r, not %r" % (key, flat.get(key), value) for key, value in wanted.items() if flat.get(key) != value]
    return "\n".join(wrong) or None


def usage(**more):
    return {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7, "gen_ai.usage.cache_read.input_tokens": 3,
            "gen_ai.response.model": "gpt-4o-w", "gen_ai.response.id": "chatcmpl-w", **more}


def whole(daemon):
    x = Exchange(daemon)
    if (x.action, x.extra) != (PASS, V_WITNESS):
        return "verdict %d, extra %d" % (x.action, x.extra)
    text = json.dumps(CHAT).encode()
    x.send(JSON + b"Content-Length: %d\r\n\r\n" % len(text))
    x.send(text[:50])
    x.send(text[50:])
    if not x.closed():
        return "the engine keeps the connection of a whole response"
    return facts(daemon, x, parse="ok", complete=True, tools=["get_weather"], **usage(
        **{"http.response.status_code": 200, "gen_ai.response.finish_reasons": ["tool_calls"],
           "response": "[MASKED %d bytes]" % x.offset, "content_type": "application/json"}))


def streamed(daemon):
    x = Exchange(daemon)
    x.send(SSE)
    for word in ("a", "b", "c"):
        time.sleep(0.1)
        x.send(sse({"id": "chatcmpl-w", "model": "gpt-4o-w", "choices": [{"index": 0, "delta": {"content": word}}]}))
    x.send(sse({"choices": [], "usage": USAGE}) + b"0\r\n\r\n")
    wrong = facts(daemon, x, parse="ok", complete=True, **usage())
    took = entry(daemon, x.id)["response_facts"]
    if not wrong and not 250 <= took["total_ms"] <= 5000 or took["first_byte_ms"] > took["total_ms"]:
        wrong = "first byte after %(first_byte_ms)d ms, all after %(total_ms)d ms" % took
    return wrong


def compressed_until_close(daemon):
    x = Exchange(daemon)
    x.send(JSON + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(json.dumps(CHAT).encode()))
    x.send(b"", R_END)
    return facts(daemon, x, parse="ok", complete=True, **usage())


def rewritten(daemon):
    x = Exchange(daemon, SECRET)
    if (x.action, x.extra) != (REWRITE, V_WITNESS):
        return "verdict %d, extra %d" % (x.action, x.extra)
    x.send(JSON + b"Content-Length: 2\r\n\r\n{}")
    return facts(daemon, x, parse="ok", complete=True)


def refused(daemon):
    x = Exchange(daemon, FORBIDDEN)
    if (x.action, x.extra) != (ANSWER, 0) or not x.closed():
        return "verdict %d, extra %d" % (x.action, x.extra)
    time.sleep(0.3)
    found = daemon.api("/api/logs/" + x.id)
    return None if found["response"] is None and found["response_facts"] is None else found


def older_shim(daemon):
    x = Exchange(daemon, flags=0)
    return None if (x.action, x.extra) == (PASS, 0) and x.closed() else "verdict %d, extra %d" % (x.action, x.extra)


def ends(daemon, parse, pieces, close=True, wanted=None):
    """A response that is not whole: pieces are bytes, or numbers of bytes that are left out."""
    x = Exchange(daemon)
    for piece in pieces:
        if isinstance(piece, int):
            x.offset += piece
        else:
            x.send(piece)
    if close:
        x.close()
    elif not x.closed():
        return "the engine waits on"
    return facts(daemon, x, parse=parse, complete=False, **(wanted or {}))


def broken(daemon, message, fds=()):
    """What is no message of the protocol ends it, and nothing else."""
    before = daemon.api("/api/status")["engine"]["malformed_frames"]
    x = Exchange(daemon)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    x.socket.sendmsg([message], control)
    if not x.closed():
        return "the engine waits on"
    wrong = facts(daemon, x, parse="cut-off", complete=False)
    after = daemon.api("/api/status")["engine"]["malformed_frames"]
    return wrong or (None if after == before + 1 else "%d malformed frames, not %d" % (after, before + 1)) or whole(daemon)


def over_budget(daemon):
    """One user's responses have an end; those of another do not depend on it."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            held = [Exchange(daemon) for _ in range(BUDGET + 1)]
            good = all(x.extra == V_WITNESS for x in held[:-1]) and held[-1].extra == 0 and held[-1].action == PASS
            held[0].send(JSON + b"Content-Length: 2\r\n\r\n{}")
            good = good and held[0].closed()
            again = Exchange(daemon)
            os._exit(0 if good and again.extra == V_WITNESS else 1)
        finally:
            os._exit(2)
    status = os.waitpid(pid, 0)[1]
    if status:
        return "status %d" % os.waitstatus_to_exitcode(status)
    if daemon.api("/api/status")["engine"]["responses_unwitnessed"] != 1:
        return "responses_unwitnessed is not 1"
    return whole(daemon)


def memory_budget(daemon):
    """Large responses of one user: over their memory they are given up, each with its record."""
    held = [Exchange(daemon) for _ in range(24)]
    for x in held:
        x.send(JSON + b"Content-Length: 5000000\r\n\r\n{\"")
    # Each holds up to 4 MiB (the limit of one text), so 64 MiB end at the sixteenth or so.
    for part in range(62):
        for x in held:
            try:
                x.send(b"x" * 65536)
            except (BrokenPipeError, ConnectionResetError):
                pass
    found = []
    for x in held:
        x.close()
        found.append(entry(daemon, x.id)["response_facts"]["parse"])
    if found.count("over-budget") < 4 or found.count("cut-off") < 10:
        return found
    return whole(daemon)


def beside_bombs(daemon):
    """Verdicts do not wait for responses, however much work these are."""
    alone = latency(daemon)
    pid = os.fork()
    if pid == 0:
        send_bombs(daemon)
    beside = latency(daemon, 150)
    ended = os.waitpid(pid, os.WNOHANG)[0]
    os.kill(pid, signal.SIGKILL)
    if ended:
        return "the bombs ended before the verdicts"
    os.waitpid(pid, 0)
    # One message of these takes the parser some 60 ms.
    return None if beside < alone * 3 + 0.010 else "p50 %.1f ms beside them, %.1f ms alone" % (beside * 1e3, alone * 1e3)


def send_bombs(daemon):
    """Until killed: streams whose 64 KiB are 60 MiB of empty lines."""
    bomb = gzip.compress(b"\n" * (60 << 20), 9)
    while True:
        for x in [Exchange(daemon) for _ in range(8)]:
            x.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n" + bomb)
            x.close()


def latency(daemon, times=60):
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        Exchange(daemon, flags=0).close()
        took.append(time.perf_counter() - begin)
    return sorted(took)[len(took) // 2]


def shown(daemon):
    x = Exchange(daemon)
    text = json.dumps(CHAT).encode()
    x.send(JSON + b"Content-Length: %d\r\n\r\n" % len(text) + text)
    entry(daemon, x.id)
    done = daemon.aicp("log", "show", x.id)
    wanted = ["response ok", "output tokens 7", "response model gpt-4o-w", 'calls tools ["get_weather"]']
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    return None if done.returncode == 0 and set(wanted) <= set(lines) else done.stdout + done.stderr


def stopped(daemon):
    """An orderly stop records what it has of responses."""
    x = Exchange(daemon)
    x.send(SSE + sse({"id": "chatcmpl-w", "model": "gpt-4o-w"}))
    if daemon.stop() != 0:
        return "status %s" % daemon.process.returncode
    if not x.closed():
        return "the connection is still there"
    daemon.start()
    return facts(daemon, x, parse="cut-off", complete=False, **{"gen_ai.response.model": "gpt-4o-w"})


def engine_killed(daemon):
    """Whoever is witnessed when the engine dies loses the record, and nothing else."""
    x = Exchange(daemon)
    x.send(SSE)
    for pid in daemon.pids():
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            if b"--role=engine" in file.read().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
    if not x.closed():
        return "the engine lives"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            return whole(daemon)
        except (OSError, struct.error, RuntimeError):
            time.sleep(0.1)
    return "no verdict after the restart"


def main():
    tap = Tap()
    daemon = Daemon("witness").start()
    tap.check("a whole response", whole, daemon)
    tap.check("a stream, as it comes", streamed, daemon)
    tap.check("compressed, until the server closes", compressed_until_close, daemon)
    tap.check("the response to a rewritten request", rewritten, daemon)
    tap.check("a refused request has none", refused, daemon)
    tap.check("a shim that cannot witness is not asked to", older_shim, daemon)
    tap.check("nothing was read", ends, daemon, "cut-off", [], True,
              {"http.response.status_code": None, "first_byte_ms": None})
    tap.check("cut off in the body", ends, daemon, "cut-off", [JSON + b"Content-Length: 9\r\n\r\n{}"])
    tap.check("until close, and nobody saw the close", ends, daemon, "cut-off", [JSON + b"\r\n{}"])
    tap.check("a gap", ends, daemon, "gap", [SSE + sse({"model": "m"}), 5, sse({"model": "n"})], False,
              {"gen_ai.response.model": "m"})
    tap.check("no HTTP", ends, daemon, "malformed", [b"SSH-2.0-x\r\n"], False)
    tap.check("an image", ends, daemon, "unsupported", [b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"], False)
    tap.check("no message", broken, daemon, b"x")
    tap.check("a message of another length", broken, daemon, RESPONSE.pack(0x50434941, 1, 3, 0, 9, 0) + b"x")
    tap.check("an unknown flag", broken, daemon, RESPONSE.pack(0x50434941, 1, 3, 2, 0, 0))
    tap.check("a second request", broken, daemon, shim_client.REQUEST.pack(0x50434941, 1, 1, 0, 0, 1, 0, 0, 0) + b"a")
    with open("/dev/null", "rb") as null:
        tap.check("with descriptors", broken, daemon, RESPONSE.pack(0x50434941, 1, 3, 0, 0, 0), [null.fileno()] * 200)
    tap.check("over budget: passed unwitnessed, counted, others are witnessed", over_budget, daemon)
    tap.check("over the budget of memory: given up, and recorded", memory_budget, daemon)
    tap.check("bombs: verdicts do not wait", beside_bombs, daemon)
    tap.check("aicp log show", shown, daemon)
    tap.check("an orderly stop", stopped, daemon)
    tap.check("the engine killed", engine_killed, daemon)
    daemon.stop()
    if tap.failed:
        print("# " + daemon.log()[-4000:].replace("\n", "\n# "))
    return tap.done()


sys.exit(main())
