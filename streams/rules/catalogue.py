"""Which rules there are, which inbox uses each, and how their text becomes the policy that a decider is handed.

The text is read here and nowhere further in: a decider gets a value. Whatever was adopted once must stay readable, as
a replay reads it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from reconcile.engine.rules import RuleSet
from reconcile.files.rules import parse_rules
from schemas.files.owned import Entry, FileInvalid, FileProblem, parse_owned
from schemas.files.yaml_lines import Misfits, near
from schemas.records.gateway import PaymentRequestKind
from schemas.records.subscriptions import RunStatus
from schemas.topic import Topic
from streams.domain.accounts import AccountMapping
from streams.domain.alerts.policy import Policy as AlertPolicy
from streams.domain.disputes.policy import Policy as DisputesPolicy
from streams.domain.gateway.policy import Allowed
from streams.domain.gateway.policy import Policy as RequestsPolicy
from streams.domain.orders.policy import Milestone
from streams.domain.orders.policy import Policy as OrdersPolicy
from streams.domain.payments.policy import Policy as PaymentsPolicy
from streams.domain.rates.policy import Policy as RatesPolicy
from streams.domain.receivables.policy import Policy as ReceivablesPolicy
from streams.domain.receivables.policy import WriteOffLimits
from streams.domain.risk.policy import Policy as RiskPolicy
from streams.domain.settlement.policy import Policy as DepositPolicy
from streams.domain.settlement.policy import Reference, Transfers
from streams.domain.subscriptions.policy import Policy as DunningPolicy
from streams.rules.alerts import read_alert_rules
from streams.rules.codes import payment_codes
from streams.rules.mapping import HIGHEST_VERSION, account_mapping, limits_of_money
from streams.rules.model import model_of
from streams.rules.risk import read_risk_rules

SHIPPED = Path(__file__).with_name("shipped")
MOST_DECLINES = 35  # of one card in 30 days: the widest cap that a network publishes
MOST_DAYS = 120  # longer than any network gives; more is a slip of the keys
LONGEST_AGE_DAYS = 366  # an older rate values nothing; a year is a slip of the keys already


class _Limits(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    limits_minor: Mapping[str, int]

    _are_money = field_validator("limits_minor")(limits_of_money)


class _Deadlines(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    warn_days: tuple[int, ...] = Field(min_length=1, max_length=10)

    @field_validator("warn_days")
    @classmethod
    def _are_days(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        found = [((number,), f"is {one}; write days, 0 to {MOST_DAYS}")
                 for number, one in enumerate(days) if not 0 <= one <= MOST_DAYS]  # fmt: skip
        if found:
            raise Misfits(found)
        return days


class _Reference(Entry):
    find: Annotated[str, Field(min_length=1, max_length=200)]
    write: str = r"\g<0>"

    @model_validator(mode="after")
    def _is_usable(self) -> _Reference:
        try:
            # A template of groups that the pattern lacks is found out by expanding an empty match of all of them.
            re.compile(f"(?:{self.find})|", re.IGNORECASE | re.ASCII).match("").expand(self.write)  # type: ignore[union-attr]
        except (re.error, IndexError) as error:
            raise ValueError(f"is no regular expression with its template: {error}; try it on a line first") from error
        return self

    def value(self) -> Reference:
        return Reference(re.compile(self.find, re.IGNORECASE | re.ASCII), self.write)


class _Transfers(Entry):
    accounts: Mapping[Annotated[str, Field(min_length=1, max_length=60)], Literal["named", "all"]] = {}
    invoices: tuple[_Reference, ...] = ()
    orders: tuple[_Reference, ...] = ()
    customers: tuple[_Reference, ...] = ()

    def value(self) -> Transfers:
        return Transfers(
            self.accounts,
            *(tuple(one.value() for one in found) for found in (self.invoices, self.orders, self.customers)),
        )


class _Deposits(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    sure_one_in: int = Field(ge=1)
    rest: Literal["wait", "unidentified"]
    rest_percent: int = Field(ge=0, le=50)
    customers_pay: _Transfers = _Transfers()
    paid_out_in: Mapping[
        Annotated[str, Field(pattern=r"^[^/]+/[A-Z]{3}$")], tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...]
    ] = {}


class _Rates(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    maximum_age_days: int = Field(ge=0, le=LONGEST_AGE_DAYS)
    providers: tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], ...] = Field(min_length=1)

    @field_validator("providers")
    @classmethod
    def _are_named_once(cls, providers: tuple[str, ...]) -> tuple[str, ...]:
        twice = {name for name in providers if providers.count(name) > 1}
        if twice:
            raise Misfits(
                [((), f"names {', '.join(sorted(twice))} twice; write each provider once, the first choice first")]
            )
        return providers


_Word = Annotated[str, Field(max_length=60, pattern=r"^\S*$")]


class _Orders(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    sales_orders: Literal["captured", "authorized", "never"]
    shows_refunds: bool
    captures: Literal["by_shop", "first_shipment", "last_shipment"]
    lapses_after_days: int = Field(ge=1, le=365)
    takes_back: Literal["record", "request"]
    sku: Literal["is_product", "by_products"]
    products: Mapping[_Word, _Word] = {}
    shipping: _Word = ""
    fee: _Word = ""
    tax_codes: Mapping[_Word, _Word] = {}
    statuses: Mapping[Milestone, Annotated[str, Field(pattern=r"^[a-z0-9-]{1,20}$")]] = {}

    @model_validator(mode="after")
    def _ships_what_is_authorized(self) -> Self:
        if self.captures != "by_shop" and self.sales_orders != "authorized":
            raise ValueError(f"captures: {self.captures} needs sales_orders: authorized, or abas ships nothing before")
        return self


class _Allowed(Entry):
    kinds: tuple[Literal["refund", "void", "capture", "charge"], ...] = Field(min_length=1)
    requesters: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    most_minor: Mapping[str, int] | None = None
    approve_above_minor: Mapping[str, int] | None = None
    most_per_day_minor: Mapping[str, int] | None = None

    @field_validator("most_minor", "approve_above_minor", "most_per_day_minor")
    @classmethod
    def _are_money(cls, limits: Mapping[str, int] | None) -> Mapping[str, int] | None:
        return None if limits is None else limits_of_money(limits)

    def value(self) -> Allowed:
        kinds = frozenset(PaymentRequestKind(one.upper()) for one in self.kinds)
        limits = self.most_minor, self.approve_above_minor, self.most_per_day_minor
        return Allowed(kinds, frozenset(self.requesters), *limits)


class _Requests(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    allow: tuple[_Allowed, ...]
    people: Mapping[str, Annotated[str, Field(min_length=1, max_length=100)]] = {}


class _Declines(Entry):
    most: int = Field(ge=1, le=MOST_DECLINES)
    within_days: int = Field(ge=1, le=MOST_DAYS)


class _Dunning(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    retry_after_days: tuple[Annotated[int, Field(ge=1, le=MOST_DAYS)], ...] = Field(max_length=MOST_DECLINES)
    retry: Literal["daily", "by_dunning_run"]
    declines: _Declines
    charge_late_days: int = Field(ge=0, le=MOST_DAYS)
    dunning_block: tuple[Literal["retrying", "needs card", "needs person", "missed"], ...] = ()


def _open_item_matching(text: str, file: str) -> RuleSet:
    rules = parse_rules(text, file)
    if not rules.version.isdigit() or not 1 <= int(rules.version) <= HIGHEST_VERSION:
        what = f"is {rules.version!r}; write a whole number up to {HIGHEST_VERSION:,}, which matches name"
        raise FileInvalid([FileProblem(file, 1, "version", what)])
    return rules


def _write_off_limits(text: str, file: str) -> WriteOffLimits:
    found = parse_owned(text, _Limits, file=file)
    return WriteOffLimits(found.version, found.limits_minor)


def _deposit_matching(text: str, file: str) -> DepositPolicy:
    found = parse_owned(text, _Deposits, file=file)
    return DepositPolicy(
        found.version,
        found.sure_one_in,
        found.rest == "unidentified",
        found.rest_percent,
        found.customers_pay.value(),
        found.paid_out_in,
    )


def _dispute_deadlines(text: str, file: str) -> _Deadlines:
    return parse_owned(text, _Deadlines, file=file)


def _exchange_rates(text: str, file: str) -> RatesPolicy:
    found = parse_owned(text, _Rates, file=file)
    return RatesPolicy(found.version, found.maximum_age_days, found.providers)


def _order_fulfilment(text: str, file: str) -> OrdersPolicy:
    found = parse_owned(text, _Orders, file=file)
    return OrdersPolicy(**{name: getattr(found, name) for name in type(found).model_fields})


def _payment_requests(text: str, file: str) -> RequestsPolicy:
    found = parse_owned(text, _Requests, file=file)
    return RequestsPolicy(found.version, tuple(one.value() for one in found.allow), found.people)


def _dunning(text: str, file: str) -> DunningPolicy:
    found = parse_owned(text, _Dunning, file=file)
    return DunningPolicy(
        found.version,
        found.retry_after_days,
        found.retry == "by_dunning_run",
        found.declines.most,
        found.declines.within_days,
        found.charge_late_days,
        frozenset(RunStatus(one.upper().replace(" ", "_")) for one in found.dunning_block),
    )


@dataclass(frozen=True, slots=True)
class RulesKind:
    """Rules under one name: what they are for, who uses them, and how their text is read.

    read  text and the name of its file -> the value, which has a version; raises FileInvalid
    """

    name: str
    means: str
    inboxes: tuple[Topic, ...]
    read: Callable[[str, str], Any]

    @property
    def shipped(self) -> Path:
        """The file that ships with Saldo."""
        return SHIPPED / f"{self.name}.yaml"

    def version_of(self, text: str, file: str) -> int:
        """Return the version that a text gives itself; raises FileInvalid where it can't be used."""
        return _version_of(self.read, text, file)


