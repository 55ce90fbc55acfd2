# SPDX-License-Identifier: MIT
"""Reads the stand-in's log (provider.py): what arrived, since a mark."""

import json
import os


class Wirelog:
    def __init__(self, path=None):
        self.path = path or os.environ["LAB_LOG"]

    def mark(self):
        """Where the log ends now; give it to the functions below to leave out what came before."""
        return os.path.getsize(self.path)

    def events(self, mark=0):
        with open(self.path, "rb") as file:
            file.seek(mark)
            text = file.read()
        # The last line may be half written.
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def plaintexts(self, mark=0):
        """{connection: all plaintext of it}."""
        plain = {}
        for event in self.events(mark):
            if event["event"] == "plain":
                plain[event["conn"]] = plain.get(event["conn"], "") + event["text"]
        return plain

    def reached(self, marker, mark=0):
        """How many connections carried the marker in their plaintext."""
        return sum(marker in text for text in self.plaintexts(mark).values())

    def data_bytes(self, mark=0):
        """Bytes of all TLS records that carried plaintext."""
        return sum(event["bytes"] for event in self.events(mark) if event.get("as") == "data")

    def raw_bytes(self, mark=0):
        return sum(event["bytes"] for event in self.events(mark) if event["event"] == "raw")

    def connections(self, mark=0):
        return sum(event["event"] == "open" for event in self.events(mark))

    def requests(self, mark=0):
        return [event for event in self.events(mark) if event["event"] == "request"]
