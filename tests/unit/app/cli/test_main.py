"""What every command owes a person at the terminal: quick help, one clear line, a truthful exit code."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from confluent_kafka import KafkaError, KafkaException

import app.cli
from app.cli.connection import KAFKA_VARIABLE, REGISTRY_VARIABLE, connect
from app.cli.errors import explain
from app.output.terminal import say, say_json
from infra.embedded.errors import PartMissing
from schemas.failures import ContractBroken, Refused
from streams.log.brokers import failure_of
from tests.support.cli import saldo


def test_help_is_quick_and_loads_no_client() -> None:
    program = (
        "import sys\n"
        "from app.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'confluent_kafka', 'fastavro', 'chdb', 'ortools', 'numpy', 'faust', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    took: list[float] = []
    for _ in range(3):  # processor time of the quickest: the machine may be busy with something else
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        assert ran.returncode == 0, ran.stderr
    assert min(took) < 1.5  # 0.2 s on a quiet machine; one of the clients above would cost more than a second


def test_every_command_explains_itself_in_a_line_that_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    helped = saldo("--help")
    assert helped.exit_code == 0
    listed = _listed(helped.out)
    assert {"up", "status", "report", "dlq", "read"} <= set(listed)
    cut = [f"{name}: {line}" for name, line in listed.items() if line.endswith("...")]
    for name in listed:
        below = saldo(name, "--help")
        assert below.exit_code == 0
        cut += [f"{name} {sub}: {line}" for sub, line in _listed(below.out).items() if line.endswith("...")]
    assert cut == []


def _listed(text: str) -> dict[str, str]:
    """The commands of a help page and their lines."""
    lines = text.partition("\nCommands:\n")[2].splitlines()
    return dict(line.strip().partition("  ")[::2] for line in lines if line.startswith("  "))


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting says where Kafka is, and no embedded broker runs in the data directory."""
    for name in [name for name in os.environ if name.startswith("SALDO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("bare_machine")
def test_no_kafka_named_is_one_line_with_the_remedy() -> None:
    outcome = saldo("topics", "diff")
    assert outcome.exit_code == 2
    assert outcome.err.count("\n") == 1
    assert KAFKA_VARIABLE in outcome.err


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer is waited for half a second."""
    monkeypatch.setattr("streams.log.cluster.ANSWER_S", 0.5)


@pytest.mark.usefixtures("bare_machine", "impatient")
@pytest.mark.parametrize("command", [("topics", "diff"), ("read", "payments.events.v1"), ("dlq", "list")])
def test_no_broker_answering_is_said_at_once_and_again_at_the_end(
    capfd: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    outcome = saldo(*command, "--bootstrap-servers", "127.0.0.1:1")
    assert outcome.exit_code == 2
    *at_once, at_the_end = outcome.err.splitlines()
    assert len(at_once) <= 1
    assert all(line.startswith("saldo: nobody listens at 127.0.0.1:1") for line in at_once)
    assert "`saldo status`" in at_the_end
    assert at_the_end.startswith("saldo: no Kafka broker answers")
    assert capfd.readouterr().err == "", "librdkafka spoke on its own"


@pytest.mark.usefixtures("bare_machine")
def test_there_is_nothing_to_rebuild_where_nothing_ran() -> None:
    outcome = saldo("rebuild")
    assert outcome.exit_code == 2
    assert outcome.err.startswith("saldo: nothing to rebuild: no broker has ever run in ")


@pytest.mark.usefixtures("bare_machine")
def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ContractBroken):
        app.cli.main(["topics", "diff", "--debug"])


def test_an_unknown_option_is_a_usage_error() -> None:
    outcome = saldo("topics", "diff", "--nonsense")
    assert outcome.exit_code == 2
    assert "--nonsense" in outcome.err


NO_ACCESS = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))


@pytest.mark.parametrize(
    ("error", "line", "exit_code"),
    [
        (Refused("abas said no", code="7"), "abas said no", 2),
        (PartMissing("jgo"), "pip install 'saldo[embedded]'", 2),
        (ModuleNotFoundError("No module named 'ortools'", name="ortools.sat"), "pip install 'saldo[match]'", 2),
        (LookupError("no topic 'x'"), "no topic 'x'", 2),
        (failure_of(NO_ACCESS, None), "Topic authorization failed", 2),
        (PermissionError(13, "Permission denied", "/x"), "/x", 2),
        (KeyError("amount"), "fault in Saldo (KeyError", 3),
        (ModuleNotFoundError("No module named 'quux'", name="quux"), "fault in Saldo", 3),
    ],
)
def test_each_family_of_error_has_its_line(error: Exception, line: str, exit_code: int) -> None:
    text, code = explain(error)
    assert line in text
    assert code == exit_code


def test_a_fault_of_ours_never_shows_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_only: str) -> Callable[..., None]:
        app = typer.Typer(pretty_exceptions_enable=False)

        @app.command()
        def boom() -> None:
            raise ZeroDivisionError("boom")

        return app

    monkeypatch.setattr(app.cli, "build", build)
    outcome = saldo()
    assert outcome.exit_code == 3
    assert outcome.err.count("\n") == 1
    assert "--debug" in outcome.err


@pytest.mark.usefixtures("bare_machine")
def test_the_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KAFKA_VARIABLE, "from-environment:9092")
    monkeypatch.setenv(REGISTRY_VARIABLE, "http://registry")
    assert connect().kafka["bootstrap.servers"] == "from-environment:9092"
    assert connect("from-option:9092").kafka["bootstrap.servers"] == "from-option:9092"
    assert connect().schema_registry_url == "http://registry"
    assert connect(None, "http://other").schema_registry_url == "http://other"
    monkeypatch.setenv(REGISTRY_VARIABLE, "")
    assert connect().schema_registry_url is None


@pytest.mark.usefixtures("bare_machine")
def test_publishing_needs_a_registry() -> None:
    outcome = saldo("schemas", "publish")
    assert outcome.exit_code == 2
    assert REGISTRY_VARIABLE in outcome.err


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_sql_runs_in_a_process_whose_environment_holds_no_secret(options: list[str], tmp_path: Path) -> None:
    """Its own /proc/self/environ is what SQL could be made to read."""
    look = "import app.cli.report as r; r.sql.__code__ = (lambda statement, output_format=None, out=None: print(__import__('pathlib').Path('/proc/self/environ').read_text())).__code__"  # noqa: E501
    (tmp_path / "sitecustomize.py").write_text(look)
    env = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "SALDO_PAYTRACE_PASSWORD": "pa55",
        "SALDO_ABAS": '{"password": "pa55"}',
        "SALDO_DATA_DIR": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "app.cli", *options, "sql", "SELECT 1"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SALDO_DATA_DIR" in ran.stdout, ran.stderr
    assert "pa55" not in ran.stdout


def test_the_version_is_shown() -> None:
    assert saldo("--version").out.startswith("saldo 0.")


@pytest.mark.usefixtures("impatient")
def test_records_come_from_standard_input_or_from_a_file_that_is_there(tmp_path: Path) -> None:
    missing = saldo("write", "payments.observations.v1", "--from", str(tmp_path / "nope.jsonl"))
    assert missing.exit_code == 2
    assert "nope.jsonl is no file" in missing.err
    piped = saldo("write", "payments.observations.v1", "--from", "-", "--bootstrap-servers", "127.0.0.1:1")
    assert "no Kafka broker answers at 127.0.0.1:1" in piped.err


@pytest.mark.parametrize(("command", "mode"), [("backfill", 0o600), ("report", 0o644)])
def test_what_a_command_writes_for_saldo_is_for_nobody_else(command: str, mode: int, tmp_path: Path) -> None:
    script = (
        "import sys, app.cli, pathlib\n"
        f"app.cli.build = lambda _: lambda **_: pathlib.Path({str(tmp_path / 'file')!r}).touch()\n"
        f"sys.argv = ['saldo', {command!r}]\n"
        "app.cli.main()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, umask=0o022, timeout=60)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_payers_text_writes_no_line_of_ours_and_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    say("note: paid\n250.00 confirmed by anna\x1b[2J\u202e\u2028 [red]x[/red] M\u00fcller \u20ac")
    say_json({"note": "a\nb\x9b31m\u202e"})
    shown, as_json = capsys.readouterr().out.splitlines()
    assert shown == "note: paid\\n250.00 confirmed by anna\\x1b[2J\\u202e\\u2028 [red]x[/red] M\u00fcller \u20ac"
    assert as_json == '{"note": "a\\nb\\u009b31m\\u202e"}'
    assert json.loads(as_json) == {"note": "a\nb\x9b31m\u202e"}


def test_a_line_within_an_error_is_no_line_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_only: str) -> Callable[..., None]:
        def refuse(**_: object) -> None:
            raise Refused("abas said: no\nsaldo: everything is well\x1b[1A", code="7")

        return refuse

    monkeypatch.setattr(app.cli, "build", build)
    first, second = saldo().err.splitlines()
    assert (first, second) == ("saldo: abas said: no", "       saldo: everything is well\\x1b[1A")
