# SPDX-License-Identifier: MIT
"""Ordinary Python clients against HOST:PORT, for tests of the shim: clients.py NAME PORT [BODY...].

Each BODY is sent as one POST over one session of the client, and each status printed, in one line.
"""
import asyncio
import http.client
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

name, port = sys.argv[1:3]
bodies = [b.encode() for b in sys.argv[3:]]
# In clear on those ports.
url = f"http://localhost:{port}/c" if int(port) in (80, 11434, 11435) else f"https://api.openai.com:{port}/c"


def requests_session():
    import requests

    with requests.Session() as s:
        return [s.post(url, data=b, timeout=10).status_code for b in bodies]


def urllib_open(timeout):
    out = []
    for b in bodies:
        try:
            kw = {"timeout": timeout} if timeout else {}
            out.append(urllib.request.urlopen(url, data=b, **kw).status)
        except urllib.error.HTTPError as e:
            out.append(e.code)
    return out


def pycurl_easy():
    import io
    import pycurl

    handle, out = pycurl.Curl(), []
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.CAINFO, os.environ["SSL_CERT_FILE"])
    for b in bodies:
        handle.setopt(pycurl.POSTFIELDS, b)
        handle.setopt(pycurl.WRITEDATA, io.BytesIO())
        handle.perform()
        out.append(handle.getinfo(pycurl.RESPONSE_CODE))
    return out


def httpx_sync():
    import httpx

    with httpx.Client() as c:
        return [c.post(url, content=b).status_code for b in bodies]


async def httpx_async():
    import httpx

    async with httpx.AsyncClient() as c:
        return [(await c.post(url, content=b)).status_code for b in bodies]


async def aiohttp_post(session, b, **kw):
    async with session.post(url, data=b, **kw) as r:
        await r.read()
        return r.status


async def aiohttp_session(**kw):
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as s:
        return [await aiohttp_post(s, b, **kw) for b in bodies]


async def aiohttp_parallel(n, *words, size=0):
    """n at once, with the words in turn."""
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as s:
        all_ = await asyncio.gather(*(aiohttp_post(s, words[i % len(words)] + b" %d " % i + b"x" * size) for i in range(n)))
    return [all_.count(200), all_.count(403)]


async def stall():
    """A blocked request beside a ticking loop: the longest gap between ticks, in ms, below 900 or not."""
    import time

    gaps, stop = [], False

    async def tick():
        last = time.monotonic()
        while not stop:
            await asyncio.sleep(0.005)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    t = asyncio.create_task(tick())
    out = await aiohttp_session()
    stop = True
    await t
    return out + ["long" if max(gaps) > 0.2 else "short"]


def chunked():
    """A generator's body: chunks of many sizes, and trailers are what http.client cannot do."""
    out = []
    for b in bodies:
        kind = http.client.HTTPConnection if url.startswith("http:") else http.client.HTTPSConnection
        c = kind(urllib.parse.urlsplit(url).hostname, int(port), timeout=10)
        c.request("POST", "/c", body=iter([b, b"x" * 70000, b"y"]), encode_chunked=True,
                  headers={"Transfer-Encoding": "chunked"})
        out.append(c.getresponse().status)
    return out


def gives_up():
    """The client's own time-out ends a wait for the engine; the next request of the process is fine."""
    import requests

    out = []
    for b in bodies:
        try:
            out.append(requests.post(url, data=b, timeout=0.3).status_code)
        except requests.exceptions.RequestException as e:
            out.append(type(e).__name__)
    return out


def file_changes():
    """The governed file vanishes, breaks, and comes back with another mode, under one running program."""
    path = os.environ["AICP_RUNTIME_DIR"] + "/governed"

    def post(body):
        try:
            return urllib.request.urlopen(url, data=body, timeout=10).status
        except urllib.error.HTTPError as e:
            return e.code

    def replace(data):
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    with open(path, "rb") as f:
        text = f.read()
    out = [post(b"x-test-BLOCK"), post(b"x-test-CLOSE")]
    os.unlink(path)
    out += [post(b"x-test-BLOCK"), post(b"x-test-CLOSE")]
    replace(b"not what it should be")
    out += [post(b"x-test-BLOCK")]
    replace(text.replace(b"closed", b"open"))
    out += [post(b"x-test-BLOCK"), post(b"x-test-CLOSE")]
    replace(text.replace(b"api.openai.com", b"other.test"))
    out += [post(b"x-test-BLOCK")]
    return out


def two_threads():
    """One thread reads while another writes, on one TLS object."""
    import socket
    import threading

    raw = socket.create_connection(("api.openai.com", int(port)))
    conn = ssl.create_default_context().wrap_socket(raw, server_hostname="api.openai.com")
    got = []

    def reader():
        data = b""
        while data.count(b'{"ok":true}') + data.count(b"refused by") < len(bodies):
            piece = conn.recv(4096)
            if not piece:
                break
            data += piece
            seen.release()
        got.append(data)

    seen = threading.Semaphore(0)
    t = threading.Thread(target=reader)
    t.start()
    for b in bodies:
        conn.sendall(b"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(b))
        conn.sendall(b)
        seen.acquire(timeout=10)
    t.join(10)
    return [int(x.split()[1]) for x in got[0].decode().split("HTTP/")[1:]]


kinds = {
    "requests": requests_session,
    "urllib": lambda: urllib_open(10),
    "urllib-blocking": lambda: urllib_open(None),
    "pycurl": pycurl_easy,
    "httpx": httpx_sync,
    "httpx-async": lambda: asyncio.run(httpx_async()),
    "aiohttp": lambda: asyncio.run(aiohttp_session()),
    "aiohttp-expect": lambda: asyncio.run(aiohttp_session(expect100=True)),
    "aiohttp-parallel": lambda: asyncio.run(aiohttp_parallel(50, b"fine", b"x-test-BLOCK")),
    "aiohttp-held": lambda: asyncio.run(aiohttp_parallel(150, b"x-test-HOLD", b"x-test-HOLD-BLOCK", b"fine", size=500000)),
    "aiohttp-seen": lambda: asyncio.run(aiohttp_parallel(50, b"x-test-SEEN")),
    "stall": lambda: asyncio.run(stall()),
    "chunked": chunked,
    "gives-up": gives_up,
    "file-changes": file_changes,
    "two-threads": two_threads,
}
print(*kinds[name]())
