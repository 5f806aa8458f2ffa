"""Which deposits pay out which settled money, and does every day close? Decided one account and currency at a time.

`decide` is in reconciling.py, `evolve` in books.py. What protects the money:

- every line is in the books once, on one day; what comes late counts on the day that runs, so no past day changes;
- a deposit is explained only by the batch that it names, or by the one set of lines that fits to the cent; anything
  less is a suggestion for an operator, and anything else a break;
- a difference is a fee only inside the tolerance of a schedule that an operator accepted;
- a day is closed only when nothing of it is unexplained, overdue or left over.
"""

from __future__ import annotations

from streams.domain.settlement.books import INITIAL, Event, State, evolve
from streams.domain.settlement.reconciling import decide, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
