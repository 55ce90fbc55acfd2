#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""peer_h11.py IN OUT: reads each framed request (4 bytes of length, little-endian, and the bytes) with h11, and writes what it
read in the same frame: method, target, names and values of headers, an empty line, the body; b"-" when it refused."""
import struct
import sys

import h11


def answer(request):
    conn = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    out, body = [], []
    try:
        conn.receive_data(request)
        while True:
            event = conn.next_event()
            if isinstance(event, h11.Request):
                out = [event.method, event.target]
                for name, value in event.headers.raw_items():
                    out += [name, value]
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                if conn.trailing_data[0]:
                    return b"-"
                return b"\n".join(out + [b"", b"".join(body)])
            else:
                return b"-"  # wants more
    except h11.RemoteProtocolError:
        return b"-"


def main():
    with open(sys.argv[1], "rb") as f, open(sys.argv[2], "wb") as out:
        while head := f.read(4):
            result = answer(f.read(struct.unpack("<I", head)[0]))
            out.write(struct.pack("<I", len(result)) + result)


main()
