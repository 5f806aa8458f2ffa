"""What the other sides do besides dying, day by day, and what must hold of each trouble.

Each trouble is counted where it happens (the sandboxes count their own strikes, the front its handshakes, the books
hold what was sold): one that never happened fails the run, because it proved nothing. Long times are scaled to the
length of a run: the lock of five minutes, the wait of hours that a Retry-After asks for, the limit of what is granted.

Not played here: a forward proxy, since loopback is never asked for through one; tests/contract/reach plays it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx2

from app.settings.settings import Settings
from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.client_v3 import PayTraceV3Client
from connectors.paytrace.ports import Charge, RecurrencePlan
from infra.demo.plan import Course, Customer, Day, Invoice
from infra.demo.watch import rows
from infra.demo.world import TEST_CARD, WRONG_ADDRESS, World
from infra.installation.stack import ABAS_SANDBOX_PASSWORD, Stack
from projections.store.client import SqlReader

# Settings under which the waits of the real sides fit into a run, by environment variable.
SCALED: Final[Mapping[str, str]] = {
    # A sandbox on the same machine does what it is asked or nothing; the defaults are for the real ones.
    "SALDO_PAYTRACE_OUTCOME_WAIT_S": "5",
    "SALDO_ABAS_OUTCOME_WAIT_S": "6",
    "SALDO_PAYTRACE_LONGEST_WAIT_S": "2",
    "SALDO_ABAS_LONGEST_WAIT_S": "2",
    "SALDO_ABAS_LOCK_WAIT_S": "1",
    # Settlements of weeks ago are looked for as seldom as this.
    "SALDO_POLLING_WHOLE_WINDOW_EVERY_S": "20",
}
HOURS: Final = "20000"  # what a Retry-After asks for, in seconds
DAY_S: Final = 86_400
WEEKS_BACK: Final = timedelta(days=21)
DAYS_AHEAD: Final = timedelta(days=3)
LOCKED_S: Final = 5.0
# A busy machine posts late: a trouble that has not struck by then is given up for the day.
PATIENCE_S: Final = 40.0
LOOK_EVERY_S: Final = 0.5
# A refund that takes its time on both sides of its effect, so that shots fall into it.
SLOW_REFUNDS: Final = {
    name: {"seconds": 2, "share": 0.8, "path": "/v1/transactions/refund"} for name in ("latency", "latency_after")
}
# Amounts written in many ways, rows that move between two pages, an export that is away and asks for hours; a batch
# that bears the number of the one before it.
PAYTRACE_ALL_DAY: Final[Mapping[str, object]] = {
    "amount_text": {"share": 0.3},
    "page_repeats": {"share": 0.1},
    "page_skips": {"share": 0.1},
    "http_503": {"share": 0.05, "path": "/v1/transactions/export", "retry_after": HOURS},
    "batch_number_repeats": {"share": 0.75},
}
# On every other day, so that what they hide comes to light on the days between: words that nobody knows instead of a
# status, and approved money that a rule voids only later.
PAYTRACE_EVERY_OTHER_DAY: Final[Mapping[str, object]] = {"odd_status": {"share": 0.15}, "void_after_103": True}
# A search that lags behind what was saved, answers that are lost after the document is there, and two refused calls.
ABAS_ALL_DAY: Final[Mapping[str, object]] = {
    "search_lag_s": 1.5,
    "cut_after": 4,
    "rate_limited": 2,
    "retry_after": HOURS,
}
ABAS_NONE: Final[Mapping[str, object]] = {
    "search_lag_s": 0,
    "cut_after": 0,
    "rate_limited": 0,
    "retry_after": "",
    "sessions": 0,
    "locked_s": {},
}
STRUCK_AT_PAYTRACE: Final = (
    *("latency", "latency_after", "amount_text", "http_503", "batch_number_repeats", "odd_status", "void_after_103"),
    "clock_skew",
)
STRUCK_AT_ABAS: Final = ("search_lag_s", "cut_after", "rate_limited", "sessions", "locked_s")
UNRECOGNIZED_SEEN = "SELECT uniqExact(paytrace_transaction_id) FROM fct_unrecognized"
UNRECOGNIZED_LEFT = "SELECT paytrace_transaction_id FROM rpt_unrecognized_now"
BATCHES_KNOWN = "SELECT uniqExact(batch_id) FROM fct_settlement_batches"


@dataclass(frozen=True, slots=True)
class Lock:
    """A customer whose records somebody else had open between two moments."""

    customer: str
    begun: datetime
    ended: datetime


@dataclass
class Played:
    """What was done to the pipeline, and what it showed of it. Shapes: value dates are by transaction id."""

    counts: Counter[str] = field(default_factory=Counter)
    value_dates: dict[str, date] = field(default_factory=dict)
    locks: list[Lock] = field(default_factory=list)
    schedules: dict[int, str] = field(default_factory=dict)  # amount in cents -> vault customer
    problems: list[str] = field(default_factory=list)

    @property
    def not_played(self) -> list[str]:
        """Troubles that never happened; a run without them proves nothing about them."""
        wanted = [*STRUCK_AT_PAYTRACE, *STRUCK_AT_ABAS, *_SEEN_BY_US]
        return [f"the trouble {name} was never played" for name in wanted if not self.counts[name]]


_WEEKS_OLD: Final = "sales of weeks ago"
_AHEAD: Final = "sales of days ahead"
_OTHERS_WENT_ON: Final = "documents of others while a customer was locked"
_UNRECOGNIZED: Final = "payments shown as not recognized"
_RECURRING: Final = "charges of a v3 schedule"
_TWICE_NUMBERED: Final = "batches that share their number"
_TLS: Final = ("connections by TLS to paytrace", "connections by TLS to abas")
_SEEN_BY_US: Final = (_WEEKS_OLD, _AHEAD, _OTHERS_WENT_ON, _UNRECOGNIZED, _RECURRING, _TWICE_NUMBERED, *_TLS)

Careful = Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]]


class Troubles:
    """Plays the troubles of one run; `careful` carries out a call while nobody shoots at the abas sandbox."""

    def __init__(self, stack: Stack, settings: Settings, till: PayTraceClient, world: World, careful: Careful) -> None:
        self._stack = stack
        self._settings = settings
        self._till = till
        self._world = world
        self._careful = careful
        self._days = 0
        self.played = Played()

    @property
    def _zone(self) -> ZoneInfo:
        return self._settings.paytrace.zone

    async def begin(self, day: Day) -> None:
        """The morning of a day, whose customers and invoices are known at abas: switches, and the clock's jumps.

        One that was killed may have forgotten its switches, so each day sets them again.
        """
        odd = self._days % 2 == 0
        switches = {"clear": True, **SLOW_REFUNDS, **PAYTRACE_ALL_DAY, **(PAYTRACE_EVERY_OTHER_DAY if odd else {})}
        await self._switch(switches, ABAS_ALL_DAY)
        await self._sell_at(day, -WEEKS_BACK, _WEEKS_OLD)
        await self._sell_at(day, DAYS_AHEAD, _AHEAD)
        if not self._days:
            await self._schedule(day.customers[0])
        if odd:
            # Code 103 to whoever sells, and approved money to whoever looks, until the rule's void shows.
            await self._till.sale_keyed(TEST_CARD, Charge(amount_minor=85_00, billing_address=WRONG_ADDRESS))
        self._days += 1

    async def lock(self, day: Day) -> None:
        """Somebody has a paying customer's records open for a while; the others go on meanwhile."""
        customer = next(deal.customer for deal in day.deals if deal.course is Course.VAULT_SALE)
        ids = {str(known["number"]): str(known["id"]) for known in (await self._books())["customers"]}
        begun = datetime.now(UTC)
        await self._until_struck("locked_s", {"locked_s": {ids[customer.number]: 2 * PATIENCE_S}})
        await asyncio.sleep(LOCKED_S)
        self.played.locks.append(Lock(customer.number, begun, datetime.now(UTC)))
        await self._switch({}, {"locked_s": {}})

    async def few_sessions(self) -> None:
        """Somebody else has the one session that abas lets in, until one of us was sent away."""
        await self._switch({}, {"sessions": 1})
        await self._careful(self._log_in_at_abas)
        await self._until_struck("sessions", {"sessions": 1})
        await self._switch({}, {"sessions": 0})

    async def _log_in_at_abas(self) -> None:
        password = ABAS_SANDBOX_PASSWORD.get_secret_value()
        about = f"{self._stack.abas_sandbox_url}/mw/r/{self._settings.abas.client}/about"
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as somebody:
            await somebody.get(about, auth=("", password))

    async def _until_struck(self, name: str, switch: Mapping[str, object]) -> None:
        before = await self._strikes(name)
        await self._switch({}, switch)
        for _ in range(round(PATIENCE_S / LOOK_EVERY_S)):
            if await self._strikes(name) != before:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _strikes(self, name: str) -> int:
        found: list[int] = []

        async def look() -> None:
            found.append(int((await self._ask("abas", "struck")).get(name, 0)))

        await self._careful(look)
        return found[-1]

    async def end(self) -> None:
        """Everything works again; what has struck is counted."""
        await self._switch({"clear": True}, ABAS_NONE)
        for party, names in (("paytrace", STRUCK_AT_PAYTRACE), ("abas", STRUCK_AT_ABAS)):
            struck = await self._ask(party, "struck")
            self.played.counts.update({name: int(struck.get(name, 0)) for name in names})

    async def _sell_at(self, day: Day, off: timedelta, what: str) -> None:
        """A sale whose invoice abas knows, at a moment when PayTrace's clock is off."""
        amount, name = 300_000_00 + 2 * self._days + (off > timedelta(0)), f"RE-{what.split()[2]}-{self._days}"
        customer = day.customers[self._days % len(day.customers)]
        await self._careful(lambda: self._world.invoice([Invoice(name, customer, amount)]))
        skew = {"seconds": off.total_seconds(), "count": 1, "path": "/v1/transactions/sale/keyed"}
        await self._switch({"clock_skew": skew}, {})
        before = datetime.now(UTC)
        answer = await self._till.sale_keyed(TEST_CARD, Charge(amount_minor=amount, invoice_number=name))
        assert answer.transaction_id is not None
        # A day that has not come is cut to the one on which the payment was seen.
        sold_at = before + min(off, timedelta(0))
        self.played.value_dates[answer.transaction_id] = sold_at.astimezone(self._zone).date()
        self.played.counts[what] += 1

    async def _schedule(self, customer: Customer) -> None:
        """A recurring schedule made over v3, whose one charge is due."""
        amount = 400_000_00
        await self._careful(lambda: self._world.invoice([Invoice("RE-RECURRING", customer, amount)]))
        settings = self._settings.paytrace.model_copy(update={"api_version": "v3"})
        async with PayTraceV3Client(settings) as client:
            numbers = {row.get("customer_label"): row["customer_id"] for row in await client.export_customers()}
            await client.create_recurrence(
                RecurrencePlan(
                    customer_id=str(numbers[customer.vault_id]),
                    amount_minor=amount,
                    frequency="6",
                    start_on=datetime.now(self._zone).date() - timedelta(days=1),
                    total_count=1,
                )
            )
        self.played.schedules[amount] = customer.vault_id

    async def _switch(self, paytrace: Mapping[str, object], abas: Mapping[str, object]) -> None:
        async def switch() -> None:
            for party, faults in (("paytrace", paytrace), ("abas", abas)):
                if faults:
                    await self._ask(party, "faults", faults)

        await self._careful(switch)

    async def _books(self) -> Any:
        found: list[Any] = []

        async def look() -> None:
            found.append(await self._ask("abas", "books"))

        await self._careful(look)
        return found[-1]

    async def _ask(self, party: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        url = self._stack.paytrace_sandbox_url if party == "paytrace" else self._stack.abas_sandbox_url
        async with httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False) as sandbox:
            method = "GET" if body is None else "POST"
            answer = await sandbox.request(method, f"/_sandbox/{path}", json=None if body is None else dict(body))
            return answer.raise_for_status().json()


