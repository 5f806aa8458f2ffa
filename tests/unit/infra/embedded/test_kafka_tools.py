"""The log-in of a role as Kafka's Java clients read it."""

from __future__ import annotations

import pytest

from infra.embedded import jars
from infra.embedded.kafka_tools import TOOLS, as_properties, main_class
from schemas.failures import ContractBroken


def test_a_log_in_is_worded_for_java_whatever_the_password_holds() -> None:
    reported = as_properties(
        {
            "bootstrap.servers": "127.0.0.1:1",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "saldo-admin",
            "sasl.password": 'a"b\\c',
        }
    )
    assert reported.splitlines() == [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=PLAIN",
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="saldo-admin" password="a\\\\"b\\\\\\\\c";',
    ]
    scram = as_properties(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "u",
            "sasl.password": "p",
            "ssl.ca.location": "/ca.pem",
        }
    )
    assert "scram.ScramLoginModule" in scram
    assert "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\n" in scram
    assert as_properties({}) == "security.protocol=PLAINTEXT\n"


def test_tools_are_called_as_in_a_distribution_of_kafka() -> None:
    assert main_class("kafka-topics") == main_class("kafka-topics.sh") == TOOLS["kafka-topics"]
    with pytest.raises(ContractBroken, match=r"there is no tool 'rm'.*kafka-console-consumer"):
        main_class("rm")


def test_the_tools_are_of_the_broker_s_version() -> None:
    locked = jars.read_lock()
    (tools,) = locked["kafka-tools"].artifacts
    broker = next(one for one in locked["kafka"].artifacts if one.coordinate.startswith("org.apache.kafka:kafka_2.13:"))
    assert tools.coordinate.rpartition(":")[2] == broker.coordinate.rpartition(":")[2]
