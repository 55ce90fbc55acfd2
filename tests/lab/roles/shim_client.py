#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A peer of the engine that speaks the shim's wire (include/aicp/shim.h), well or badly.

shim_client.py SOCKET [OPTION...]: sends one request and prints the verdict:
  pass ID | answer ID, then the HTTP answer | closed
Options: --host NAME --body TEXT --path PATH --raw FILE --memfd --unsealed --wrong-size --kind N --bad FIELD --silent SECONDS
         --connections N (opens N and says nothing, then asks) --repeat N (prints latencies)
"""
import argparse
import array
import fcntl
import os
import socket
import struct
import sys
import time

MAGIC, VERSION = 0x50434941, 1
REQUEST = struct.Struct("<IHHIIIIII")
VERDICT = struct.Struct("<IHHII32s2I")
F_SEAL = {"shrink": 2, "grow": 4, "write": 8}
F_ADD_SEALS = 1033


def chat(host, text, path):
    body = ('{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}]}' % text).encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer sk-canary-0123456789\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    return head + body, len(head)


def memfd(data, sealed=True, size=None):
    fd = os.memfd_create("shim", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, data)
    if size is not None:
        os.ftruncate(fd, size)
    if sealed:
        fcntl.fcntl(fd, F_ADD_SEALS, sum(F_SEAL.values()))
    return fd


def frame(args, request, head_bytes):
    kind, flags, fds, host = args.kind, 0, [], args.host.encode()
    if args.memfd or args.unsealed or args.wrong_size or len(request) > 65536:
        flags |= 2
        fds.append(memfd(request, not args.unsealed, len(request) + 1 if args.wrong_size else None))
    field = {"magic": MAGIC, "version": VERSION, "type": 2 if kind else 1, "flags": flags, "kind": kind,
             "host_bytes": len(host), "request_bytes": len(request), "head_bytes": head_bytes, "reserved": 0}
    if args.bad in field:
        field[args.bad] ^= 0x40
    message = REQUEST.pack(*field.values()) + host + (b"" if flags & 2 else request)
    if args.bad == "short":
        message = message[:20]
    if args.bad == "long":
        message += b"x"
    if args.bad == "fds":
        fds = fds + [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
    return message, fds


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    return s


def ask(path, message, fds):
    s = connect(path)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    s.sendmsg([message], control)
    s.settimeout(15)
    reply = s.recv(65536)
    s.close()
    return reply


def show(reply):
    if not reply:
        print("closed")
        return
    magic, version, kind, action, answer_bytes, ident, r0, r1 = VERDICT.unpack(reply[:VERDICT.size])
    assert (magic, version, kind, r0, r1) == (MAGIC, VERSION, 0x81, 0, 0), reply
    answer = reply[VERDICT.size:]
    assert len(answer) == answer_bytes, reply
    print({1: "pass", 2: "answer"}[action], ident.rstrip(b"\0").decode())
    sys.stdout.flush()
    if answer:
        sys.stdout.buffer.write(answer + b"\n")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("socket")
    p.add_argument("--host", default="api.openai.com")
    p.add_argument("--path", default="/v1/chat/completions")
    p.add_argument("--body", default="hello")
    p.add_argument("--raw")
    p.add_argument("--memfd", action="store_true")
    p.add_argument("--unsealed", action="store_true")
    p.add_argument("--wrong-size", action="store_true")
    p.add_argument("--kind", type=int, default=0)
    p.add_argument("--bad", default="")
    p.add_argument("--silent", type=float)
    p.add_argument("--connections", type=int, default=0)
    p.add_argument("--repeat", type=int, default=0)
    args = p.parse_args()
    if args.raw:
        request, head_bytes = open(args.raw, "rb").read(), 0
    else:
        request, head_bytes = chat(args.host, args.body, args.path)
    if args.silent is not None:
        s = connect(args.socket)
        s.settimeout(args.silent)
        try:
            show(s.recv(65536))
        except TimeoutError:
            print("waiting")
        return
    idle = [connect(args.socket) for _ in range(args.connections)]
    took = []
    for _ in range(max(1, args.repeat)):
        message, fds = frame(args, request, head_bytes)
        begin = time.perf_counter()
        reply = ask(args.socket, message, fds)
        took.append(time.perf_counter() - begin)
        for fd in fds:
            os.close(fd)
    show(reply)
    if args.repeat:
        took.sort()
        print("p50 %.0f us, p99 %.0f us" % (took[len(took) // 2] * 1e6, took[len(took) * 99 // 100] * 1e6))
    del idle


if __name__ == "__main__":
    main()
