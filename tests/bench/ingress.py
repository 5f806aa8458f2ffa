"""How fast is the ingress, against the least that the same work can cost? Run: python -m tests.bench.ingress [N]

The floor is measured in the same run on the same machine: a bare starlette endpoint on the same uvicorn that produces
the body as it is (acks=all, same broker, same topic settings) and answers after the acknowledgement. What the ingress
adds is signature, card guard, strict reading, mapping, Avro and the envelope. Both get the same requests from the same
client: keep-alive connections, one request at a time on each.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.log.kafka import KafkaLog
from streams.log.outbound import Outbound
from streams.log.records import partition_for
from tests.support.ingress import ROW, ingress_in_process, rows, settings, signed
from tests.support.kafka import TestBroker, client_options, make_topics
from tests.support.worker_process import make_our_topics

BARE = "bench-bare"
SENDERS = 32


def main(count: int) -> None:
    """Start a broker and both servers, measure each in turns, print both and their ratio."""
    with tempfile.TemporaryDirectory() as name, TestBroker(Path(name), die_with_parent=True) as broker:
        address = broker.bootstrap_servers
        make_our_topics(address)
        make_topics(address, {BARE: 4})
        bodies = [json.dumps(rows(ROW | {"transaction_id": 10_000 + number})).encode() for number in range(count)]
        with ingress_in_process(Path(name), address, settings()) as ingress:
            ours = (ingress.client.host, ingress.client.port)
            bare, process = start_bare(address)
            try:
                for server in (bare, ours):
                    asyncio.run(drive(server, bodies[:200], SENDERS))
                lines = [f"{count} hooks of {len(bodies[0])} bytes"]
                for senders in (1, SENDERS):
                    floor, floor_ms = asyncio.run(drive(bare, bodies, senders))
                    rate, ours_ms = asyncio.run(drive(ours, bodies, senders))
                    lines += [
                        f"{senders:3} senders, bare     {floor:7.0f}/s  {show(floor_ms)}",
                        f"{senders:3} senders, ingress  {rate:7.0f}/s  {show(ours_ms)}",
                        f"{senders:3} senders, ingress / bare: {rate / floor:.2f}",
                    ]
                lines.append(
                    f"ingress RSS {ingress.rss_bytes / 1e6:.0f} MB, peak {ingress.peak_rss_bytes / 1e6:.0f} MB"
                )
            finally:
                process.kill()
                process.join()
    sys.stdout.write("\n".join(lines) + "\n")


def show(latencies_ms: Sequence[float]) -> str:
    """Median and 99th percentile."""
    cuts = statistics.quantiles(latencies_ms, n=100)
    return f"p50 {cuts[49]:6.2f} ms  p99 {cuts[98]:6.2f} ms"


async def drive(server: tuple[str, int], bodies: Sequence[bytes], senders: int) -> tuple[float, list[float]]:
    """Send every body once over so many connections; the rate per second, and the milliseconds of each."""
    queue = list(reversed(requests(bodies)))
    latencies: list[float] = []

    async def send() -> None:
        reader, writer = await asyncio.open_connection(*server)
        while queue:
            request = queue.pop()
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            latencies.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(senders)))
    return len(bodies) / (time.perf_counter() - began), latencies


def requests(bodies: Sequence[bytes]) -> list[bytes]:
    """Whole requests, signed beforehand, so that the client's own work is small."""
    made = []
    for body in bodies:
        head = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
        line = f"POST /hooks/paytrace HTTP/1.1\r\nHost: bench\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        made.append(line.encode() + body)
    return made


def start_bare(address: str) -> tuple[tuple[str, int], BaseProcess]:
    """The floor in a process of its own."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so that asyncio sets NODELAY
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    process = multiprocessing.get_context("fork").Process(target=serve_bare, args=(address, listener), daemon=True)
    process.start()
    return listener.getsockname(), process


def serve_bare(address: str, listener: socket.socket) -> None:
    """Take a body, produce it, answer after the acknowledgement."""
    log = KafkaLog(client_options(address))

    async def take(request: Request) -> Response:
        body = await request.body()
        key = request.headers["webhook-id"].encode()
        await log.append(
            [Outbound(topic=BARE, partition=partition_for(key, 4), key=key, value=body, headers=[])],
        )
        return Response(b'{"accepted":1}', media_type="application/json")

    app = Starlette(routes=[Route("/hooks/paytrace", take, methods=["POST"])])
    config = uvicorn.Config(app, http="h11", loop="asyncio", lifespan="off", access_log=False, log_level="warning")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
