"""What a reader's SQL may do: one SELECT over Saldo's tables, with functions that compute and nothing else.

Protects the machine and the money behind the store. The embedded engine has one user who may do everything, so a
read-only session still reads files (`SELECT file('/proc/self/environ')`), opens URLs and writes `INTO OUTFILE`. A text
search for such words can be fooled, so nothing here reads the text:

1. the statement goes to the engine as a bound parameter of `formatQuerySingleLine`, which refuses several statements
   and gives back one normal form without comments;
2. `EXPLAIN AST` of that normal form, with the caller's parameters bound, is walked, and each node must be listed here:
   kinds of nodes, functions (`sql_functions.txt`), table functions, databases;
3. the normal form that was checked is what runs.

Source: docs/adr/0044-sql-that-can-only-read.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from projections.errors import QueryRefused

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
        "system": ("one", "numbers", "tables", "columns", "functions", "databases"),
        "information_schema": ("tables", "columns", "schemata"),
    }.items()
    for table in tables
)
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
_ALIAS: Final = re.compile(r" \(alias .*\)$", re.DOTALL)


@dataclass(slots=True)
class _Node:
    kind: str
    rest: str
    children: list[_Node] = field(default_factory=list)


def checked(rows: Rows, statement: str, parameters: Mapping[str, Any], *, database: str) -> str:
    """Return the normal form of a statement that only reads, ready to be run.

    Shapes:  rows runs one query of ours with bound parameters; database is the one whose tables may be read.
    Raises:  QueryRefused, code READONLY for what may not be done, or in the engine's own words for what is no SQL.
    """
    if not statement.strip():
        raise QueryRefused("the statement is empty; write one SELECT", code="SYNTAX_ERROR")
    try:
        ((normal,),) = rows("SELECT formatQuerySingleLine({saldo_statement:String})", {"saldo_statement": statement})
    except QueryRefused as error:
        if "Multi-statements are not allowed" in str(error):
            raise QueryRefused("ask one statement at a time: there are several here", code="READONLY") from error
        raise
    normal = _text(normal)
    if _ESCAPED_NAME.search(_STRING.sub("''", normal)):
        # The tree prints names as they are, so a line break in one could pass for a node.
        raise _refused("a name with an escaped character", "write names plainly")
    explained = [_text(line) for (line,) in rows(f"EXPLAIN AST {normal}", parameters)]
    _check_statement(_tree(explained), database.casefold())
    return normal


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
    if node.kind == "TableIdentifier":
        _check_table(_ALIAS.sub("", node.rest), database)
    elif node.kind == "Function":
        _check_function(node, database, in_from=in_from)
    for child in node.children:
        _check(child, database, in_from=node.kind == "TableExpression")


def _check_table(name: str, database: str) -> None:
    """A name without a database can only be a table of ours or a name that the statement itself gives (WITH)."""
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
        raise _refused(f"function {name}", "projections/sql_functions.txt lists the functions")
    if _MEMBERSHIP.fullmatch(name):
        for side in _right_sides(node.children):
            _check_table(_ALIAS.sub("", side.rest), database)


def _right_sides(children: Iterable[_Node]) -> Iterable[_Node]:
    """The names behind IN; a column has to be written without its table there."""
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
