"""A real Apache Kafka broker for one machine: single node, KRaft, loopback only, durable.

It keeps every record for ever, creates no topic by itself, lets nobody in without a log-in and allows nothing that no
ACL states, like the production cluster that Saldo asks for; what differs is one replica. Its log is
`<data_dir>/logs/kafka.log`, its users are `<data_dir>/kafka/credentials/<role>.json`.
"""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from infra.embedded import jars
from infra.embedded.errors import ServerFailed
from infra.embedded.server import Command, EmbeddedServer
from schemas.failures import ContractBroken, Unavailable
from schemas.files.private_files import write_private
from streams.log.cluster import Cluster
from streams.log.credentials import (
    ADMIN,
    Credentials,
    provide_credentials,
    read_credentials,
    user_of,
)

# Both are read from the broker's working directory, and their paths are relative to it, so no path is quoted.
_PROPERTIES = "server.properties"
_LOGGING = "log4j2.properties"
_FORMAT_TIMEOUT_S = 60.0
_PROBE_TIMEOUT_S = 1.0


class EmbeddedKafka(EmbeddedServer):
    """One broker (and its controller) for one data directory.

    with EmbeddedKafka(Path(".saldo")) as broker:
        Producer(broker.client_options("operators"))
    """

    name: ClassVar[str] = "kafka"
    port_names: ClassVar[tuple[str, ...]] = ("client", "controller")
    usual_heap_mb: ClassVar[int] = 384

    _probe: Cluster | None = None

    @classmethod
    def address_at(cls, port: int) -> str:
        """Return the bootstrap string for a port."""
        return f"127.0.0.1:{port}"

    @property
    def bootstrap_servers(self) -> str:
        """What clients put into `bootstrap.servers`."""
        return self.address

    @property
    def credentials_dir(self) -> Path:
        """Where the log-in of each role lies, once the broker was prepared."""
        return credentials_dir(self.data_dir)

    def client_options(self, role: str) -> dict[str, Any]:
        """Return the connection of one role for confluent-kafka clients."""
        options = read_credentials(self.credentials_dir / f"{role}.json").options()
        return {"bootstrap.servers": self.bootstrap_servers, **options}

    @property
    def _log_dir(self) -> Path:
        return self.home / "data"

    @property
    def has_storage(self) -> bool:
        """Whether a broker of this data directory has run before."""
        return (self._log_dir / "meta.properties").exists()

    def _prepare(self) -> Command:
        """Prove the jars, write the configuration, and format the storage when it is new."""
        directory = jars.provide("kafka", cache_dir=self.cache_dir, on_progress=self.on_progress)
        self._write_configuration()
        java = (*self._java(), f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", str(directory / "*"))
        if not self.has_storage:
            self._format(java)
        return Command((*java, "kafka.Kafka", _PROPERTIES), self._environment(), self.home)

    def answers(self) -> bool:
        """Tell whether this cluster's broker answers a metadata request and takes part in the cluster."""
        if self._probe is None:
            self._probe = Cluster(
                {
                    **self.client_options(ADMIN),
                    "reconnect.backoff.ms": 20,
                    "reconnect.backoff.max.ms": 50,
                    "log_level": 0,  # refused connections are what we expect while waiting
                }
            )
        try:
            cluster_id, brokers = self._probe.identity(timeout_s=_PROBE_TIMEOUT_S)
        except (Unavailable, ContractBroken):
            return False
        if not brokers or cluster_id != self._cluster_id():
            return False
        self._probe = None
        return True

    def _write_configuration(self) -> None:
        self._lay_out()
        ports = self.ports()
        users = provide_credentials(self.credentials_dir)
        write_private(
            self.home / _PROPERTIES,
            server_properties(users, client=ports["client"], controller=ports["controller"]),
        )
        (self.home / _LOGGING).write_text(_LOG4J_PROPERTIES.format(log=self.log_path.name))

    def _format(self, java: tuple[str, ...]) -> None:
        # Kafka's own form of a cluster id: 16 random bytes in URL-safe base64 without padding.
        # One in 64 begins with a dash, hence the form with "=".
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(  # noqa: S603
            [
                *java,
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={cluster_id}",
                "-c",
                _PROPERTIES,
            ],
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            reason = f"formatting {self._log_dir} ended with code {done.returncode}"
            raise ServerFailed(self.name, reason, self.log_path, (done.stdout + done.stderr).strip())

    def _cluster_id(self) -> str:
        for line in (self._log_dir / "meta.properties").read_text().splitlines():
            if line.startswith("cluster.id="):
                return line.removeprefix("cluster.id=")
        return ""


def server_properties(
    users: Mapping[str, Credentials],
    *,
    client: int,
    controller: int,
    listen_on: str = "127.0.0.1",
    log_dir: str = "data",
) -> str:
    """Return the configuration of a broker of one node that lets these users in, and is reached at 127.0.0.1.

    Units: client and controller are ports.
    """
    return _SERVER_PROPERTIES.format(
        client=client,
        controller=controller,
        listen_on=listen_on,
        log_dir=log_dir,
        admin=user_of(ADMIN),
        users=_log_in_module(users[ADMIN], users.values()),
        controllers=_log_in_module(users[ADMIN], [users[ADMIN]]),
    )


def credentials_dir(data_dir: Path) -> Path:
    """Return where the embedded broker of a data directory keeps the log-in of each role."""
    return data_dir.absolute() / EmbeddedKafka.name / "credentials"


def _log_in_module(own: Credentials, users: Iterable[Credentials]) -> str:
    """Return what Kafka's JAAS configuration says: who the broker is towards itself, and whom it lets in."""
    known = " ".join(f'user_{user.username}="{user.password}"' for user in users)
    return (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{own.username}" password="{own.password}" {known};'
    )


_SERVER_PROPERTIES = """\
# Written by Saldo at each start; changes made here do not last.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://{listen_on}:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{client}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
log.dirs={log_dir}

# Nobody comes in without a log-in, and nothing is allowed that no ACL states (`saldo topics apply --acls`).
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.plain.sasl.jaas.config={users}
listener.name.controller.plain.sasl.jaas.config={controllers}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin}

# Topics come from schemas/topics, never from a typing error.
auto.create.topics.enable=false
num.partitions=4

# Kafka is the system of record: nothing expires unless its topic says so.
log.retention.ms=-1
log.retention.bytes=-1
# 10 years in minutes, so a stopped worker's group keeps its offsets.
offsets.retention.minutes=5256000
# 8 MiB: eight times the clients' default, so a dead letter has room for its record and the reason.
message.max.bytes=8388608

# One node is all there is.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# A group starts at once. After kill -9 a new broker waits until the old one's session ends: 4 s instead of 9.
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500

# Fewer threads and a 16 MiB cleaner buffer (128 by default) keep it small.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
"""

_LOG4J_PROPERTIES = """\
status=error
# Its own hook would close the log before the broker has finished its shutdown.
shutdownHook=disable
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=../logs/{log}
appender.file.filePattern=../logs/{log}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{yyyy-MM-dd'T'HH:mm:ss.SSSX}}{{UTC}} %-5p %c{{1}} %m%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
rootLogger.level=info
rootLogger.appenderRef.file.ref=file
# Kafka prints its whole configuration at info, some 400 lines a start.
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=warn
logger.serverconfig.name=kafka.server.KafkaConfig
logger.serverconfig.level=warn
"""
