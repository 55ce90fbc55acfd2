# SPDX-License-Identifier: MIT
"""The stand-in's HTTP: reads requests from plaintext (1.1, and just enough of 2 to be reached), gives answers as bytes."""

import json

import provider_replies

H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_END = b"\r\n\r\n"


def speaker(alpn, host, log):
    return Http2(host, log) if alpn == "h2" else Http1(host, log)


def response(status, headers, body, omit_body=False):
    reasons = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 501: "Not Implemented"}
    lines = ["HTTP/1.1 %d %s" % (status, reasons[status])] + ["%s: %s" % pair for pair in headers]
    return "\r\n".join(lines).encode() + HEAD_END + (b"" if omit_body else body)


class Http1:
    """feed(plaintext) yields answers; finished says that the connection is to be closed."""

    def __init__(self, host, log):
        self.host, self.log = host, log
        self.buffer = bytearray()
        self.needed = 0  # bytes without which looking at the buffer again is no use
        self.continued = False
        self.finished = False

    def feed(self, plain):
        self.buffer += plain
        if len(self.buffer) < self.needed:
            return
        if self.buffer.startswith(H2_PREFACE[: len(self.buffer)]):
            if len(self.buffer) >= len(H2_PREFACE):
                self.log("request", method="PRI", path="*", body_bytes=0)
                self.finished = True
            return
        while not self.finished and HEAD_END in self.buffer:
            head, rest = bytes(self.buffer).split(HEAD_END, 1)
            method, path, headers = self.parse_head(head)
            body, left = self.read_body(headers, rest)
            if body is None:
                if "content-length" in headers:
                    self.needed = len(head) + len(HEAD_END) + int(headers["content-length"])
                if headers.get("expect", "").lower() == "100-continue" and not self.continued:
                    self.continued = True
                    yield b"HTTP/1.1 100 Continue\r\n\r\n"
                return
            self.buffer, self.needed, self.continued = bytearray(left), 0, False
            self.log("request", method=method, path=path, body_bytes=len(body))
            yield from self.answer(method, path, headers, body)

    def parse_head(self, head):
        lines = head.decode("latin-1").split("\r\n")
        method, path, _version = (lines[0].split(" ") + ["", ""])[:3]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return method, path, headers

    def read_body(self, headers, rest):
        """(body, bytes behind it), or (None, ...) while it is incomplete."""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self.read_chunks(rest)
        size = int(headers.get("content-length", "0") or 0)
        return (rest[:size], rest[size:]) if len(rest) >= size else (None, rest)

    def read_chunks(self, rest):
        body = b""
        while True:
            line, found, after = rest.partition(b"\r\n")
            if not found:
                return None, rest
            size = int(line.split(b";")[0], 16)
            if size == 0:
                end = after.find(b"\r\n") if after.startswith(b"\r\n") else after.find(HEAD_END) + 2
                return (body, after[end + 2 :]) if end >= 0 and len(after) >= end + 2 else (None, rest)
            if len(after) < size + 2:
                return None, rest
            body, rest = body + after[:size], after[size + 2 :]

    def answer(self, method, path, headers, body):
        self.finished = "close" in headers.get("connection", "").lower()
        reply = provider_replies.reply(self.host, method, path, body)
        pieces = list(self.pieces(method, reply))
        self.log("answer", status=reply.status, bytes=sum(map(len, pieces)), counted=reply.counted)
        yield from pieces

    @staticmethod
    def pieces(method, reply):
        fields = list(reply.headers)
        if reply.events is None:
            fields.append(("content-length", str(len(reply.body))))
            yield response(reply.status, fields, reply.body, omit_body=method == "HEAD")
            return
        fields += [("transfer-encoding", "chunked"), ("cache-control", "no-cache")]
        yield response(reply.status, fields, b"")
        for event in reply.events:
            yield b"%x\r\n%s\r\n" % (len(event), event)
        yield b"0\r\n\r\n"


class Http2:
    """Enough of RFC 9113 that a client's request is received and answered with 200; header fields are not decoded."""

    DATA, HEADERS, RST, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
    END_STREAM, END_HEADERS, ACK, PADDED = 1, 4, 1, 8

    def __init__(self, host, log):
        self.host, self.log = host, log
        self.buffer = b""
        self.preface_seen = False
        self.finished = False
        self.bodies = {}

    def frame(self, kind, flags, stream, payload=b""):
        return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload

    def feed(self, plain):
        self.buffer += plain
        if not self.preface_seen:
            if len(self.buffer) < len(H2_PREFACE):
                return
            self.buffer, self.preface_seen = self.buffer[len(H2_PREFACE) :], True
            yield self.frame(self.SETTINGS, 0, 0)
        while len(self.buffer) >= 9:
            size = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + size:
                return
            kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
            payload, self.buffer = self.buffer[9 : 9 + size], self.buffer[9 + size :]
            yield from self.on_frame(kind, flags, stream, payload)

    def on_frame(self, kind, flags, stream, payload):
        if kind == self.SETTINGS and not flags & self.ACK:
            yield self.frame(self.SETTINGS, self.ACK, 0)
        elif kind == self.PING and not flags & self.ACK:
            yield self.frame(self.PING, self.ACK, 0, payload)
        elif kind == self.GOAWAY:
            self.finished = True
        elif kind in (self.HEADERS, self.DATA):
            self.bodies.setdefault(stream, b"")
            if kind == self.DATA:
                self.bodies[stream] += payload
            if flags & self.END_STREAM:
                yield from self.answer(stream)

    def answer(self, stream):
        body = self.bodies.pop(stream)
        self.log("request", method="h2", path="", body_bytes=len(body))
        content = json.dumps({"object": "h2.reached", "host": self.host}).encode()
        # HPACK: 0x88 is ":status: 200"; 0x0f 0x10 is a literal with the static name "content-type".
        fields = b"\x88" + b"\x0f\x10" + bytes((len(b"application/json"),)) + b"application/json"
        yield self.frame(self.HEADERS, self.END_HEADERS, stream, fields)
        yield self.frame(self.DATA, self.END_STREAM, stream, content)
