"""A folder of the user's own: reports as NAME.sql, and tables as tables/NAME.sql, each one SELECT over Saldo's tables.

A report has the head that Saldo's own have (reports.py). A table becomes the view own_NAME when the projector starts,
so reports, `saldo sql` and tools that speak to ClickHouse read it like any other. Both pass the guard of SQL.
A file that can't be used is named and takes nothing else with it.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

from projections.reports.questions import not_asked
from projections.store.client import Store
from projections.store.errors import QueryRefused
from projections.store.sql_guard import checked

logger = logging.getLogger(__name__)

PREFIX: Final = "own_"
TABLES: Final = "tables"
# Tells the views of the folder from what others made in a server's database.
_COMMENT: Final = "a table of the folder of SALDO_REPORTS_DIR"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,60}")


def make_views(store: Store, folder: Path | None) -> dict[str, str]:
    """Make the folder's tables, drop those whose files have gone or are no good, and return what is wrong with which.

    Ensures: a view holds a statement that the guard let pass, in its normal form.
    """
    for place, why in not_asked(folder).items():
        logger.error("%s is not asked: %s", place, why)
    waiting = sorted((folder / TABLES).glob("*.sql")) if folder is not None else []
    problems: dict[str, str] = {}
    made: set[str] = set()
    progress = True
    while waiting and progress:  # one may read another that comes later
        problems = {}
        left = []
        for path in waiting:
            try:
                made.add(_make(store, path))
            except (OSError, UnicodeDecodeError, QueryRefused) as error:
                problems[str(path)] = str(error)
                left.append(path)
        progress, waiting = len(left) < len(waiting), left
    for file, why in problems.items():
        logger.error("%s is no table: %s", file, why)
    found = store.rows(
        "SELECT name FROM system.tables WHERE database = {database:String} AND comment = {comment:String}",
        {"database": store.database, "comment": _COMMENT},
    )
    for (name,) in found:
        if name not in made:
            store.execute(f"DROP VIEW `{name}`")
    return problems


def _make(store: Store, path: Path) -> str:
    if not _NAME.fullmatch(path.stem):
        raise QueryRefused("a table is called by a-z, 0-9 and _, and begins with a letter", code="NAME")
    statement, _ = checked(store.rows, path.read_text("utf-8"), {}, database=store.database)
    name = f"{PREFIX}{path.stem}"
    if re.search(rf"\b{name}\b", statement):
        raise QueryRefused(f"it reads itself ({name})", code="NAME")
    store.execute(f"CREATE OR REPLACE VIEW `{name}` AS {statement} COMMENT '{_COMMENT}'")
    store.rows(f"SELECT * FROM `{name}` LIMIT 1")  # noqa: S608  # a name of letters and digits
    return name
