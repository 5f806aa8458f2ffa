"""Reads the rules of alerts from YAML: receivers, working hours, and which condition makes an alert. docs/alerts.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas.files.owned import Entry, parse_owned
from schemas.files.yaml_lines import Misfits, near
from schemas.records.alerts import AlertSeverity
from schemas.values.money import currencies
from streams.domain.alerts.hours import Hours
from streams.domain.alerts.policy import AlertRule, Policy, Receiver

HIGHEST_VERSION: Final = 1_000_000
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_MINUTES_OF_A_DAY: Final = 1_440
_MOST_HOLIDAYS: Final = 200


def _seconds(given: Any) -> Any:
    found = _DURATION.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise Misfits([((), "is no duration; write a number and s, m, h or d, such as 15m or 2d")])
    return float(int(found[1]) * _UNITS[found[2]])


def _minutes(given: Any) -> Any:
    """Return minutes of the day. Without quotation marks YAML reads 18:00 as a number: 1080, the same minutes."""
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else given
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 <= minutes <= _MINUTES_OF_A_DAY:
        raise Misfits([((), 'is no time of day; write "00:00" to "24:00"')])
    return minutes


Duration = Annotated[float, BeforeValidator(_seconds)]
TimeOfDay = Annotated[int, BeforeValidator(_minutes)]


class _Hours(Entry):
    zone: str
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(min_length=1)
    begins: TimeOfDay
    ends: TimeOfDay
    holidays: frozenset[date] = Field(default=frozenset(), max_length=_MOST_HOLIDAYS)

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            raise Misfits([((), f"is {zone!r}, which is no zone; write one such as America/New_York")]) from None
        return zone

    @model_validator(mode="after")
    def _end_after_they_begin(self) -> _Hours:
        if self.begins >= self.ends:
            raise Misfits([(("ends",), "must be later than begins")])
        return self

    def value(self) -> Hours:
        days = frozenset(map(WEEKDAYS.index, self.weekdays))
        return Hours(self.zone, days, self.begins, self.ends, self.holidays)


class _Receiver(Entry):
    by: tuple[Literal["mail", "webhook"], ...] = Field(min_length=1)
    gather: Duration = 120.0
    every: Duration = 3_600.0
    urgent_every: Duration = 300.0
    hours: str | None = None
    most_lines: int = Field(default=20, ge=1, le=100)


class _Rule(Entry):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    when: str = Field(min_length=1, max_length=60)
    severity: Literal["normal", "urgent"] = "normal"
    to: tuple[str, ...] = Field(min_length=1)
    title: str = Field(min_length=1, max_length=200)
    remedy: str = Field(min_length=1, max_length=500)
    runbook: str = Field(default="", pattern=r"^([a-z0-9-]+\.md)?$")
    after: Duration = 0.0
    before_due: Duration | None = None
    by: TimeOfDay | None = None
    at_least_minor: Mapping[str, int] | None = None
    at_least_items: int = Field(default=1, ge=0)
    hours: str | None = None


class _Alerts(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    hours: Mapping[str, _Hours] = Field(default_factory=dict)
    receivers: Mapping[str, _Receiver]
    rules: tuple[_Rule, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> _Alerts:
        found: list[tuple[tuple[str | int, ...], str]] = []
        for name in self.receivers:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
                found.append((("receivers", name), "is no name; write small letters, digits and -"))
        for name, receiver in self.receivers.items():
            if receiver.hours is not None and receiver.hours not in self.hours:
                found.append((("receivers", name, "hours"), _unknown(receiver.hours, "hours", self.hours)))
        for number, rule in enumerate(self.rules):
            at = ("rules", number)
            if rule.hours is not None and rule.hours not in self.hours:
                found.append(((*at, "hours"), _unknown(rule.hours, "hours", self.hours)))
            found += [((*at, "to"), _unknown(one, "receivers", self.receivers)) for one in rule.to
                      if one not in self.receivers]  # fmt: skip
            if rule.by is not None and rule.hours is None:
                found.append(((*at, "by"), "needs hours, which say on which days it is due"))
            if sum((rule.by is not None, rule.before_due is not None, rule.after > 0)) > 1:
                found.append((at, "has two of after, by and before_due; write one"))
            found += [((*at, "at_least_minor", code), f"is no currency; {near(code, currencies(), 'write ISO 4217')}")
                      for code in rule.at_least_minor or () if code not in currencies()]  # fmt: skip
        names = [rule.name for rule in self.rules]
        found += [(("rules", n), f"is the second rule {name!r}") for n, name in enumerate(names) if name in names[:n]]
        if found:
            raise Misfits(found)
        return self


def _unknown(name: str, what: str, known: Mapping[str, Any]) -> str:
    return f"names {name!r}, which {what} does not have; {near(name, known, f'write it below {what}')}"


def read_alert_rules(text: str, file: str) -> Policy:
    """Return the policy that a text of rules states.

    Raises: FileInvalid naming each entry that does not fit, with its line.
    """
    found = parse_owned(text, _Alerts, file=file)
    hours = {name: one.value() for name, one in found.hours.items()}
    return Policy(
        version=found.version,
        rules=tuple(
            AlertRule(
                name=rule.name,
                condition=rule.when,
                severity=AlertSeverity(rule.severity.upper()),
                to=rule.to,
                title=rule.title,
                remedy=rule.remedy,
                runbook=rule.runbook,
                after_s=rule.after,
                before_due_s=rule.before_due,
                by_minute=rule.by,
                at_least_minor=rule.at_least_minor,
                at_least_items=rule.at_least_items,
                hours=None if rule.hours is None else hours[rule.hours],
            )
            for rule in found.rules
        ),
        receivers={
            name: Receiver(
                name=name,
                by=one.by,
                gather_s=one.gather,
                every_s=one.every,
                urgent_every_s=one.urgent_every,
                hours=None if one.hours is None else hours[one.hours],
                most_lines=one.most_lines,
            )
            for name, one in found.receivers.items()
        },
    )
