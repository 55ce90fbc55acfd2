# SPDX-License-Identifier: MIT
"""Sends standard input as it is over one TLS connection and prints the start of whatever comes back.

Arguments: HOST [SECONDS to wait for an answer]. Python's ssl on a blocking socket: what a program with a hand-made HTTP client does. Prints one JSON
line: status (of the first status line, or null), head and body (their start), class and message of an exception.
"""

import json
import socket
import ssl
import sys

host = sys.argv[1]
patience_s = float(sys.argv[2]) if sys.argv[2:] else 20
context = ssl.create_default_context()
line = {"status": None, "head": "", "body": "", "class": None, "message": None}
got = b""
try:
    with socket.create_connection((host, 443), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname=host) as tls:
            request = sys.stdin.buffer.read()
            tls.sendall(request)
            tls.settimeout(patience_s)
            while len(got) < 65536 and (piece := tls.recv(65536)):
                got += piece
                head, found, body = got.partition(b"\r\n\r\n")
                if found and request.startswith(b"HEAD "):
                    break
                if found and b"content-length:" in head.lower():
                    size = int(head.lower().split(b"content-length:")[1].split()[0])
                    if len(body) >= size and not head.startswith(b"HTTP/1.1 1"):
                        break
except OSError as error:
    line["class"], line["message"] = type(error).__name__, str(error)
head, _, body = got.decode("latin-1").partition("\r\n\r\n")
if head.startswith("HTTP/1.1 "):
    line["status"] = int(head.split()[1])
line["head"], line["body"] = head[:2000], body[:2000]
print(json.dumps(line))
