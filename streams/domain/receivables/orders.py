"""Money of shops' orders: a prepayment on the customer's account until abas has invoiced the order. Pure.

Which order a payment pays, the shop says and PayTrace confirms (context `orders`), so nothing has to be matched: the
money goes to the invoices that name its sales order, and stays on the customer's account as long as there are none.
What a rule posted elsewhere before the order was known is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.records.orders import OrderMoneyNamed, OrderMoneyReported
from schemas.records.receivables import EntryPosted, OpenItemRecorded
from schemas.values.references import normalised_invoice
from streams.domain.receivables.account import Entry, State
from streams.domain.receivables.by_rule import OnAccount, Placed
from streams.domain.receivables.matching import Option, Part

RULE = "order"


def named(state: State, order: OrderMoneyNamed) -> tuple[OrderMoneyNamed, ...]:
    """Return what is news of an order's money."""
    known = state.orders.get(order.paytrace_transaction_id)
    is_known = known is not None and (known.shop_order, known.order_number) == (order.shop_order, order.order_number)
    return () if is_known else (order,)


def order_of(state: State, entry: Entry) -> OrderMoneyNamed | None:
    """Return the order whose money, or whose refund, an entry is."""
    return state.orders.get(entry.payment_id or "") or state.orders.get(entry.transaction_id)


def placed(receipt: Entry, state: State) -> Placed | None:
    """Say where a receipt of an order goes: to its invoices, oldest first, and the rest on account; None for others."""
    order = order_of(state, receipt)
    if order is None or receipt.owner in state.held:
        return None
    left, parts = receipt.amount_minor, list[Part | OnAccount]()
    for part in _invoices(order, receipt, state):
        if left:
            parts.append(Part(part.item, min(left, part.amount_minor)))
            left -= parts[-1].amount_minor
    said = f"prepayment of order {order.shop_order}"
    if left:
        parts.append(OnAccount(left, said))
    items = tuple(part for part in parts if isinstance(part, Part))
    return Placed(tuple(parts), Option(items, RULE, (said,)))


def invoiced(state: State) -> Iterator[tuple[Entry, Part, str]]:
    """Yield prepayments of orders that abas has invoiced since, with the item that each goes to, and why."""
    for receipt, minor in state.on_account:
        order = order_of(state, receipt)
        if order is not None and not state.is_asked_back(receipt):
            for part in _invoices(order, receipt, state):
                applied = Part(part.item, min(minor, part.amount_minor))
                yield receipt, applied, f"prepayment of order {order.shop_order}"


def reported(state: State, event: EntryPosted) -> OrderMoneyReported | None:
    """Return what the order hears of a document that abas has; None where it is of no order."""
    entry = state.entries.get(event.posting_reference)
    order = None if entry is None else order_of(state, entry)
    if entry is None or order is None:
        return None
    return OrderMoneyReported(
        shop_order=order.shop_order,
        paytrace_transaction_id=entry.transaction_id,
        posting_reference=entry.posting_reference,
        document_kind=entry.document_kind,
        abas_document_number=event.abas_document_number,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        invoice_number=entry.item_invoice_number or None,
        occurred_at=event.occurred_at,
    )


def misplaced(state: State) -> Iterator[Entry]:
    """Yield receipts of orders that a rule posted on an invoice of something else before the order was known."""
    for entry in state.entries.values() if state.orders else ():
        order = order_of(state, entry)
        item = state.items.get(entry.abas_open_item_id or "")
        if order is None or item is None or _is_of(order, item):
            continue
        is_decided = entry.posting_reference in state.decided or entry.owner in state.held
        if entry.is_receipt and entry.is_posted and not is_decided and state.unclaimed_minor(entry) > 0:
            yield entry


def _invoices(order: OrderMoneyNamed, receipt: Entry, state: State) -> Iterator[Part]:
    refused = {entry.abas_open_item_id for entry in state.waiting if entry.is_refused}
    for item_id, minor in state.available.items():
        item = state.items[item_id]
        is_free = item_id not in refused and (receipt.owner, item_id) not in state.ruled_out
        if _is_of(order, item) and item.currency == receipt.currency and is_free:
            yield Part(item, minor)


def _is_of(order: OrderMoneyNamed, item: OpenItemRecorded) -> bool:
    number = normalised_invoice(order.order_number)
    return number is not None and number == normalised_invoice(item.order_number)
