"""Writes the two corpora of the guard: `python -m tests.corpus.generate`. The same call gives the same bytes.

cards.jsonl    {"what", "text", "hidden"}: hidden is what must be gone from the masked text, digits without separators
honest.jsonl   {"kind", "text"}: texts of the trade without anything sensitive; what is masked of them is a false alarm

All numbers are made up: an issuer's range, random digits, and the Luhn digit.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

from schemas.checks.sensitive import has_luhn_digit

HERE = Path(__file__).parent
BRANDS: tuple[tuple[str, str, int], ...] = (
    ("visa", "4", 16),
    ("visa of 13", "4", 13),
    ("visa of 19", "4", 19),
    ("mastercard", "53", 16),
    ("mastercard 2", "2223", 16),
    ("amex", "37", 15),
    ("amex 34", "34", 15),
    ("discover", "6011", 16),
    ("discover 65", "65", 16),
    ("diners", "36", 14),
    ("diners 30", "305", 14),
    ("jcb", "3530", 16),
    ("maestro 50", "5018", 16),
    ("maestro 56", "56", 16),
    ("maestro 6", "6759", 16),
    ("maestro 63", "6304", 18),
    ("maestro 67 of 19", "6763", 19),
    ("maestro of 13", "5020", 13),
    ("maestro of 12", "6762", 12),
    ("mir", "2200", 16),
    ("mir 2204", "2204", 16),
    ("unionpay", "62", 16),
    ("unionpay of 19", "6225", 19),
    ("unionpay 81", "81", 16),
    ("rupay 60", "607", 16),
    ("rupay 81", "817", 16),
    ("rupay 82", "82", 16),
    ("rupay 508", "508", 16),
    ("rupay 353", "353", 16),
    ("rupay 356", "356", 16),
    ("elo 4011", "401178", 16),
    ("elo 5067", "506730", 16),
    ("elo 6362", "636297", 16),
    ("elo 6500", "650031", 16),
    ("hipercard", "606282", 16),
    ("verve", "506100", 16),
)
THIN, IDEOGRAPHIC, NARROW, FIGURE, WORD_JOINER = "\u2009", "\u3000", "\u202f", "\u2007", "\u2060"
GAPS = {
    "spaces": " ",
    "dashes": "-",
    "dots": ".",
    "thin spaces": THIN,
    "ideographic spaces": IDEOGRAPHIC,
    "narrow no-break spaces": NARROW,
    "figure spaces": FIGURE,
    "word joiners": WORD_JOINER,
    "no-break spaces": "\u00a0",
    "en dashes": "\u2013",
    "non-breaking hyphens": "\u2011",
    "middle dots": "\u00b7",
    "slashes": "/",
    "wide dashes": " - ",
    "two spaces": "  ",
    "line ends": "\n",
}
CONTEXT = (
    "{}",
    "please charge {} for invoice RE-100451",
    "Bitte buchen Sie von {} ab, danke",
    "Kartennr. {}",
    "Karte: {}, g\u00fcltig bis 12/29",
    "CC#{} exp 11/28",
    "paid by phone ({})",
    "Kd 70012 / {} / M\u00fcller GmbH",
    "my card no is {}.",
    "RG 2026-00123 {}",
)


def main() -> None:
    """Write both files."""
    _write("cards.jsonl", [{"what": what, "text": text, "hidden": hidden} for what, text, hidden in cards()])
    _write("honest.jsonl", [{"kind": kind, "text": text} for kind, text in honest()])


def card(rng: random.Random, prefix: str, length: int) -> str:
    """A card number of this length that begins so."""
    body = prefix + "".join(rng.choice("0123456789") for _ in range(length - len(prefix) - 1))
    return next(body + digit for digit in "0123456789" if has_luhn_digit(body + digit))


def split(number: str, sizes: tuple[int, ...]) -> list[str]:
    """A number in groups of these sizes, the last size repeated."""
    parts, at, index = [], 0, 0
    while at < len(number):
        size = sizes[min(index, len(sizes) - 1)]
        parts.append(number[at : at + size])
        at, index = at + size, index + 1
    return parts


def cards() -> Iterator[tuple[str, str, str]]:
    """What, text, and the digits that must be gone."""
    rng = random.Random(2026)
    context = 0

    def said(written: str) -> str:
        nonlocal context
        context += 1
        return CONTEXT[context % len(CONTEXT)].format(written)

    for brand, prefix, length in BRANDS:
        fours: tuple[int, ...] = (4, 6, 5) if length == 15 else (4, 6, 4) if length == 14 else (4,)
        number = card(rng, prefix, length)
        yield f"{brand}, one run", said(number), number
        number = card(rng, prefix, length)
        yield f"{brand}, zeros before it", said("000" + number), number
        for name in ("spaces", "dashes", "thin spaces", "ideographic spaces", "no-break spaces"):
            number = card(rng, prefix, length)
            yield f"{brand}, {name}", said(GAPS[name].join(split(number, fours))), number
        number = card(rng, prefix, length)
        yield f"{brand}, full-width", said("".join(chr(ord(one) + 0xFEE0) for one in number)), number
        number = card(rng, prefix, length)
        yield f"{brand}, track 2", f";{number}=29121011234567890?", number
        number = card(rng, prefix, length)
        yield f"{brand}, track 2 with D", f"swiped {number}D29121011234567890F", number
        number = card(rng, prefix, length)
        yield f"{brand}, track 1", f"%B{number}^DOE/JOHN^2912101123456789?", number
    for name, gap in GAPS.items():
        for brand, prefix, length in BRANDS[3:9]:
            number = card(rng, prefix, length)
            fours = (4, 6, 5) if length == 15 else (4,)
            yield f"{brand}, {name}", said(gap.join(split(number, fours))), number
    splits: tuple[tuple[int, ...], ...] = (
        (8, 8),
        (6, 10),
        (10, 6),
        (4, 12),
        (12, 4),
        (4, 4, 8),
        (8, 4, 4),
        (4, 8, 4),
        (6, 6, 4),
        (5, 5, 6),
    )
    for sizes in splits:
        for brand, prefix, length in (BRANDS[0], BRANDS[3], BRANDS[4], BRANDS[7], BRANDS[19], BRANDS[21]):
            number = card(rng, prefix, length)
            yield f"{brand}, {'+'.join(map(str, sizes))}", said(" ".join(split(number, sizes))), number
    pieces: tuple[tuple[tuple[int, ...], str], ...] = (((1,), " "), ((2,), " "), ((2,), "-"), ((3,), " "), ((5,), " "))
    for sizes, gap in pieces:
        for brand, prefix, length in BRANDS[:9]:
            number = card(rng, prefix, length)
            yield f"{brand}, groups of {sizes[0]}", said(gap.join(split(number, sizes))), number
    labels = (
        *("CVV", "cvv2", "CVC", "CVC2:", "CSC", "CVN", "CAV2", "security code", "Card Security Code:", "cvv is"),
        *("Pr\u00fcfziffer", "Pruefziffer:", "Pru\u0308fziffer", "Pr\u00fcfnummer", "Kartenpr\u00fcfnummer"),
        *("Kartenpruefziffer", "Sicherheitscode", "Karten-Sicherheitscode", "KPN", "Kartenpr\u00fcfnummer (CVC)"),
        *("verification code", "card verification value", "PR\u00dcFZIFFER", "Pr\u00fcfziffer lautet", "cvv_code="),
    )
    for label in labels:
        code = "".join(rng.choice("123456789") for _ in range(3))
        yield f"code, {label}", f"Karte ..1111 {label} {code} danke", f"{label} {code}"
    number = card(rng, "4", 16)
    yield "code behind card and expiry", f"{number} 12/29 837", "837"
    yield "code behind card and expiry, spaced", f"{' '.join(split(number, (4,)))} exp 12/2029 837", "837"
    yield "code glued to card and expiry", f"{number}1229837", "837"
    accounts = (
        *("Kontonummer", "Konto-Nr.", "Kto.-Nr.", "KtoNr", "Bankkonto", "Girokonto", "Konto", "bank account"),
        *("checking account:", "account number", "account no.", "acct", "acct #"),
    )
    for label in accounts:
        account = "".join(rng.choice("123456789") for _ in range(10))
        yield f"account, {label}", f"von {label} {account} ueberwiesen", account
    for iban in (
        *("DE89370400440532013000", "GB82WEST12345698765432", "NL91ABNA0417164300", "FR1420041010050500013M02606"),
        *("AT611904300234573201", "CH9300762011623852957", "ES9121000418450200051332", "PL61109010140000071219812874"),
        *("BE68539007547034", "IT60X0542811101000000123456", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"),
    ):
        grouped = split(iban, (4,))
        yield "iban", f"pay to {iban} please", iban
        yield "iban, lower case", f"bitte an {iban.lower()} zahlen", iban
        yield "iban, groups", f"an {' '.join(grouped)} bis morgen", iban
        yield "iban, lower-case groups", f"{' '.join(grouped).lower()} ist unser konto", iban
        yield "iban, thin spaces", f"IBAN {THIN.join(grouped)}.", iban
        yield "iban, dashes", f"IBAN: {'-'.join(grouped)}", iban
    for routing in ("021000021", "325070760", "011401533"):
        yield "routing", f"routing number {routing}", routing
        yield "routing, ABA", f"ABA: {routing}", routing


def honest() -> Iterator[tuple[str, str]]:
    """Kind and text."""
    rng = random.Random(907)

    def digits(length: int) -> str:
        return rng.choice("123456789") + "".join(rng.choice("0123456789") for _ in range(length - 1))

    for length in range(8, 21):
        for _ in range(40):
            yield f"invoice of {length} digits", f"Invoice {digits(length)}"
    for _ in range(100):
        yield "year and number", f"RE-2026-{digits(6)}, Kunde {digits(5)}"
        yield "two numbers", f"Rechnung {digits(10)} {digits(6)}"
        yield "number, date, amount", f"{digits(9)} {rng.randint(1, 28):02}.11.2026 {digits(3)},{digits(2)}"
        yield "invoices in a list", ", ".join(digits(6) for _ in range(4))
        yield "uuid", str(uuid.UUID(int=rng.getrandbits(128), version=4))
        yield "hash", f"sha256 {rng.getrandbits(256):064x}"
        yield "own name", f"giro/2026-11-24/{rng.getrandbits(64):016x}"
        yield "tracking", f"1Z{digits(6)}{digits(10)}"
        yield "dhl tracking", f"JJD{digits(18)}"
        yield "phone", f"Tel. +49 721 {digits(4)} {digits(4)} {digits(1)}"
        yield "phone us", f"call +1 415 555 {digits(4)} ext {digits(3)}"
        yield "clock", f"2026-11-{rng.randint(10, 28)}T12:{digits(2)[:2]}:15.{digits(6)}+00:00"
        yield "microseconds", str(1_795_000_000_000_000 + rng.randrange(10**12))
        yield "nanoseconds", str(1_795_000_000_000_000_000 + rng.randrange(10**15))
        yield "amounts", " ".join(f"{digits(2)}.{digits(2)}" for _ in range(5))
        yield "big amount", f"EUR {digits(1)}.{digits(3)}.{digits(3)},{digits(2)}"
        yield "ean", f"EAN 40{digits(11)}"
        yield "ean list", f"4006381{digits(6)} x {digits(1)}, 4006381{digits(6)} x {digits(1)}"
        yield "transaction id", f"395{digits(6)}"
        yield "order", f"Bestellung 2026-11-24-{digits(6)}"
        yield "iban with a wrong digit", f"DE88 3704 00{digits(2)} 0532 0130 00"
        yield "vat id", f"USt-IdNr. DE{digits(9)}, Steuernr. 35{digits(3)}/{digits(5)}"


def _write(name: str, lines: list[dict[str, str]]) -> None:
    (HERE / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
