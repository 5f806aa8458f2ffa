"""How to reach one abas installation; gathered by app/settings/settings.py, read by everything in this room.

What the public material leaves unknown about an installation's *names* is in the mapping profile (profile.py);
what it leaves unknown about its *behaviour* is here. docs/abas.md lists every assumption with its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.common.reach import ReachSettings
from connectors.common.several import named
from schemas.values.companies import LABEL

SANDBOX_PROFILE = Path(__file__).parent / "profiles" / "sandbox.yaml"


class TokenLogin(BaseModel):
    """OAuth2 client credentials at a full token URL; takes the place of user and password when given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_url: str
    client_id: str
    client_secret: SecretStr
    refresh_before_s: float = 60.0  # tokens can live as short as 10 minutes


class AbasCompany(BaseModel):
    """What one of several companies has of its own; what it leaves out is that of [abas]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = ""
    client: str = ""
    user: str = ""
    password: SecretStr = SecretStr("")
    token_login: TokenLogin | None = None
    profile_path: Path = SANDBOX_PROFILE
    variable_language: Literal["de", "en"] = "en"
    working_set_label: str = ""


class AbasSettings(ReachSettings):
    """One abas installation, or what several companies have in common.

    Units:  in the names; the password is masked in every text form.
    Shapes: companies is, by our label of each company, what differs there: an address, a log-in, a profile. Without it,
            these settings are the one company, and its numbers carry no label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = "http://127.0.0.1:8920/mw"  # with /mw
    client: str = "erp"
    user: str = ""  # abas knows a user by the password record; the name may be empty
    password: SecretStr = SecretStr("")
    token_login: TokenLogin | None = None
    profile_path: Path = SANDBOX_PROFILE

    variable_language: Literal["de", "en"] = "en"  # said on every call: the server's default is German
    accept_language: str = "en"
    dialect: Literal["application/json", "application/abas.objects+json", "application/abas.objects.simple+json"] = (
        "application/abas.objects+json"
    )
    working_set_label: str = "saldo"
    about_time_field: str = "erpDateTime"  # the server's clock in .../about

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0  # between two pieces of an answer
    answer_timeout_s: float = 120.0  # for the whole answer, so that a trickle can't hold us
    lock_wait_s: int = 5  # how long abas itself waits for a lock before it says RECORD_LOCKED
    concurrency: int = Field(default=2, ge=1)  # every call takes an ERP licence while it runs
    page_size: int = Field(default=100, ge=1)
    query_method: Literal["POST", "GET"] = "POST"  # GET puts the selection into the URL
    max_answer_bytes: int = 64 * 1024 * 1024

    read_attempts: int = Field(default=5, ge=1)
    write_attempts: int = Field(default=5, ge=1)
    retry_initial_s: float = 0.1
    retry_max_s: float = 5.0
    # How long a document whose answer was lost is looked for before anything else; None takes the profile's.
    outcome_wait_s: float | None = Field(default=None, ge=0)

    filed_lookback_days: int = Field(default=30, ge=0)  # how far back cleared items are read; 0 reads all
    companies: Mapping[Annotated[str, Field(pattern=LABEL)], AbasCompany] = Field(default_factory=dict)

    def each(self) -> Mapping[str, AbasSettings]:
        """Return the settings of every company, by its label; that of the only one is empty."""
        if not self.companies:
            return {"": self}
        return {label: self._company(label, own) for label, own in self.companies.items()}

    def of(self, label: str | None) -> AbasSettings:
        """Return the settings of one company; None means the only one.

        Raises: ContractBroken naming the companies when there is none of this label, or None leaves it open.
        """
        return named(self.each(), label, "company", "companies")

    def _company(self, label: str, own: AbasCompany) -> AbasSettings:
        differs = {name: getattr(own, name) for name in own.model_fields_set}
        # Sets of editors that a killed process left open are known by their label, so each company has its own.
        differs.setdefault("working_set_label", f"{self.working_set_label}-{label}")
        return self.model_copy(update={**differs, "companies": {}})
