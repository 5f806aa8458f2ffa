"""Writes the first migration from every table.sql, so that a table is stated once while no installation exists.

For whoever changes a table before the first release: `make first-migration`.
"""

from __future__ import annotations

from projections import tables
from projections.migrate import ROOT

FOLDER = ROOT / "0001_tables"


def up_sql() -> str:
    """Return the statements that create every table and view, in creation order."""
    return "".join(f"{tables.ddl(name).rstrip()}\n;\n" for name in tables.relations())


def check_sql() -> str:
    """Return the query that fails when a table or view is missing."""
    count = len(tables.relations())
    return (
        f"SELECT throwIf(count() != {count}, 'expected {count} tables and views')\n"
        "FROM system.tables\nWHERE database = currentDatabase() AND name != 'saldo_migrations'\n"
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "up.sql").write_text(up_sql(), "utf-8")
    (FOLDER / "check.sql").write_text(check_sql(), "utf-8")
