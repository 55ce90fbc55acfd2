#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A process that asks the engine, and becomes another one between two questions.

changing_client.py SOCKET FILE: asks twice, lets a child ask, executes FILE (an interpreter) with itself, asks, changes its
user to 64201, and asks. All of it within a moment, so that an identity from before would still be young enough.
"""
import argparse
import os
import sys

from shim_client import ask, chat, frame, show

USER = 64201


def question(path):
    request, head_bytes = chat("api.openai.com", "hello", "/v1/chat/completions")
    args = argparse.Namespace(kind=0, host="api.openai.com", memfd=False, unsealed=False, wrong_size=False, bad="")
    show(ask(path, *frame(args, request, head_bytes)))


def main():
    path, other = sys.argv[1:3]
    if other == "-":
        question(path)
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        question(path)
        return
    question(path)
    question(path)
    child = os.fork()
    question(path) if child == 0 else os.waitpid(child, 0)
    if child:
        os.execv(other, [other, __file__, path, "-"])


if __name__ == "__main__":
    main()
