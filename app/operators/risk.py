"""What risk rules would have done to the payments of the real topics. For `saldo risk backtest`; nothing is written."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from schemas.records.customers import VaultCustomerObserved
from schemas.records.orders import OrderChanged, OrderPlaced
from schemas.records.payments import RefundLinked, TransactionObserved
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.wire.codec import Codec
from streams.domain.risk.engine import Assessment, assess
from streams.domain.risk.facts import Hints, OrderHint, PaymentFact, fact_of
from streams.domain.risk.policy import AmountAgainstHistory, CardTesting, Outcome, Policy, Velocity
from streams.log.once import each_once
from streams.log.ports import Log

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
K = TypeVar("K")


@dataclass(slots=True)
class Gathered:
    """What the topics say of payments, in whatever order it is read."""

    seen: dict[str, list[TransactionObserved]] = field(default_factory=lambda: defaultdict(list))
    refunds: dict[str, str] = field(default_factory=dict)
    orders: dict[str, OrderPlaced | OrderChanged] = field(default_factory=dict)
    places: dict[tuple[str, str], VaultCustomerObserved] = field(default_factory=dict)

    def take(self, record: Any) -> None:
        """Take what risk reads of one record."""
        match record:
            case TransactionObserved():
                self.seen[record.paytrace_transaction_id].append(record)
            case RefundLinked():
                self.refunds[record.refund_transaction_id] = record.paytrace_transaction_id
            case OrderPlaced() | OrderChanged():
                _newer(self.orders, record.shop_order, record, "occurred_at")
            case VaultCustomerObserved():
                _newer(self.places, (record.merchant, record.vault_customer_id), record, "observed_at")

    def facts(self) -> list[PaymentFact]:
        """Return one fact for each attempt to move money."""
        orders = {
            named.paytrace_transaction_id: OrderHint(
                one.customer_key, one.place_digest or "", one.billing_country, one.shipping_country
            )
            for _, one in sorted(self.orders.items())
            for named in one.transactions
        }
        places = {key: one.place_digest or "" for key, one in self.places.items()}
        hints = Hints(
            order_of=orders.get,
            address_of=lambda merchant, vault: places.get((merchant, vault), ""),
            refund_of=lambda refund: self.refunds.get(refund, ""),
        )
        found = (fact_of(seen, hints, country_in) for seen in self.seen.values())
        return [one for one in found if one is not None]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What two sets of rules come to on the same payments of a period.

    Shapes: facts are all of the period, declined ones too; known counts for how many of them a thing is known;
            silent are rules that know no amount for a currency, with it.
    """

    facts: Sequence[PaymentFact]
    after: Sequence[Assessment]
    before: Mapping[str, Assessment]
    known: Mapping[str, int]
    silent: Sequence[tuple[str, str]]

    @property
    def changed(self) -> list[tuple[Assessment, Assessment]]:
        """Return payments whose outcome differs: by the other rules, by these."""
        return [(self.before[one.fact.payment_id], one) for one in self.after
                if self.before[one.fact.payment_id].outcome is not one.outcome]  # fmt: skip


async def gathered(log: Log, codec: Codec) -> Gathered:
    """Return what the topics say of payments, to their present ends."""
    found = Gathered()
    for topic in (Topic.PAYMENTS_OBSERVATIONS, Topic.ORDERS_EVENTS, Topic.CUSTOMERS_INBOX):
        for partition in range(log.partition_count(topic)):
            async for record in each_once(log, topic, partition):
                found.take(codec.decode_as_written(record.value))
    return found


def backtest(
    facts: Sequence[PaymentFact], rules: Policy, others: Policy, first: date | None, last: date | None, zone: ZoneInfo
) -> Backtest:
    """Return what rules come to on the payments of a period; what was before it counts as their history.

    Units: days of the merchant's zone, both included; None is no bound.
    """

    def is_of_period(fact: PaymentFact) -> bool:
        day = business_day(fact.at, zone)
        return (first is None or day >= first) and (last is None or day <= last)

    of_period = [one for one in facts if is_of_period(one)]
    known = Counter(
        name
        for one in of_period
        for name in ("card", "customer", "address", "order", "avs", "csc", "billing_country", "shipping_country")
        if getattr(one, name)
    )
    used = sorted({one.currency for one in of_period})
    return Backtest(
        facts=of_period,
        after=[one for one in assess(facts, rules) if is_of_period(one.fact)],
        before={one.fact.payment_id: one for one in assess(facts, others)},
        known=known,
        silent=[(name, code) for name, listed in _amounts_of(rules) for code in used if code not in listed],
    )


def held(found: Sequence[Assessment]) -> list[Assessment]:
    """Return those that do not pass."""
    return [one for one in found if one.outcome is not Outcome.PASS]


def country_in(raw: str) -> str:
    """Return the billing country of PayTrace's own fields; empty where there is none of two letters."""
    try:
        address = json.loads(raw).get("billing_address")
        country = address.get("country") if isinstance(address, dict) else None
    except (ValueError, AttributeError):
        return ""
    return country if isinstance(country, str) and _COUNTRY.fullmatch(country) else ""


def _amounts_of(policy: Policy) -> list[tuple[str, frozenset[str]]]:
    """Return the rules that hold only by amounts of a currency, with the currencies that they list."""
    found = []
    for rule in policy.rules:
        match rule:
            case CardTesting():
                found.append((rule.head.name, frozenset(rule.small_minor)))
            case Velocity() if rule.at_most_minor:
                found.append((rule.head.name, frozenset(rule.at_most_minor)))
            case AmountAgainstHistory() if rule.head.from_minor:
                found.append((rule.head.name, frozenset(rule.head.from_minor)))
            case _:
                pass
    return found


def _newer(known: dict[K, Any], key: K, record: Any, instant: str) -> None:
    """Keep the later of two records of one thing; which of two of one instant doesn't depend on their order."""
    before = known.get(key)
    if before is None or (getattr(before, instant), repr(before)) < (getattr(record, instant), repr(record)):
        known[key] = record
