#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second verifier of evidence bundles, written from docs/LEDGER.md alone: Python's library, and openssl for Ed25519.

verify_bundle.py BUNDLE KEYFILE [ANCHOR]   prints the verdict; exit status 0 anchored, 3 intact, 1 invalid
"""

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile

FOLDER = "aicp-evidence/"
MEMBERS = ["VERIFY.txt", "log.vkey", "checkpoint", "proof", "records.jsonl", "manifest.json"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\Z", re.ASCII)
INT_MAX = 2**53 - 1


class Invalid(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Invalid(why)


# ---- canonical JSON: read with a strict reader, write again, compare --------------------------------------------


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    need(len(set(keys)) == len(keys), "duplicate key")
    return dict(pairs)


def refuse(_):
    raise Invalid("not an integer")


def integer(text):
    n = int(text)
    need(abs(n) <= INT_MAX, "integer too large")
    return n


def check_value(v, depth):
    if isinstance(v, dict):
        need(depth < 15, "nested too deep")
        for k, x in v.items():
            need(re.fullmatch(r"[ !#-\[\]-~]*", k), "key")
            check_value(x, depth + 1)
    elif isinstance(v, list):
        need(depth < 15, "nested too deep")
        for x in v:
            check_value(x, depth + 1)


def canonical(line):
    try:
        text = line.decode("utf-8", "strict")
        value = json.loads(text, object_pairs_hook=no_duplicates, parse_float=refuse, parse_int=integer,
                           parse_constant=refuse)
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError) as e:
        raise Invalid("no JSON: %s" % e)
    need(again == text, "not canonical")
    check_value(value, 0)
    return value


# ---- RFC 6962 ------------------------------------------------------------------------------------------------------


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A stack of complete subtrees (level, hash), largest first."""

    def __init__(self):
        self.size, self.stack = 0, []

    def add(self, level, h):
        self.size += 1 << level
        while self.stack and self.stack[-1][0] == level:
            h = node_hash(self.stack.pop()[1], h)
            level += 1
        self.stack.append((level, h))

    def root(self):
        if not self.stack:
            return hashlib.sha256(b"").digest()
        h = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            h = node_hash(left, h)
        return h


def pieces(begin, end):
    """Levels of the complete subtrees that [begin, end) is made of."""
    while begin < end:
        level = 0
        while begin % (2 << level) == 0 and begin + (2 << level) <= end:
            level += 1
        yield level
        begin += 1 << level


# ---- signed notes --------------------------------------------------------------------------------------------------


def b64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("base64")
    need(base64.b64encode(raw).decode() == text, "base64")
    return raw


def parse_key(text):
    parts = text.split("+", 2)
    need(len(parts) == 3, "key")
    raw = b64(parts[2])
    need(len(raw) == 33 and raw[0] == 1, "key type")
    identity = hashlib.sha256(parts[0].encode() + b"\n" + raw).digest()[:4]
    need(identity.hex() == parts[1], "key id")
    return parts[0], identity, raw[1:]


def ed25519(public, message, signature):
    with tempfile.TemporaryDirectory() as d:
        paths = [os.path.join(d, n) for n in ("key", "message", "signature")]
        for path, data in zip(paths, (bytes.fromhex("302a300506032b6570032100") + public, message, signature)):
            with open(path, "wb") as f:
                f.write(data)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin",
                               "-in", paths[1], "-sigfile", paths[2]], capture_output=True).returncode == 0


