"""What a reader's SQL may do: one SELECT over Saldo's tables, with functions that compute and nothing else.

Protects the machine and the money behind the store. The embedded engine has one user who may do everything, so a
read-only session still reads files (`SELECT file('/proc/self/environ')`), opens URLs and writes `INTO OUTFILE`. A text
search for such words can be fooled, so nothing here reads the text:

1. the statement goes to the engine as a bound parameter of `formatQuerySingleLine`, which refuses several statements
   and gives back one normal form without comments;
2. `EXPLAIN AST` of that normal form, with the caller's parameters bound, is walked, and each node must be listed here:
   kinds of nodes, functions (`sql_functions.txt`), table functions, databases;
3. the normal form that was checked is what runs, with the parameters that it names bound by the engine.

Source: docs/adr/0044-sql-that-can-only-read.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from projections.store.errors import QueryRefused

Rows = Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]

_FUNCTIONS_FILE: Final = Path(__file__).with_name("sql_functions.txt")

# Kinds of nodes that only read. `Set` (SETTINGS), `ColumnsApplyTransformer` (hides the function that it applies),
# `ASTStreamSettings` (never ends) and every statement but SELECT are missing on purpose.
_NODES: Final = frozenset(
    {
        "SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery", "Subquery", "WithElement",
        "ExpressionList",
        "Identifier", "Literal", "Function", "Asterisk", "QualifiedAsterisk", "ColumnsRegexpMatcher",
        "ColumnsListMatcher", "QualifiedColumnsRegexpMatcher", "QualifiedColumnsListMatcher", "ColumnsTransformerList",
        "ColumnsExceptTransformer", "ColumnsReplaceTransformer", "ColumnsReplaceTransformer::Replacement",
        "TablesInSelectQuery", "TablesInSelectQueryElement", "TableExpression", "TableIdentifier", "TableJoin",
        "ArrayJoin", "SampleRatio", "OrderByElement", "InterpolateElement", "WindowDefinition", "WindowListElement",
    }
)  # fmt: skip
# In FROM: they make rows out of their arguments alone.
_TABLE_FUNCTIONS: Final = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "generate_series", "generateseries", "values", "view"}
)
# Beside the store's own tables: what describes them, for tools that list tables and columns.
_SYSTEM_TABLES: Final = frozenset(
    f"{schema}.{table}"
    for schema, tables in {
        # The last four hold names that the engine knows, which JDBC and Superset list.
        "system": (
            "one", "numbers", "tables", "columns", "functions", "databases",
            "table_functions", "data_type_families", "table_engines", "formats",
        ),
        "information_schema": ("tables", "columns", "schemata"),
    }.items()
    for table in tables
)  # fmt: skip
# Deeper than anybody writes: the tree is walked on Python's stack.
_DEEPEST: Final = 300
# The right side of these may name a table without a FROM.
_MEMBERSHIP: Final = re.compile(r"(?:global)?(?:not)?(?:null)?in(?:ignoreset)?", re.IGNORECASE)
_COMBINATORS: Final = (
    "SimpleState", "OrDefault", "ArgMax", "ArgMin", "Distinct", "ForEach", "Resample", "OrNull", "Merge", "State",
    "Array", "Map", "If",
)  # fmt: skip
_STRING: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_ESCAPED_NAME: Final = re.compile(r"[`\"][^`\"]*\\")
_LINE: Final = re.compile(r"(?P<indent> *)(?P<kind>[A-Za-z:]+)(?: (?P<rest>.*?))?(?: \(children \d+\))?", re.DOTALL)
_NAME: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?: \(alias .*\))?", re.DOTALL)
# The client library takes a statement that ends so for a question about columns; 00 is the same number.
_LIMIT_0: Final = re.compile(r"LIMIT 0$")
_ALIAS: Final = re.compile(r" \(alias .*\)$", re.DOTALL)
_INSERT: Final = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*INSERT\b", re.IGNORECASE | re.DOTALL)
# How the normal form of a statement begins that answers rows.
_QUERIES: Final = ("SELECT", "WITH", "(")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# SQL's names of functions that need no brackets: where no column is called so, the engine calls them. Those that are
# missing (now, today, current_date ...) are allowed as functions too.
_CALLED_BY_NAME: Final = frozenset(
    {"user", "current_user", "session_user", "system_user", "currentuser", "currenthandler", "currentrequesturl"}
)


@dataclass(slots=True)
class _Node:
    kind: str
    rest: str
    children: list[_Node] = field(default_factory=list)


def checked(rows: Rows, statement: str, parameters: Mapping[str, Any], *, database: str) -> tuple[str, dict[str, Any]]:
    """Return the normal form of a statement that only reads, and those of its parameters that it names.

    Shapes:  rows runs one query of ours with bound parameters; database is the one whose tables may be read.
    Raises:  QueryRefused, code READONLY for what may not be done, or in the engine's own words for what is no SQL.
    """
    if not statement.strip():
        raise QueryRefused("the statement is empty; write one SELECT", code="SYNTAX_ERROR")
    try:
        json.dumps([statement, dict(parameters)], ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise QueryRefused("statement and parameters must be Unicode texts; send UTF-8", code="SYNTAX_ERROR") from None
    normal = normal_form(rows, statement)
    if _ESCAPED_NAME.search(_STRING.sub("''", normal)):
        # The tree prints names as they are, so a line break in one could pass for a node.
        raise _refused("a name with an escaped character", "write names plainly")
    bound = _bound_by_engine(normal, parameters)
    try:
        explained = [_text(line) for (line,) in rows(f"EXPLAIN AST {_LIMIT_0.sub('LIMIT 00', normal)}", bound)]
    except QueryRefused as error:
        if error.code == "SYNTAX_ERROR" and not normal.startswith(_QUERIES):
            # It has a normal form and answers nothing, so no format can stand behind it: SYSTEM is one of these.
            raise _refused(f"{normal.partition(' ')[0]}", "write one SELECT") from error
        raise
    _check_statement(_tree(explained), database.casefold())
    return normal, bound


def normal_form(rows: Rows, statement: str) -> str:
    """Return the statement without comments, as the engine writes it.

    Raises: QueryRefused, code READONLY for several statements and for rows to be inserted, else in the engine's words.
    """
    try:
        ((normal,),) = rows("SELECT formatQuerySingleLine({saldo_statement:String})", {"saldo_statement": statement})
    except QueryRefused as error:
        if "Multi-statements are not allowed" in str(error):
            raise QueryRefused("ask one statement at a time: there are several here", code="READONLY") from error
        if _INSERT.match(statement):
            # The engine takes what follows for rows, and finds no end of the statement.
            raise _refused("INSERT", "write one SELECT") from error
        raise
    return _text(normal)


def _bound_by_engine(normal: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a normal form names as {name:Type}.

    Without one of these the client library writes parameters into the text by itself (`%(name)s`, `$name$`), also into
    a quoted text, where a value can end it and begin another statement.
    """
    for name in parameters:
        if not _PARAMETER.fullmatch(name):
            raise QueryRefused(f"no parameter can be called {name[:40]!a}; take a-z, 0-9 and _", code="PARAMETER")
    return {name: value for name, value in parameters.items() if re.search(rf"\{{{name}:[^}}]+\}}", normal)}


