"""A folder of one's own reports and tables: they are asked like Saldo's, guarded like anybody's, and harm nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from projections.reports import questions
from projections.reports.own import make_views
from projections.serving import reader
from projections.store.client import Store
from projections.store.errors import QueryRefused
from projections.store.migrate import migrate
from tests.support.cli import saldo
from tests.support.projecting import project
from tests.support.scripted import Script

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BIG = """\
-- Which payments are large?
-- One row for each.
-- parameter least UInt64: least amount, minor units
-- period opened_at: when it was opened
SELECT paytrace_transaction_id, opened_at, amount_minor, currency FROM own_payments WHERE amount_minor >= {least:UInt64}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "payments.sql").write_text("SELECT * FROM fct_payments -- mine\n", "utf-8")
    (tmp_path / "big_payments.sql").write_text(BIG, "utf-8")
    return tmp_path


def test_an_own_report_over_an_own_table_is_asked_like_any_other(store: Store, own: Path) -> None:
    script = Script()
    script.captured("1", 125_00)
    script.captured("2", 7_50)
    project(store, script.messages)
    assert make_views(store, own) == {}
    assert "big_payments" in questions.report_names(own)
    assert "big_payments" not in questions.report_names()
    report = questions.load("big_payments", own)
    assert (report.question, report.period) == ("Which payments are large?", "opened_at")
    values = questions.values_for(report, {"least": "1000"}, day_zone="UTC", now=NOW)
    assert [row["amount"] for row in questions.ask(store, report, values).records] == ["125.00"]

    store.execute("CREATE OR REPLACE VIEW own_of_somebody AS SELECT 1")
    (own / "tables" / "a_first.sql").write_text("SELECT count() AS n FROM own_payments", "utf-8")
    assert make_views(store, own) == {}, "it reads one that comes later"
    assert store.rows("SELECT n FROM own_a_first") == [(2,)]
    migrate(store)  # as a rebuild does; raises when others' views count
    (own / "tables" / "a_first.sql").unlink()
    (own / "tables" / "payments.sql").unlink()
    assert make_views(store, own) == {}
    with pytest.raises(QueryRefused, match=r"UNKNOWN_TABLE|own_payments"):
        questions.ask(store, report, values)
    assert make_views(store, None) == {}
    left = store.rows("SELECT name FROM system.tables WHERE startsWith(name, 'own_')")
    assert left == [("own_of_somebody",)], "what others made stays"
    store.execute("DROP VIEW own_of_somebody")


@pytest.mark.parametrize(
    ("file", "sql", "why"),
    [
        ("a.sql", "SELECT file('/proc/self/environ')", "not allowed"),
        ("b.sql", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')", "not allowed"),
        ("c.sql", "DROP TABLE fct_payments", "not allowed"),
        ("d.sql", "SELECT * FROM fct_payments WHERE kind = {kind:String}", "kind"),
        ("e.sql", "SELECT 1; SELECT 2", "ask one statement at a time"),
        ("f.sql", "SELECT * FROM nope", "nope"),
        ("g.sql", "SELECT * FROM own_g", "own_g"),
        ("B-AD.sql", "SELECT 1", "a-z"),
        ("h.sql", "", "empty"),
    ],
)
def test_a_table_that_may_not_be_is_named_and_takes_nothing_with_it(
    store: Store, own: Path, file: str, sql: str, why: str
) -> None:
    (own / "tables" / file).write_text(sql, "utf-8")
    problems = make_views(store, own)
    assert list(problems) == [str(own / "tables" / file)]
    assert why in problems[str(own / "tables" / file)]
    views = store.rows("SELECT name FROM system.tables WHERE startsWith(name, 'own_')")
    assert ("own_payments",) in views


def test_an_own_report_can_do_no_more_than_any_statement(store: Store, own: Path) -> None:
    (own / "evil.sql").write_text("-- What?\nSELECT file('/proc/self/environ') AS f", "utf-8")
    with pytest.raises(QueryRefused, match="not allowed"):
        questions.ask(store, questions.load("evil", own), {})


def test_the_list_shows_own_reports_and_says_what_is_wrong_with_one(
    own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (own / "bare.sql").write_text("SELECT 1", "utf-8")
    (own / "latin.sql").write_bytes(b"-- Gr\xf6sse?\nSELECT 1")
    (own / "loose.sql").write_text("-- What?\n-- parameter x\nSELECT 1", "utf-8")
    (own / "dated.sql").write_text("-- What?\n-- parameter x Date = yesterday: a day\nSELECT 1", "utf-8")
    (own / "open_items.sql").write_text("-- Mine?\nSELECT 1", "utf-8")
    (own / "My Report.sql").write_text("-- Mine?\nSELECT 1", "utf-8")
    (own / "folder.sql").mkdir()
    monkeypatch.setenv("SALDO_REPORTS_DIR", str(own))
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path / "data"))
    done = saldo("report")
    listed = done.out
    assert f"{own / 'open_items.sql'} is not asked: Saldo's own report is called open_items" in done.err
    assert "is not asked" in saldo("report", "open_items", "-o", str(tmp_path / "x.csv")).err
    assert "big_payments\n    Which payments are large?\n" in listed
    for name, why in (("bare", "says not what it answers"), ("latin", "can't be read"), ("loose", "-- parameter NAME"),
                      ("dated", "no default 'yesterday'"), ("My Report", "a report is called by a-z"),
                      ("folder", "can't be read")):  # fmt: skip
        assert f"{name}\n    can't be asked: " in listed
        assert why in listed
    assert "Mine?" not in listed, "Saldo's own report of that name goes before"
    assert "open_items\n    What do customers still owe" in listed


def test_a_folder_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SALDO_REPORTS_DIR", str(tmp_path / "nope"))
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path / "data"))
    done = saldo("report")
    assert f"{tmp_path / 'nope'} is not asked: there is no such folder" in done.err
    assert "open_items" in done.out


def test_sql_that_names_what_is_not_there_says_where_the_names_are(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Kept:
        """The store of these tests, which a command does not close."""

        def query(self, sql: str, *given: object, **more: object) -> bytes:
            return store.query(sql, *given, **more)  # type: ignore[arg-type]

        def close(self) -> None:
            pass

    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(reader, "open_reader", lambda _settings: Kept())
    for sql, listing in (("SELECT nope FROM fct_payments", "system.columns"), ("SELECT * FROM nope", "system.tables")):
        done = saldo("sql", sql)
        assert done.exit_code == 2
        assert "nope" in done.err
        (remedy,) = re.findall(r'saldo sql "([^"]+)"', done.err)
        assert listing in remedy
        saldo("sql", remedy, "-o", str(tmp_path / "names.csv"))
        assert "fct_payments" in (tmp_path / "names.csv").read_text("utf-8")