def open_checkpoint(note, key):
    name, identity, public = key
    try:
        text = note.decode("utf-8", "strict")
    except ValueError:
        raise Invalid("checkpoint is not UTF-8")
    need(not re.search(r"[\0-\x09\x0b-\x1f]", text), "control characters")
    cut = text.rfind("\n\n")
    need(cut >= 0 and text.endswith("\n") and len(text) > cut + 2, "no signatures")
    body, lines = text[: cut + 1], text[cut + 2 : -1].split("\n")
    good = False
    for line in lines:
        m = re.fullmatch(r"\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        need(m, "signature line")
        raw = b64(m.group(2))
        need(len(raw) >= 5, "signature")
        if m.group(1) == name and raw[:4] == identity:
            need(len(raw) == 68 and ed25519(public, body.encode(), raw[4:]), "forged signature")
            good = True
    need(good, "not signed by the key")
    m = re.fullmatch(r"([A-Za-z0-9./-]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/=]+)\n", body)
    need(m and m.group(1) == name and int(m.group(2)) <= INT_MAX, "checkpoint")
    root = b64(m.group(3))
    need(len(root) == 32, "root")
    return int(m.group(2)), root


# ---- the bundle -----------------------------------------------------------------------------------------------------


def header(name, size):
    """The only header that a member of that name and size may have."""
    h = bytearray(512)

    def put(at, data):
        h[at : at + len(data)] = data

    put(0, (FOLDER + name).encode())
    put(100, b"0000644\0")
    put(108, b"0000000\0")
    put(116, b"0000000\0")
    put(124, b"%011o\0" % size)
    put(136, b"00000000000\0")
    put(148, b" " * 8)
    put(156, b"0")
    put(257, b"ustar\x0000")
    put(329, b"0000000\0")
    put(337, b"0000000\0")
    put(148, b"%06o\0 " % sum(h))
    return bytes(h)


def split(data):
    at, files = 0, {}
    for name in MEMBERS:
        head = data[at : at + 512]
        need(len(head) == 512 and re.fullmatch(rb"[0-7]{11}", head[124:135]), "header of " + name)
        size = int(head[124:135], 8)
        need(head == header(name, size), "header of " + name)
        files[name] = data[at + 512 : at + 512 + size]
        pad = data[at + 512 + size : at + 512 + size + -size % 512]
        need(len(files[name]) == size and pad == bytes(-size % 512), "end of " + name)
        at += 512 + size + -size % 512
    need(data[at:] == bytes(1024), "end of the bundle")
    return files


def check_record(line, log, seq, previous):
    need(len(line) <= 65535, "record too long")
    r = canonical(line)
    need(isinstance(r, dict) and list(r) == ["at", "body", "log", "prev", "schema", "seq", "type"], "members")
    need(isinstance(r["at"], str) and TIME.match(r["at"]), "time")
    need(isinstance(r["body"], dict) and r["schema"] == "aicp-ledger/1" and r["log"] == log, "place")
    need(r["seq"] == seq and isinstance(r["seq"], int) and not isinstance(r["seq"], bool), "seq")
    need(isinstance(r["type"], str) and re.fullmatch(r"[a-z][a-z0-9.]{0,31}", r["type"]), "type")
    if seq == 0:
        need(r["prev"] is None, "prev")
    else:
        need(isinstance(r["prev"], str) and re.fullmatch(r"[0-9a-f]{64}", r["prev"]), "prev")
        need(previous is None or r["prev"] == previous.hex(), "prev")


def verify(data, key, anchor=None):
    """Gives 'intact' or 'anchored', or raises Invalid. anchor: (size, root)"""
    files = split(data)
    size, root = open_checkpoint(files["checkpoint"], key)
    m = re.fullmatch(rb"aicp-range/1\n(0|[1-9][0-9]{0,15}) (0|[1-9][0-9]{0,15})\n((?:[0-9a-f]{64}\n)*)", files["proof"])
    need(m, "proof")
    first, count = int(m.group(1)), int(m.group(2))
    hashes = [bytes.fromhex(x.decode()) for x in m.group(3).split()]
    left, right = list(pieces(0, first)), list(pieces(first + count, size))
    need(first + count <= size and len(hashes) == len(left) + len(right), "range")
    tree, met = Tree(), False
    for level in left:
        tree.add(level, hashes.pop(0))

    def look():
        if anchor and anchor[0] == tree.size:
            need(anchor[1] == tree.root(), "another root than the anchor's")
            return True
        return met

    met = look()
    need(files["records.jsonl"] == b"" or files["records.jsonl"].endswith(b"\n"), "last line")
    lines = files["records.jsonl"].split(b"\n")[:-1]
    need(len(lines) == count, "count")
    previous = None
    for i, line in enumerate(lines):
        check_record(line, key[0], first + i, previous)
        previous = leaf_hash(line)
        tree.add(0, previous)
        met = look()
    for level in right:
        tree.add(level, hashes.pop(0))
    need(tree.root() == root, "root")
    manifest = canonical(files["manifest.json"][:-1])
    want = [{"bytes": len(files[n]), "name": n, "sha256": hashlib.sha256(files[n]).hexdigest()} for n in MEMBERS[:-1]]
    need(manifest == {"files": want, "schema": "aicp-bundle/1"} and files["manifest.json"].endswith(b"\n"), "manifest")
    if anchor:
        need(met or anchor[0] <= size, "cut behind the anchor")
        met = look()
    return "anchored" if met and anchor[0] else "intact"


def main():
    with open(sys.argv[2]) as f:
        key = parse_key(f.readline().rstrip("\n"))
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    # Any tar reads it, too.
    try:
        anchor = None
        if len(sys.argv) > 3:
            with open(sys.argv[3], "rb") as f:
                anchor = open_checkpoint(f.read(), key)
        verdict = verify(data, key, anchor)
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            need(tar.getnames() == [FOLDER + n for n in MEMBERS], "members as tar sees them")
    except Invalid as e:
        print("invalid: %s" % e)
        return 1
    print(verdict)
    return {"anchored": 0, "intact": 3}[verdict]


if __name__ == "__main__":
    sys.exit(main())
