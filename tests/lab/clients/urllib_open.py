# SPDX-License-Identifier: MIT
"""Python's urllib, a connection per request, without a time-out: its socket truly blocks."""

import urllib.error
import urllib.request

import ask

shape, prompts = ask.arguments()
for prompt in prompts:
    request = urllib.request.Request(ask.url(shape), data=ask.body(shape, prompt), headers=ask.headers(shape))
    try:
        with urllib.request.urlopen(request) as answer:
            ask.report(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        ask.report(error.code, error.read().decode(), error)
    except OSError as error:
        ask.report(error=error)
