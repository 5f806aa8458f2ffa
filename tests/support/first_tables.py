"""Record the tables that the first release holds: python -m tests.support.first_tables

Until there is a release, whoever changes a row runs it and commits the difference. From the first release on the file
stays as it is, and a changed row needs a migration (projections/store/migrations/README.md).
"""

from __future__ import annotations

from pathlib import Path

from projections.tables import TABLES

FILE = Path(__file__).parent.parent / "unit" / "projections" / "first_tables.sql"
_END = "\n;\n"


def statements() -> list[str]:
    """The statements that made the tables of the first release."""
    return [one for one in FILE.read_text("utf-8").split(_END) if one.strip()]


if __name__ == "__main__":
    FILE.write_text("".join(table.ddl + _END for table in TABLES), "utf-8")
