# SPDX-License-Identifier: MIT
"""Lets this machine's own browser reach a port inside the lab.

  forward.py listen PORT COMMAND...   opens 127.0.0.1:PORT out here and becomes COMMAND, which inherits the open socket;
                                      its number stands in LAB_FORWARD
  forward.py serve PORT               in the lab: joins what arrives on that socket to 127.0.0.1:PORT in there

A socket stays in the network namespace it was made in, whoever holds it: so no namespace needs to be entered.
"""

import os
import socket
import sys
import threading


def listen(port, command):
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit("demo: port %d of this machine is taken (%s); free it, or leave DEMO_KEEP out" % (port, error))
    os.set_inheritable(listener.fileno(), True)
    os.environ["LAB_FORWARD"] = str(listener.detach())
    os.execvp(command[0], command)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def join(outer, port):
    with outer:
        try:
            inner = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return
        with inner:
            back = threading.Thread(target=copy, args=(inner, outer), daemon=True)
            back.start()
            copy(outer, inner)
            back.join()


def serve(port):
    listener = socket.socket(fileno=int(os.environ["LAB_FORWARD"]))
    while True:
        outer, _ = listener.accept()
        threading.Thread(target=join, args=(outer, port), daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "listen":
        listen(int(sys.argv[2]), sys.argv[3:])
    serve(int(sys.argv[2]))