@lru_cache(maxsize=64)
def _version_of(read: Callable[[str, str], Any], text: str, file: str) -> int:
    """Read a text once: an adoption looks at the one in force and at the one that is offered again and again."""
    found = read(text, file)
    return int(found.rule_version if isinstance(found, DepositPolicy) else found.version)


OPEN_ITEM_MATCHING = RulesKind(
    "open-item-matching",
    "how payments find their open items",
    (Topic.RECEIVABLES_INBOX,),
    _open_item_matching,
)
WRITE_OFF_LIMITS = RulesKind(
    "write-off-limits",
    "what may be written off of one invoice",
    (Topic.RECEIVABLES_INBOX,),
    _write_off_limits,
)
DEPOSIT_MATCHING = RulesKind(
    "deposit-matching",
    "when it is sure what a bank line pays out",
    (Topic.SETTLEMENT_INBOX,),
    _deposit_matching,
)
EXCHANGE_RATES = RulesKind(
    "exchange-rates",
    "which exchange rates may value a payment",
    (Topic.RATES_INBOX,),
    _exchange_rates,
)
ACCOUNT_MAPPING = RulesKind(
    "account-mapping",
    "which accounts documents get, and what finance chose",
    (
        Topic.RECEIVABLES_INBOX,
        Topic.PAYMENTS_OBSERVATIONS,
        Topic.LEDGER_INBOX,
        Topic.DISPUTES_INBOX,
        Topic.CUSTOMERS_INBOX,
    ),
    account_mapping,
)
DISPUTE_DEADLINES = RulesKind(
    "dispute-deadlines",
    "when a dispute that must be answered raises attention",
    (Topic.DISPUTES_INBOX,),
    _dispute_deadlines,
)
ALERT_RULES = RulesKind(
    "alert-rules",
    "which conditions become alerts, and who is told when",
    (Topic.ALERTS_INBOX,),
    read_alert_rules,
)
PAYMENT_CODES = RulesKind(
    "payment-codes",
    "what a return, change or decline code allows next",
    (Topic.PAYMENTS_OBSERVATIONS,),
    payment_codes,
)
ORDER_FULFILMENT = RulesKind(
    "order-fulfilment",
    "which orders of shops become sales orders, with which products, and which statuses the shop gets",
    (Topic.ORDERS_INBOX,),
    _order_fulfilment,
)
PAYMENT_REQUESTS = RulesKind(
    "payment-requests",
    "who at abas may ask the gateway for what, and what a second person approves",
    (Topic.GATEWAY_INBOX,),
    _payment_requests,
)
RISK_RULES = RulesKind(
    "risk-rules",
    "which payments are held until a person releases them",
    (Topic.PAYMENTS_OBSERVATIONS, Topic.RISK_INBOX),
    read_risk_rules,
)
DUNNING = RulesKind(
    "dunning",
    "when a declined run of a subscription is tried again, and how often a card may be",
    (Topic.SUBSCRIPTIONS_INBOX,),
    _dunning,
)
KINDS: Mapping[str, RulesKind] = {
    kind.name: kind
    for kind in (
        OPEN_ITEM_MATCHING,
        WRITE_OFF_LIMITS,
        DEPOSIT_MATCHING,
        ACCOUNT_MAPPING,
        DISPUTE_DEADLINES,
        EXCHANGE_RATES,
        ALERT_RULES,
        PAYMENT_CODES,
        ORDER_FULFILMENT,
        PAYMENT_REQUESTS,
        RISK_RULES,
        DUNNING,
    )
}