@cache
def allowed_functions() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of all functions that may be called and, of these, the aggregate ones; in lower case."""
    lines = [line for line in _FUNCTIONS_FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    names = frozenset(line.removesuffix(" +").casefold() for line in lines)
    return names, frozenset(line.removesuffix(" +").casefold() for line in lines if line.endswith(" +"))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _tree(lines: Sequence[str]) -> _Node:
    """Read the engine's indented tree: one line for each node, one space for each level."""
    path: list[_Node] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        depth = len(found["indent"]) if found else 0
        if found is None or (path and not 0 < depth <= len(path)):
            raise _refused(f"what the engine explains as {line[:100]!r}", "write it another way")
        if depth > _DEEPEST:
            raise _refused(f"a statement of more than {_DEEPEST} levels", "write it in steps (WITH)")
        node = _Node(found["kind"], found["rest"] or "")
        if path:
            path[depth - 1].children.append(node)
        del path[depth:]
        path.append(node)
    if not path:
        raise _refused("this statement", "write one SELECT")
    return path[0]


def _check_statement(root: _Node, database: str) -> None:
    if root.kind != "SelectWithUnionQuery":
        raise _refused(f"a statement of kind {root.kind or 'unknown'}", "write one SELECT")
    # Behind the SELECTs stands the format that the client asks for, unless it asks for it beside the statement, as over
    # HTTP; INTO OUTFILE and a format of the statement's own would stand there too.
    kinds = [child.kind for child in root.children]
    if kinds not in (["ExpressionList"], ["ExpressionList", "Identifier"]):
        raise _refused("INTO OUTFILE or SETTINGS", "leave it out")
    if len(kinds) > 1 and root.children[1].rest != "Native":
        raise QueryRefused("leave FORMAT out of the statement; ask for it beside it (--format)", code="FORMAT")
    _check(root.children[0], database, in_from=False)


