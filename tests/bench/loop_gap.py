# SPDX-License-Identifier: MIT
"""loop_gap.py URL BODY SECONDS: one POST with aiohttp beside a loop that ticks, for SECONDS at least; prints status and the
longest gap between ticks in ms."""

import asyncio
import sys
import time

import aiohttp


async def main():
    gaps, stop = [], False

    async def tick():
        last = time.monotonic()
        while not stop:
            await asyncio.sleep(0.002)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        # Connections, modules and certificates have their own cost: not of the request at hand.
        async with session.post(sys.argv[1], data=sys.argv[2].replace("bench-hold", "hello"),
                                headers={"Content-Type": "application/json"}) as answer:
            await answer.read()
        begin = time.monotonic()
        ticking = asyncio.create_task(tick())
        async with session.post(sys.argv[1], data=sys.argv[2], headers={"Content-Type": "application/json"}) as answer:
            await answer.read()
        await asyncio.sleep(max(0, begin + float(sys.argv[3]) - time.monotonic()))
        stop = True
        await ticking
        print(answer.status, max(gaps) * 1000)


asyncio.run(main())