def hold(
    played: Played,
    charges: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    batches: Sequence[Mapping[str, Any]],
    reader: SqlReader,
    carried: Mapping[str, int],
) -> None:
    """Hold the books of both sides and our tables against what was played; what is wrong goes into its problems.

    Shapes: charges and documents are all entries of the sandboxes' books, batches PayTrace's own list; carried is the
            number of TLS connections by party.
    """
    by_payment: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        by_payment.setdefault(str(document["paytrace_transaction_id"]), []).append(document)
    _hold_value_dates(played, by_payment)
    _hold_locks(played, documents)
    recurring = [str(charge["id"]) for charge in charges if charge["amount_minor"] in played.schedules]
    played.counts[_RECURRING] = len(recurring)
    if len(recurring) != len(played.schedules):
        played.problems.append(f"{len(played.schedules)} schedules of v3 made {len(recurring)} charges")
    played.problems += [
        f"the recurring charge {one} has {len(by_payment.get(one, ()))} documents"
        for one in recurring
        if len(by_payment.get(one, ())) != 1
    ]
    _hold_batches(played, batches, int(rows(reader, BATCHES_KNOWN)[0][0]))
    played.counts[_UNRECOGNIZED] = int(rows(reader, UNRECOGNIZED_SEEN)[0][0])
    played.problems += [
        f"{one} can be read again and still waits as not recognized" for [one] in rows(reader, UNRECOGNIZED_LEFT)
    ]
    for name in _TLS:
        played.counts[name] = carried.get(name.rpartition(" ")[2], 0)