def _check(node: _Node, database: str, *, in_from: bool) -> None:
    if node.kind not in _NODES:
        what = {"Set": "SETTINGS", "ColumnsApplyTransformer": "APPLY"}.get(node.kind, node.kind)
        raise _refused(what, "leave it out")
    if node.kind == "Identifier" and _ALIAS.sub("", node.rest).casefold() in _CALLED_BY_NAME:
        raise _refused(f"name {node.rest[:40]}", "the engine takes it for its function; quote a column with its table")
    if node.kind == "TableIdentifier":
        _check_table(_ALIAS.sub("", node.rest), database)
    elif node.kind == "Function":
        _check_function(node, database, in_from=in_from)
    for child in node.children:
        _check(child, database, in_from=node.kind == "TableExpression")


def _check_table(name: str, database: str) -> None:
    """Check a name without a database: a table of ours, or a name that the statement itself gives (WITH)."""
    schema, dot, _ = name.casefold().partition(".")
    if dot and schema != database and name.casefold() not in _SYSTEM_TABLES:
        raise _refused(f"table {name[:100]}", "`SELECT name FROM system.tables` lists the tables")


def _check_function(node: _Node, database: str, *, in_from: bool) -> None:
    found = _NAME.fullmatch(node.rest)
    name = found["name"] if found else node.rest[:100]
    if in_from:
        if name.casefold() not in _TABLE_FUNCTIONS:
            raise _refused(f"table function {name}", "read tables by name")
        return
    if not _is_allowed(name):
        raise _refused(f"function {name}", "projections/store/sql_functions.txt lists the functions")
    if _MEMBERSHIP.fullmatch(name):
        for side in _right_sides(node.children):
            _check_table(_ALIAS.sub("", side.rest), database)


def _right_sides(children: Iterable[_Node]) -> Iterable[_Node]:
    """Yield the names behind IN; a column has to be written without its table there."""
    for arguments in children:
        for argument in arguments.children[1:]:
            if argument.kind == "Identifier":
                yield argument


def _is_allowed(name: str) -> bool:
    names, aggregates = allowed_functions()
    if name.casefold() in names:
        return True
    bare = name
    while True:
        ending = next((ending for ending in _COMBINATORS if bare.endswith(ending) and bare != ending), None)
        if ending is None:
            return False
        bare = bare.removesuffix(ending)
        if bare.casefold() in aggregates:
            return True


def _refused(what: str, remedy: str) -> QueryRefused:
    return QueryRefused(f"{what} is not allowed: this session only reads Saldo's tables; {remedy}", code="READONLY")
