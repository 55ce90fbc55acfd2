# SPDX-License-Identifier: MIT
"""python3-aiohttp, one ClientSession (asyncio's TLS over a memory BIO)."""

import asyncio

import aiohttp
import ask


async def main():
    shape, prompts = ask.arguments()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        for prompt in prompts:
            try:
                sent = session.post(ask.url(shape), headers=ask.headers(shape), data=ask.body(shape, prompt))
                async with sent as answer:
                    ask.report(answer.status, await answer.text())
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                ask.report(error=error)


asyncio.run(main())
