"""ClickHouse's JDBC driver, from Maven Central, on the embedded engine: what Metabase, DBeaver and others stand on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.access.access import Access
from app.access.actor import single_user
from app.access.roles import Role
from app.settings.settings import Settings
from infra.embedded import jars
from infra.embedded.process import free_port
from projections.clickhouse_http.app import serve_clickhouse
from projections.serving.settings import ProjectionSettings
from projections.store.client import open_store
from projections.store.migrate import migrate
from tests.support.passwords import quick_passwords
from tests.support.projecting import project
from tests.support.scripted import Script

SOURCE = Path("tests/support/jdbc/Asks.java")


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The command that runs Asks, compiled: the project's Java is a JRE, so Eclipse's compiler comes along as a jar."""
    files = jars.provide("jdbc", lock_path=SOURCE.with_name("jars.lock"))
    out = tmp_path_factory.mktemp("classes")
    command = (str(jars.java()), "-Xmx256m", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED")
    compiler = "org.eclipse.jdt.internal.compiler.batch.Main"
    words = (*command, "-cp", f"{files}/*", compiler, "-source", "17", "-target", "17", "-nowarn", "-d", str(out))
    subprocess.run([*words, str(SOURCE)], check=True, timeout=120)
    return (*command, "-cp", f"{out}:{files}/*", "Asks")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Access]]:
    quick_passwords(monkeypatch)
    dsn = f"chdb://{tmp_path / 'store'}"
    store = open_store(dsn)
    migrate(store)
    script = Script()
    script.captured("1", 125_00)
    project(store, script.messages)
    of_saldo = Settings(data_dir=tmp_path)
    settings = ProjectionSettings(
        clickhouse_dsn=dsn,
        bootstrap_servers="",
        data_dir=tmp_path,
        clickhouse_port=free_port(),
        admit=of_saldo.projection.admit,
    )
    try:
        with serve_clickhouse(settings) as opened:
            yield opened.url.removeprefix("http:"), Access(of_saldo.access, tmp_path)
    finally:
        store.close()


def lines(java: tuple[str, ...], address: str, *properties: str) -> dict[str, str]:
    words = [*java, f"jdbc:clickhouse:{address}/saldo", *properties]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def test_the_jdbc_driver_connects_lists_asks_and_is_refused(java: tuple[str, ...], served: tuple[str, Access]) -> None:
    address, access = served
    said = lines(java, address)
    assert said["product"].startswith("ClickHouse ")
    assert said["valid"] == "true schema saldo"
    assert said["schemas"] == "saldo"
    assert said["tables"].split()[:2] == ["fct_parked", "fct_parking"]
    assert said["columns"].split()[:2] == ["paytrace_transaction_id", "kind"]
    assert said["rows"] == "0 1", "the most rows that the caller wants"
    assert said["meta"] == "Int64"
    assert said["bound"] == "12500"
    assert said["unknown"].startswith("47 Code: 47. DB::Exception: ")
    assert said["dropped"].startswith("164 Code: 164. DB::Exception: ")

    access.keeper(single_user(), now=datetime.now(UTC)).add_user("ada", [Role.ADMIN], "a long password")
    access.keeper(single_user(), now=datetime.now(UTC)).add_user("metabase", [Role.VIEWER], None)
    key = access.keeper(single_user(), now=datetime.now(UTC)).add_key("metabase", Role.VIEWER, lasts=timedelta(days=1))
    assert lines(java, address, "user", "metabase", "password", key)["bound"] == "12500"
    with pytest.raises(AssertionError, match="AUTHENTICATION_FAILED"):
        lines(java, address, "user", "metabase", "password", "wrong")
