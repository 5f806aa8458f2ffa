"""What abas shows now, as records, for the source runner, which compares contents and knows what changed.

Cleared items and finished orders are filed, so each poll reads the active set whole and the filed set as far back as
the settings say: a record is seen in at least one of the two even when it is filed in between. What was open and is
shown no longer is looked up by id (vanished.py).
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.abas.balances import BalanceRow, to_balance_row, to_balances_observed
from connectors.abas.client import AbasClient, press, set_field
from connectors.abas.criteria import Filing, Selection, at_least, equals, not_empty
from connectors.abas.errors import AbasAddressWrong, AbasRecordUnreadable, AbasRefused
from connectors.abas.invoice_lines import ASKED_AT_ONCE, InvoiceLines, Lines, in_minor_units
from connectors.abas.mapping import (
    parse_instant,
    to_contract_observed,
    to_customer_observed,
    to_customer_referenced,
    to_date_text,
    to_open_item_observed,
    to_open_item_referenced,
    to_order_of_item_referenced,
    to_order_referenced,
    to_payment_request_observed,
)
from connectors.abas.profile import FieldsT, ItemFields, OpenItemList, Profile, Table
from connectors.abas.settings import AbasSettings
from connectors.abas.vanished import Vanished
from connectors.abas.wire import ErpObject
from schemas.records.customers import ErpCustomerObserved
from schemas.records.erp import AccountBalanceObserved
from schemas.records.gateway import PaymentRequestObserved
from schemas.records.identification import CustomerReferenced, OpenItemReferenced
from schemas.records.receivables import OpenItemObserved
from schemas.records.subscriptions import ContractObserved
from schemas.values.clock import utc_now
from schemas.values.counting import counted

Record = OpenItemObserved | OpenItemReferenced | CustomerReferenced
Observation = tuple[str, tuple[Record, ...]]
PaymentRequestObservation = tuple[str, tuple[PaymentRequestObserved, ...]]
CustomerObservation = tuple[str, tuple[ErpCustomerObserved, ...]]
ContractObservation = tuple[str, tuple[ContractObserved, ...]]
BalanceObservation = tuple[str, tuple[AccountBalanceObserved, ...]]

_SHOWN_UNREADABLE = 20  # enough to see a pattern, few enough for a log line


class _Unreadable:
    """Counts the records of one poll that can't be read, and keeps the first few reasons."""

    def __init__(self) -> None:
        self._count = 0
        self._shown: list[str] = []

    def add(self, error: AbasRecordUnreadable) -> None:
        """Note one."""
        self._count += 1
        if len(self._shown) < _SHOWN_UNREADABLE:
            self._shown.append(str(error))

    def report(self) -> None:
        """End the poll honestly.

        Raises: AbasRecordUnreadable when there was any.
        """
        if self._count:
            raise AbasRecordUnreadable(
                "\n".join((f"{counted(self._count, 'record')} of abas can't be read:", *self._shown))
            )


