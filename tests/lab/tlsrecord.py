# SPDX-License-Identifier: MIT
"""Cuts a received TLS byte stream into records, so that each can be counted for what it was."""

HEADER_BYTES = 5
HANDSHAKE = 22
APPLICATION_DATA = 23


class Splitter:
    """Bytes in, whole records out: (outer type, bytes of the record with its header)."""

    def __init__(self):
        self.pending = bytearray()

    def feed(self, data):
        self.pending += data
        while len(self.pending) >= HEADER_BYTES:
            size = HEADER_BYTES + int.from_bytes(self.pending[3:5], "big")
            if len(self.pending) < size:
                return
            record = bytes(self.pending[:size])
            del self.pending[:size]
            yield record[0], record
