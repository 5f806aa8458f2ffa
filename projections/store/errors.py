"""What can go wrong on the read side, by what should happen next.

SaldoError
  Transient       StoreBusy           another process holds the embedded store: ask again shortly
  Refused         QueryRefused        the engine said no to a query: shown to whoever asked
  Unreadable      RowsRefused         rows hold what their columns do not take: the record is set aside, others go on
  ContractBroken  HistoryGone         a topic no longer holds what the store still needs, or is another topic now
                  MigrationBroken     a migration's file changed after it was applied, or its check failed
"""

from __future__ import annotations

from schemas.failures import ContractBroken, Refused, Transient, Unreadable


class StoreBusy(Transient):
    """The embedded store belongs to one process at a time, and another one has it."""


class QueryRefused(Refused):
    """ClickHouse refused a query; the code is its error code, the message its own words."""


class RowsRefused(Unreadable):
    """A block holds a value that its column does not take; the rows are at fault, and the store is well."""


class HistoryGone(ContractBroken):
    """A topic and the stored positions do not fit together, so rows would be missing: rebuild the projection."""


class MigrationBroken(ContractBroken):
    """The tables are not what the migrations say they are."""
