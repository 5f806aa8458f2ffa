"""ClickHouse's own HTTP protocol on the embedded engine: what clients send works, and nothing but reading does."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import httpx2
import lz4.frame
import pyarrow.parquet as pq
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from app.access.access import Access
from app.access.actor import single_user
from app.access.roles import Role
from app.settings.settings import Settings
from projections.clickhouse_http import app, compression
from projections.clickhouse_http.asked import Asked
from projections.clickhouse_http.errors import in_clickhouse_words
from projections.clickhouse_http.formats import FORMATS
from projections.clickhouse_http.native import for_revision
from projections.clickhouse_http.sessions import ClientSessions
from projections.clickhouse_http.settings import settings_for
from projections.serving import log_in
from projections.serving.settings import ProjectionSettings
from projections.store import spool
from projections.store.client import Store, open_store
from projections.store.errors import QueryRefused
from projections.store.migrate import migrate
from schemas.failures import ContractBroken
from tests.support.passwords import quick_passwords
from tests.support.projecting import project
from tests.support.scripted import Script
from tests.support.typed import as_a

HOSTILE = (
    "SELECT file('/proc/self/environ')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')",
    "SELECT 1 INTO OUTFILE '/tmp/x' FORMAT CSV",
    "DESCRIBE TABLE url('http://127.0.0.1:1/', 'CSV')",
    "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "DESC (SELECT file('/proc/self/environ'))",
    "INSERT INTO fct_payments FORMAT CSV 1",
    "DROP TABLE fct_payments",
    "SET readonly = 0",
    "SELECT 1; SELECT 2",
    "SELECT name FROM system.tables SETTINGS additional_table_filters = {}",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 FORMAT JSON SETTINGS max_memory_usage = 0, readonly = 0",
    "SELECT * FROM system.processes",
    "SHOW CREATE TABLE fct_payments INTO OUTFILE '/tmp/x'",
    "SHOW TABLES FROM system",
    "SHOW PROCESSLIST",
    "SHOW ACCESS",
    "EXPLAIN SELECT 1",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "INSERT INTO fct_payments VALUES (1)",
    "/* c */ -- d\n insert into fct_payments format JSONEachRow {}",
)
# What tools ask when they connect and when they show tables, as their sources have it.
OF_TOOLS = {
    # grafana/clickhouse-datasource, src/data/CHDatasource.ts, and clickhouse-go below it
    "grafana": (
        "SELECT displayName(), version(), revision(), timezone()",
        "SELECT 1",
        "SELECT version()",
        "SHOW DATABASES",
        "SHOW TABLES",
        'SHOW TABLES FROM "saldo"',
        'DESC TABLE "saldo"."fct_payments"',
        "SELECT name, type, table FROM system.columns",
        "SELECT name, type, table FROM system.columns WHERE database IN ('saldo') AND table = 'fct_payments'",
        "SELECT name, is_aggregate, case_insensitive, alias_to, origin, description, syntax, arguments, "
        "returned_value, examples, categories FROM system.functions LIMIT 10000",
        'SELECT DISTINCT kind FROM saldo.fct_payments LIMIT 1000 SETTINGS max_execution_time=10',
    ),
    # metabase/metabase, modules/drivers/clickhouse
    "metabase": (
        "WITH s AS (SELECT version() AS ver, splitByChar('.', ver) AS verSplit) "
        "SELECT s.ver, toInt32(verSplit[1]), toInt32(verSplit[2]) FROM s",
        "SELECT count(*) > 0 FROM system.databases WHERE name = 'saldo'",
        "SELECT timezone() AS tz",
        "SELECT TRUE AS `_` FROM `saldo`.`fct_payments` WHERE 1 <> 1 LIMIT 0",
        "SELECT `saldo`.`fct_payments`.`kind` AS `kind`, COUNT(*) AS `count` FROM `saldo`.`fct_payments` "
        "GROUP BY `saldo`.`fct_payments`.`kind` ORDER BY `count` DESC, `kind` ASC",
    ),
    # dbeaver/dbeaver, org.jkiss.dbeaver.ext.clickhouse
    "dbeaver": (
        "SELECT name as TABLE_NAME, engine as TABLE_TYPE, database as TABLE_SCHEM,comment as REMARKS, * "
        "FROM system.tables\nWHERE database = 'saldo'",
        "SHOW CREATE TABLE saldo.fct_payments",
        "SELECT name FROM system.databases",
    ),
    # apache/superset, superset/db_engine_specs/clickhouse.py; clickhouse-jdbc, DatabaseMetaDataImpl
    "superset": (
        "SELECT name FROM system.functions UNION ALL SELECT name FROM system.table_functions LIMIT 10000",
        "SELECT name, case_insensitive, alias_to FROM system.data_type_families",
        "SELECT name FROM system.table_engines",
        "EXISTS DATABASE saldo",
        "EXISTS TABLE saldo.fct_payments",
    ),
}  # fmt: skip


pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"chdb://{tmp_path_factory.mktemp('clients') / 'store'}")
    migrate(opened)
    script = Script()
    script.open_item("1", 125_00)
    script.captured("1", 125_00)
    script.captured("2", 7_50)
    project(opened, script.messages)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def settings(store: Store, tmp_path_factory: pytest.TempPathFactory) -> ProjectionSettings:
    return ProjectionSettings(
        clickhouse_dsn=f"chdb://{store._client.path}",  # type: ignore[attr-defined]
        bootstrap_servers="",
        data_dir=tmp_path_factory.mktemp("data"),
        clickhouse_port=free_port(),
    )


@pytest.fixture(scope="module")
def url(settings: ProjectionSettings) -> Iterator[str]:
    with app.serve_clickhouse(settings) as opened:
        assert opened.url == f"http://127.0.0.1:{settings.clickhouse_port}"
        yield opened.url


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url, trust_env=False, timeout=60, headers={"accept-encoding": "identity"}) as client:
        yield client


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    opened = clickhouse_connect.get_client(dsn=url, tz_mode="aware")
    yield opened
    opened.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def asked(http: httpx2.Client, statement: str, **address: str) -> httpx2.Response:
    return http.post("/", params=address, content=statement)


def refused(http: httpx2.Client, statement: str, code: int, **address: str) -> httpx2.Response:
    answer = asked(http, statement, **address)
    assert answer.headers["x-clickhouse-exception-code"] == str(code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    return answer


# -- what curl sends ---------------------------------------------------------------------------------------------------


def test_a_query_may_stand_in_the_address_in_the_body_or_in_both(http: httpx2.Client) -> None:
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert asked(http, "SELECT 2").text == "2\n"
    assert asked(http, "number + 3 FROM numbers(1)", query="SELECT").text == "3\n"
    assert asked(http, "SELECT 4 -- a comment\n FORMAT TSV;").text == "4\n"
    assert http.get("/").text == "Ok.\n"
    assert http.head("/").status_code == http.head("/?query=SELECT+1").status_code == 200
    assert http.get("/ping").text == http.get("/replicas_status").text == "Ok.\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl_itself(url: str) -> None:
    def curl(*words: str) -> str:
        return subprocess.run(["curl", "-sS", *words], capture_output=True, text=True, check=True).stdout

    assert curl(f"{url}/?query=SELECT%201") == "1\n"
    assert curl(url, "-d", "SELECT 1 AS n FORMAT JSONEachRow") == '{"n":1}\n'
    assert curl("--compressed", f"{url}/?enable_http_compression=1", "-d", "SELECT 5") == "5\n"
    assert curl("-u", "default:", url, "-d", "SELECT count() FROM fct_payments") == "2\n"
    assert "Code: 164. DB::Exception" in curl(url, "-d", "DROP TABLE fct_payments")


def test_the_format_is_the_statement_s_else_the_address_s_else_a_header_s(http: httpx2.Client) -> None:
    assert asked(http, "SELECT 1 AS n", default_format="CSVWithNames").text == '"n"\n1\n'
    assert asked(http, "SELECT 1 AS n FORMAT TSVWithNames", default_format="CSV").text == "n\n1\n"
    assert http.post("/", content="SELECT 1 AS n", headers={"x-clickhouse-format": "CSV"}).text == "1\n"
    answer = asked(http, "SELECT 1 AS n FORMAT JSON")
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["x-clickhouse-format"] == "JSON"
    assert answer.json()["data"] == [{"n": 1}]
    assert asked(http, "SELECT FORMAT FROM (SELECT 3 AS FORMAT) ORDER BY FORMAT DESC").text == "3\n"
    refused(http, "SELECT 1 FORMAT Nope", 73)
    refused(http, "SELECT 1", 73, default_format="Npy; DROP")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_listed_format_is_one_of_the_engine_s(http: httpx2.Client, name: str) -> None:
    answer = asked(http, f"SELECT toUInt8(7) AS n, 'x' AS s FORMAT {name}")
    assert answer.status_code == 200, answer.text
    assert answer.content or name == "Null"


def test_parameters_are_values_and_never_text_of_the_statement(http: httpx2.Client) -> None:
    statement = "SELECT amount_minor FROM fct_payments WHERE paytrace_transaction_id = {id:String}"
    assert asked(http, statement, param_id="1").text == "12500\n"
    assert asked(http, statement, param_id="1' OR 1 = 1 --").text == ""
    assert asked(http, "SELECT {n:UInt8} + 1", param_n="41").text == "42\n"
    assert "456" in asked(http, statement).headers["x-clickhouse-exception-code"]
    refused(http, "SELECT 1", 36, **{"param_x y": "1"})
    assert asked(http, "SELECT '%(a)s'", param_a="', file('/etc/passwd'), '").text == "%(a)s\n"
    form = {"query": (None, statement), "param_id": (None, "2")}
    assert http.post("/", files=form).text == "750\n"
    refusal = http.post("/", files={"query": (None, "SELECT 1"), "t": ("t.csv", b"1")})
    assert refusal.headers["x-clickhouse-exception-code"] == "164"


@pytest.mark.parametrize("value", ["O'Brien", "a\\b", "tab\tline\nend", "\\N", "ä€😀", "", '`q`"', "{x:String}"])
def test_a_client_s_parameter_arrives_as_it_was(client: Client, value: str) -> None:
    assert client.query("SELECT {v:String}", parameters={"v": value}).result_rows == [(value,)]
    assert client.query("SELECT {v:Array(String)}", parameters={"v": [value, "'"]}).result_rows == [([value, "'"],)]
    assert client.query("SELECT {v:Nullable(String)} IS NULL", parameters={"v": None}).result_rows == [(1,)]


def test_settings_count_or_are_harmless_or_are_refused_by_name(http: httpx2.Client) -> None:
    assert (
        asked(http, "SELECT 1", wait_end_of_query="1", session_id="s", log_comment="grafana", readonly="1").text
        == "1\n"
    )
    big = "SELECT toInt64(1) AS n FORMAT JSONEachRow"
    assert asked(http, big, output_format_json_quote_64bit_integers="1").text == '{"n":"1"}\n'
    assert asked(http, big, output_format_json_quote_64bit_integers="0").text == '{"n":1}\n'
    few = {"max_result_rows": "2", "max_block_size": "1", "result_overflow_mode": "break"}
    assert asked(http, "SELECT number FROM numbers(9)", **few).text == "0\n1\n"
    in_sql = (
        "SELECT number FROM numbers(9) SETTINGS max_result_rows = 2, max_block_size = 1, result_overflow_mode = 'break'"
    )
    assert asked(http, in_sql).text == "0\n1\n"
    refused(http, "SELECT number FROM numbers(9)", 396, max_result_rows="2")
    for name, value in (("readonly", "0"), ("additional_table_filters", "{}"), ("role", "admin"), ("nope", "1")):
        assert name in refused(http, "SELECT 1", 164, **{name: value}).text
    refused(http, "SELECT 1", 36, date_time_output_format="x', readonly = '0")
    refused(http, "SELECT 1", 36, max_execution_time="soon")


def test_nobody_gets_more_than_a_reader_s_limits(http: httpx2.Client) -> None:
    asks = {"max_execution_time": "100000", "max_result_rows": "0", "max_memory_usage": "9000000000000"}
    assert settings_for(asks) == {}
    assert settings_for({"max_execution_time": "7.5", "max_result_bytes": "9"}) == {
        "max_execution_time": "7.5",
        "max_result_bytes": "9",
    }
    too_many = "SELECT number FROM numbers(5000001) FORMAT RowBinary"
    refused(http, too_many, 396, max_result_rows="6000000")


def test_the_settings_that_may_be_set_are_listed_with_their_values(http: httpx2.Client) -> None:
    sql = (
        "SELECT name, value, readonly FROM system.settings WHERE name IN ('max_result_rows', 'readonly') ORDER BY name"
    )
    assert asked(http, sql).text == "max_result_rows\t5000000\t0\nreadonly\t2\t1\n"
    assert asked(http, "SELECT count() > 30 FROM system.settings AS s WHERE s.name != 'system.settings'").text == "1\n"
    assert asked(http, "SELECT 'system.settings' AS t").text == "system.settings\n"
    refused(http, "SELECT * FROM system.merge_tree_settings", 164)


def test_errors_have_clickhouse_s_status_number_and_words(http: httpx2.Client) -> None:
    for statement, code, status, words in (
        ("SELECT nope", 47, 404, "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM nope", 60, 404, "UNKNOWN_TABLE"),
        ("DESC nope", 60, 404, "saldo.nope does not exist"),
        ("SELEC 1", 62, 400, "SYNTAX_ERROR"),
        ("", 62, 400, "Empty query"),
        ("SELECT toDate('x')", 38, 400, "CANNOT_PARSE_DATE"),
        ("DROP TABLE fct_payments", 164, 500, "READONLY"),
    ):
        answer = refused(http, statement, code)
        assert answer.status_code == status
        assert words in answer.text
        assert answer.text.count("Code: ") == 1
    assert refused(http, "SELECT 1", 81, database="other").status_code == 404
    assert refused(http, "SELECT '" + "x" * (5 << 20) + "'", 161).status_code == 413


# -- packing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_bodies_are_packed_as_http_packs_them(url: str, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "lz4": lz4.frame.compress, "zstd": zstd.compress}
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, "lz4": lz4.frame.decompress, "zstd": zstd.decompress}
    headers = {"accept-encoding": encoding, "content-encoding": encoding}
    body = pack[encoding](b"SELECT number FROM numbers(1000)")
    with httpx2.stream(
        "POST", f"{url}/?enable_http_compression=1", content=body, headers=headers, trust_env=False
    ) as answer:
        assert answer.headers["content-encoding"] == encoding
        assert unpack[encoding](b"".join(answer.iter_raw())).splitlines()[-1] == b"999"
    assert httpx2.post(url, content=b"no", headers=headers, trust_env=False).status_code == 400


def test_blocks_of_clickhouse_s_own_go_in_and_out(http: httpx2.Client) -> None:
    body = b"".join(compression.as_blocks([b"SELECT number FROM numbers(400000) FORMAT RowBinary"]))
    answer = http.post("/", params={"compress": "1", "decompress": "1"}, content=body)
    assert len(compression.from_blocks(answer.content, most=10**9)) == 8 * 400_000
    assert len(answer.content) < 8 * 400_000
    damaged = body[:20] + bytes([body[20] ^ 1]) + body[21:]
    refused_answer = http.post("/", params={"decompress": "1"}, content=damaged)
    assert refused_answer.headers["x-clickhouse-exception-code"] == "36"


@given(st.binary(max_size=3_000_000))
def test_blocks_hold_what_was_put_in(content: bytes) -> None:
    assert compression.from_blocks(b"".join(compression.as_blocks([content])), most=len(content)) == content


def test_a_bomb_is_no_statement(http: httpx2.Client) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    assert http.post("/", content=bomb, headers={"content-encoding": "gzip"}).status_code == 400
    blocks = b"".join(compression.as_blocks([b" " * (64 << 20)]))
    assert http.post("/", params={"decompress": "1"}, content=blocks).status_code == 400


# -- large answers -----------------------------------------------------------------------------------------------------

MANY = "SELECT number AS n, toString(number) AS s FROM numbers(300000) FORMAT "


def test_a_large_answer_arrives_whole_in_every_packing(url: str, client: Client, http: httpx2.Client) -> None:
    plain = asked(http, MANY + "JSON")
    assert "content-length" not in plain.headers, "sent piece by piece"
    assert plain.json()["rows"] == 300_000
    assert [row["n"] for row in plain.json()["data"]] == list(range(300_000))
    blocks = http.post("/", params={"compress": "1"}, content=MANY + "TSV").content
    assert compression.from_blocks(blocks, most=10**8) == asked(http, MANY + "TSV").content
    rows = client.query("SELECT number AS n, toString(number) AS s FROM numbers(300000)").result_rows
    assert rows == [(number, str(number)) for number in range(300_000)]
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, "lz4": lz4.frame.decompress, "zstd": zstd.decompress}
    # Random, so that it is large when it is packed, too.
    random = "SELECT n, cityHash64(n) AS h FROM (SELECT number AS n FROM numbers(300000)) FORMAT TSV"
    whole = asked(http, random).content
    for encoding, unpacked in unpack.items():
        headers = {"accept-encoding": encoding}
        address = f"{url}/?enable_http_compression=1"
        with httpx2.stream("POST", address, content=random, headers=headers, trust_env=False, timeout=60) as answer:
            assert unpacked(b"".join(answer.iter_raw())) == whole


def test_an_answer_too_large_is_refused_and_not_kept(
    http: httpx2.Client, settings: ProjectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "LARGEST_ANSWER", 5_000_000)
    # The engine counts a constant once, however often it is written.
    answer = refused(http, "SELECT repeat('x', 1000) FROM numbers(50000)", 396)
    assert "more than 5000000 bytes; ask for fewer rows" in answer.text
    assert asked(http, "SELECT 1").text == "1\n"
    assert not list(settings.data_dir.glob("tmp*"))


def test_an_error_late_in_a_large_answer_is_an_error_and_no_half_answer(http: httpx2.Client) -> None:
    late = "SELECT throwIf(number = 2900000), toString(number) FROM numbers(3000000)"
    assert refused(http, late, 395).status_code == 500
    assert asked(http, "SELECT 1").text == "1\n"


def test_a_client_that_goes_halfway_leaves_nothing_behind(http: httpx2.Client) -> None:
    def without_name() -> list[str]:
        links = []
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                links.append(str(entry.readlink()))
        return [link for link in links if link.endswith("(deleted)") and "/tmp" in Path(link).name]

    before = without_name()
    for _ in range(3):
        with http.stream("POST", "/", content=MANY + "JSON") as answer:
            next(answer.iter_raw())
    deadline = time.monotonic() + 10
    while without_name() != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert without_name() == before
    assert asked(http, "SELECT 1").text == "1\n"


def test_who_waits_too_long_for_others_is_reported_and_who_has_gone_waits_no_more(
    store: Store, settings: ProjectionSettings
) -> None:
    sessions = ClientSessions(settings.clickhouse_dsn, count=1, most_wait_s=0.3)
    wanted = Asked("SELECT 1", "TSV", {}, {}, "")
    gone = threading.Event()
    taken = sessions._free.get()
    try:
        with pytest.raises(QueryRefused, match="Too many simultaneous queries: 1 run already") as refusal:
            sessions.answer(wanted, gone)
        assert in_clickhouse_words(refusal.value)[1] == 202
        gone.set()
        with pytest.raises(QueryRefused, match="closed its connection"):
            sessions.answer(wanted, gone)
        sessions._free.put(taken)
        with pytest.raises(QueryRefused, match="closed its connection"):
            sessions.answer(wanted, gone)
        output_format, kept = sessions.answer(wanted, threading.Event())
        assert (output_format, b"".join(kept.pieces())) == ("TSV", b"1\n")
        kept.close()
    finally:
        sessions.close()


# -- what a reader may see ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", HOSTILE)
def test_only_reading_is_possible(http: httpx2.Client, store: Store, statement: str) -> None:
    before = store.rows("SELECT count() FROM fct_payments")
    answer = asked(http, statement)
    assert answer.status_code >= 400 or answer.text == "", answer.text
    assert store.rows("SELECT count() FROM fct_payments") == before
    assert not Path("/tmp/x").exists()


def test_system_tables_show_what_can_be_read_and_nothing_else(http: httpx2.Client, store: Store) -> None:
    readable = sorted(name for (name,) in store.rows("SELECT name FROM system.tables WHERE database = 'saldo'"))
    assert asked(http, "SELECT name FROM system.tables ORDER BY name").text.split() == readable
    assert asked(http, "SHOW TABLES").text.split() == readable
    for statement in (
        "SELECT DISTINCT database FROM system.tables",
        "SELECT DISTINCT database FROM system.columns",
        "SELECT name FROM system.databases",
        "SELECT DISTINCT table_schema FROM information_schema.tables",
        "SELECT DISTINCT table_schema FROM information_schema.columns",
        "SELECT schema_name FROM information_schema.schemata",
        "SHOW DATABASES",
        "SELECT t.database FROM system.tables AS t JOIN system.databases AS d ON t.database = d.name LIMIT 1",
    ):
        assert asked(http, statement).text == "saldo\n", statement
    for (table,) in store.rows("SELECT name FROM system.tables WHERE database = 'saldo'"):
        assert asked(http, f"SELECT * FROM {table} LIMIT 0").status_code == 200
        assert asked(http, f"DESC {table} FORMAT JSON").json()["rows"] > 0


def test_looking_around_is_answered_as_a_server_answers(http: httpx2.Client) -> None:
    assert asked(http, "SHOW TABLES FROM default LIKE 'fct_pay%' LIMIT 1").text == "fct_payment_events\n"
    assert asked(http, "SHOW TABLES ILIKE 'FCT_PAYMENTS'").text == "fct_payments\n"
    assert asked(http, "EXISTS TABLE fct_payments").text == "1\n"
    assert asked(http, "EXISTS saldo.`no'pe`").text == "0\n"
    assert asked(http, "DESCRIBE TABLE `saldo`.fct_payments").text.split("\t")[:2] == [
        "paytrace_transaction_id",
        "String",
    ]
    assert asked(http, "DESC (SELECT {n:UInt8} + 1 AS m) FORMAT TSKV", param_n="1").text.startswith(
        "name=m\ttype=UInt16"
    )
    assert "CREATE VIEW saldo.fct_payments" in asked(http, "SHOW CREATE TABLE fct_payments").text
    assert asked(http, "USE saldo").text == ""
    refused(http, "USE other", 81)
    assert asked(http, "SELECT count() FROM fct_payments", database="default").text == "2\n"


@pytest.mark.parametrize(("tool", "statement"), [(tool, sql) for tool, sqls in OF_TOOLS.items() for sql in sqls])
def test_what_tools_ask_when_they_connect_and_browse(http: httpx2.Client, tool: str, statement: str) -> None:
    answer = asked(http, statement, default_format="Native", client_protocol_version="54483")
    assert answer.status_code == 200, f"{tool}: {answer.text}"
    assert answer.content or "LIMIT 0" in statement


# -- clickhouse-connect ------------------------------------------------------------------------------------------------


def test_clickhouse_connect_reads(client: Client) -> None:
    assert as_a(str, client.server_version).count(".") == 3
    assert client.protocol_version > 0, "Native comes with the blocks of the protocol that it names"
    assert client.query("SELECT count() FROM fct_payments").result_rows == [(2,)]
    found = client.query("SELECT amount_minor FROM fct_payments WHERE paytrace_transaction_id = %(id)s", {"id": "2"})
    assert found.result_rows == [(750,)]
    assert client.query_df("SELECT * FROM fct_payments").shape[0] == 2
    assert client.query_arrow("SELECT number FROM numbers(3)").to_pydict() == {"number": [0, 1, 2]}
    assert client.command("SELECT 1") == 1
    assert "fct_payments" in str(client.command("SHOW TABLES"))
    with client.query_rows_stream("SELECT number FROM numbers(100000)") as rows:
        assert sum(1 for _ in rows) == 100_000
    with pytest.raises(DatabaseError, match="UNKNOWN_IDENTIFIER"):
        client.query("SELECT nope")
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command("DROP TABLE fct_payments")


def test_native_reads_back_whatever_the_columns_are(client: Client) -> None:
    sql = (
        "SELECT [1, 2] AS a, [['x'], []] AS aa, map('k', [1.5]) AS m, (1, 'x')::Tuple(n Int8, `a b` String) AS t, "
        "toNullable(3) AS n, NULL AS nothing, toDecimal128('1.25', 2) AS d, toUUID('{0}') AS u, "
        "toIPv4('127.0.0.1') AS ip, "
        "toFixedString('ab', 2) AS f, toDateTime64('2026-01-02 03:04:05.678901', 6, 'UTC') AS at, "
        "toDate('2026-01-02') AS day, "
        "CAST('y', 'Enum8(\\'x, (\\' = 1, \\'y\\' = 2)') AS e, toLowCardinality('lc') AS lc, "
        "[toLowCardinality(toNullable('z')), NULL] AS alc, true AS b, "
        "toInt128('-5') AS i FROM numbers(3)"
    ).replace("{0}", "00000000-0000-0000-0000-000000000001")
    result = client.query(sql)
    assert len(result.result_rows) == 3
    row = dict(zip(result.column_names, result.result_rows[2], strict=True))
    assert (row["aa"], row["m"], row["n"], row["i"]) == ([["x"], []], {"k": [1.5]}, 3, -5)
    assert (row["e"], row["lc"], row["b"], row["f"]) == ("y", "lc", True, b"ab")
    assert row["alc"] == ["z", None]
    assert row["at"] == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_later_revisions_have_a_byte_behind_each_type(http: httpx2.Client) -> None:
    plain = asked(http, "SELECT 'x' AS s FORMAT Native").content
    assert plain == b"\x01\x01\x01s\x06String\x01x"
    head = b"\x01\x00\x02\xff\xff\xff\xff\x00"
    assert asked(http, "SELECT 'x' AS s FORMAT Native", client_protocol_version="54453").content == head + plain
    later = asked(http, "SELECT 'x' AS s FORMAT Native", client_protocol_version="54454").content
    assert later == head + b"\x01\x01\x01s\x06String\x00\x01x"
    with pytest.raises(QueryRefused, match="cast it to a plain type"):
        list(for_revision(b"\x01\x01\x01s\x07Variant\x01x", 54454))


def test_parquet_is_parquet(http: httpx2.Client, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(asked(http, "SELECT number AS n FROM numbers(3) FORMAT Parquet").content)
    assert pq.read_table(file).to_pydict() == {"n": [0, 1, 2]}


# -- who may ask -------------------------------------------------------------------------------------------------------


def test_without_users_the_owner_of_the_process_asks_and_nobody_else(
    http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(http, "SELECT 1").status_code == 200
    for unreadable in ("Basic !", "Digest x"):
        answer = http.post("/", content="SELECT 1", headers={"authorization": unreadable})
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    answer = http.post("/", content="SELECT 1", auth=("maria", "x"))
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert "no users yet" in answer.text
    monkeypatch.setattr(app, "is_of_owner", lambda *_: False)
    answer = asked(http, "SELECT 1")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert "saldo user add" in answer.text


def test_the_kernel_says_whose_a_connection_is() -> None:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((host, 0), family=family) as server:
            end = server.getsockname()[:2]
            with socket.create_connection(end) as ours, server.accept()[0]:
                assert log_in.is_of_owner(ours.getsockname()[:2], end)
            assert not log_in.is_of_owner((host, 1), end)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as java:
        java.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        with server.accept()[0] as accepted:
            assert log_in.is_of_owner(accepted.getpeername(), server.getsockname())


@pytest.fixture
def with_users(
    settings: ProjectionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Access]]:
    quick_passwords(monkeypatch)
    of_saldo = Settings(data_dir=tmp_path)
    access = Access(of_saldo.access, tmp_path)
    access.keeper(single_user(), now=datetime.now(UTC)).add_user("ada", [Role.ADMIN], "a long password")
    access.keeper(single_user(), now=datetime.now(UTC)).add_user("vera", [Role.VIEWER], "another long password")
    access.keeper(single_user(), now=datetime.now(UTC)).add_user("bot", [Role.VIEWER], None)
    changed = settings.model_copy(update={"admit": of_saldo.projection.admit, "clickhouse_port": free_port()})
    with app.serve_clickhouse(changed) as opened:
        yield opened.url, access


def test_with_users_a_client_logs_in_as_clickhouse_clients_do(with_users: tuple[str, Access]) -> None:
    url, access = with_users
    key = access.keeper(single_user(), now=datetime.now(UTC)).add_key("bot", Role.VIEWER, lasts=timedelta(days=1))
    password = "another long password"

    def status(**sent: object) -> tuple[int, str]:
        answer = httpx2.post(url, content="SELECT 1", trust_env=False, **sent)  # type: ignore[arg-type]
        return answer.status_code, answer.headers.get("x-clickhouse-exception-code", "")

    token = access.log_in("vera", password, now=datetime.now(UTC))
    for sent in (
        {"auth": ("vera", password)},
        {"headers": {"x-clickhouse-user": "vera", "x-clickhouse-key": password}},
        {"params": {"user": "vera", "password": password}},
        {"auth": ("bot", key)},
        {"auth": ("default", key)},
        {"headers": {"authorization": f"Bearer {key}"}},
        {"headers": {"authorization": f"Bearer {token}"}},
    ):
        assert status(**sent) == (200, ""), sent
    assert status() == (401, "194")
    for sent in (
        {"auth": ("vera", "wrong")},
        {"auth": ("nobody", password)},
        {"auth": ("ada", key)},
        {"auth": ("bot", key + "x")},
        {"headers": {"authorization": "Basic !"}},
        {"headers": {"authorization": "Digest x"}},
    ):
        assert status(**sent) in ((403, "516"), (401, "194")), sent
    access.keeper(single_user(), now=datetime.now(UTC)).set_disabled("vera", is_disabled=True)
    assert status(auth=("vera", password)) == (403, "516"), "the log-in that is remembered has ended"
    assert clickhouse_connect.get_client(dsn=url, username="bot", password=key).command("SELECT 1") == 1


def test_a_role_that_may_not_read_may_not_ask(
    settings: ProjectionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_passwords(monkeypatch)
    policy = Path("app/access/access.yaml").read_text("utf-8")
    own = tmp_path / "policy.yaml"
    own.write_text(policy.replace("roles: [viewer, accountant, approver, operator, admin]", "roles: [admin]"), "utf-8")
    of_saldo = Settings(data_dir=tmp_path, access={"policy_path": own})  # type: ignore[arg-type]
    access = Access(of_saldo.access, tmp_path)
    access.keeper(single_user(), now=datetime.now(UTC)).add_user("ada", [Role.ADMIN], "a long password")
    access.keeper(single_user(), now=datetime.now(UTC)).add_user("vera", [Role.VIEWER], "another long password")
    admit = of_saldo.projection.admit
    assert admit(log_in.ClientLogIn("ada", "a long password", is_owner=False)) == "ada"
    with pytest.raises(QueryRefused) as refusal:
        admit(log_in.ClientLogIn("vera", "another long password", is_owner=True))
    assert refusal.value.code == "ACCESS_DENIED"


def test_no_page_of_a_browser_and_no_foreign_name_reaches_in(http: httpx2.Client) -> None:
    for headers in ({"origin": "http://attacker.example"}, {"sec-fetch-site": "cross-site"}):
        assert http.post("/", content="SELECT 1", headers=headers).status_code == 403
    assert http.get("/?query=SELECT+1", headers={"host": "attacker.example"}).status_code == 400


# -- the port ----------------------------------------------------------------------------------------------------------


def test_a_port_that_was_set_and_is_taken_is_named(settings: ProjectionSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ContractBroken, match=f"port {port} .* SALDO_REPORTING_CLICKHOUSE_PORT"),
            app.serve_clickhouse(settings.model_copy(update={"clickhouse_port": port})),
        ):
            pass


def test_the_default_port_taken_stops_nothing_and_is_said(
    settings: ProjectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(app, "DEFAULT_PORT", taken.getsockname()[1])
        with app.serve_clickhouse(settings.model_copy(update={"clickhouse_port": None})) as opened:
            assert opened.url == ""
            assert "SALDO_REPORTING_CLICKHOUSE_PORT" in opened.problem


def test_it_can_be_switched_off_and_a_server_answers_for_itself(settings: ProjectionSettings) -> None:
    server = "clickhouse://saldo:x@ch.example:8123/saldo"
    for update in ({"clickhouse_port": 0}, {"clickhouse_dsn": server, "clickhouse_port": free_port()}):
        with app.serve_clickhouse(settings.model_copy(update=update)) as opened:
            assert opened == app.Opened()


def test_questions_at_once_are_answered_one_beside_the_other(client: Client, url: str) -> None:
    def ask(number: int) -> int:
        answer = httpx2.post(
            url, content=f"SELECT sum(number) + {number} FROM numbers(1000)", trust_env=False, timeout=60
        )
        return int(json.loads(answer.text))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(24))) == [499_500 + number for number in range(24)]


def test_a_key_that_has_ended_is_no_key(with_users: tuple[str, Access]) -> None:
    url, access = with_users
    key = access.keeper(single_user(), now=datetime.now(UTC) - timedelta(days=2)).add_key(
        "bot", Role.VIEWER, lasts=timedelta(days=1)
    )
    assert httpx2.post(url, content="SELECT 1", auth=("bot", key), trust_env=False).status_code == 403
