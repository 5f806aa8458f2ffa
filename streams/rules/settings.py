"""Files of an installation in place of the rules that ship with Saldo; gathered in app/settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

# An empty variable is one that is not set.
RulesPath = Annotated[Path | None, BeforeValidator(lambda path: None if path == "" else path)]


class RulesSettings(BaseModel):
    """Where rules are read from, when a worker begins with them and when a person adopts them; None is what ships.

    A changed file changes nothing until `saldo rules adopt`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    open_item_matching_path: RulesPath = None
    write_off_limits_path: RulesPath = None
    deposit_matching_path: RulesPath = None
    dispute_deadlines_path: RulesPath = None
    exchange_rates_path: RulesPath = None
    alert_rules_path: RulesPath = None
    account_mapping_path: RulesPath = None
    payment_codes_path: RulesPath = None
    payment_requests_path: RulesPath = None
    order_fulfilment_path: RulesPath = None
    risk_rules_path: RulesPath = None
    dunning_path: RulesPath = None

    def path_of(self, name: str) -> Path | None:
        """Return the file of these rules."""
        path: Path | None = getattr(self, f"{name.replace('-', '_')}_path")
        return path
