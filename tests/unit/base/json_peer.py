#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""json_peer.py IN OUT: reads texts (4 bytes of length, little-endian, and the text) with Python's json, and writes for each
what it made of it in the same frame: b"-" when it refused it, else the value written out by dump()."""
import json
import struct
import sys

sys.set_int_max_str_digits(0)
sys.setrecursionlimit(10000)


class Refused(Exception):
    pass


class Pairs(list):
    pass


def pairs(items):
    keys = [k for k, _ in items]
    if len(set(keys)) != len(keys):
        raise Refused("repeated key")
    return Pairs(items)


def constant(name):
    raise Refused(name)


def dump(value, out):
    if value is None:
        out.append(b"n")
    elif value is True:
        out.append(b"t")
    elif value is False:
        out.append(b"f")
    elif isinstance(value, float):
        out.append(b"d" + struct.pack("<d", value))
    elif isinstance(value, str):
        raw = value.encode("utf-8")  # fails on half a surrogate pair
        out.append(b"s" + struct.pack("<I", len(raw)) + raw)
    elif isinstance(value, Pairs):
        out.append(b"{")
        for k, v in value:
            dump(k, out)
            dump(v, out)
        out.append(b"}")
    else:
        out.append(b"[")
        for v in value:
            dump(v, out)
        out.append(b"]")


def answer(text):
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant,
                           parse_int=float, parse_float=float)
        out = []
        dump(value, out)
        return b"".join(out)
    except (ValueError, Refused):
        return b"-"


def main():
    with open(sys.argv[1], "rb") as f, open(sys.argv[2], "wb") as out:
        while head := f.read(4):
            result = answer(f.read(struct.unpack("<I", head)[0]))
            out.write(struct.pack("<I", len(result)) + result)


main()
