# SPDX-License-Identifier: MIT
"""The lab tested on itself, inside: what it promises to its users, and that the stand-in speaks and counts rightly."""

import http.client
import json
import os
import pwd
import socket
import ssl
import subprocess
import sys

from tap import Tap
from wirelog import Wirelog

wire = Wirelog()
CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()


def openai(context=None):
    return http.client.HTTPSConnection("api.openai.com", context=context, timeout=10)


def private_files():
    names = ["aicp", "aicp-ledger", "aicp-api", "aicp-courier"]
    uids = {pwd.getpwnam(name).pw_uid for name in names}
    if len(uids) != len(names) or 0 in uids:
        return uids
    # "mount" is mount(8)'s own.
    visible = set(os.listdir("/run")) - {"mount"}
    return None if visible == {"lab", "lock"} else visible


def mtu_is_1500():
    link = subprocess.run(["ip", "link", "show", "lab0"], capture_output=True, text=True).stdout
    return None if "mtu 1500" in link else link


def no_way_out():
    try:
        socket.create_connection(("192.0.2.1", 443), timeout=2).close()
    except OSError:
        return None
    return "an address outside was reached"


def one_keep_alive_connection():
    mark, connection = wire.mark(), openai()
    for _ in range(3):
        connection.request("POST", "/v1/chat/completions", CHAT, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        usage = json.loads(answer.read())["usage"]
        if answer.status != 200 or usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]:
            return (answer.status, usage)
    counts = (wire.connections(mark), len(wire.requests(mark)))
    return None if counts == (1, 3) else counts


def chunked_and_head():
    connection = openai()
    connection.request("POST", "/v1/chat/completions", iter([CHAT[:9], CHAT[9:]]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    first = connection.getresponse()
    text = first.read()
    connection.request("HEAD", "/v1/models")
    head = connection.getresponse()
    body = head.read()
    if (first.status, head.status, body) != (200, 200, b"") or int(head.headers["content-length"]) < 2:
        return (first.status, text, head.status, body)
    return None


def bad_json():
    connection = openai()
    connection.request("POST", "/v1/chat/completions", b'{"model":')
    answer = connection.getresponse()
    error = json.loads(answer.read())["error"]
    return None if answer.status == 400 and error["type"] == "invalid_request_error" else (answer.status, error)


def expect_continue():
    with socket.create_connection(("api.openai.com", 443), timeout=10) as raw:
        with ssl.create_default_context().wrap_socket(raw, server_hostname="api.openai.com") as tls:
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: %d\r\n" % len(CHAT)
            tls.sendall((head + "Expect: 100-continue\r\n\r\n").encode())
            interim = tls.recv(4096)
            tls.sendall(CHAT)
            final = tls.recv(4096)
    right = interim == b"HTTP/1.1 100 Continue\r\n\r\n" and final.startswith(b"HTTP/1.1 200")
    return None if right else (interim, final)


def counts_of(version):
    """A known number of bytes in a known number of records is counted exactly."""

    def check():
        context = ssl.create_default_context()
        context.minimum_version = context.maximum_version = version
        mark = wire.mark()
        with socket.create_connection(("example.org", 443), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname="example.org") as tls:
                cipher = tls.cipher()[0]
                before = wire.data_bytes(mark)
                request = b"POST /x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1000\r\n\r\n" + b"y" * 1000
                tls.sendall(request[:500])
                tls.sendall(request[500:])
                tls.recv(4096)
        # Header 5, tag 16; TLS 1.3 hides the type in one byte, 1.2 with AES-GCM shows a nonce of 8.
        extra = 22 if version == ssl.TLSVersion.TLSv1_3 else 21 if "CHACHA" in cipher else 29
        got = wire.data_bytes(mark) - before
        return None if before == 0 and got == len(request) + 2 * extra else (cipher, before, got, len(request))

    return check


def silence_counts_zero():
    mark = wire.mark()
    with socket.create_connection(("example.org", 443), timeout=10) as raw:
        with ssl.create_default_context().wrap_socket(raw, server_hostname="example.org") as tls:
            tls.unwrap()
    return None if wire.data_bytes(mark) == 0 and wire.raw_bytes(mark) > 500 else wire.events(mark)


def http2_is_reached():
    mark = wire.mark()
    command = ["curl", "-sS", "--http2", "-d", '{"text":"over-h2-marker"}', "https://api.openai.com/v1/chat/completions",
               "-o", os.environ["LAB"] + "/h2.out", "-w", "%{http_version} %{http_code}"]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    return None if said == "2 200" and wire.reached("over-h2-marker", mark) == 1 else said


def main():
    tap = Tap()
    for check in (private_files, mtu_is_1500, no_way_out, one_keep_alive_connection, chunked_and_head, bad_json,
                  expect_continue, silence_counts_zero, http2_is_reached):
        tap.check("inside: " + check.__name__.replace("_", " "), check)
    tap.check("inside: TLS 1.2 records are counted exactly", counts_of(ssl.TLSVersion.TLSv1_2))
    tap.check("inside: TLS 1.3 records are counted exactly", counts_of(ssl.TLSVersion.TLSv1_3))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
