"""The projection as commands ask it: a reader, and one report's rows for what shows them in its own way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli import identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.settings.settings import Settings
    from projections.reports.questions import Answer
    from projections.store.client import SqlReader
    from projections.store.errors import QueryRefused

_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase()"
_COLUMNS = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"


@contextmanager
def reader_of(settings: Settings) -> Iterator[SqlReader]:
    """Hold a reader of the projection, closed at the end.

    Raises: CannotRun when nothing is projected yet; LoginNeeded; AccessDenied.
    """
    from app.cli.errors import CannotRun
    from projections.serving.reader import open_reader
    from projections.store.errors import QueryRefused

    identity.permit("read")
    reader = open_reader(settings.projection)
    try:
        yield reader
    except QueryRefused as error:
        raise CannotRun(_with_remedy(error, reader, settings)) from error
    finally:
        reader.close()


def _with_remedy(error: QueryRefused, reader: SqlReader, settings: Settings) -> str:
    """Return what was refused, and what helps: the names there are, or a projector where there are none yet."""
    if "(UNKNOWN_TABLE)" in str(error):
        if b"fct_records" not in reader.query(_TABLES, output_format="TSV"):
            return f"nothing is projected in {settings.data_dir} yet; run `saldo up`"
        return f'{error}; the tables are listed by: saldo sql "{_TABLES}"'
    if "(UNKNOWN_IDENTIFIER)" in str(error):
        return f'{error}; the columns are listed by: saldo sql "{_COLUMNS}"'
    return str(error)


def answer(name: str, **given: str) -> Answer:
    """Ask the projection one report.

    Raises: CannotRun when nothing is projected yet.
    """
    from datetime import UTC, datetime

    from app.settings.settings import load_settings
    from projections.reports import questions

    asked, settings = questions.load(name), load_settings()
    values = questions.values_for(asked, given, day_zone=settings.paytrace.time_zone, now=datetime.now(UTC))
    with reader_of(settings) as reader:
        return questions.ask(reader, asked, values)
