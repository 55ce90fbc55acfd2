# SPDX-License-Identifier: MIT
"""OpenSSL's functions looked up by name in the library (dlsym), as .NET does, through ctypes; one connection for all
prompts, as long as the server keeps it."""

import ctypes
import os
import socket

import ask

ssl = ctypes.CDLL("libssl.so.3")
for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
    getattr(ssl, name).restype = ctypes.c_void_p
ssl.SSL_ctrl.restype = ctypes.c_long
SET_HOST_NAME = 55


def pointer(value):
    return ctypes.c_void_p(value)


class Connection:
    def __init__(self, host):
        self.raw = socket.create_connection((host, 443))
        self.ssl = pointer(ssl.SSL_new(context))
        ssl.SSL_ctrl(self.ssl, SET_HOST_NAME, ctypes.c_long(0), host.encode())
        ssl.SSL_set_fd(self.ssl, self.raw.fileno())
        if ssl.SSL_connect(self.ssl) != 1:
            raise OSError("SSL_connect")

    def ask(self, head, body):
        request = head.encode() + body
        if ssl.SSL_write(self.ssl, request, len(request)) != len(request):
            raise OSError("SSL_write")
        got, size = b"", None
        piece = ctypes.create_string_buffer(65536)
        while size is None or len(got) < size:
            n = ssl.SSL_read(self.ssl, piece, len(piece))
            if n <= 0:
                raise OSError("SSL_read")
            got += piece.raw[:n]
            head, found, _ = got.partition(b"\r\n\r\n")
            if found:
                size = len(head) + 4 + int(head.lower().split(b"content-length:")[1].split()[0])
        self.keep = b"connection: close" not in head.lower()
        return int(got.split()[1]), got[len(head) + 4 :].decode()


context = pointer(ssl.SSL_CTX_new(pointer(ssl.TLS_client_method())))
ssl.SSL_CTX_load_verify_locations(context, os.environ["SSL_CERT_FILE"].encode(), None)
shape, prompts = ask.arguments()
host, path = ask.SHAPES[shape]
connection = None
for prompt in prompts:
    body = ask.body(shape, prompt)
    head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n" % (path, host, len(body))
    head += "".join("%s: %s\r\n" % pair for pair in ask.headers(shape).items()) + "\r\n"
    try:
        connection = connection if connection and connection.keep else Connection(host)
        ask.report(*connection.ask(head, body))
    except OSError as error:
        connection = None
        ask.report(error=error)
