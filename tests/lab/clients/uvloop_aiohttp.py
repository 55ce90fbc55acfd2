# SPDX-License-Identifier: MIT
"""aiohttp on uvloop, whose TLS is Python's over memory, driven by libuv."""

import asyncio

import aiohttp
import ask
import uvloop


async def main():
    shape, prompts = ask.arguments()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        for prompt in prompts:
            try:
                body, fields = ask.body(shape, prompt), ask.headers(shape)
                async with session.post(ask.url(shape), data=body, headers=fields) as answer:
                    ask.report(answer.status, await answer.text())
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                ask.report(error=error)


uvloop.install()
asyncio.run(main())
