"""What an open item's invoice sold, by product category: its lines, asked for by the numbers of invoices.

An invoice that has an open item is posted, so its lines don't change: each is asked for once in the life of a process,
many at a time, however old it is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Filing, Selection, equals
from connectors.abas.errors import AbasRecordUnreadable, AbasValueNotAllowed
from connectors.abas.mapping import read_number, read_text
from connectors.abas.profile import Formats, InvoiceTable
from connectors.abas.wire import ErpField, ErpObject
from schemas.values.categories import UNKNOWN_CATEGORY
from schemas.values.money import exponent

ASKED_AT_ONCE = 40  # numbers of 20 characters make a selection of 2 kB, which every server takes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CategoryAmount:
    """What an invoice sold of one category. Units: major units of the invoice's currency, exact."""

    category: str
    net: Decimal
    tax: Decimal


Lines = tuple[CategoryAmount, ...]


class InvoiceLines:
    """Remembers what the lines of each invoice say."""

    def __init__(self, client: AbasClient, table: InvoiceTable, formats: Formats) -> None:
        self._client, self._table, self._formats = client, table, formats
        self._known: dict[str, Lines] = {}

    async def of(self, numbers: Iterable[str]) -> Mapping[str, Lines]:
        """Return the lines of invoices by number, summed by category; () of one that abas doesn't have.

        Raises: AbasRecordUnreadable naming invoice and field; Transient, ContractBroken families.
        """
        wanted = list(dict.fromkeys(numbers))
        new = [number for number in wanted if number not in self._known]
        for start in range(0, len(new), ASKED_AT_ONCE):
            await self._ask(new[start : start + ASKED_AT_ONCE])
        return {number: self._known[number] for number in wanted}

    async def _ask(self, numbers: list[str]) -> None:
        table, conditions = self._table, []
        for number in numbers:
            try:
                conditions.append(equals(table.fields.number, number))
            except AbasValueNotAllowed as error:
                logger.warning("the lines of an invoice can't be asked for", extra={"reason": str(error)})
        found: dict[str, Lines] = {}
        if conditions:
            selection = Selection((*conditions, "@link=(Or)"), Filing.BOTH)
            rows = table.rows.model_dump(exclude_none=True).values()
            pages = self._client.query(
                table.table,
                selection,
                ("id", table.fields.number),
                table_fields=list(dict.fromkeys(rows)),
                order_option=self._formats.order_option,
            )
            async for invoice in pages:
                number = read_text(invoice.head.get(table.fields.number)).removeprefix("+")  # a filed paper's mark
                found[number] = self._lines(invoice)
        self._known |= {number: found.get(number, ()) for number in numbers}

    def _lines(self, invoice: ErpObject) -> Lines:
        """Return the sums of an invoice's rows by category, in the order in which they appear."""
        fields, sums = self._table.rows, dict[str, tuple[Decimal, Decimal]]()
        for row in invoice.rows:
            category = read_text(row.get(fields.category)) or UNKNOWN_CATEGORY
            net = self._number(invoice, row, fields.net)
            tax = Decimal(0)
            if fields.tax is not None:
                tax = self._number(invoice, row, fields.tax)
            elif fields.tax_percent is not None:
                tax = net * self._number(invoice, row, fields.tax_percent) / 100
            before = sums.get(category, (Decimal(0), Decimal(0)))
            sums[category] = (before[0] + net, before[1] + tax)
        return tuple(CategoryAmount(category, net, tax) for category, (net, tax) in sums.items())

    def _number(self, invoice: ErpObject, row: Mapping[str, ErpField], name: str) -> Decimal:
        number = read_number(row.get(name), self._formats)
        if number is None:
            raise AbasRecordUnreadable(f"invoice {invoice.id}: field {name} of a row holds no number")
        return number


def in_minor_units(lines: Lines, currency: str) -> tuple[tuple[str, int, int], ...]:
    """Return (category, net, tax) in minor units of a currency, each half up."""
    return tuple((line.category, _minor(line.net, currency), _minor(line.tax, currency)) for line in lines)


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
