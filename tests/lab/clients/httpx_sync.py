# SPDX-License-Identifier: MIT
"""python3-httpx, one Client."""

import ask
import httpx

shape, prompts = ask.arguments()
with httpx.Client(timeout=20) as client:
    for prompt in prompts:
        try:
            answer = client.post(ask.url(shape), headers=ask.headers(shape), content=ask.body(shape, prompt))
            ask.report(answer.status_code, answer.text)
        except httpx.HTTPError as error:
            ask.report(error=error)
