"""Permissions follow from producers and consumers in schemas/topics, and from nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings.settings import KafkaSettings, Settings
from infra.installation.stack import GIVES_COMMANDS, WORKBENCH, Stack
from schemas import catalog
from schemas.failures import ContractBroken
from streams.log.acls import AccessPlan, Permission, grants, permissions, plan, roles_of
from streams.log.credentials import (
    ROLES,
    Credentials,
    credentials_file,
    provide_credentials,
    read_credentials,
    user_of,
)

SPECS = tuple(catalog.topics().values())
ALL = permissions(SPECS, group="saldo")


def who_may(operation: str, topic: str) -> set[str]:
    return {found.user for found in ALL if (found.operation, found.name) == (operation, topic)}


def test_every_producer_and_consumer_of_the_catalogue_has_a_process() -> None:
    assert set(roles_of(SPECS).values()) <= set(ROLES)
    assert roles_of(SPECS)["post-to-abas"] == "worker"
    with pytest.raises(ContractBroken, match="somebody"):
        roles_of([*SPECS, replace(catalog.topic("receivables.inbox.v1"), producers=("somebody",))])


def test_a_journal_is_written_by_one_kind_of_process() -> None:
    journals = [spec for spec in SPECS if spec.role in ("journal", "claims", "dlq") and spec.producers]
    assert len(journals) > 10
    for spec in journals:
        own = "saldo-schedules" if spec.name == "schedules.runs.v1" else "saldo-worker"
        assert who_may("WRITE", spec.name) == {own}, spec.name


def test_only_those_who_are_listed_write_commands() -> None:
    assert who_may("WRITE", "erp.commands.v1") == {"saldo-worker", "saldo-operators", "saldo-source-reports"}
    assert who_may("WRITE", "gateway.inbox.v1") == {"saldo-worker", "saldo-operators", "saldo-source-abas"}


def test_a_reader_of_the_pipeline_writes_nothing() -> None:
    assert not [
        found for found in ALL if found.user in ("saldo-projector", "saldo-viewer") and found.operation == "WRITE"
    ]


def test_every_agent_may_write_into_the_inbox_that_it_decides() -> None:
    for spec in SPECS:
        if spec.role == "inbox" and not spec.awaits_agent:
            assert "saldo-worker" in who_may("WRITE", spec.name), spec.name


def test_a_plan_leaves_the_permissions_of_others_alone() -> None:
    foreign = Permission("TOPIC", "erp.commands.v1", "reporting", "READ")
    stray = Permission("TOPIC", "erp.commands.v1", user_of("viewer"), "WRITE")
    missing = Permission("GROUP", "saldo", "saldo-worker", "READ")
    assert plan(ALL, ALL - {missing} | {foreign, stray}) == AccessPlan((missing,), (stray,))
    assert not plan(ALL, ALL | {foreign})


def test_log_ins_are_made_once_and_read_by_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = provide_credentials(tmp_path / "c")
    finally:
        os.umask(old)
    assert made == provide_credentials(tmp_path / "c")
    assert len({credentials.password for credentials in made.values()}) == len(ROLES)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "c").iterdir()} == {0o600}
    assert made["worker"].password not in repr(made["worker"])


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"username": "u"}', '{"username": "u", "password": ""}', '{"x": "hush"}']
)
def test_a_file_that_is_no_log_in_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "worker.json"
    path.write_text(text)
    with pytest.raises(ContractBroken, match=r"worker\.json") as refused:
        read_credentials(path)
    assert "hush" not in str(refused.value)


def test_each_process_logs_in_as_its_own_role(tmp_path: Path) -> None:
    provide_credentials(tmp_path)
    settings = Settings(kafka=KafkaSettings(bootstrap_servers="b:9", credentials_path=tmp_path))
    assert settings.kafka_options["sasl.username"] == "saldo-operators"
    assert settings.as_role("projector").kafka_options["sasl.username"] == "saldo-projector"
    assert settings.as_role("projector").projection.kafka_options["sasl.username"] == "saldo-projector"


def test_a_user_that_the_settings_name_goes_before_a_file(tmp_path: Path) -> None:
    kafka = KafkaSettings(
        bootstrap_servers="b:9",
        credentials_path=tmp_path / "none",
        security_protocol="SASL_SSL",
        sasl_username="ours",
        sasl_password=SecretStr("p"),
    )
    assert Settings(kafka=kafka).kafka_options["sasl.username"] == "ours"
    with pytest.raises(ContractBroken, match="SALDO_KAFKA_CREDENTIALS_PATH"):
        _ = Settings(kafka=kafka.model_copy(update={"sasl_username": ""})).kafka_options


def test_the_embedded_broker_s_log_in_goes_to_no_other_address(tmp_path: Path) -> None:
    provide_credentials(tmp_path / "kafka" / "credentials")
    settings = Settings(data_dir=tmp_path)
    assert "sasl.password" not in settings.kafka_options_at("elsewhere:9092")
    assert settings.kafka_log_in().sasl_username == "saldo-operators"


def test_saldo_up_gives_each_process_the_file_of_its_own_role(tmp_path: Path) -> None:
    specs = {spec.name: spec.env or {} for spec in Stack(Settings(data_dir=tmp_path)).pipeline()}
    for name, role in {"worker-1": "worker", "source-abas": "source-abas", "watch": "watch"}.items():
        own = specs[name]["SALDO_KAFKA_CREDENTIALS_PATH"]
        assert own == str(tmp_path / "kafka" / "credentials" / f"{role}.json")
        assert specs[name]["SALDO_KEYS_PRIVATE_PATH"] == str(tmp_path / "keys" / f"{role}.pem")
        assert not [value for value in specs[name].values() if value.endswith(("/credentials", "/keys"))]


def test_saldo_up_gives_every_log_in_to_processes_that_give_commands_alone(tmp_path: Path) -> None:
    """A command is signed as an operator's, next to the process's own records: two roles, one process."""
    stack = Stack(Settings(data_dir=tmp_path))
    specs = {spec.name: spec.env or {} for spec in (*stack.pipeline(), stack.workbench())}
    every = {
        name for name, env in specs.items() if env.get("SALDO_KAFKA_CREDENTIALS_PATH", "").endswith("/credentials")
    }
    assert every == GIVES_COMMANDS & specs.keys()
    assert WORKBENCH in every


def test_a_log_in_for_tls_says_so_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "worker.json"
    path.write_text(
        json.dumps(
            {"username": "u", "password": "p", "security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"}
        )
    )
    assert credentials_file(path, "worker") == path
    assert read_credentials(path) == Credentials("u", "p", "SASL_SSL", "SCRAM-SHA-512")
    kafka = KafkaSettings(bootstrap_servers="b:9", credentials_path=path, ssl_ca_location=Path("/ca.pem"))
    assert Settings(kafka=kafka).kafka_options["ssl.ca.location"] == "/ca.pem"


def test_another_system_gets_what_it_names_and_no_topic_of_ours_to_write() -> None:
    given = grants(SPECS, "crm", write=["identification.inbox.v1"], read=["payments.events.v1"], group="crm-1")
    assert set(given.grants) == {
        Permission("TOPIC", "identification.inbox.v1", "crm", "WRITE"),
        Permission("TOPIC", "identification.inbox.v1", "crm", "DESCRIBE"),
        Permission("TOPIC", "payments.events.v1", "crm", "READ"),
        Permission("TOPIC", "payments.events.v1", "crm", "DESCRIBE"),
        Permission("GROUP", "crm-1", "crm", "READ"),
    }
    by_default = grants(SPECS, "crm", write=[], read=["payments.events.v1"], group=None)
    assert Permission("GROUP", "crm", "crm", "READ") in by_default.grants, "its client asks for a group in any case"
    assert plan(ALL, ALL | set(given.grants)) == AccessPlan(), "`topics apply --acls` leaves them alone"
    for user, write, why in (
        ("saldo-worker", ["identification.inbox.v1"], "Saldo's own users"),
        ("crm", ["payments.events.v1"], "own processes"),
        ("crm", ["erp.commands.v1"], "own processes"),
        ("crm", ["gateway.commands.v1"], "own processes"),
        ("crm", ["payments.observation.v1"], "has no payments.observation.v1"),
        ("crm", [], "--write"),
    ):
        with pytest.raises(ContractBroken, match=why):
            grants(SPECS, user, write=write, read=[], group=None)


def test_the_embedded_broker_lets_in_whose_file_lies_beside_ours(tmp_path: Path) -> None:
    other = tmp_path / "crm.json"
    other.write_text('{"username": "crm", "password": "a-long.password"}')
    assert provide_credentials(tmp_path)["crm"] == Credentials("crm", "a-long.password")
    assert other.stat().st_mode & 0o777 == 0o600
    for username, password, why in (
        ("saldo-admin", "a-long.password", "Saldo's own users"),
        ("crm", 'a" user_eve="x', "letters, digits"),
        ("crm x", "a-long.password", "letters, digits"),
    ):
        other.write_text(json.dumps({"username": username, "password": password}))
        with pytest.raises(ContractBroken, match=why) as refused:
            provide_credentials(tmp_path)
        assert password not in str(refused.value)
