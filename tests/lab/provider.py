#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stand-in for AI providers that logs every byte it receives.

TLS runs over memory BIOs, fed one record at a time, so that what each record was is known and not guessed. The log
is JSON lines, each with "conn" (a number per TCP connection) and "event":

  open     peer, local                    a TCP connection was accepted
  raw      bytes                          as they came off the socket, TLS framing included
  record   outer, bytes, as, plain        one TLS record: outer content type, size with its header, and what it was:
                                          "handshake" (all up to and with the record that completed the handshake, so
                                          TLS 1.3's Finished, outer type 23, is one), "data" (it gave plaintext),
                                          "alert" (close_notify or other alert), "other" (key update and the like)
  tls      version, sni, alpn             the handshake is complete
  refused  error                          the handshake failed
  plain    bytes, text                    plaintext, one character per byte (Latin-1)
  request  method, path, body_bytes       a whole request was read
  answer   status, bytes, counted         what is answered, head included, and [input, output] tokens that it tells of
  unreadable error                        what came was no HTTP; the connection is given up
  close    raw, app_data, plain, reset    totals; app_data counts the bytes of "data" records

Options: --tls 1.2|1.3|any, --alpn h2 (prefer HTTP/2 where the client offers it; else http/1.1 alone). --clear NAME: no
TLS, the answers of that host, on 127.0.0.1 alone; "raw" and "plain" are the same bytes then, and "app_data" counts them.
"""

import argparse
import json
import os
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import provider_http
from tlsrecord import Splitter

RECV_BYTES = 65536
ALERT = 21


class Log:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)
        self.lock = threading.Lock()

    def write(self, conn, event, **fields):
        line = json.dumps({"conn": conn, "event": event, "t": round(time.monotonic(), 6), **fields})
        with self.lock:
            self.file.write(line + "\n")


class Connection:
    """One TCP connection: TLS below, HTTP above; runs in its own thread."""

    def __init__(self, number, sock, context, log):
        self.number, self.sock, self.context = number, sock, context
        self.log = lambda event, **fields: log.write(number, event, **fields)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.established = False
        self.ended = False
        self.totals = {"raw": 0, "app_data": 0, "plain": 0}

    def run(self):
        reset = False
        try:
            self.serve()
        except OSError as error:
            reset = isinstance(error, ConnectionResetError)
        except ValueError as error:
            self.log("unreadable", error=str(error))
        finally:
            self.log("close", reset=reset, **self.totals)
            self.sock.close()

    def serve(self):
        splitter, http = Splitter(), None
        while not self.ended:
            data = self.sock.recv(RECV_BYTES)
            if not data:
                break
            self.totals["raw"] += len(data)
            self.log("raw", bytes=len(data))
            for outer, record in splitter.feed(data):
                plain = self.take(outer, record)
                if self.established and http is None:
                    http = provider_http.speaker(self.tls.selected_alpn_protocol(), self.sni(), self.log)
                if plain:
                    for answer in http.feed(plain):
                        self.tls.write(answer)
                        self.flush()
                if self.ended or (http and http.finished):
                    self.ended = True
                    break
        self.shutdown()

    def sni(self):
        return getattr(self.tls, "lab_sni", None)

    def take(self, outer, record):
        """Feeds one record, logs what it was, gives the plaintext it carried."""
        self.incoming.write(record)
        was_established = self.established
        plain = b"" if self.established else self.handshake()
        if was_established:
            plain = self.read_plain()
        kind = "handshake" if not was_established else self.kind_of(outer, plain)
        self.log("record", outer=outer, bytes=len(record), plain=len(plain), **{"as": kind})
        if plain:
            self.totals["plain"] += len(plain)
            self.totals["app_data"] += len(record)
            self.log("plain", bytes=len(plain), text=plain.decode("latin-1"))
        return plain

    def kind_of(self, outer, plain):
        if plain:
            return "data"
        return "alert" if self.ended or outer == ALERT else "other"

    def handshake(self):
        try:
            self.tls.do_handshake()
            self.established = True
            self.log("tls", version=self.tls.version(), sni=self.sni(), alpn=self.tls.selected_alpn_protocol())
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.ended = True
            self.log("refused", error=str(error))
        self.flush()
        return b""

    def read_plain(self):
        plain = b""
        try:
            while True:
                piece = self.tls.read(RECV_BYTES)
                if not piece:
                    self.ended = True
                    break
                plain += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.ended = True
        self.flush()
        return plain

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def shutdown(self):
        try:
            self.tls.unwrap()
        except (ssl.SSLError, ValueError):
            pass
        self.flush()


class ClearConnection(Connection):
    """The same without TLS."""

    def __init__(self, number, sock, host, log):
        self.number, self.sock, self.host = number, sock, host
        self.log = lambda event, **fields: log.write(number, event, **fields)
        self.totals = {"raw": 0, "app_data": 0, "plain": 0}

    def serve(self):
        http = provider_http.speaker(None, self.host, self.log)
        while not http.finished:
            data = self.sock.recv(RECV_BYTES)
            if not data:
                break
            for total in self.totals:
                self.totals[total] += len(data)
            self.log("raw", bytes=len(data))
            self.log("plain", bytes=len(data), text=data.decode("latin-1"))
            for answer in http.feed(data):
                self.sock.sendall(answer)


def tls_context(args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert, args.key)
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version = versions.get(args.tls, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = versions.get(args.tls, ssl.TLSVersion.TLSv1_3)
    context.set_alpn_protocols(["h2", "http/1.1"] if args.alpn == "h2" else ["http/1.1"])

    def note_sni(tls, name, _context):
        tls.lab_sni = name

    context.sni_callback = note_sni
    return context


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--log", required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--clear", metavar="NAME")
    parser.add_argument("--ready", help="file made once connections are accepted")
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--tls", choices=["1.2", "1.3", "any"], default="any")
    parser.add_argument("--alpn", choices=["h2", "http/1.1"], default="http/1.1")
    args = parser.parse_args()

    kind, below = (ClearConnection, args.clear) if args.clear else (Connection, tls_context(args))
    log = Log(args.log)
    listener = socket.create_server(("127.0.0.1" if args.clear else "0.0.0.0", args.port), backlog=128)
    if args.ready:
        open(args.ready, "w").close()
    number = 0
    while True:
        sock, peer = listener.accept()
        number += 1
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        log.write(number, "open", peer="%s:%d" % peer, local="%s:%d" % sock.getsockname())
        connection = kind(number, sock, below, log)
        threading.Thread(target=connection.run, daemon=True).start()


if __name__ == "__main__":
    main()
