# SPDX-License-Identifier: MIT
"""Damages evidence bundles in many ways and asks both verifiers: nothing changed may pass.

mutate_bundle.py VERIFIER BUNDLE KEYFILE ANCHOR ROUNDS
"""

import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify_bundle
from tap import Tap

SEED = 20261123


def flip(data, rng):
    out = bytearray(data)
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwrite(data, rng):
    out = bytearray(data)
    at = rng.randrange(len(out))
    for i in range(at, min(len(out), at + rng.randrange(1, 40))):
        out[i] = rng.randrange(256)
    return bytes(out)


def insert(data, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 20))) + data[at:]


def delete(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 20) :]


def truncate(data, rng):
    return data[: rng.randrange(len(data))]


def double(data, rng):
    at = rng.randrange(len(data))
    n = rng.randrange(1, 600)
    return data[: at + n] + data[at : at + n] + data[at + n :]


# What somebody does who knows the format: the archive, its sizes and its manifest are right again.


def rebuild(files):
    import hashlib
    import json

    out = b""
    entries = []
    for name in verify_bundle.MEMBERS[:-1]:
        data = files[name]
        entries.append({"bytes": len(data), "name": name, "sha256": hashlib.sha256(data).hexdigest()})
        out += verify_bundle.header(name, len(data)) + data + bytes(-len(data) % 512)
    manifest = json.dumps({"files": entries, "schema": "aicp-bundle/1"}, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    out += verify_bundle.header("manifest.json", len(manifest)) + manifest + bytes(-len(manifest) % 512)
    return out + bytes(1024)


def lines_of(files):
    return files["records.jsonl"].split(b"\n")[:-1]


def with_lines(files, lines, count=None):
    files["records.jsonl"] = b"".join(line + b"\n" for line in lines)
    if count is not None:
        head = files["proof"].split(b"\n")
        first = head[1].split(b" ")[0]
        head[1] = first + b" %d" % count
        files["proof"] = b"\n".join(head)
    return rebuild(files)


def swap_records(files, rng):
    lines = lines_of(files)
    a, b = rng.sample(range(len(lines)), 2)
    lines[a], lines[b] = lines[b], lines[a]
    return with_lines(files, lines)


def drop_record(files, rng):
    lines = lines_of(files)
    del lines[rng.randrange(len(lines))]
    return with_lines(files, lines, len(lines) if rng.random() < 0.5 else None)


def double_record(files, rng):
    lines = lines_of(files)
    at = rng.randrange(len(lines))
    lines.insert(at, lines[at])
    return with_lines(files, lines, len(lines) if rng.random() < 0.5 else None)


def cut_tail(files, rng):
    lines = lines_of(files)
    lines = lines[: rng.randrange(len(lines))]
    return with_lines(files, lines, len(lines) if rng.random() < 0.5 else None)


def change_record(files, rng):
    lines = lines_of(files)
    at = rng.randrange(len(lines))
    lines[at] = flip(lines[at], rng)
    return with_lines(files, lines)


def other_spelling(files, rng):
    lines = lines_of(files)
    at = rng.randrange(len(lines))
    lines[at] = lines[at].replace(b'":', b'": ', 1) if rng.random() < 0.5 else lines[at].replace(b"a", b"\\u0061", 1)
    return with_lines(files, lines)


def change_proof(files, rng):
    files["proof"] = flip(files["proof"], rng)
    return rebuild(files)


def change_checkpoint(files, rng):
    files["checkpoint"] = flip(files["checkpoint"], rng)
    return rebuild(files)


RAW = [flip, overwrite, insert, delete, truncate, double]
CAREFUL = [swap_records, drop_record, double_record, cut_tail, change_record, other_spelling, change_proof,
           change_checkpoint]


def run(verifier, data, key_file, anchor=None):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        command = [verifier, f.name, "--key", key_file] + (["--anchor", anchor] if anchor else [])
        return subprocess.run(command, capture_output=True).returncode


def second(data, key):
    try:
        return {"anchored": 0, "intact": 3}[verify_bundle.verify(data, key)]
    except verify_bundle.Invalid:
        return 1


def main():
    verifier, bundle, key_file, anchor, rounds = sys.argv[1:5] + [int(sys.argv[5])]
    tap, rng = Tap("mutations: "), random.Random(SEED)
    with open(bundle, "rb") as f:
        data = f.read()
    with open(key_file) as f:
        key = verify_bundle.parse_key(f.readline().rstrip("\n"))
    wrong, disagree, done = [], [], 0
    for i in range(rounds):
        how = (RAW if i % 2 else CAREFUL)[i // 2 % (len(RAW) if i % 2 else len(CAREFUL))]
        changed = how(data if i % 2 else verify_bundle.split(data), rng)
        if changed == data:
            continue
        done += 1
        verdict = run(verifier, changed, key_file)
        if verdict != 1:
            wrong.append("%s in round %d: exit status %d" % (how.__name__, i, verdict))
        if i % 10 == 0 and second(changed, key) != verdict:
            disagree.append("%s in round %d" % (how.__name__, i))
    tap.ok(done > rounds * 0.9, "%d changed bundles were looked at" % done)
    tap.ok(not wrong, "each was found invalid", "\n".join(wrong))
    tap.ok(not disagree, "the second verifier says the same", "\n".join(disagree))
    tap.ok(run(verifier, data, key_file) == 3, "the bundle itself is intact, without an anchor")
    tap.ok(run(verifier, data, key_file, anchor) == 0, "and anchored with one")
    return tap.done()


sys.exit(main())
