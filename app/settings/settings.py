"""Every setting of Saldo, gathered from the rooms that use them.

Read in this order, the later wins: defaults, `saldo.toml` (or the file that SALDO_CONFIG names), environment variables
SALDO_<SECTION>_<FIELD> such as SALDO_KAFKA_BOOTSTRAP_SERVERS. Secrets are masked wherever settings are shown.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.access.settings import AccessSettings
from app.api.settings import ApiSettings
from app.files.settings import FilesSettings
from app.ingress.settings import IngressSettings
from app.settings.names import file_problems, variable_problems
from app.settings.schedules import ScheduleSettings
from connectors.abas.settings import AbasSettings
from connectors.mail.settings import MailSettings
from connectors.paytrace.settings import PayTraceSettings
from connectors.rates.settings import RatesSettings
from connectors.shop.settings import ShopSettings
from connectors.webhook.settings import WebhookSettings
from projections.serving.log_in import DEFAULT_USER, ClientLogIn, only_the_owner
from projections.serving.settings import ProjectionSettings
from projections.store.errors import QueryRefused
from schemas.failures import ContractBroken
from streams.log.credentials import OPERATORS, Credentials, credentials_file, read_credentials
from streams.rules.settings import RulesSettings

if TYPE_CHECKING:
    from app.access.access import Access

CONFIG_VARIABLE = "SALDO_CONFIG"
DEFAULT_CONFIG = Path("saldo.toml")


class KafkaSettings(BaseModel):
    """Where Kafka is. Without bootstrap_servers, the embedded broker of the data directory is meant.

    role    whose log-in commands use (streams/log/credentials.py); each process of the pipeline sets its own
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_ca_location: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    # A file with a log-in, or a directory with one per role: what the embedded broker makes for itself.
    credentials_path: Path | None = None
    role: str = OPERATORS
    replication_factor: int | None = None
    # Partition counts in place of those of schemas/topics, for topics that are yet to be made (app/topics/own.py).
    topics_path: Path | None = None
    group: str = "saldo"
    # A worker that says nothing for this long loses its partitions; three heartbeats fit in, and a pause is noticed.
    session_timeout_s: float = Field(default=10.0, gt=1)

    def with_log_in(self, credentials: Credentials) -> KafkaSettings:
        """Return the same cluster, by the log-in of one role."""
        return self.model_copy(
            update={
                "security_protocol": credentials.security_protocol,
                "sasl_mechanism": credentials.sasl_mechanism,
                "sasl_username": credentials.username,
                "sasl_password": SecretStr(credentials.password),
            }
        )

    def options(self, bootstrap_servers: str) -> dict[str, Any]:
        """Return the connection as librdkafka words it."""
        options: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "security.protocol": self.security_protocol,
            # What matters of a failed connection reaches people as our own error.
            "log_level": 2,
        }
        if self.ssl_ca_location is not None:
            options["ssl.ca.location"] = str(self.ssl_ca_location)
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password.get_secret_value(),
            }
        return options


class KeySettings(BaseModel):
    """Keys that sign commands, and those that prove them. None means <data_dir>/keys.

    private_path   the private key of this process's role, or a directory with one <role>.pem per role
    public_path    the ring: every public key of the installation
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    private_path: Path | None = None
    public_path: Path | None = None


class WorkerSettings(BaseModel):
    """How agents run.

    name              distinguishes this worker's snapshots from those of another worker on the same machine
    state_store       memory, or disk: one SQLite file per task below <data_dir>/state, which shortens the restore
    batch_size        records that an agent takes from Faust at once
    linger_s          how long it waits for that many
    tend_every_s      how often idle partitions are looked after for records that were never delivered
    failures_in_a_row parked records in a row that stop a task
    marker_every      silent inbox records after which a position marker is written
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="worker", pattern=r"^[A-Za-z0-9_-]+$")
    state_store: Literal["memory", "disk"] = "disk"
    batch_size: int = Field(default=500, ge=1)
    linger_s: float = Field(default=0.02, gt=0)
    tend_every_s: float = Field(default=0.5, gt=0)
    failures_in_a_row: int = Field(default=20, ge=1)
    marker_every: int = Field(default=1_000, ge=1)
    metrics_port: int = Field(default=0, ge=0, le=65535)


