# SPDX-License-Identifier: MIT
"""python3-requests, one Session."""

import ask
import requests

shape, prompts = ask.arguments()
with requests.Session() as session:
    for prompt in prompts:
        try:
            answer = session.post(ask.url(shape), headers=ask.headers(shape), data=ask.body(shape, prompt), timeout=20)
            ask.report(answer.status_code, answer.text)
        except requests.RequestException as error:
            ask.report(error=error)
