"""What one HTTP request asks, in ClickHouse's terms: statement, parameters, format, settings, packing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request

from projections.clickhouse_http import compression
from projections.clickhouse_http.formats import DEFAULT_FORMAT, known_format
from projections.clickhouse_http.settings import settings_for
from projections.store.errors import QueryRefused

# A statement of a tool is some kilobytes; the server's own limit for the text of one is 256 KiB.
LONGEST_BODY: Final = 4 << 20
_PARAMETER: Final = "param_"
_ON: Final = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class Escaped:
    r"""A parameter's value as the protocol writes it: `O\'Brien`, `\N` for NULL, `['a', 'b']`; the engine reads it so.

    No str, which the client library below would escape once more.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Asked:
    """One question.

    output_format  the one of the request, when the statement names none
    parameters     values of {name:Type}
    in_blocks      whether the answer shall come in ClickHouse's compressed blocks
    encoding       of the answer's body over HTTP; None is plain
    revision       of the protocol that the client speaks, for Native; 0 when it says none
    """

    statement: str
    output_format: str
    parameters: Mapping[str, Escaped]
    settings: Mapping[str, str]
    database: str
    in_blocks: bool = False
    encoding: str | None = None
    query_id: str = ""
    revision: int = 0


async def asked_by(request: Request) -> Asked:
    """Read a request.

    Raises: QueryRefused when a part of it can't be read or is not allowed.
    """
    address = dict(request.query_params)
    body = ""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        address |= await _form(request)
    else:
        body = await _body(request, in_blocks=address.get("decompress") in _ON)
    named = address.get("default_format") or request.headers.get("x-clickhouse-format") or DEFAULT_FORMAT
    output_format = known_format(named)
    if output_format is None:
        raise QueryRefused(f"Unknown format {named[:60]}", code="UNKNOWN_FORMAT")
    # A statement in both places is one statement, as in ClickHouse: the address first.
    statement = "\n".join(part for part in (address.get("query", ""), body) if part.strip())
    wants_encoding = address.get("enable_http_compression") in _ON
    accepted = request.headers.get("accept-encoding", "")
    revision = address.get("client_protocol_version", "")
    return Asked(
        statement=statement,
        output_format=output_format,
        parameters={
            name.removeprefix(_PARAMETER): Escaped(value)
            for name, value in address.items()
            if name.startswith(_PARAMETER)
        },
        settings=settings_for({name: value for name, value in address.items() if not name.startswith(_PARAMETER)}),
        database=address.get("database") or request.headers.get("x-clickhouse-database", ""),
        in_blocks=address.get("compress") in _ON,
        encoding=compression.chosen_encoding(accepted) if wants_encoding else None,
        query_id=address.get("query_id", ""),
        revision=int(revision) if revision.isdecimal() and len(revision) < 9 else 0,
    )


async def _body(request: Request, *, in_blocks: bool) -> str:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LONGEST_BODY:
            raise QueryRefused(f"the body has more than {LONGEST_BODY} bytes", code="QUERY_IS_TOO_LARGE")
    plain = bytes(content)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        plain = compression.unpacked(plain, encoding, most=LONGEST_BODY)
    if in_blocks:
        plain = compression.from_blocks(plain, most=LONGEST_BODY)
    try:
        return plain.decode()
    except UnicodeDecodeError as error:
        raise QueryRefused(f"the statement is not UTF-8: {error}", code="SYNTAX_ERROR") from error


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form, as some clients send statement and parameters.

    Tables that come along are refused.
    """
    fields: dict[str, str] = {}
    async with request.form(max_files=1, max_part_size=LONGEST_BODY) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                raise QueryRefused(
                    f"external table {name[:60]!r} is not taken: this interface only reads", code="READONLY"
                )
            fields[name] = value
    return fields