class PollingSettings(BaseModel):
    """How often sources are read.

    paytrace_every_s / abas_every_s   pause between two polls
    rates_every_s                     the same for exchange rates, which providers publish once a day
    facts_every_s                     the same for PayTrace's batches, vault customers and schedules, and for
                                      abas' customers and balances
    recent_days                       days that each PayTrace poll reads; the whole look-back window
                                      (PayTraceSettings.lookback_window_days) is read every whole_window_every_s
    payment_requests                  whether payment requests are read from abas, and so carried out at PayTrace
    reports_to_abas                   whether `saldo up` runs the process that writes the main reports into abas
    reports_every_s                   pause between two of its rounds
    reports_company                   label of the company that gets them, where there are several
    paytrace_metrics_port / abas_metrics_port   Prometheus metrics of each source process on 127.0.0.1; 0 is off
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    payment_requests: bool = True
    reports_to_abas: bool = False
    reports_every_s: float = Field(default=300.0, gt=0)
    reports_company: str = ""
    paytrace_every_s: float = Field(default=5.0, gt=0)
    abas_every_s: float = Field(default=5.0, gt=0)
    facts_every_s: float = Field(default=300.0, gt=0)
    rates_every_s: float = Field(default=3600.0, gt=0)
    recent_days: int = Field(default=1, ge=0)
    whole_window_every_s: float = Field(default=900.0, gt=0)
    paytrace_metrics_port: int = Field(default=0, ge=0, le=65535)
    abas_metrics_port: int = Field(default=0, ge=0, le=65535)


class ReportingSettings(BaseModel):
    """Where ClickHouse is. Without a DSN, the embedded engine keeps its files below the data directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clickhouse_dsn: SecretStr | None = None
    batch_rows: int = Field(default=20_000, ge=1)
    linger_s: float = Field(default=0.5, gt=0)
    http_port: int = Field(default=0, ge=0, le=65535)
    # For ClickHouse clients of the embedded engine; None is 8123 if it is free, 0 is nowhere.
    clickhouse_port: int | None = Field(default=None, ge=0, le=65535)


class MatchSettings(BaseModel):
    """What `saldo match` and bank imports use unless a profile says otherwise.

    rules_path         matching rules in place of those that ship with Saldo
    column_names_path  column headers that are known besides those that ship with Saldo, and preferred to them
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules_path: Path | None = None
    column_names_path: Path | None = None


class GuardSettings(BaseModel):
    """What gives masked card and bank numbers their identity.

    key   a secret of 16 characters or more, the same for every process; empty makes one in the embedded data directory
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: SecretStr = SecretStr("")


class PrivacySettings(BaseModel):
    """What wraps the keys that personal values are sealed with.

    key   a secret of 16 characters or more, the same for every process; empty makes one in the embedded data directory
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: SecretStr = SecretStr("")


class AlertSettings(BaseModel):
    """How conditions are watched that may raise alerts, and where messages about them lead.

    console_url     base address of the console as people reach it; empty leaves links out of messages
    every_s         pause between two looks at tasks, polls and tables
    silent_after_s  how long a poll may be silent before it counts as none; the rule adds its own time
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    console_url: str = Field(default="", pattern=r"^(https?://.+)?$")
    every_s: float = Field(default=30.0, gt=0)
    silent_after_s: float = Field(default=120.0, gt=0)


