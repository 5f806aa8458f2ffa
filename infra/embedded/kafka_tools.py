"""Kafka's own console tools, run from the jars of the embedded broker with the log-in of one role.

For people who know them. What they show is what the broker holds: bytes in Avro, not decoded and not guarded again.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.embedded import jars
from infra.embedded.jars import ProgressListener
from schemas.failures import ContractBroken
from schemas.files.private_files import write_private

# As the scripts of a Kafka distribution are called, without their .sh.
TOOLS: Mapping[str, str] = {
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-configs": "org.apache.kafka.tools.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
}
# These read files of a broker that need no connection, or name their options in another way.
_WITHOUT_CONNECTION = frozenset({"kafka-dump-log"})
_BOOTSTRAP, _CONFIG = "--bootstrap-server", "--command-config"


def main_class(name: str) -> str:
    """Return the class that is the tool of this name.

    Raises: ContractBroken naming the tools, when there is none.
    """
    found = TOOLS.get(name.removesuffix(".sh"))
    if found is None:
        raise ContractBroken(f"there is no tool {name[:60]!r}; there are {', '.join(TOOLS)}")
    return found


def run(
    name: str, words: Sequence[str], connection: Mapping[str, str], *, on_progress: ProgressListener | None = None
) -> int:
    """Run one tool in the foreground with these words and return its exit code.

    Shapes: connection is the connection as librdkafka words it; words that name brokers or a file of options go before.
    Raises: ContractBroken likewise; FetchFailed, FilesNotAsLocked, PartMissing.
    """
    main = main_class(name)
    class_path = ":".join(str(jars.provide(one, on_progress=on_progress) / "*") for one in ("kafka", "kafka-tools"))
    java = (str(jars.java()), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
    quiet = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
    with tempfile.TemporaryDirectory(prefix="saldo-kafka-tools-") as scratch:
        given = [*words]
        if name not in _WITHOUT_CONNECTION:
            options = Path(scratch) / "client.properties"
            write_private(options, as_properties(connection))
            named = {word.partition("=")[0] for word in words}
            if not named & {_BOOTSTRAP, "--bootstrap-controller"}:
                given += [_BOOTSTRAP, connection["bootstrap.servers"]]
            if _CONFIG not in named:
                given += [_CONFIG, str(options)]
        command = [*java, *quiet, f"-Djava.io.tmpdir={scratch}", "-cp", class_path, main, *given]
        try:
            return subprocess.run(command, check=False, env=_environment()).returncode  # noqa: S603
        except KeyboardInterrupt:
            return 130  # the tool has had the same signal


def as_properties(connection: Mapping[str, str]) -> str:
    """Return the connection as Kafka's Java clients read it from a file."""
    protocol = connection.get("security.protocol", "PLAINTEXT")
    lines = {"security.protocol": protocol}
    if protocol.startswith("SASL"):
        mechanism = connection["sasl.mechanism"]
        module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
        lines["sasl.mechanism"] = mechanism
        lines["sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module} required "
            f"username={_quoted(connection['sasl.username'])} password={_quoted(connection['sasl.password'])};"
        )
    if "ssl.ca.location" in connection:
        lines |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": connection["ssl.ca.location"]}
    # In a properties file a backslash begins an escape.
    return "".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in lines.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _environment() -> dict[str, str]:
    """Return the caller's, without what would make Java say more or do else."""
    return {name: value for name, value in os.environ.items() if name not in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS")}
