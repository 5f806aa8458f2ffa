"""The ingress, against the least that the same work can cost.

The floor is measured in the same run on the same machine: a bare starlette endpoint on the same uvicorn that produces
the body as it is (acks=all, same broker, same topic settings) and answers after the acknowledgement. What the ingress
adds is signature, card guard, strict reading, mapping, Avro and the envelope. Both get the same requests from the same
client: keep-alive connections, one request at a time on each.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
import statistics
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
from tests.bench.figures import Figure, Run, compared
from tests.support.ingress import ROW, ingress_in_process, rows, settings, signed
from tests.support.kafka import client_options, make_topics
from tests.support.worker_process import make_our_topics

BARE, FLOOR = "bench-bare", "empty endpoint"
SENDERS = 32


def measure(bootstrap: str, directory: Path, hooks: int, rounds: int) -> list[Figure]:
    """Send so many hooks to both, in turns, then at half of the ingress' own load."""
    make_our_topics(bootstrap)
    make_topics(bootstrap, {BARE: 4})
    bodies = [json.dumps(rows(ROW | {"transaction_id": 10_000 + number})).encode() for number in range(hooks)]
    found: dict[str, list[Run]] = {FLOOR: [], "ingress": []}
    calm: list[float] = []
    with ingress_in_process(directory, bootstrap, settings()) as ingress:
        address, process = start_bare(bootstrap)
        servers = {
            FLOOR: (address, process.pid),
            "ingress": ((ingress.client.host, ingress.client.port), ingress.process.pid),
        }
        try:
            for server, _ in servers.values():
                asyncio.run(drive(server, bodies[:200], SENDERS))
            for _ in range(rounds):
                for who, (server, pid) in servers.items():
                    before = cpu_seconds(pid)
                    wall_s, _ = asyncio.run(drive(server, bodies, SENDERS))
                    found[who].append(Run(hooks, wall_s, cpu_seconds(pid) - before))
            half = statistics.median(run.rate for run in found["ingress"]) / 2
            _, calm = asyncio.run(drive(servers["ingress"][0], bodies, SENDERS, per_s=half))
        finally:
            process.kill()
            process.join()
    cuts = statistics.quantiles(calm, n=100)
    return [
        *compared("ingress, 32 senders", found, floor=FLOOR, unit="hooks/s", goals={"ingress": ">= 0.4"}),
        Figure("ingress, half of that load", "p50", cuts[49], "ms"),
        Figure("ingress, half of that load", "p99", cuts[98], "ms", goal="< 50 ms"),
    ]


def cpu_seconds(pid: int | None) -> float:
    """Processor seconds of another process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def drive(
    server: tuple[str, int], bodies: Sequence[bytes], senders: int, *, per_s: float | None = None
) -> tuple[float, list[float]]:
    """Send every body once over so many connections; the seconds it took, and the milliseconds of each.

    With `per_s` they are sent at that pace; a request that had to wait for a free connection counts from when it was
    due, so that a server which stops for a while does not look quick.
    """
    queue = list(reversed(list(enumerate(requests(bodies)))))
    latencies: list[float] = []
    start = time.perf_counter()

    async def send() -> None:
        reader, writer = await asyncio.open_connection(*server)
        while queue:
            number, request = queue.pop()
            began = time.perf_counter()
            if per_s is not None:
                due = start + number / per_s
                if due > began:
                    await asyncio.sleep(due - began)
                began = due
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            latencies.append((time.perf_counter() - began) * 1000)
        writer.close()

    await asyncio.gather(*(send() for _ in range(senders)))
    return time.perf_counter() - start, latencies


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
