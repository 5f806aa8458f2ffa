"""The text of the rules `payment-codes` becomes the codes by which fold-payments says what is allowed next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.files.owned import Entry, parse_owned
from schemas.files.yaml_lines import Misfits
from schemas.records.payments import CodeKind, NextStep
from streams.domain.payments.codes import Code, Codes
from streams.rules.mapping import HIGHEST_VERSION

LONGEST_DAYS = 366

_Means = Annotated[str, Field(min_length=1, max_length=120)]
_Days = Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
_Step = Literal["again", "correct", "authorise", "other_way", "person", "stop"]


class _Cap(Entry):
    entries: int = Field(ge=1, le=20)
    days: int = Field(ge=1, le=LONGEST_DAYS)


class _Code(Entry):
    """What may follow: `step`, with `again_after_days` and `at_most` where it is again; `hold` refuses charges."""

    means: _Means
    step: _Step
    again_after_days: _Days | None = None
    at_most: _Cap | None = None
    hold: bool = False

    @model_validator(mode="after")
    def _fits(self) -> _Code:
        if self.step != "again" and (self.again_after_days is not None or self.at_most is not None):
            raise Misfits(
                [(("step",), f"is {self.step}, which is never tried again; write again, or no days and no cap")]
            )
        if self.at_most is not None and self.hold:
            raise Misfits(
                [(("hold",), "is true beside at_most; a cap refuses what is too much by itself, so leave it out")]
            )
        return self


class _Return(_Code):
    counts_as: Literal["unauthorised", "administrative", ""] = ""


class _Decline(_Code):
    counts_as: Literal["never", "fraud", "hard", "soft"]
    words: tuple[Annotated[str, Field(min_length=3, max_length=60)], ...] = ()


class _Change(Entry):
    correct: _Means


class _Codes(Entry):
    version: int = Field(ge=1, le=HIGHEST_VERSION)
    change_days: int = Field(ge=1, le=30)
    returns: Mapping[Annotated[str, Field(pattern=r"^R\d\d$")], _Return]
    changes: Mapping[Annotated[str, Field(pattern=r"^C\d\d$")], _Change]
    declines: Mapping[Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")], _Decline]
    other_returns: _Return
    other_changes: _Change
    other_declines: _Decline


def payment_codes(text: str, file: str) -> Codes:
    """Return the codes of a text; raises FileInvalid."""
    found = parse_owned(text, _Codes, file=file)
    return Codes(
        version=found.version,
        change_days=found.change_days,
        listed={
            CodeKind.RETURN: {code: _code(one) for code, one in found.returns.items()},
            CodeKind.CHANGE: {code: _change(one) for code, one in found.changes.items()},
            CodeKind.DECLINE: {code: _code(one) for code, one in found.declines.items()},
        },
        unlisted={
            CodeKind.RETURN: _code(found.other_returns),
            CodeKind.CHANGE: _change(found.other_changes),
            CodeKind.DECLINE: _code(found.other_declines),
        },
    )


def _code(one: _Return | _Decline) -> Code:
    return Code(
        meaning=one.means,
        step=NextStep(one.step.upper()),
        code_class=one.counts_as,
        again_after_days=one.again_after_days,
        most_entries=one.at_most.entries if one.at_most else None,
        entries_days=one.at_most.days if one.at_most else None,
        stops_charges=one.hold,
        words=one.words if isinstance(one, _Decline) else (),
    )


def _change(one: _Change) -> Code:
    return Code(
        meaning="the bank asks for a correction", step=NextStep.CORRECT, correct=one.correct, stops_charges=True
    )
