"""Ask SQL without knowing who holds the store: a server, the running projector, or nobody.

For the command line and the console's guests: a server is asked directly; the embedded store through the projector
while it runs, and directly when it does not.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from projections.serving.settings import ProjectionSettings, endpoint_file
from projections.store.client import Parameters, SqlReader, open_read_only
from projections.store.errors import QueryRefused, StoreBusy
from projections.store.spool import Spool

# A projector that has just taken the store needs about 2 s until its endpoint answers (chDB opens in 0.5 s).
_ENDPOINT_PATIENCE_S = 15.0
_QUERY_TIMEOUT_S = 300.0


class EndpointReader:
    """SQL through the projector that holds the store."""

    def __init__(self, url: str, token: str, spool_dir: Path, *, timeout_s: float = _QUERY_TIMEOUT_S) -> None:
        self._spool_dir = spool_dir
        self._http = httpx2.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=timeout_s, trust_env=False
        )

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> bytes:
        """Return the answer of one statement in a ClickHouse output format, whole."""
        with self.answer(sql, parameters, output_format=output_format, as_of=as_of) as spool:
            return spool.whole()

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> Spool:
        """Return the same beside memory; the caller closes it."""
        body = {"sql": sql, "parameters": dict(parameters or {}), "format": output_format}
        if as_of is not None:
            body["as_of"] = as_of.isoformat()
        spool = Spool(self._spool_dir)
        try:
            with self._http.stream("POST", "/sql", json=body) as answer:
                if answer.status_code != httpx2.codes.OK:
                    answer.read()
                    raise _refusal(answer)
                for piece in answer.iter_bytes():
                    spool.take(piece)
        except httpx2.TransportError as error:
            spool.close()
            raise StoreBusy(f"the projector went away while it was asked: {error}", retry_after_s=1.0) from error
        except BaseException:
            spool.close()
            raise
        return spool

    def get(self, path: str) -> dict[str, Any]:
        """Return one of the projector's JSON answers: /health or /lag."""
        answer = self._http.get(path)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        """Close the connection; the projector keeps the store."""
        self._http.close()


def open_reader(settings: ProjectionSettings) -> SqlReader:
    """Something that answers SQL now.

    Raises: StoreBusy when another process holds the embedded store and does not answer for it.
    """
    if not settings.is_embedded:
        return open_read_only(settings.clickhouse_dsn)
    deadline = time.monotonic() + _ENDPOINT_PATIENCE_S
    while True:
        endpoint = connect_endpoint(settings.data_dir)
        if endpoint is not None:
            return endpoint
        try:
            return open_read_only(settings.clickhouse_dsn)
        except StoreBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def connect_endpoint(data_dir: Path, *, timeout_s: float = _QUERY_TIMEOUT_S) -> EndpointReader | None:
    """Return the running projector's endpoint; None when none answers at the address on file."""
    try:
        address = json.loads(endpoint_file(data_dir).read_text("utf-8"))
    except FileNotFoundError:
        return None
    reader = EndpointReader(address["url"], address["token"], data_dir, timeout_s=timeout_s)
    try:
        reader.get("/health")
    except (httpx2.HTTPError, ValueError):
        # Left behind by a projector that was killed; whoever has the port now is not one.
        reader.close()
        return None
    return reader


def _refusal(answer: httpx2.Response) -> QueryRefused:
    try:
        reported = answer.json()
        return QueryRefused(str(reported["error"]), code=str(reported["code"]))
    except (ValueError, KeyError):
        return QueryRefused(f"the projector answered {answer.status_code}", code=str(answer.status_code))
