# SPDX-License-Identifier: MIT
"""pycurl over libcurl with GnuTLS, which speaks HTTP/2 where it can; one handle for all prompts."""

import io

import ask
import pycurl

shape, prompts = ask.arguments()
handle = pycurl.Curl()
handle.setopt(pycurl.URL, ask.url(shape))
handle.setopt(pycurl.HTTPHEADER, ["%s: %s" % pair for pair in ask.headers(shape).items()])
handle.setopt(pycurl.TIMEOUT, 20)
for prompt in prompts:
    answer = io.BytesIO()
    handle.setopt(pycurl.POSTFIELDS, ask.body(shape, prompt))
    handle.setopt(pycurl.WRITEDATA, answer)
    try:
        handle.perform()
        ask.report(handle.getinfo(pycurl.RESPONSE_CODE), answer.getvalue().decode())
    except pycurl.error as error:
        ask.report(error=error)
