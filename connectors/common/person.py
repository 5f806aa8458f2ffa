"""Who a customer is, as one system holds it: what is sealed, and what two systems are compared by.

The values travel one by one, each sealed with the person's key (schemas/checks/sealing.py). Beside them travel keyed
digests of their normalised forms: equal digests mean the same value, and without the installation's guard key nobody
can try out values until one gives a digest. Who it is, is compared loosely (digests); whether both sides hold the same
value, closely (value_digests). Nothing here is logged.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, fields
from typing import Final

from connectors.common.address import Address, country_code, key_in_country, normalised
from schemas.checks.sensitive import keyed_digest

# Digests of different things never meet.
_EMAIL, _NAME, _PLACE = "e-mail", "name", "place"
_WRITTEN = {"name": "written name", "email": _EMAIL, "phone": "phone", "place": "place in its country"}
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

    def values(self) -> dict[str, str]:
        """Return everything that is there by role: name, company, email, phone, billing_street and the like."""
        said = {name: getattr(self, name) for name in ("name", "company", "email", "phone")}
        for kind in ("billing", "shipping"):
            address: Address = getattr(self, kind)
            said |= {f"{kind}_{part.name}": getattr(address, part.name) for part in fields(address)}
        return {role: value for role, value in said.items() if value}

    def value_digests(self, country: str = "") -> dict[str, str]:
        """Return a digest by field of what is there, in the form in which both sides are compared.

        Shapes: name is company or name; billing and shipping leave the country out, which has a field of its own, since
                one of two systems often names none. country is where an address lies that names none.
        Raises: GuardKeyMissing when this process has no guard key.
        """
        said = {
            "name": " ".join(unicodedata.normalize("NFKC", self.company or self.name).casefold().split()),
            "email": self.email.strip().casefold(),
            "phone": _phone_key(self.phone),
        }
        digests = {name: keyed_digest(_WRITTEN[name], text) for name, text in said.items() if text}
        for kind, address in (("billing", self.billing), ("shipping", self.shipping)):
            if address.street or address.postal_code or address.town:
                digests[kind] = keyed_digest(_WRITTEN["place"], key_in_country(address, country))
                code = country_code(address.country) or country
                digests |= {f"{kind}_country": keyed_digest("country", code)} if code else {}
        return digests

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


def _phone_key(text: str) -> str:
    """Return the digits of a phone number; 00 before a country stands for +."""
    digits = re.sub(r"\D", "", text.replace("(0)", ""))
    return f"+{digits}" if "+" in text else re.sub("^00", "+", digits)


def _name_key(text: str) -> str:
    """Return a name without case, accents, punctuation, order of words and the form of a company."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    words = re.sub(r"[\W_]+", " ", "".join(mark for mark in apart if not unicodedata.combining(mark))).split()
    return " ".join(sorted(word for word in words if word not in _FORMS) or sorted(words))
