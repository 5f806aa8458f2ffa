"""What the read side needs to know: which store, which broker, whose days, how large a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from projections.serving.log_in import ClientLogIn, only_the_owner
from schemas.values.business_day import PAYTRACE_ZONE


def _nothing_to_say() -> str:
    return ""


class ProjectionSettings(BaseModel):
    """Settings of projector and reports; gathered in app/settings/settings.py.

    Units: *_s are seconds, batch_rows counts records per insert.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    # chdb:///absolute/path (embedded, one process at a time) or clickhouse://user:password@host:port/database.
    clickhouse_dsn: str
    bootstrap_servers: str
    # Where the projector tells its own machine how to reach it (projector.json, readable by its owner only).
    data_dir: Path
    # Days in reports are days of this zone: the zone in which PayTrace cuts its day (docs/reports.md).
    day_zone: str = PAYTRACE_ZONE.key
    kafka_options: dict[str, str] = Field(default_factory=dict)
    # Large batches make few parts, which is what ClickHouse likes; the linger bounds how old a report can be.
    batch_rows: int = Field(default=20_000, ge=1)
    linger_s: float = Field(default=0.5, gt=0)
    # A topic that `saldo topics apply` has not made yet is looked for this often.
    topic_wait_s: float = Field(default=0.5, gt=0)
    # What every page says of how people are known here, asked anew for each page; empty where they log in.
    access_notice: Callable[[], str] = Field(default=_nothing_to_say, exclude=True)
    # A folder of the user's own reports and tables (projections/reports/own.py).
    reports_dir: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535)
    # Where ClickHouse clients find the embedded engine. None is 8123 if it is free, 0 is nowhere.
    clickhouse_port: int | None = Field(default=None, ge=0, le=65535)
    # Who may ask there; see app/access.
    admit: Callable[[ClientLogIn], str] = Field(default=only_the_owner, exclude=True)

    @field_validator("day_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        ZoneInfo(value)
        return value

    @field_validator("http_host")
    @classmethod
    def _loopback(cls, value: str) -> str:
        if value not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"the projector listens on loopback only, got {value!r}")
        return value

    @property
    def is_embedded(self) -> bool:
        """Whether the store lives inside one process (chDB) rather than in a server."""
        return self.clickhouse_dsn.startswith("chdb:")


def endpoint_file(data_dir: Path) -> Path:
    """Return where the running projector writes its address and token."""
    return data_dir / "projector.json"
