"""A hook of a processor as facts of disputes: any JSON, by a profile that is data.

Decides what the values of one hook mean. A report proves its conventions by a whole column, a hook has one value; so
whatever can be read in two ways (10000 as 100.00, 11/12/2026, a time without a zone) is refused until the profile says
which. A hook counts from when it was stated (reported_at), else from its arrival.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from reconcile.files.disputes import DisputeProfile, HookMeaning, Stated, facts_of, require_currency, whole_number
from reconcile.files.masking import shown
from reconcile.files.received import Accounts
from reconcile.files.values import BadValue, amount_minor, precision
from schemas.checks.sensitive import mask_sensitive
from schemas.records.disputes import DisputeObserved

HOOK: Final = "hook"
_MOST: Final = 1_000  # disputes of one hook
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH: Final = re.compile(r"\d{10}|\d{13}")
_AHEAD: Final = timedelta(minutes=5)  # between two clocks


class HookReader:
    """Reads hooks by one profile, for the merchant accounts of an installation."""

    def __init__(self, profile: DisputeProfile, accounts: Accounts, zones: Mapping[str, ZoneInfo]) -> None:
        """Take the zone of each account by its label; in it a time is of a day."""
        self._profile = profile
        self._accounts, self._zones = accounts, zones
        self._stages = profile.facts_by_word

    def read(self, body: Any, now: datetime) -> tuple[DisputeObserved, ...]:
        """Return the facts of a hook, all or none. Raises: BadValue naming the dispute and what does not fit."""
        facts: list[DisputeObserved] = []
        for number, one in enumerate(self._each(body)):
            try:
                facts += self._facts(one, now)
            except BadValue as error:
                where = f"{self._profile.hook.each}[{number}]: " if self._profile.hook.each else ""
                raise BadValue(f"{where}{error}") from None
        return tuple(facts)

    def _each(self, body: Any) -> Sequence[Any]:
        place = self._profile.hook.each
        found = _at(body, place) if place else [body]
        if not isinstance(found, list) or not 1 <= len(found) <= _MOST:
            raise BadValue(f"{place} is no list of 1 to {_MOST} disputes; correct each: of the profile")
        return found

    def _facts(self, one: Any, now: datetime) -> list[DisputeObserved]:
        values: dict[HookMeaning, Any] = {}
        for meaning, places in self._profile.hook.fields.items():
            present = (_at(one, place) for place in places)
            value = next((value for value in present if value not in (None, "")), None)
            if isinstance(value, dict | list | bool):
                raise BadValue(f"{meaning} is no text and no number; correct it below hook: fields: of the profile")
            if value is not None:
                values[meaning] = value
        texts = {meaning: " ".join(str(value).split()) for meaning, value in values.items()}
        merchant, currency = self._accounts.of_row(texts.get("merchant", ""), self._profile.merchants)
        coin = texts.get("currency", "").upper() or currency
        require_currency(coin)
        zone = self._zones[merchant]
        stated = Stated(
            merchant=merchant,
            case=texts.get("case", ""),
            stage=texts.get("stage", ""),
            on=self._day(values, "date", zone),
            amount_minor=self._amount(values["amount"], coin) if "amount" in values else 0,
            currency=coin,
            reason=texts.get("reason", ""),
            respond_by=self._day(values, "respond_by", zone),
            transaction=texts.get("transaction", ""),
            sequence=whole_number(texts.get("sequence", "")),
            origin=HOOK,
            observed_at=self._reported_at(values, now),
            raw={name: mask_sensitive(text) for name, text in texts.items()},
        )
        return list(facts_of(stated, self._stages))

    def _amount(self, value: Any, currency: str) -> int:
        """Return minor units, never negative; the profile or the value itself must prove how it is written."""
        said, digits, mark = self._profile.hook.amounts, precision(currency), self._profile.decimal or "."
        text = str(value).strip()
        if said == "minor":
            if not re.fullmatch(r"-?\d{1,17}", text):
                raise BadValue(f"amount {shown(text)} is no whole number, and the profile says amounts: minor")
            return abs(int(text))
        if not said and digits and len(text.rpartition(mark)[2] if mark in text else "") != digits:
            raise BadValue(
                f"amount {shown(text)} does not say whether it counts {currency} or its smallest unit; say amounts: "
                "minor or amounts: major below hook: of a profile"
            )
        return abs(amount_minor(value if isinstance(value, int | Decimal) else text, mark, currency))

    def _day(self, values: Mapping[HookMeaning, Any], meaning: HookMeaning, zone: ZoneInfo) -> date | None:
        """Return the day of a value, in the zone of the merchant account where it is a time."""
        if meaning not in values:
            return None
        text = str(values[meaning]).strip()
        try:
            if self._profile.date_format:
                return datetime.strptime(text, self._profile.date_format).date()  # noqa: DTZ007  a day has no zone
            if _DAY.fullmatch(text) or (len(text) == 8 and text.isdecimal()):
                return date.fromisoformat(text)
            return self._instant(meaning, text).astimezone(zone).date()
        except BadValue:
            raise
        except (ValueError, OverflowError):
            raise BadValue(
                f"{meaning} {shown(text)} is neither YYYY-MM-DD nor a time with its zone; say date_format: of a profile"
            ) from None

    def _instant(self, meaning: HookMeaning, text: str) -> datetime:
        """Return an instant; raises ValueError for what is none, BadValue for one of an unknown zone."""
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            if not self._profile.hook.zone:
                raise BadValue(f"{meaning} {shown(text)} names no zone; say zone: below hook: of a profile")
            return found.replace(tzinfo=ZoneInfo(self._profile.hook.zone))
        return found

    def _reported_at(self, values: Mapping[HookMeaning, Any], now: datetime) -> datetime:
        if "reported_at" not in values:
            return now
        text = str(values["reported_at"]).strip()
        try:
            found = self._instant("reported_at", text).astimezone(UTC)
        except BadValue:
            raise
        except (ValueError, OverflowError):
            raise BadValue(f"reported_at {shown(text)} is no time with its zone") from None
        if found > now + _AHEAD:
            raise BadValue(f"reported_at {shown(text)} lies ahead of our clock")
        return min(found, now)


def _at(value: Any, place: str) -> Any:
    """Return what stands at a place, names joined by dots; None where nothing does."""
    for name in place.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
