"""The codec's view of a Confluent-compatible schema registry: ids for our schemas, schemas for foreign ids.

Each subject is held to FULL_TRANSITIVE, whatever the registry's global level is. A registry does not look at logical
types, so a changed scale or unit passes it; schemas/lint is what stops that.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TypeVar

import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.catalog import RecordVersion
from schemas.failures import ContractBroken, Unavailable, Unreadable

COMPATIBILITY = "FULL_TRANSITIVE"
_RETRIES = 2
_RETRY_WAIT_MS = 200
_NOT_FOUND = 404
_TOO_MANY = 429

T = TypeVar("T")


class Registry:
    """A `codec.SchemaIds`; safe to share between threads. Each id and schema is asked for once.

    Units: timeout_s is seconds per request; a request that fails is tried twice more.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self._url = url
        self._client = SchemaRegistryClient(
            {"url": url, "timeout": timeout_s, "max.retries": _RETRIES, "retries.wait.ms": _RETRY_WAIT_MS}
        )
        self._lock = threading.Lock()
        self._ids: dict[tuple[str, str], int] = {}
        self._schemas: dict[int, str] = {}
        self._held: set[str] = set()

    def id_of(self, subject: str, schema: str) -> int:
        """Id of a schema below a subject, registering it when it is new.

        Raises: ContractBroken when the registry refuses the schema (incompatible, invalid, no permission);
                Unavailable when it does not answer.
        """
        with self._lock:
            known = self._ids.get((subject, schema))
            if known is None:
                known = self._register(subject, schema)
                self._ids[subject, schema] = known
            return known

    def schema_of(self, schema_id: int) -> str:
        """Return schema text for an id.

        Raises: Unreadable when the registry knows no such id, or it is no Avro schema of its own (references are
                not followed); Unavailable when it does not answer.
        """
        with self._lock:
            known = self._schemas.get(schema_id)
            if known is None:
                known = self._fetch(schema_id)
                self._schemas[schema_id] = known
            return known

    def publish(self, version: RecordVersion) -> int:
        """Register one version of a record as it stands in schemas/avro; returns its id."""
        return self.id_of(version.subject, json.dumps(version.schema))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _register(self, subject: str, schema: str) -> int:
        def hold() -> None:
            self._client.set_compatibility(subject_name=subject, level=COMPATIBILITY)

        def register() -> int:
            return int(self._client.register_schema(subject, Schema(schema, "AVRO")))

        try:
            if subject not in self._held:
                try:
                    self._ask(hold)
                except SchemaRegistryError as error:
                    if error.http_status_code != _NOT_FOUND:
                        raise
                    self._ask(register)  # some registries hold only a subject that exists to a level
                    self._ask(hold)
                self._held.add(subject)
            return self._ask(register)
        except SchemaRegistryError as error:
            raise ContractBroken(f"registry {self._url} refuses schema {subject}: {_text(error)}") from error

    def _fetch(self, schema_id: int) -> str:
        try:
            schema = self._ask(lambda: self._client.get_schema(schema_id))
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise Unreadable(f"registry {self._url} has no schema with id {schema_id}") from error
            raise ContractBroken(f"registry {self._url} refuses to tell schema {schema_id}: {_text(error)}") from error
        if schema.schema_type not in (None, "AVRO") or schema.schema_str is None or schema.references:
            raise Unreadable(f"schema id {schema_id} at {self._url} is no Avro schema of its own")
        return str(schema.schema_str)

    def _ask(self, request: Callable[[], T]) -> T:
        """Make one request; what only time or an operator heals becomes Unavailable, what is refused stays as it is."""
        try:
            return request()
        except SchemaRegistryError as error:
            if 400 <= error.http_status_code < 500 and error.http_status_code != _TOO_MANY:
                raise
            raise Unavailable(f"registry {self._url} does not answer: {_text(error)}") from error
        except (httpx2.HTTPError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            # The last four: something answered that is no registry, a proxy's page for example.
            raise Unavailable(f"registry {self._url} does not answer: {type(error).__name__}: {error}") from error


def _text(error: SchemaRegistryError) -> str:
    return f"{error.error_message} (HTTP {error.http_status_code})"
