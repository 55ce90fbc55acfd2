# SPDX-License-Identifier: MIT
"""python3-httpx, one AsyncClient (TLS over a memory BIO)."""

import asyncio

import ask
import httpx


async def main():
    shape, prompts = ask.arguments()
    async with httpx.AsyncClient(timeout=20) as client:
        for prompt in prompts:
            try:
                answer = await client.post(ask.url(shape), headers=ask.headers(shape), content=ask.body(shape, prompt))
                ask.report(answer.status_code, answer.text)
            except httpx.HTTPError as error:
                ask.report(error=error)


asyncio.run(main())
