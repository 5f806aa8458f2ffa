"""SQL that can only read: whatever is written, nothing but Saldo's tables can be read and nothing can be changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections import tables
from projections.reports import questions
from projections.store.client import Store
from projections.store.errors import QueryRefused
from projections.store.sql_guard import allowed_functions, checked

SECRET = "a-secret-of-this-machine"

# Each of them reads or writes what is no table of Saldo's, changes something, or reaches out.
HOSTILE = (
    # files, by function, by table function, by the name of a table
    "SELECT file('{path}')",
    "SELECT fIlE('{path}')",
    "SELECT `file`('{path}')",
    "SELECT \"file\"('{path}')",
    "SELECT /* harmless */ file(/**/'{path}')",
    "SELECT file('{path}') -- SELECT 1",
    "SELECT file(concat('/proc/self/', 'environ'))",
    "SELECT count() FROM fct_records WHERE file('{path}') = record_type",
    "WITH file('{path}') AS secret SELECT secret",
    "SELECT (SELECT file('{path}'))",
    "SELECT arrayMap(x -> file(x), ['{path}'])",
    "SELECT [file('{path}')]",
    "SELECT map('a', file('{path}'))['a']",
    "SELECT CASE file('{path}') WHEN '' THEN 1 ELSE 2 END",
    "SELECT countIf(file('{path}') = '')",
    "SELECT count() FILTER (WHERE file('{path}') = '')",
    "SELECT count() OVER (PARTITION BY file('{path}')) FROM fct_records",
    "SELECT count() OVER (ORDER BY file('{path}')) FROM fct_records",
    "SELECT count() OVER w FROM fct_records WINDOW w AS (ORDER BY file('{path}'))",
    "SELECT record_type FROM fct_records ORDER BY file('{path}')",
    "SELECT record_type FROM fct_records GROUP BY file('{path}'), record_type",
    "SELECT record_type FROM fct_records GROUP BY record_type HAVING file('{path}') != ''",
    "SELECT record_type FROM fct_records QUALIFY file('{path}') != ''",
    "SELECT record_type FROM fct_records PREWHERE file('{path}') != ''",
    "SELECT record_type FROM fct_records LIMIT length(file('{path}'))",
    "SELECT record_type FROM fct_records LIMIT length(file('{path}')) BY record_type",
    "SELECT record_type FROM fct_records JOIN fct_documents AS p ON file('{path}') = p.record_type",
    "SELECT record_type FROM fct_records ARRAY JOIN [file('{path}')] AS a",
    "SELECT * REPLACE (file('{path}') AS record_type) FROM fct_records",
    "SELECT record_type FROM fct_records ORDER BY record_type WITH FILL INTERPOLATE (record_type AS file('{path}'))",
    "SELECT source_offset FROM fct_records ORDER BY source_offset WITH FILL FROM length(file('{path}')) TO 9",
    "SELECT quantile(length(file('{path}')))(source_offset) FROM fct_records",
    "SELECT * FROM numbers(length(file('{path}')))",
    "SELECT 1 WHERE 'a' IN file('{path}')",
    "SELECT 1 UNION ALL SELECT length(file('{path}'))",
    "SELECT 1 INTERSECT SELECT length(file('{path}'))",
    "SELECT * FROM (SELECT * FROM (SELECT file('{path}')))",
    "SELECT * FROM view(SELECT file('{path}'))",
    "SELECT * APPLY (x -> file('{path}')) FROM fct_records",
    "SELECT COLUMNS('record_type') APPLY file FROM fct_records",
    "SELECT * FROM file('{path}', 'LineAsString')",
    "SELECT * FROM file('{path}', LineAsString, 'line String')",
    "SELECT * FROM default.`{path}`",
    'SELECT * FROM `default`."{path}"',
    "SELECT 1 WHERE 'a' IN (SELECT line FROM file('{path}', 'LineAsString'))",
    "DESCRIBE TABLE file('{path}', 'LineAsString')",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM fileCluster('c', '{path}', 'LineAsString')",
    "SELECT * FROM loop(file('{path}', 'LineAsString')) LIMIT 1",
    # the network and other databases
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/a', 'CSV')",
    "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM remoteSecure('127.0.0.1:1', system.one)",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'd', 't', 'u', 'p', 'a String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM sqlite('{path}', 't')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/', 'CSV')",
    "SELECT * FROM iceberg('http://127.0.0.1:1/')",
    "SELECT * FROM deltaLake('http://127.0.0.1:1/')",
    "SELECT * FROM azureBlobStorage('http://127.0.0.1:1/', 'c', 'p')",
    "SELECT aiGenerate('c', 'hello')",
    # programs
    "SELECT * FROM executable('id', 'LineAsString', 'a String')",
    "SELECT * FROM Python('os')",
    "SELECT * FROM python(os)",
    # what the server knows of itself and of others
    "SELECT * FROM system.users",
    "SELECT * FROM system.settings",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.zookeeper WHERE path = '/'",
    "SELECT * FROM system.detached_parts",
    "SELECT * FROM `system`.`disks`",
    "SELECT 1 WHERE 'default' IN system.users",
    "SELECT 1 WHERE 'default' NOT IN (system.users)",
    "SELECT 1 WHERE 'default' GLOBAL IN system.users",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM merge(REGEXP('.*'), 'users')",
    "SELECT * FROM cluster('default', system.users)",
    "SELECT * FROM dictionary('d')",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('system.users', 'a', 1)",
    "SELECT getSetting('readonly')",
    "SELECT getServerSetting('max_connections')",
    "SELECT getMacro('x')",
    "SELECT @@version",
    "SELECT hostName()",
    "SELECT currentUser()",
    "SELECT showCertificate()",
    "SELECT filesystemAvailable()",
    "SELECT addressToLine(1)",
    "SELECT hasColumnInTable('system', 'users', 'name')",
    "SHOW TABLES",
    "SHOW CREATE TABLE fct_records",
    "SHOW GRANTS",
    "EXPLAIN SELECT file('{path}')",
    "EXPLAIN SYNTAX SELECT 1",
    "EXISTS TABLE system.users",
    # time and memory
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM numbers(100)",
    "SELECT * FROM fct_records STREAM",
    "SELECT * FROM generateRandom('a String')",
    # writing, and a way around the session's settings
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO/**/OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' APPEND FORMAT CSV",
    "SELECT 1 FORMAT Null INTO OUTFILE '{out}'",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SET readonly = 0",
    "USE system",
    "INSERT INTO fct_records SELECT * FROM fct_records",
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'a UInt8') SELECT 1",
    "CREATE TABLE t (a UInt8) ENGINE = Memory",
    "CREATE TABLE t ENGINE = File(CSV, '{out}') AS SELECT 1",
    "CREATE VIEW v AS SELECT file('{path}')",
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE USER u",
    "ALTER TABLE fct_records DELETE WHERE 1",
    "DELETE FROM fct_records WHERE 1",
    "UPDATE fct_records SET record_type = '' WHERE 1",
    "TRUNCATE TABLE fct_records",
    "DROP TABLE fct_records",
    "RENAME TABLE fct_records TO r",
    "OPTIMIZE TABLE fct_records FINAL",
    "ATTACH TABLE t",
    "DETACH TABLE fct_records",
    "BACKUP TABLE fct_records TO File('{out}')",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "GRANT ALL ON *.* TO default",
    "EXECUTE AS default SELECT 1",
    "SELECT 1 PARALLEL WITH SELECT 2",
    "BEGIN TRANSACTION",
    # two statements, and trees that pretend
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE fct_records",
    "SELECT 1 AS `a\n  Literal 1`",
    "SELECT file('{path}') AS `a)\n Literal 1 (alias b`",
    "SELECT 1 FROM `x\n TableIdentifier y`",
    "SELECT {{t:Identifier}} FROM {{t:Identifier}}",
    # found by an examiner who knew the guard
    "SELECT current_user",
    "SELECT USER FROM fct_records",
    "SELECT session_user AS me",
    "FROM system.users SELECT *",
    "(SELECT file('{path}'))",
    "WITH x -> file(x) AS f SELECT f('{path}')",
    "WITH 'file' AS f SELECT f('{path}')",
    "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT length(file('{path}')) FROM t) SELECT * FROM t",
    "SELECT arrayFold((acc, x) -> concat(acc, file('{path}')), ['a'], '')",
    "SELECT mapApply((k, v) -> (k, file('{path}')), map(1, 'a'))",
    "SELECT record_type FROM fct_records GROUP BY GROUPING SETS ((file('{path}')))",
    "SELECT DISTINCT ON (file('{path}')) record_type FROM fct_records",
    "SELECT count() OVER (ROWS BETWEEN length(file('{path}')) PRECEDING AND CURRENT ROW) FROM fct_records",
    "SELECT EXISTS (SELECT 1 FROM system.users)",
    "SELECT 1 = ANY (SELECT 1 FROM system.users)",
    "SELECT 1 LIMIT (SELECT length(file('{path}')))",
    "SELECT * FROM values('a String', file('{path}'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM (EXPLAIN SELECT 1)",
    "SELECT * FROM mergeTreeIndex(currentDatabase(), fct_records)",
    "SELECT catboostEvaluate('{path}', 1)",
    "SELECT * FROM view(SELECT 1 SETTINGS readonly = 0)",
    "SELECT 1 #! a comment\n; DROP TABLE fct_records",
    "COPY fct_records TO '{out}'",
    "EXPLAIN TABLE OVERRIDE mysql('x', 'y', 'z', 'u', 'p')",
)
# What a parameter does when the client library writes it into the text: it ends the quoted text and goes on.
HOSTILE_PARAMETERS = (
    ("SELECT '%(x)s'", "; SELECT file({path}) --"),
    ("SELECT '%(x)s' AS a", " AS a, file({path}) AS b /*"),
    ("SELECT '%(x)s' AS a -- {{x:String}}", "; SELECT file({path}) --"),
    ("SELECT '%(x)s' /* {{x:String}} */ AS a", ", file({path}) --"),
    ("SELECT '%(x)s' AS a FROM fct_records WHERE record_type = 'a'", "; DROP TABLE fct_records --"),
)


def test_there_are_at_least_a_hundred_of_them() -> None:
    assert len(set(HOSTILE)) >= 100


def test_no_hostile_statement_answers(store: Store, tmp_path: Path) -> None:
    secret, out = tmp_path / "secret", tmp_path / "out"
    secret.write_text(SECRET)
    ((before,),) = store.rows("SELECT count() FROM system.tables WHERE database = currentDatabase()")
    for pattern in HOSTILE:
        statement = pattern.format(path=secret, out=out)
        with pytest.raises(QueryRefused) as refused:
            raise AssertionError(f"{statement!r} answered {store.query(statement, {'t': 'system.users'})!r}")
        assert SECRET not in str(refused.value), statement
        assert not out.exists(), statement
    assert store.rows("SELECT count() FROM system.tables WHERE database = currentDatabase()") == [(before,)]


def test_what_is_refused_is_refused_before_the_engine_runs_it(store: Store) -> None:
    """By the guard's own words, unless it is no SQL at all: the engine never gets to try it."""
    for pattern in HOSTILE:
        statement = pattern.format(path="/proc/self/environ", out="/nowhere")
        with pytest.raises(QueryRefused) as refused:
            checked(store.rows, statement, {"t": "system.users"}, database=store.database)
        assert refused.value.code in ("READONLY", "FORMAT") or "SYNTAX_ERROR" in str(refused.value), statement


