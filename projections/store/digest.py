"""One number per table that says whether two projections hold the same rows.

For `saldo rebuild` and the kill tests: rows have no insertion time or other trace of how they came, so a projection
that was killed, repeated or thrown away and rebuilt from the same topics has the same digests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from projections.store.client import SqlReader
from projections.tables import TABLES


@dataclass(frozen=True, slots=True)
class TableDigest:
    """Row count and content digest of one table, as its readers see it (repeats absorbed)."""

    table: str
    rows: int
    digest: str


# Sum and xor of a 64-bit row hash: each alone has blind spots (equal pairs cancel in xor), together none that chance
# will find. The row is hashed as text, so that NULL and the empty string differ. Only functions of sql_functions.txt:
# the store reads this statement as it reads anybody's.
_DIGEST = """
SELECT count(), hex(sum(hash)), hex(groupBitXor(hash))
FROM (SELECT sipHash64(toJSONString(tuple(*))) AS hash FROM {table:Identifier} FINAL)
"""


def digests(reader: SqlReader) -> tuple[TableDigest, ...]:
    """Digest of every table, positions included.

    Ensures: the order of rows, parts and inserts does not matter; any other difference in any column does.
    """
    return tuple(_digest(reader, table.name) for table in TABLES)


def _digest(reader: SqlReader, table: str) -> TableDigest:
    rows, total, mixed = json.loads(reader.query(_DIGEST, {"table": table}))["data"][0]
    return TableDigest(table, int(rows), f"{total}{mixed}".lower())