def kind_of(name: str) -> RulesKind:
    """Return the rules of a name; LookupError tells what there is, or what was probably meant."""
    if name not in KINDS:
        raise LookupError(f"there are no rules {name!r}; {near(name, KINDS)}")
    return KINDS[name]


@lru_cache(maxsize=16)
def receivables_policy(matching: str, limits: str, mapping: str) -> ReceivablesPolicy:
    """Return the policy of match-open-items from the texts of its rules; raises FileInvalid."""
    rules = _open_item_matching(matching, OPEN_ITEM_MATCHING.name)
    return ReceivablesPolicy(
        rules=rules,
        model=model_of(rules),
        write_offs=_write_off_limits(limits, WRITE_OFF_LIMITS.name),
        mapping=account_mapping(mapping, ACCOUNT_MAPPING.name),
    )


@lru_cache(maxsize=16)
def deposit_policy(matching: str) -> DepositPolicy:
    """Return the policy of reconcile-deposits from the text of its rules; raises FileInvalid."""
    return _deposit_matching(matching, DEPOSIT_MATCHING.name)


@lru_cache(maxsize=16)
def disputes_policy(deadlines: str, mapping: str) -> DisputesPolicy:
    """Return the policy of follow-disputes from the texts of its rules; raises FileInvalid."""
    found = _dispute_deadlines(deadlines, DISPUTE_DEADLINES.name)
    chargeback = account_mapping(mapping, ACCOUNT_MAPPING.name).policies.chargeback
    return DisputesPolicy(found.version, found.warn_days, chargeback)


