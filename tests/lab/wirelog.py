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

    def wrong_response(self, record, mark=0):
        """None when a decision's record tells of the last answer what was sent: every byte, and the tokens."""
        sent = [event for event in self.events(mark) if event["event"] == "answer"][-1]
        facts = record["response_facts"]
        if not facts:
            return "no response is recorded"
        told = [record["gen_ai.usage.input_tokens"], record["gen_ai.usage.output_tokens"]]
        got = {"bytes": facts["bytes"], "status": record["http.response.status_code"], "parse": facts["parse"],
               "complete": facts["complete"], "counted": told if told != [None, None] else None}
        want = {"bytes": sent["bytes"], "status": sent["status"], "parse": "ok", "complete": True,
                "counted": sent["counted"]}
        return None if got == want else "recorded is %s, sent was %s" % (got, want)

    def requests(self, mark=0):
        return [event for event in self.events(mark) if event["event"] == "request"]
