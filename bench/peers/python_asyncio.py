"""Python's asyncio, with streams."""
import asyncio
import os
import resource
import ssl
import sys

from work import ECHO, REQUEST, Job, mark, report

job = Job(sys.argv[1:])
context = stream = None
kept = []


def connect(port):
    return asyncio.open_connection(job.address, port, ssl=context, server_hostname=job.host,
                                   ssl_handshake_timeout=600)


async def exchange(conn, text):
    conn[1].write(text)
    await conn[1].drain()
    await conn[0].readexactly(len(text))


def close(conn):
    conn[1].close()


async def full():
    close(await connect(job.port))


async def first():
    conn = await connect(job.port)
    await exchange(conn, REQUEST)
    close(conn)


async def inflight():
    for conn in await asyncio.gather(*(connect(job.port) for _ in range(job.param))):
        close(conn)


async def begin_stalled():
    for _ in range(job.param):
        kept.append(asyncio.ensure_future(connect(job.stall_port)))


async def memory():
    conn = await connect(job.port)
    if job.param:
        await exchange(conn, REQUEST)
    kept.append(conn)


async def begin_stream():
    global stream
    stream = await connect(job.port)


async def download():
    await stream[0].readexactly(job.param)


async def upload():
    stream[1].write(job.block)
    await stream[1].drain()


async def echo():
    await exchange(stream, ECHO)


async def nothing():
    pass


async def main():
    global context
    begin, op = {
        "full": (nothing, full), "cold": (nothing, full), "first": (nothing, first),
        "inflight": (nothing, inflight), "stalled": (begin_stalled, full),
        "memory": (nothing, memory), "download": (begin_stream, download),
        "upload": (begin_stream, upload), "echo": (begin_stream, echo),
    }[job.workload]
    since = mark()
    context = ssl.create_default_context(cafile=None if job.is_system else job.ca)
    await begin()
    for _ in range(job.warm_count()):
        await op()
    if job.warm_count():
        since = mark()
    for _ in range(job.count):
        await op()
    report(job, since, mark())
    os._exit(0)


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
asyncio.run(main())
