# SPDX-License-Identifier: MIT
"""A server for tests of the shim, with TLS or in clear: answers every request and logs what reached it.

server.py LOG CERT KEY PORT VERSION [h2]

VERSION is 1.2 or 1.3, or `clear`. With h2 the server prefers HTTP/2 in ALPN, and logs when a client agrees to it. One log line for a
request: method, path, bytes of the body, SHA-256 of the whole request as it came. Paths: /slow reads the body
with pauses, /cut closes in the middle of it. /large?BYTES answers with so many bytes in no time, /close?BYTES the same
without saying how many and closes in order.
"""
import hashlib
import random
import socket
import ssl
import sys
import threading
import time

log_path, cert, key, port, version = sys.argv[1:6]
log_lock = threading.Lock()


def log(line):
    with log_lock, open(log_path, "a", encoding="ascii") as f:
        f.write(line + "\n")


class Wire:
    def __init__(self, conn):
        self.conn, self.buffer, self.digest, self.pause = conn, b"", None, 0

    def fill(self):
        if self.pause:
            time.sleep(self.pause)
        data = self.conn.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def take(self, n):
        while len(self.buffer) < n:
            self.fill()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        self.digest.update(data)
        return data

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        return self.take(self.buffer.index(mark) + len(mark))


def body_of(wire, fields):
    if fields.get("transfer-encoding") == "chunked":
        total = 0
        while True:
            size = int(wire.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while wire.until(b"\r\n") != b"\r\n":
                    pass
                return total
            wire.take(size + 2)
            total += size
    left = total = int(fields.get("content-length", "0"))
    while left:
        left -= len(wire.take(min(left, 65536)))
    return total


def answer(wire):
    wire.digest = hashlib.sha256()
    wire.fill() if not wire.buffer else None
    head = wire.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
    if fields.get("expect", "").lower() == "100-continue":
        wire.conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if path == "/cut":
        log(f"{method} {path} cut")
        raise EOFError
    wire.pause = 0.02 if path == "/slow" else 0
    total = body_of(wire, fields)
    wire.pause = 0
    log(f"{method} {path} {total} {wire.digest.hexdigest()}")
    path, _, size = path.partition("?")
    text = b'{"ok":true}' if path not in ("/large", "/close") else random.Random(0).randbytes(int(size))
    if path == "/close":
        wire.conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + text)
        wire.conn.unwrap()
        raise EOFError
    wire.conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


def serve(context, raw):
    try:
        raw.settimeout(30)
        with context.wrap_socket(raw, server_side=True) if context else raw as conn:
            if context and conn.selected_alpn_protocol() == "h2":
                log("h2 negotiated")
            wire = Wire(conn)
            while True:
                answer(wire)
    except (OSError, EOFError, ValueError) as e:
        if not isinstance(e, EOFError):
            log(f"- connection ended: {type(e).__name__}")
        raw.close()


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    exact = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = context.maximum_version = exact
    context.set_alpn_protocols(["h2", "http/1.1"] if "h2" in sys.argv else ["http/1.1"])
    return context


def main():
    context = None if version == "clear" else tls()
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    # A small window: large uploads find full buffers.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(context, raw), daemon=True).start()


main()