def _hold_value_dates(played: Played, by_payment: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for identity, on in played.value_dates.items():
        days = [str(document["value_on"]) for document in by_payment.get(identity, ())]
        # The day of a run may end between a sale and the poll that sees it.
        allowed = {on.isoformat(), (on + timedelta(days=1)).isoformat()} if on >= _yesterday() else {on.isoformat()}
        if len(days) != 1 or not set(days) <= allowed:
            played.problems.append(f"{identity} is of {on}, and its documents are of {days or 'no day'}")


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def _hold_locks(played: Played, documents: Sequence[Mapping[str, Any]]) -> None:
    for lock in played.locks:
        inside = [
            str(document["customer"])
            for document in documents
            if lock.begun < datetime.fromisoformat(str(document["posted_at"])) < lock.ended
        ]
        played.counts[_OTHERS_WENT_ON] += sum(customer != lock.customer for customer in inside)


def _hold_batches(played: Played, batches: Sequence[Mapping[str, Any]], known: int) -> None:
    numbers = Counter(str(batch["batch_number"]) for batch in batches)
    played.counts[_TWICE_NUMBERED] = sum(count > 1 for count in numbers.values())
    if known != len(batches):
        played.problems.append(f"PayTrace closed {len(batches)} batches, and {known} are known")


def wait_until_seen(done: Callable[[], bool], timeout_s: float) -> bool:
    """Look until done, or time is up."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
