"""One report's rows for a command that shows them in its own way: `saldo waiting`, `saldo explain`, `saldo decide`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from projections.reports import Answer


def answer(name: str, **given: str) -> Answer:
    """Ask the projection one report.

    Raises: CannotRun when nothing is projected yet.
    """
    from datetime import UTC, datetime

    from projections import reports
    from projections.errors import QueryRefused
    from projections.reader import open_reader
    from streams.cli.errors import CannotRun
    from streams.settings import load_settings

    asked, settings = reports.load(name), load_settings()
    values = reports.values_for(asked, given, day_zone=settings.paytrace.time_zone, now=datetime.now(UTC))
    reader = open_reader(settings.projection)
    try:
        return reports.ask(reader, asked, values)
    except QueryRefused as error:
        if "UNKNOWN_TABLE" in str(error):
            raise CannotRun(f"nothing is projected in {settings.data_dir} yet; run `saldo up`") from error
        raise
    finally:
        reader.close()
