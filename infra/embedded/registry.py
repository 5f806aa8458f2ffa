"""A real Confluent-compatible schema registry (Apicurio) for one machine: loopback only, kept in a file.

It is optional: Saldo writes Avro single-object encoding without one. Apicurio starts with compatibility NONE, which
would accept any change of a schema, so this one counts as ready only when FULL_TRANSITIVE is in force.
"""

from __future__ import annotations

from typing import ClassVar

import httpx2

from infra.embedded import jars
from infra.embedded.server import Command, EmbeddedServer

COMPATIBILITY = "FULL_TRANSITIVE"
_REQUEST_TIMEOUT_S = 2.0


class EmbeddedRegistry(EmbeddedServer):
    """One schema registry for one data directory; same life as EmbeddedKafka.

    with EmbeddedRegistry(Path(".saldo")) as registry:
        SchemaRegistryClient({"url": registry.url, "timeout": 5})  # it leaves some questions unanswered
    """

    name: ClassVar[str] = "registry"
    port_names: ClassVar[tuple[str, ...]] = ("http", "management")
    usual_heap_mb: ClassVar[int] = 256

    @classmethod
    def address_at(cls, port: int) -> str:
        """Return the registry URL for a port."""
        return f"http://127.0.0.1:{port}/apis/ccompat/v7"

    @property
    def url(self) -> str:
        """What clients call the schema registry URL (SALDO_SCHEMA_REGISTRY_URL)."""
        return self.address

    def answers(self) -> bool:
        """Tell whether it answers with FULL_TRANSITIVE in force, asking for that level first."""
        return takes_compatibility(self.url)

    def _prepare(self) -> Command:
        """Prove the unpacked registry against the lock and lay out its directories."""
        directory = jars.provide("registry", cache_dir=self.cache_dir, on_progress=self.on_progress)
        self._lay_out()
        ports = self.ports()
        return Command(
            argv=(*self._java(), "-jar", str(directory / "quarkus-run.jar")),
            env={
                **self._environment(),
                "QUARKUS_HTTP_HOST": "127.0.0.1",
                "QUARKUS_HTTP_PORT": str(ports["http"]),
                "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
                "QUARKUS_MANAGEMENT_PORT": str(ports["management"]),
                "QUARKUS_LOG_FILE_ENABLED": "true",
                "QUARKUS_LOG_FILE_JSON_ENABLED": "false",
                "QUARKUS_LOG_FILE_PATH": f"../logs/{self.log_path.name}",
                # By default H2 writes up to half a second later, and a kill -9 then loses an acknowledged schema.
                "APICURIO_DATASOURCE_URL": "jdbc:h2:file:./data/registry;WRITE_DELAY=0",
            },
            cwd=self.home,
        )


def takes_compatibility(url: str) -> bool:
    """Tell whether the registry at this URL answers with FULL_TRANSITIVE in force, asking for that level first."""
    try:
        answer = httpx2.put(f"{url}/config", json={"compatibility": COMPATIBILITY}, timeout=_REQUEST_TIMEOUT_S)
        in_force = httpx2.get(f"{url}/config", timeout=_REQUEST_TIMEOUT_S)
    except httpx2.TransportError:
        return False
    return answer.is_success and in_force.is_success and in_force.json().get("compatibilityLevel") == COMPATIBILITY