class AbasSource:
    """Reads customers, open items and sales orders; satisfies the source runner's port by its shape."""

    name = "abas"

    def __init__(
        self,
        client: AbasClient,
        profile: Profile,
        settings: AbasSettings,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._profile = profile
        self._settings = settings
        self._now = now
        self._vanished = Vanished(client, order_option=profile.formats.order_option)
        invoices = profile.tables.invoice
        self._invoices = None if invoices is None else InvoiceLines(client, invoices, profile.formats)

    async def poll(self) -> AsyncIterator[Observation]:
        """Yield what abas shows, one thing at a time with a key that stays the same from poll to poll.

        Ensures: a record that can't be read doesn't hide the others: it is reported at the end.
        Raises:  AbasRecordUnreadable after everything readable was yielded; Transient, ContractBroken families.
        """
        unreadable = _Unreadable()
        since = await self._lookback()
        listing = self._profile.open_item_list
        items = self._open_items(since, unreadable) if listing is None else self._listed_items(listing, unreadable)
        items = self._with_categories(items, unreadable)
        for reader in (self._customers(unreadable), items, self._orders(since, unreadable)):
            async for observation in reader:
                yield observation
        unreadable.report()

    async def payment_requests(self) -> AsyncIterator[PaymentRequestObservation]:
        """Yield the active payment requests, each with a key that stays the same; nothing when the profile has none.

        Ensures, Raises: as poll.
        """
        table = self._profile.tables.payment_request
        if table is None:
            return
        unreadable = _Unreadable()
        wanted = table.fields.model_dump(exclude_none=True).values()
        of_rows = () if table.rows is None else table.rows.model_dump().values()
        selection = Selection((), order_by=table.order_by)
        async for payment_request in self._read(table, wanted, selection, list(of_rows)):
            try:
                observed = to_payment_request_observed(
                    payment_request, table, self._profile.formats, observed_at=self._now()
                )
            except AbasRecordUnreadable as error:
                unreadable.add(error)
                continue
            yield f"payment-request/{payment_request.id}", (observed,)
        unreadable.report()

    async def customers(self) -> AsyncIterator[CustomerObservation]:
        """Yield every active customer with a key that stays the same; nothing where the profile has nothing to compare.

        Ensures, Raises: as poll.
        """
        table = self._profile.tables.customer
        if not table.fields.are_compared:
            return
        unreadable = _Unreadable()
        wanted = table.fields.model_dump(exclude_none=True).values()
        async for customer in self._read(table, wanted, Selection((), order_by=table.order_by)):
            try:
                observed = to_customer_observed(customer, table.fields, observed_at=self._now())
            except AbasRecordUnreadable as error:
                unreadable.add(error)
                continue
            yield f"customer-person/{customer.id}", (observed,)
        unreadable.report()

    async def contracts(self) -> AsyncIterator[ContractObservation]:
        """Yield every contract, the filed ones too, so that one that ended is seen to; nothing without the table.

        Ensures, Raises: as poll.
        """
        table = self._profile.tables.contract
        if table is None:
            return
        unreadable = _Unreadable()
        wanted = table.fields.model_dump(exclude_none=True).values()
        for filing in (Filing.ACTIVE, Filing.FILED):
            async for contract in self._read(table, wanted, Selection((), filing, table.order_by)):
                try:
                    observed = to_contract_observed(
                        contract,
                        table,
                        self._profile.formats,
                        filed=filing is Filing.FILED,
                        observed_at=self._now(),
                    )
                except AbasRecordUnreadable as error:
                    unreadable.add(error)
                    continue
                yield f"contract/{contract.id}", (observed,)
        unreadable.report()

    async def balances(self) -> AsyncIterator[BalanceObservation]:
        """Yield the balance of each account of the general ledger by currency; nothing where the profile names none.

        Ensures, Raises: as poll. observed_at is the time before the first row is read.
        """
        table = self._profile.tables.account_balance
        if table is None:
            return
        unreadable, read_at, rows = _Unreadable(), self._now(), list[BalanceRow]()
        wanted = table.fields.model_dump(exclude_none=True).values()
        chosen = tuple(equals(name, value) for name, value in sorted(table.where.items()))
        async for shown in self._read(table, wanted, Selection(chosen, Filing.BOTH, table.order_by)):
            try:
                row = to_balance_row(shown, table.fields, self._profile.formats)
            except AbasRecordUnreadable as error:
                unreadable.add(error)
                continue
            if row is not None and (not table.accounts or row.account in table.accounts):
                rows.append(row)
        for observed in to_balances_observed(rows, is_running=table.rows_hold == "running", observed_at=read_at):
            yield f"balance/{observed.erp_account}/{observed.currency}", (observed,)
        unreadable.report()

    async def _customers(self, unreadable: _Unreadable) -> AsyncIterator[Observation]:
        table = self._profile.tables.customer
        fields = table.fields
        selection = Selection((not_empty(fields.vault_customer),), Filing.ACTIVE, table.order_by)
        async for customer in self._read(table, (fields.number, fields.vault_customer), selection):
            try:
                referenced = to_customer_referenced(customer, fields, observed_at=self._now())
            except AbasRecordUnreadable as error:
                unreadable.add(error)
                continue
            if referenced is not None:
                yield f"customer/{customer.id}", (referenced,)

    async def _open_items(self, since: str | None, unreadable: _Unreadable) -> AsyncIterator[Observation]:
        table = self._profile.tables.open_item
        if table is None:
            return
        # `changed` selects; as part of the raw twin it would make every touch look like a change.
        wanted = table.fields.model_dump(exclude={"changed"}, exclude_none=True).values()
        self._vanished.begin()
        for selection in _active_then_filed(table, table.fields.changed, since):
            async for item in self._read(table, wanted, selection):
                seen = self._item(item, table.fields, unreadable, filed=selection.filing is Filing.FILED)
                if seen is not None:
                    yield seen
        async for item, filed in self._vanished.found(table.table, _with_id(wanted)):
            seen = self._item(item, table.fields, unreadable, filed=filed)
            if seen is not None:
                yield seen
        for gone in self._vanished.gone():
            yield f"open-item/{gone.abas_open_item_id}", (gone, to_open_item_referenced(gone))

    async def _listed_items(self, listing: OpenItemList, unreadable: _Unreadable) -> AsyncIterator[Observation]:
        actions = [set_field(name, value) for name, value in listing.constants.items()]
        shown = await self._client.list_infosystem(
            listing.workspace,
            listing.search_word,
            [*actions, press(listing.press)],
            table_fields=list(dict.fromkeys(listing.rows.model_dump(exclude_none=True).values())),
        )
        for row in shown.rows:
            reference = row.get(listing.rows.item)
            item = ErpObject(str(reference.value or "") if reference else "", "", listing.search_word, row)
            seen = self._item(item, listing.rows, unreadable, filed=False)
            if seen is not None:
                yield seen

    async def _with_categories(
        self, items: AsyncIterator[Observation], unreadable: _Unreadable
    ) -> AsyncIterator[Observation]:
        """Add to each open item what its invoice sold, by category; many invoices are asked for at once."""
        invoices, waiting = self._invoices, list[Observation]()
        if invoices is None:
            async for seen in items:
                yield seen
            return
        async for seen in items:
            waiting.append(seen)
            if len(waiting) == ASKED_AT_ONCE:
                for known in await _categorised(waiting, invoices, unreadable):
                    yield known
                waiting = []
        for known in await _categorised(waiting, invoices, unreadable):
            yield known

    def _item(self, item: ErpObject, fields: ItemFields, unreadable: _Unreadable, *, filed: bool) -> Observation | None:
        try:
            observed = to_open_item_observed(item, fields, self._profile.formats, filed=filed, observed_at=self._now())
        except AbasRecordUnreadable as error:
            unreadable.add(error)
            self._vanished.show(item.id, None)
            return None
        self._vanished.show(item.id, observed)
        order = to_order_of_item_referenced(item, fields, observed)
        return f"open-item/{item.id}", (observed, to_open_item_referenced(observed), *((order,) if order else ()))

    async def _orders(self, since: str | None, unreadable: _Unreadable) -> AsyncIterator[Observation]:
        table = self._profile.tables.sales_order
        if table is None:
            return
        wanted = (table.fields.number, table.fields.customer_number)
        for selection in _active_then_filed(table, table.fields.changed, since):
            async for order in self._read(table, wanted, selection):
                try:
                    referenced = to_order_referenced(order, table.fields, observed_at=self._now())
                except AbasRecordUnreadable as error:
                    unreadable.add(error)
                    continue
                yield f"sales-order/{order.id}", (referenced,)

    def _read(
        self, table: Table[FieldsT], wanted: Iterable[str], selection: Selection, of_rows: Sequence[str] = ()
    ) -> AsyncIterator[ErpObject]:
        return self._client.query(
            table.table,
            selection,
            _with_id(wanted),
            table_fields=of_rows,
            order_option=self._profile.formats.order_option,
        )

    async def _lookback(self) -> str | None:
        """Say since when filed records are read, by abas' own clock, which may differ from ours; None is for ever."""
        if self._settings.filed_lookback_days == 0:
            return None
        try:
            reported = (await self._client.about()).get(self._settings.about_time_field, "")
            now = parse_instant(reported, self._profile.formats)
        except (AbasRefused, AbasAddressWrong, ValueError, OverflowError):
            now = self._now()  # abas doesn't say its clock, or in a form of its own
        since = (now - timedelta(days=self._settings.filed_lookback_days)).date()
        return to_date_text(since, self._profile.formats)


async def _categorised(seen: list[Observation], invoices: InvoiceLines, unreadable: _Unreadable) -> list[Observation]:
    numbers = {one.invoice_number for _, records in seen for one in records if isinstance(one, OpenItemObserved)}
    try:
        lines = await invoices.of(numbers)
    except AbasRecordUnreadable as error:  # then no category of these is known in this poll
        unreadable.add(error)
        return seen
    return [(key, tuple(_to_categorised(one, lines) for one in records)) for key, records in seen]


def _to_categorised(record: Record, lines: Mapping[str, Lines]) -> Record:
    """Return an open item with its amounts by category; any other record as it is."""
    if not isinstance(record, OpenItemObserved):
        return record
    known = in_minor_units(lines.get(record.invoice_number, ()), record.currency)
    return replace(
        record,
        category_names=tuple(category for category, _, _ in known),
        category_net_amounts=tuple(net for _, net, _ in known),
        category_tax_amounts=tuple(tax for _, _, tax in known),
    )


def _with_id(wanted: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(("id", *wanted)))


def _active_then_filed(table: Table[FieldsT], changed: str, since: str | None) -> tuple[Selection, Selection]:
    """Build the two selections in the order that can't miss a record on its way from active to filed."""
    recent = () if since is None else (at_least(changed, since),)
    return Selection((), Filing.ACTIVE, table.order_by), Selection(recent, Filing.FILED, table.order_by)
