"""Who a customer is, as one system holds it: what is sealed, and what two systems are compared by.

The values travel as one text that is sealed with the person's key (schemas/checks/sealing.py). E-mail, name and place
travel besides as keyed digests of their normalised form: equal digests mean the same e-mail, name or place, and without
the installation's guard key nobody can try out values until one gives a digest. Nothing here is logged.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Final

from connectors.common.address import Address, normalised
from schemas.checks.sensitive import keyed_digest

# Digests of different things never meet.
_EMAIL, _NAME, _PLACE = "e-mail", "name", "place"
_LOCAL_AND_HOST: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
# Forms of companies, which one of two systems often leaves out.
_FORMS: Final = frozenset(
    [
        "inc",
        "incorporated",
        "llc",
        "ltd",
        "limited",
        "corp",
        "corporation",
        "co",
        "company",
        "gmbh",
        "ag",
        "kg",
        "ohg",
        "ug",
        "mbh",
        "se",
        "sa",
        "sarl",
        "bv",
        "nv",
        "plc",
    ]
)


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Name, company, e-mail, phone and addresses as received; empty where a system holds none."""

    name: str = ""
    company: str = ""
    email: str = ""
    phone: str = ""
    billing: Address = field(default_factory=Address)
    shipping: Address = field(default_factory=Address)

    def __repr__(self) -> str:
        return f"Person({', '.join(part.name for part in fields(self) if getattr(self, part.name))})"

    def as_text(self) -> str:
        """Return everything that is there as JSON with sorted keys; empty where nothing is."""
        said = {name: _without_empty(value) for name, value in asdict(self).items()}
        said = {name: value for name, value in said.items() if value}
        return json.dumps(said, ensure_ascii=False, sort_keys=True) if said else ""

    def digests(self, country: str = "") -> dict[str, str | None]:
        """Return email_digest, name_digest and place_digest; None where there is nothing to compare by.

        Shapes: country is where an address lies that names none. The place is the one of billing, else of shipping.
        Raises: GuardKeyMissing when this process has no guard key.
        """
        email = self.email.strip().casefold()
        name = _name_key(self.company or self.name)
        place = next(
            (one for one in (self.billing, self.shipping) if one.street and (one.postal_code or one.town)), None
        )
        return {
            "email_digest": keyed_digest(_EMAIL, email) if _LOCAL_AND_HOST.fullmatch(email) else None,
            "name_digest": keyed_digest(_NAME, name) if name else None,
            "place_digest": None if place is None else keyed_digest(_PLACE, normalised(place, country).key),
        }


def _without_empty(value: str | Mapping[str, str]) -> str | dict[str, str]:
    return value if isinstance(value, str) else {name: text for name, text in value.items() if text}


def _name_key(text: str) -> str:
    """Return a name without case, accents, punctuation, order of words and the form of a company."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    words = re.sub(r"[\W_]+", " ", "".join(mark for mark in apart if not unicodedata.combining(mark))).split()
    return " ".join(sorted(word for word in words if word not in _FORMS) or sorted(words))
