# SPDX-License-Identifier: MIT
"""Answers at a Unix socket as a file says: stand_in_api.py SOCKET ANSWERS LOG.

ANSWERS is a JSON object of "METHOD /path" to [status, body]; what is asked for is appended to LOG, one line of JSON each.
"""

import http.server
import json
import os
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        said = self.rfile.read(length).decode()
        key = "%s %s" % (self.command, self.path)
        with open(sys.argv[3], "a") as log:
            log.write(json.dumps({"asked": key, "body": json.loads(said) if said else None}) + "\n")
        with open(sys.argv[2]) as file:
            status, body = json.load(file).get(key, [404, {"message": "no such path: " + key}])
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass

    def address_string(self):
        return "local"


if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
with socketserver.UnixStreamServer(sys.argv[1], Handler) as server:
    server.serve_forever()
