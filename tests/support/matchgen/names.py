"""Counterparties and wordings. Nothing of this is known to the engine."""

from __future__ import annotations

from random import Random


def _listed(text: str) -> list[str]:
    return text.split()


FIRST = _listed(
    "Abendroth Ackerl Almeida Anzinger Bäumler Berkeley Bjornson Brandl Caspari Chandler Corrigan Dallmayr "
    "Delacroix Dombrowski Eberle Ellsworth Esposito Farnsworth Feldkirch Fontaine Gädeke Gallagher Grünwald "
    "Haberland Halloran Hofstätter Ibarra Jagger Jelinek Kaltenbach Kessler Kowalczyk Köhler Lachance Lindqvist "
    "Löwenstein MacIntyre Marchetti Meyerhoff Müller Nakamura Neumann Novotny O'Reilly Ostermann Papadakis "
    "Pfeiffer Quintero Rasmussen Reinhardt Rosenblum Santangelo Schäfer Schönberg Sinclair Szymanski Tanaka "
    "Thornbury Trevino Überreuter Vandenberg Villanueva Wagner Weißmann Whitaker Yamamoto Zeller Zimmermann "
    "Northgate Brightwater Cedarline Falconridge Harborview Ironbark Juniper Kestrel Larkspur Millstone "
    "Oakhurst Pinecrest Quarry Redstone Saltmarsh Timberwolf Upland Vanguard Willowbrook"
)
TRADE = _listed(
    "Maschinenbau Elektrotechnik Logistics Bakery Consulting Engineering Foods Textiles Pharma Optics "
    "Metallwerke Verpackungen Software Media Automotive Plastics Kunststofftechnik Catering Medical Systems "
    "Holding Partners Import Bau Interiors Labs Printing Energy Solar Marine"
)
FORM = ("GmbH", "AG", "GmbH & Co. KG", "KG", "Inc.", "LLC", "Ltd", "Corp.", "S.A.", "B.V.", "e.K.", "")
DESCRIPTORS = ("SQ *", "PAYPAL *", "STRIPE ", "TST* ", "ADYEN ", "SUMUP *", "KLARNA ", "IZ *", "CKO*")
BANK_WORDS_IN = ("ACH CREDIT", "GUTSCHRIFT", "SEPA CREDIT TRANSFER", "WIRE IN", "INCOMING PMT", "ZAHLUNGSEINGANG")
BANK_WORDS_OUT = ("ACH DEBIT", "LASTSCHRIFT", "SEPA DD", "WIRE OUT", "BILL PAY", "UEBERWEISUNG")
LEDGER_IN = ("Customer payment", "Receipt", "Zahlungseingang Debitor", "AR collection")
LEDGER_OUT = ("Vendor payment", "Supplier invoice", "Kreditorenzahlung", "AP disbursement", "Office costs")
CHARGES = ("ACCOUNT MAINTENANCE FEE", "KONTOFUEHRUNG", "WIRE FEE", "INTEREST CHARGED", "ENTGELTABSCHLUSS", "CARD FEE")


STEMS = _listed(
    "Alten Birken Breiten Buchen Burg Dorn Eber Eichen Erlen Falken Feld Fichten Fried Gold Grafen Grün Hahn "
    "Hasel Heiden Hirsch Hohen Kalten Kirch Klein Kron Lang Linden Löwen Mühl Neuen Ober Oster Rauen Reh "
    "Rosen Roten Sand Schön Schwarz Sonnen Stein Tannen Unter Wald Weiden Weißen Wester Wild Winter Ash Black "
    "Brook Clay Cold Cross East Elm Fair Glen Gray Haver High Kings Long Marsh North Oak Port Raven Ridge "
    "Stan Thorn Wake West White Wood Wyn"
)
ENDINGS = _listed(
    "bach berg burg dorf eck feld furt hain haus heim hof holz horst kamp leben mann mark rode see stadt "
    "stein tal thal wald weiler borough bridge bury dale field ford gate ham hurst ley mere more ridge shaw "
    "stead ton ville well wick worth"
)


def counterparties(rng: Random, count: int) -> list[str]:
    """Names of which some share a first or a second word, as real customer lists do."""
    firsts = FIRST + [stem + ending for stem in STEMS for ending in ENDINGS]
    found: dict[str, None] = {}
    while len(found) < count:
        # Half of all names begin with one of a few words, the other half hardly share theirs.
        first = rng.choice(FIRST) if rng.random() < 0.5 and len(found) < 1_500 else rng.choice(firsts)
        if rng.random() < 0.15:
            first += f" {rng.choice(FIRST)}"
        found[f"{first} {rng.choice(TRADE)} {rng.choice(FORM)}".strip()] = None
    return list(found)


def slip(rng: Random, text: str) -> str:
    """One slip of the pen: a dropped, doubled or swapped letter."""
    if len(text) < 5:
        return text
    at = rng.randrange(1, len(text) - 2)
    way = rng.randrange(3)
    if way == 0:
        return text[:at] + text[at + 1 :]
    if way == 1:
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def bank_style(rng: Random, name: str, cut: int | None) -> str:
    """A name as a bank writes it: capitals, no umlauts, perhaps no spaces, perhaps cut."""
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ü", "Ue"), ("ß", "ss")):
        name = name.replace(umlaut, letters if rng.random() < 0.8 else letters[0])
    name = name.upper().replace("'", "").replace(".", "")
    if cut and rng.random() < 0.15:
        name = name.replace(" ", "")
    return name[:cut].rstrip() if cut else name