class Settings(BaseSettings):
    """All settings of one Saldo installation."""

    model_config = SettingsConfigDict(
        env_prefix="SALDO_", env_nested_delimiter="_", env_nested_max_split=1, frozen=True, extra="ignore"
    )

    data_dir: Path = Path(".saldo")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    schema_registry_url: str | None = None
    # A folder of the user's own reports and tables (docs/reports.md).
    reports_dir: Path | None = None
    guard: GuardSettings = GuardSettings()
    privacy: PrivacySettings = PrivacySettings()
    kafka: KafkaSettings = KafkaSettings()
    keys: KeySettings = KeySettings()
    worker: WorkerSettings = WorkerSettings()
    polling: PollingSettings = PollingSettings()
    reporting: ReportingSettings = ReportingSettings()
    paytrace: PayTraceSettings = PayTraceSettings()
    abas: AbasSettings = AbasSettings()
    ingress: IngressSettings = IngressSettings()
    api: ApiSettings = ApiSettings()
    access: AccessSettings = AccessSettings()
    match: MatchSettings = MatchSettings()
    rules: RulesSettings = RulesSettings()
    files: FilesSettings = FilesSettings()
    rates: RatesSettings = RatesSettings()
    shop: ShopSettings = ShopSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_settings_file())

    @property
    def bootstrap_servers(self) -> str:
        """The brokers to connect to; raises ContractBroken when none is set and no embedded one runs."""
        found = self._brokers()
        if found is None:
            raise ContractBroken(
                "no Kafka is named and no embedded broker runs here; set SALDO_KAFKA_BOOTSTRAP_SERVERS, or start one "
                f"for {self.data_dir} with `saldo dev kafka` or `saldo up`"
            )
        return found

    @property
    def kafka_options(self) -> dict[str, Any]:
        """The Kafka connection for confluent-kafka clients."""
        return self.kafka_options_at(None)

    def kafka_options_at(self, bootstrap_servers: str | None) -> dict[str, Any]:
        """Return the connection to these brokers, to those of the settings when None.

        Raises: ContractBroken when there are none, or this process can't read its log-in.
        """
        return self.kafka_log_in(bootstrap_servers).options(bootstrap_servers or self.bootstrap_servers)

    def kafka_log_in(self, bootstrap_servers: str | None = None) -> KafkaSettings:
        """Kafka's settings with the log-in of this process's role.

        Ensures: a user that the settings name goes before a file; the embedded broker's own file is taken for the
                 embedded broker alone, so no password of it is sent to another address.
        Raises:  ContractBroken when a file that was named can't be read.
        """
        kafka = self.kafka
        if kafka.sasl_username:
            return kafka
        if kafka.credentials_path is not None:
            return kafka.with_log_in(read_credentials(credentials_file(kafka.credentials_path, kafka.role)))
        named = bootstrap_servers or kafka.bootstrap_servers
        if named is not None and named != self._embedded():
            return kafka
        from infra.embedded.kafka import credentials_dir

        own = credentials_file(credentials_dir(self.data_dir), kafka.role)
        return kafka.with_log_in(read_credentials(own)) if own.parent.exists() else kafka

    def as_role(self, role: str) -> Settings:
        """Return the same settings for a process of this role."""
        return self.model_copy(update={"kafka": self.kafka.model_copy(update={"role": role})})

    def private_key_path(self, role: str) -> Path:
        """Return the private key of a role; it need not be there."""
        place = self.keys.private_path or self.data_dir / "keys"
        return place if place.suffix == ".pem" else place / f"{role}.pem"

    @property
    def public_keys_path(self) -> Path:
        """The ring of public keys; it need not be there."""
        return self.keys.public_path or self.data_dir / "keys" / "public.json"

    @property
    def projection(self) -> ProjectionSettings:
        """What the read side needs of all this; reading reports needs no broker, so none may be there."""
        from app.access.access import Access

        dsn = self.reporting.clickhouse_dsn
        options = self.kafka_log_in().options("")
        return ProjectionSettings(
            clickhouse_dsn=dsn.get_secret_value() if dsn else f"chdb://{(self.data_dir / 'clickhouse').absolute()}",
            bootstrap_servers=self._brokers() or "",
            data_dir=self.data_dir.absolute(),
            day_zone=self.paytrace.time_zone,
            kafka_options={name: str(value) for name, value in options.items() if name != "bootstrap.servers"},
            access_notice=Access(self.access, self.data_dir.absolute()).notice,
            batch_rows=self.reporting.batch_rows,
            linger_s=self.reporting.linger_s,
            http_port=self.reporting.http_port,
            reports_dir=None if self.reports_dir is None else self.reports_dir.absolute(),
            clickhouse_port=self.reporting.clickhouse_port,
            admit=partial(_admitted, Access(self.access, self.data_dir.absolute())),
        )

    def _brokers(self) -> str | None:
        if self.kafka.bootstrap_servers:
            return self.kafka.bootstrap_servers
        return self._embedded()

    def _embedded(self) -> str | None:
        from infra.embedded.kafka import EmbeddedKafka

        running = EmbeddedKafka.running(self.data_dir)
        return None if running is None else running.address


def _admitted(access: Access, log_in: ClientLogIn) -> str:
    """Return the user as whom a ClickHouse client may read.

    Raises: QueryRefused in ClickHouse's terms, when it may not.
    """
    from app.access.errors import AccessDenied, LoginNeeded

    try:
        if not access.store.read():
            return only_the_owner(log_in)
        if not log_in.secret:
            raise QueryRefused(
                "Authentication failed: log in with user and password, or with a key (`saldo user add-key`)",
                code="REQUIRED_PASSWORD",
            )
        actor = access.actor_of_client(log_in.user, log_in.secret, now=datetime.now(UTC))
        access.check(actor, "read")
    except LoginNeeded as error:
        name = log_in.user or DEFAULT_USER
        raise QueryRefused(f"{name[:60]}: Authentication failed: {error}", code="AUTHENTICATION_FAILED") from error
    except (AccessDenied, ContractBroken) as error:
        raise QueryRefused(str(error), code="ACCESS_DENIED") from error
    return actor.user_id


def _settings_file() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def load_settings(**overrides: Any) -> Settings:
    """Return settings from file and environment.

    Raises: ContractBroken naming every field that does not fit, and every word that is no setting, with what was
            probably meant.
    """
    unknown = (
        *file_problems(_settings_file(), Settings, is_named=CONFIG_VARIABLE in os.environ),
        *variable_problems(os.environ, Settings),
    )
    if unknown:
        raise ContractBroken("; ".join(unknown))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors(include_input=False)
        )
        raise ContractBroken(f"settings do not fit: {problems}") from None