@lru_cache(maxsize=16)
def alert_policy(rules: str) -> AlertPolicy:
    """Return the policy of raise-alerts from the text of its rules; raises FileInvalid."""
    return read_alert_rules(rules, ALERT_RULES.name)


@lru_cache(maxsize=16)
def rates_policy(text: str) -> RatesPolicy:
    """Return the policy of keep-rates from the text of its rules; raises FileInvalid."""
    return _exchange_rates(text, EXCHANGE_RATES.name)


@lru_cache(maxsize=16)
def payments_policy(mapping: str, codes: str, risk: str) -> PaymentsPolicy:
    """Return the policy of fold-payments from the texts of its rules; raises FileInvalid."""
    return PaymentsPolicy(
        base_currency=account_mapping(mapping, ACCOUNT_MAPPING.name).policies.base_currency,
        codes=payment_codes(codes, PAYMENT_CODES.name),
        assesses_risk=bool(risk_policy(risk).rules),
    )


@lru_cache(maxsize=16)
def requests_policy(text: str) -> RequestsPolicy:
    """Return the policy of decide-payment-requests from the text of its rules; raises FileInvalid."""
    return _payment_requests(text, PAYMENT_REQUESTS.name)


@lru_cache(maxsize=16)
def mapping_policy(mapping: str) -> AccountMapping:
    """Return the policy of keep-ledger and link-customers from the text of the mapping; raises FileInvalid."""
    return account_mapping(mapping, ACCOUNT_MAPPING.name)


@lru_cache(maxsize=16)
def orders_policy(text: str) -> OrdersPolicy:
    """Return the policy of fulfil-orders from the text of its rules; raises FileInvalid."""
    return _order_fulfilment(text, ORDER_FULFILMENT.name)


@lru_cache(maxsize=16)
def risk_policy(text: str) -> RiskPolicy:
    """Return the policy of assess-risk from the text of its rules; raises FileInvalid."""
    return read_risk_rules(text, RISK_RULES.name)


@lru_cache(maxsize=16)
def dunning_policy(text: str) -> DunningPolicy:
    """Return the policy of run-subscriptions from the text of its rules; raises FileInvalid."""
    return _dunning(text, DUNNING.name)
