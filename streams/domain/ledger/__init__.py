"""The ledger of one merchant account and currency: lines on roles of accounts that sum to zero, and their documents.

`decide` is in decider.py, `evolve` in books.py. What protects the money:

- every fact is booked once, by the id of the fact, in any order; the lines of an entry sum to zero;
- an entry is made when its fact is known, whether or not the ERP takes its document: what waits or is refused is in
  the ledger and waits visibly, and is asked for again;
- a posted document is taken back by another document; one that was never posted needs none.
"""

from __future__ import annotations

from streams.domain.ledger.books import INITIAL, Event, State, evolve
from streams.domain.ledger.decider import decide, reminder, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "reminder", "route"]