def test_no_parameter_becomes_sql(store: Store, tmp_path: Path) -> None:
    """A value that is written without quotes reads a file here, and the answer shows it, when it is taken for SQL."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    path = f"concat({', '.join(f'char({ord(letter)})' for letter in str(secret))})"
    for statement, value in HOSTILE_PARAMETERS:
        parameters = {"x": value.format(path=path)}
        answer = store.query(statement.format(), parameters, output_format="TSV").decode()
        assert SECRET not in answer, statement
        assert answer in ("%(x)s\n", ""), statement
    store.rows("SELECT count() FROM fct_records")


@pytest.mark.parametrize("name", ["$x$", "", "a b", "x\n", "1x", "\u00e4"])
def test_a_parameter_has_a_plain_name(store: Store, name: str) -> None:
    with pytest.raises(QueryRefused, match="no parameter can be called"):
        store.query("SELECT 1", {name: b"1"})


def test_percent_signs_mean_nothing_beside_parameters(store: Store) -> None:
    asked = "SELECT formatDateTime(toDate('2026-11-29'), '%Y') AS y, '100%' LIKE '100%' AS l"
    assert store.query(asked, {"unused": "x"}, output_format="TSV") == b"2026\t1\n"


@pytest.mark.parametrize("parameters", [{}, {"x": "a\ud800"}])
def test_what_is_no_unicode_is_refused(store: Store, parameters: dict[str, str]) -> None:
    with pytest.raises(QueryRefused, match="Unicode"):
        store.query("SELECT {x:String}" if parameters else "SELECT 'a\ud800'", parameters)


@pytest.mark.parametrize(
    "failing",
    ["SELECT throwIf(number = 70000) FROM numbers(100000)", "SELECT intDiv(1, number - 70000) FROM numbers(100000)"],
)
def test_a_statement_that_fails_halfway_leaves_nothing_to_the_next(store: Store, failing: str) -> None:
    with pytest.raises(QueryRefused):
        store.query(failing, output_format="TSV")
    assert store.query("SELECT 'mine'", output_format="TSV") == b"mine\n"
    with pytest.raises(QueryRefused):
        store.rows(failing)
    assert store.rows("SELECT 'mine'") == [("mine",)]


@pytest.mark.parametrize(
    "deep",
    [
        "abs(" * 480 + "1" + ")" * 480,
        "abs(" * 5000 + "1" + ")" * 5000,
        "'" + "x" * 400000,
        " + ".join(["1"] * 20000),
    ],
    ids=["functions", "too deep for the engine", "a long text", "a long sum"],
)
def test_what_is_too_deep_or_too_long_is_refused_in_few_words(store: Store, deep: str) -> None:
    """On the stack of a command or of the endpoint a walk as deep as the engine allows would be a fault of ours."""
    with pytest.raises(QueryRefused) as refused:
        store.query(f"SELECT {deep}")
    assert len(str(refused.value)) < 4_000


def test_no_bare_name_calls_a_function_that_is_not_allowed(store: Store) -> None:
    """The engine calls some functions without brackets; none of them may be one that the list leaves out."""
    allowed, _ = allowed_functions()
    for (name,) in store.rows("SELECT name FROM system.functions WHERE NOT is_aggregate"):
        if str(name).casefold() in allowed:
            continue
        with pytest.raises(QueryRefused):
            store.query(f"SELECT {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "select state, count() from fct_payments group by state",
        "WITH a AS (SELECT record_type AS t FROM fct_records) SELECT t FROM a WHERE t IN (SELECT t FROM a) LIMIT 1",
        "SELECT 'file(''/etc/passwd''); DROP TABLE x' AS harmless -- a comment\n;",
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SELECT name, type FROM system.columns WHERE table = 'fct_records'",
        "SELECT sumIf(source_offset, 1), COUNT(DISTINCT record_type), quantileExactIf(0.5)(source_offset, 1) "
        "FROM fct_records",
        "SELECT a, row_number() OVER (PARTITION BY a ORDER BY a) FROM (SELECT record_type AS a FROM fct_records)",
        "SELECT x FROM (SELECT 1 AS x UNION ALL SELECT 2) ORDER BY x LIMIT 1 OFFSET 1",
        "SELECT toDate('2026-11-29') + INTERVAL 1 DAY, toString(1)::Int64, CAST(1 AS String), [1, 2][1], (1, 2).1",
        "SELECT r.record_type FROM fct_records AS r LEFT JOIN fct_documents AS p USING (source_offset) "
        "WHERE r.record_type LIKE 'P%' AND NOT p.record_type IN ('a', 'b') AND r.source_offset BETWEEN 1 AND 2",
        "SELECT number FROM numbers(3) ARRAY JOIN [1, 2] AS n",
        "SELECT record_type FROM fct_records AS r "
        "WHERE EXISTS (SELECT 1 FROM fct_documents AS p WHERE p.source_offset = r.source_offset)",
        "SELECT grouping(record_type), record_type, count() FROM fct_records GROUP BY ROLLUP(record_type)",
        "SELECT record_type, count() FROM fct_records GROUP BY record_type WITH TOTALS HAVING count() > 1",
        "SELECT * FROM fct_records ORDER BY source_offset LIMIT 1 BY record_type LIMIT 3 WITH TIES",
        "SELECT toDate('2026-01-01') + number AS d FROM numbers(3) ORDER BY d WITH FILL STEP 1",
        "SELECT quantiles(0.5, 0.9)(source_offset), arrayMap(x -> x * 2, groupArray(source_offset)) FROM fct_records",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
        "SELECT now(), CURRENT_DATE, current_timestamp, today() - INTERVAL 1 MONTH",
    ],
)
def test_what_people_ask_is_answered(store: Store, statement: str) -> None:
    store.query(statement)


def test_every_report_passes(store: Store) -> None:
    for name in questions.report_names():
        report = questions.load(name)
        values = {parameter.name: _some(parameter.type) for parameter in report.parameters}
        checked(store.rows, report.sql, values, database=store.database)


def test_every_table_and_view_may_be_read(store: Store) -> None:
    for name in tables.relations():
        store.query(f"SELECT * FROM {name} LIMIT 1")


def test_a_parameter_can_name_a_table_of_ours_only(store: Store) -> None:
    store.query("SELECT count() FROM {t:Identifier}", {"t": "fct_records"})
    with pytest.raises(QueryRefused, match=r"system\.users"):
        store.query("SELECT count() FROM {t:Identifier}", {"t": "system.users"})


def test_every_listed_function_is_one_of_the_engine_s(store: Store) -> None:
    """A name that no engine knows would be a hole the day that somebody defines it."""
    known = {str(name).casefold() for (name,) in store.rows("SELECT name FROM system.functions")}
    names, aggregates = allowed_functions()
    # Syntax rather than functions.
    assert names - known == {"lambda", "_cast", "exists", "grouping"} - known
    assert aggregates <= names
    assert not {"file", "sleep", "getsetting", "hostname", "joinget", "dictget"} & names


def _some(kind: str) -> str:
    return {"Date": "2026-11-29", "DateTime64(6, 'UTC')": "2026-11-29 00:00:00"}.get(kind, "UTC")
