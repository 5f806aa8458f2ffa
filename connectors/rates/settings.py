"""Which rates are read, and where; gathered by app/settings/settings.py. Without pairs nothing is read."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from connectors.common.reach import ReachSettings
from schemas.values.exchange import currencies_of

_NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"


class JsonProvider(BaseModel):
    """A provider of JSON, by the shape of its answer: names of fields, with a dot between for one inside another.

    url    where its newest rates are
    name   its name in the rules exchange-rates
    base   the currency of which one unit is quoted, as the answer must say it
    base_field, day_field, rates_field   where the answer says base, day (2026-11-20) and rates (currency -> number)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    name: str = Field(default="json", pattern=_NAME)
    base: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    base_field: str = "base"
    day_field: str = "date"
    rates_field: str = "rates"


class RatesSettings(ReachSettings):
    """Where exchange rates come from.

    pairs     the pairs that are read: USD/EUR is how many EUR one USD is worth
    ecb_url   a file of the euro foreign exchange reference rates: XML, CSV or a zip with one CSV
    json      a provider of JSON (in a variable: the fields as one JSON object)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: tuple[str, ...] = ()
    ecb_url: str | None = None
    json_provider: JsonProvider | None = None
    timeout_s: float = Field(default=30.0, gt=0, le=300)
    largest_answer_bytes: int = Field(default=20_000_000, ge=1_000)  # the ECB's whole history has 2 million

    @field_validator("pairs")
    @classmethod
    def _are_pairs(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            currencies_of(pair)
        return tuple(dict.fromkeys(pairs))

    @model_validator(mode="after")
    def _have_a_provider(self) -> Self:
        if self.pairs and not (self.ecb_url or self.json_provider):
            raise ValueError("pairs need a provider; set SALDO_RATES_ECB_URL or SALDO_RATES_JSON_PROVIDER")
        if self.json_provider and self.json_provider.name == "ecb":
            raise ValueError("json_provider.name must not be ecb, which names the reference rates of the ECB")
        return self

    @property
    def is_used(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.pairs)
