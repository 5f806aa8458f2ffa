"""Settings of files: which folder is watched, how large a file may be, and what its columns mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from reconcile.files.received import LARGEST_FILE

# An empty variable is one that is not set.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda path: None if path == "" else path)]


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


class FilesSettings(BaseModel):
    """Dispute reports, deposit reports and bank statements.

    folder                watched by the PayTrace source: <folder>/disputes and <folder>/deposits, in each a folder
                          for each merchant account where there are several. None: no folder is watched
    max_bytes             a larger file is refused
    dispute_profile_path  YAML that says what columns, fields of hooks and stages mean besides what ships with Saldo
    deposit_profile_path  the same for deposit reports
    bank_only             regular expression; only lines of bank statements whose text matches come in. Empty: all
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: OptionalPath = None
    max_bytes: int = Field(default=LARGEST_FILE, ge=1024, le=LARGEST_FILE)
    dispute_profile_path: OptionalPath = None
    deposit_profile_path: OptionalPath = None
    bank_only: Annotated[str, AfterValidator(_expression)] = ""

    @property
    def only(self) -> re.Pattern[str] | None:
        """What chooses lines of bank statements; None takes all of them."""
        return re.compile(self.bank_only, re.IGNORECASE) if self.bank_only else None
