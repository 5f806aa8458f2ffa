"""Every table and view of the read side, found by their folders: `row.py` is a table, `view.sql` a view."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from projections.tables.saldo_positions.row import TABLE as SALDO_POSITIONS
from projections.tables.table import FactTable, Table

ROOT: Final = Path(__file__).parent
# Where a view takes the day of an instant: the zone of the merchant, which is a setting and stands in no SQL.
DAY_ZONE: Final = "{day_zone:String}"


def _fact_tables() -> tuple[FactTable[Any], ...]:
    """Return every fact table, by name."""
    folders = sorted(path.parent.name for path in ROOT.glob("fct_*/row.py"))
    return tuple(cast("FactTable[Any]", import_module(f"{__name__}.{name}.row").TABLE) for name in folders)


def _view(name: str) -> str:
    """Return the statement of a view; each file of its folder `kinds` adds rows, placed by the number in its name."""
    folder = ROOT / name
    parts = [
        f"UNION ALL\nSELECT {int(path.name[:3])}, * FROM\n(\n{path.read_text('utf-8')})\n"
        for path in sorted(folder.glob("kinds/*.sql"))
    ]
    return "".join([(folder / "view.sql").read_text("utf-8"), *parts])


def _views() -> tuple[str, ...]:
    """Return every view, each after the ones that it reads."""
    names = sorted(path.parent.name for path in ROOT.glob("*/view.sql"))
    reads = {name: sorted({*re.findall(r"\w+", _view(name))} & {*names} - {name}) for name in names}
    return tuple(TopologicalSorter(reads).static_order())


FACT_TABLES: Final = _fact_tables()
TABLES: Final[tuple[Table[Any], ...]] = (*FACT_TABLES, SALDO_POSITIONS)
VIEWS: Final = _views()


def relations() -> tuple[str, ...]:
    """Return names of all tables, then all views, in creation order."""
    return (*(table.name for table in TABLES), *VIEWS)


def view_ddl(name: str, day_zone: str) -> str:
    """Return the statement that makes a view anew, with the zone of its days.

    A view can't be asked with a parameter.
    """
    return _view(name).replace(DAY_ZONE, f"'{day_zone}'")
