"""ACH over v3, the only place where its status can be seen and debits carry a key; both clients share it.

Pages are asked one after another and bounded; a server that repeats a page is noticed and not followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any, Final

from connectors.paytrace.answers import ach_answer, names_the_record, nothing_of, read_v3_body, rows_of
from connectors.paytrace.calls import Call, Caller
from connectors.paytrace.charges import require_dollars
from connectors.paytrace.errors import (
    CallNotOffered,
    PaymentOutcomeUnknown,
    PayTraceRefused,
    PayTraceUnavailable,
    UnreadableAnswer,
)
from connectors.paytrace.login import v3_headers, v3_login
from connectors.paytrace.ports import AchDateType, Answer, Charge, EntryClass
from connectors.paytrace.readings import to_dollars
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.texts import clean_text
from connectors.paytrace.wire import JsonObject

_LIST_PATH: Final = "/v3/checks/transactions"
_PAYMENT_PATH: Final = "/v3/checks/payment"
_ACCEPTED_ALL_THE_SAME: Final = "path/record_id"
_PAYMENT_ATTEMPTS: Final = 2
_LIST_NAMES: Final = ("items", "data", "transactions")
# 30 rows a page: three million rows, far beyond a merchant's window, and an end for a server that never ends.
_MAX_PAGES: Final = 100_000


class AchClient:
    """v3 ACH for one merchant: the list, single records, and debits that cannot double."""

    def __init__(self, caller: Caller, settings: PayTraceSettings) -> None:
        self._settings = settings
        self._login = v3_login(caller, settings)

    async def transactions(
        self, start: date, end: date, *, date_type: AchDateType = "PROCESSED"
    ) -> AsyncIterator[JsonObject]:
        """Yield every ACH transaction whose date lies in these days, both included.

        Raises: UnreadableAnswer when pages repeat or have no end, and what the login's send raises.
        """
        limit, offset = self._settings.ach_page_size, 0
        previous: list[JsonObject] = []
        for page in range(_MAX_PAGES):
            rows = await self._page(start, end, date_type, limit=limit, offset=offset)
            if rows and rows == previous:
                if len(rows) == limit:
                    raise UnreadableAnswer(f"{_LIST_PATH}: page {page} repeats the page before it")
                # It takes no notice of limit and offset, so the first answer was all there is.
                return
            for row in rows:
                yield row
            if not rows:
                return
            # By what came, not by what was asked for: a server may hand out smaller pages than it is asked for.
            offset += len(rows)
            previous = rows
        raise UnreadableAnswer(f"{_LIST_PATH}: no end after {_MAX_PAGES} pages")

    async def transaction(self, transaction_id: str) -> JsonObject | None:
        """Return one ACH transaction, or None when PayTrace does not know it."""
        return await self._one(f"{_LIST_PATH}/{transaction_id}")

    async def by_idempotency_key(self, key: str) -> JsonObject | None:
        """Return what an idempotency key belongs to, or None: the look-up after a time-out."""
        return await self._one(f"{_LIST_PATH}/idempotency-keys/{key}")

    async def pay(self, customer_id: str, charge: Charge, *, idempotency_key: str, entry_class: EntryClass) -> Answer:
        """Debit a vault customer's bank account at most once for this key.

        Ensures: whatever happens to answers, the key is looked up before anything is sent again, and PayTrace
                 itself gives the same payment for the same key.
        Raises:  PayTraceRefused; PaymentOutcomeUnknown when even the look-up does not say.
        """
        body = self._payment(customer_id, charge, idempotency_key, entry_class)
        call = Call(
            method="POST",
            path=_PAYMENT_PATH,
            headers={"Accept": "application/json", **v3_headers(self._settings)},
            json=body,
            moves_money=True,
            reference=idempotency_key,
        )
        for _ in range(_PAYMENT_ATTEMPTS):
            answer = await self._pay_once(call)
            if answer is not None:
                return answer
            try:
                known = await self.by_idempotency_key(idempotency_key)
            except (PayTraceUnavailable, PayTraceRefused) as error:
                raise _unknown(call, "neither the payment nor its look-up was answered") from error
            if known is not None:
                return ach_answer(known)
        raise _unknown(call, "no answer, and the key is not known either")

    async def _pay_once(self, call: Call) -> Answer | None:
        """Return the answer, or None when only a look-up can tell."""
        try:
            body = read_v3_body(call, await self._login.send(call))
        except PaymentOutcomeUnknown:
            return None
        except PayTraceRefused as refused:
            # A known quirk: the payment is accepted and answered with a refusal of a field that was never sent.
            if refused.code == _ACCEPTED_ALL_THE_SAME:
                return None
            raise
        return ach_answer(body)

    def _payment(self, customer_id: str, charge: Charge, key: str, entry_class: EntryClass) -> dict[str, Any]:
        require_dollars(charge)
        body: dict[str, Any] = {
            "merchant_id": self._settings.merchant_id,
            "std_entry_class": entry_class,
            "amount": to_dollars(charge.amount_minor),
            "idempotency_key": key,
            "customer_id": customer_id,
        }
        if charge.invoice_number:
            body["invoice_number"] = clean_text(charge.invoice_number)
        if charge.description:
            body["description"] = clean_text(charge.description, limit=255)
        return body

    async def _one(self, path: str) -> JsonObject | None:
        call = self._call(path, {"merchant_id": str(self._settings.merchant_id)})
        try:
            body = read_v3_body(call, await self._login.send(call))
        except CallNotOffered:
            return None
        except PayTraceRefused as refused:
            if names_the_record(refused):
                return None
            raise
        data = body.get("data")
        if isinstance(data, list):
            data = next((row for row in data if isinstance(row, dict)), None)
        found = data if isinstance(data, dict) and data else body
        return found if found.get("transaction_id") not in (None, "") else None

    async def _page(
        self, start: date, end: date, date_type: AchDateType, *, limit: int, offset: int
    ) -> list[JsonObject]:
        call = self._call(
            _LIST_PATH,
            {
                "merchant_id": str(self._settings.merchant_id),
                "start_date": f"{start.isoformat()}T00:00:00",
                "end_date": f"{end.isoformat()}T23:59:59",
                "date_type": date_type,
                "limit": str(limit),
                "offset": str(offset),
            },
        )
        body = read_v3_body(call, await self._login.send(call))
        items: Any = _first_of(body)
        if isinstance(items, dict):
            items = _first_of(items) if items else []
        if not isinstance(items, list):
            raise UnreadableAnswer(f"{_LIST_PATH}: expected a list of items")
        return rows_of(items) if items else nothing_of(call, body, "transactions")

    def _call(self, path: str, params: dict[str, str]) -> Call:
        return Call(
            method="GET",
            path=path,
            headers={"Accept": "application/json", **v3_headers(self._settings)},
            params=params,
        )


def _first_of(body: Mapping[str, Any]) -> object:
    return next((body[name] for name in _LIST_NAMES if name in body), None)


def _unknown(call: Call, reason: str) -> PaymentOutcomeUnknown:
    return PaymentOutcomeUnknown(
        f"{call.path}: {reason}; look up key {call.reference}", path=call.path, reference=call.reference
    )
