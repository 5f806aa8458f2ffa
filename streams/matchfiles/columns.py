"""Which column means what: headers of several languages, then the values themselves where headers say nothing.

Only clear cases are decided here. A file that stays unclear is refused with the names of its columns, and a profile
then says what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.domain.matching.text import plain

# Per meaning: names in order of preference. Compared after case, accents and punctuation are gone.
NAMES: Mapping[str, tuple[str, ...]] = {
    "date": (
        "date", "booking date", "posting date", "post date", "posted date", "posted", "posted on", "transaction date",
        "txn date", "trans date", "entry date", "book date", "bookg dt", "payment date", "invoice date", "document date",
        "gl date", "bank date", "ledger date", "effective date", "settlement date", "settled at", "created", "created at",
        "timestamp", "datetime", "date time", "on", "day", "operation date", "process date", "processed date",
        "buchungstag", "buchungsdatum", "buchung", "datum", "belegdatum", "rechnungsdatum", "zahldatum", "zahlungsdatum",
        "date operation", "date de l operation", "date comptable", "date comptabilisation", "fecha", "fecha operacion",
        "fecha contable", "data", "data contabile", "data operazione", "data lancamento", "boekdatum", "transactiedatum",
        "bokforingsdag", "bokforingsdatum", "dato", "data ksiegowania", "data operacji", "paivamaara",
    ),
    "value_date": (
        "value date", "valuta", "valutadatum", "wertstellung", "wertstellungsdatum", "val date", "date valeur",
        "date de valeur", "fecha valor", "data valuta", "rentedatum", "due date", "clearing date", "cleared date",
        "faelligkeit", "faelligkeitsdatum",
    ),
    "amount_minor": ("amount minor", "amount cents", "amount in cents", "amount minor units", "minor amount"),
    "amount": (
        "amount", "amt", "transaction amount", "txn amount", "payment amount", "invoice amount", "signed amount",
        "net amount", "amount net", "value", "sum", "total", "total amount", "amount total", "gross amount",
        "open amount", "balance due", "local amount", "base amount", "bank amount", "gl amount", "ledger amount",
        "betrag", "umsatz", "summe", "buchungsbetrag", "zahlbetrag", "rechnungsbetrag", "offener betrag", "wert",
        "umsatz in eur", "betrag eur", "montant", "importe", "monto", "importo", "ammontare", "valor", "bedrag",
        "belopp", "belob", "belop", "kwota", "summa",
    ),
    "debit": (
        "debit", "debits", "debit amount", "dr", "dr amount", "withdrawal", "withdrawals", "withdrawal amount", "paid out",
        "money out", "out", "outflow", "payments", "spent", "charge", "soll", "lastschrift", "belastung", "ausgang",
        "ausgaben", "debito", "cargo", "cargos", "dare", "uscite", "addebito", "addebiti", "af", "debet", "debe", "sorties",
    ),
    "credit": (
        "credit", "credits", "credit amount", "cr", "cr amount", "deposit", "deposits", "deposit amount", "paid in",
        "money in", "in", "inflow", "receipts", "received", "haben", "gutschrift", "eingang", "einnahmen", "credito",
        "abono", "abonos", "avere", "entrate", "accredito", "accrediti", "bij", "kredit", "haber", "entrees",
    ),
    "indicator": (
        "dr cr", "cr dr", "drcr", "crdr", "debit credit", "credit debit", "debit credit indicator", "credit debit indicator",
        "cdtdbtind", "cd", "dc", "d c", "c d", "sign", "direction", "soll haben", "sollhaben", "s h", "sh",
        "soll haben kennzeichen", "umsatzart", "type", "transaction type", "txn type", "entry type", "af bij", "sens",
    ),
    "currency": (
        "currency", "currency code", "ccy", "curr", "cur", "iso currency", "waehrung", "wahrung", "devise", "moneda",
        "divisa", "valuta code", "munt", "muntsoort", "valutakod", "waluta", "moeda",
    ),
    "counterparty": (
        "counterparty", "counterparty name", "counter party", "vendor", "vendor name", "customer", "customer name", "payee",
        "payee name", "payer", "payer name", "name", "merchant", "merchant name", "party", "party name", "supplier",
        "supplier name", "client", "client name", "beneficiary", "beneficiary name", "debtor", "creditor", "entity",
        "account name", "company", "company name", "sender", "recipient", "auftraggeber", "empfaenger",
        "auftraggeber empfaenger", "beguenstigter zahlungspflichtiger", "beguenstigter", "zahlungspflichtiger", "kunde",
        "lieferant", "kundenname", "name zahlungsbeteiligter", "zahlungsbeteiligter", "tiers", "beneficiaire",
        "beneficiario", "cliente", "proveedor", "fornitore", "ordinante", "naam tegenpartij", "tegenpartij", "mottagare",
        "kontrahent",
    ),
    "text": (
        "description", "descr", "desc", "memo", "narrative", "narration", "details", "detail", "text", "particulars",
        "remarks", "remark", "comment", "comments", "note", "notes", "transaction description", "bank description",
        "gl description", "remittance information", "remittance info", "payment details", "line description",
        "statement description", "raw description", "additional info", "purpose", "message", "label",
        "verwendungszweck", "buchungstext", "beschreibung", "bemerkung", "vorgang", "zweck", "libelle", "libelle operation",
        "concepto", "descripcion", "descrizione", "causale", "omschrijving", "mededelingen", "tekst", "opis", "tytul",
        "descricao", "historico",
    ),
    "reference": (
        "reference", "ref", "references", "reference number", "reference no", "ref no", "ref number", "reference id",
        "reference info", "payment reference", "bank reference", "customer reference", "your reference", "our reference",
        "document number", "document no", "doc no", "doc number", "document", "voucher", "voucher no", "voucher number",
        "check number", "check no", "check", "cheque number", "cheque no", "cheque", "invoice", "invoice number",
        "invoice no", "invoice ref", "invoice id", "order", "order number", "order id", "order no", "po number", "utr",
        "trace number", "trace id", "end to end id", "endtoendid", "mandate reference", "transaction reference",
        "transaction ref", "txn ref", "external id", "external ref", "journal", "journal no", "journal entry", "je number",
        "beleg", "belegnummer", "belegnr", "beleg nr", "rechnungsnummer", "rechnungsnr", "rechnung", "referenz",
        "kundenreferenz", "auftragsnummer", "referencia", "riferimento", "referentie", "factuurnummer", "numero de piece",
        "piece", "numero factura", "arn", "rrn", "auth code", "approval code", "remittance id",
    ),
    "batch_key": (
        "batch", "batch id", "batch number", "batch no", "batch key", "deposit id", "deposit number", "deposit slip",
        "settlement id", "settlement batch", "payout id", "payout", "funding id", "run id", "sammler", "batchnummer",
    ),
    "balance": (
        "balance", "running balance", "saldo", "kontostand", "solde", "saldo nach buchung", "balance after", "closing balance",
        "available balance", "ledger balance", "kontosaldo",
    ),
}  # fmt: skip

ID_NAMES = (
    "id", "line id", "lineid", "row id", "uid", "uuid", "guid", "entry id", "transaction id", "txn id", "trans id",
    "transactionid", "txnid", "gl id", "ledger id", "bank id", "statement line id", "record id", "payment id", "invoice id",
    "item id", "event id", "journal id", "line no", "line number", "nr", "no", "number", "entry no", "entry number", "key",
    "transaction number", "transaction no", "buchungs id", "buchungsnummer", "umsatz id", "lfd nr", "laufende nummer",
    "numero", "folio",
)  # fmt: skip

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")
_CURRENCY = re.compile(r"\b([A-Z]{3})\b")
CURRENCIES = frozenset(
    "EUR USD GBP CHF JPY CNY AUD CAD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY ZAR BRL MXN INR SGD HKD KRW THB ILS AED "
    "SAR KWD BHD OMR JOD TND CLP COP PEN ARS IDR MYR PHP VND NGN KES EGP UAH ISK".split()
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns by meaning; single says which one, several may hold text, references and extras."""

    single: Mapping[str, int]
    text: tuple[int, ...] = ()
    references: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    currency: str = ""
    id_candidates: tuple[int, ...] = field(default_factory=tuple)

    def has_amount(self) -> bool:
        """Whether an amount can be read at all."""
        return bool({"amount", "amount_minor", "debit", "credit"} & self.single.keys())


def normal(header: Any) -> str:
    """A header without case, accents, punctuation and units."""
    text = _BOUNDARY.sub(" ", str(header or "").strip().lstrip("\ufeff"))
    return _OTHER.sub(" ", plain(text)).strip()


def by_header(headers: Sequence[Any]) -> Columns:
    """Read the meaning of columns off their headers.

    Ensures: each column has one meaning; of several that could be "the amount" the most preferred name wins.
    """
    names = [normal(header) for header in headers]
    currency = ""
    single: dict[str, int] = {}
    lists: dict[str, list[int]] = {"text": [], "reference": []}
    taken: set[int] = set()
    for meaning in ("amount_minor", "debit", "credit", "amount", "date", "value_date", "currency", "balance",
                    "counterparty", "batch_key", "indicator"):  # fmt: skip
        ranked = sorted(
            (rank, at)
            for at, name in enumerate(names)
            if at not in taken and (rank := _rank(name, meaning)) is not None
        )
        if ranked:
            single[meaning] = ranked[0][1]
            taken.add(ranked[0][1])
            if meaning in ("amount", "debit"):
                currency = currency or _currency_in(str(headers[ranked[0][1]]))
            if meaning in ("balance", "counterparty"):  # several balances are all ignored, several names all read
                rest = [at for _, at in ranked[1:]]
                taken.update(rest)
                if meaning == "counterparty":
                    lists["text"].extend(rest)
    if {"debit", "credit"} & single.keys() and not {"debit", "credit"} <= single.keys() and "amount" in single:
        for lonely in {"debit", "credit"} & single.keys():  # an amount with one of the two: the amount is enough
            taken.discard(single.pop(lonely))
    ids = _id_candidates(names)
    for meaning in ("text", "reference"):
        for at, name in enumerate(names):
            if at not in taken and _rank(name, meaning) is not None:
                lists[meaning].append(at)
                taken.add(at)
    extra = tuple(at for at in range(len(names)) if at not in taken and at not in ids[:1] and names[at])
    return Columns(
        single=single,
        text=tuple(sorted(lists["text"])),
        references=tuple(lists["reference"]),
        extra=extra,
        currency=currency,
        id_candidates=ids,
    )


def header_score(headers: Sequence[Any]) -> int:
    """How much a row looks like a header: meanings found, with date and amount counting most."""
    if sum(1 for header in headers if str(header or "").strip()) < 2:
        return 0
    if any(len(str(header or "")) > 80 for header in headers):
        return 0
    columns = by_header(headers)
    score = len(columns.single) + len(columns.text) + len(columns.references) + bool(columns.id_candidates)
    return score + 3 * columns.has_amount() + 2 * ("date" in columns.single)


def _rank(name: str, meaning: str) -> int | None:
    known = NAMES[meaning]
    if name in known:
        return known.index(name)
    words = [word for word in name.split() if word.upper() not in CURRENCIES]
    stripped = " ".join(words)
    if stripped != name and stripped in known:
        return 100 + known.index(stripped)
    # A longer header that ends or starts with a known name of two letters or more: "Bank Txn Date", "amount local".
    if meaning in ("indicator", "debit", "credit"):
        return None
    for rank, one in enumerate(known):
        if len(one) >= 4 and (stripped.endswith(" " + one) or stripped.startswith(one + " ")):
            return 200 + rank
    return None


def _currency_in(header: str) -> str:
    found = [code for code in _CURRENCY.findall(header.upper().replace("_", " ")) if code in CURRENCIES]
    return found[0] if found else ""


def _id_candidates(names: Sequence[str]) -> tuple[int, ...]:
    ranked = [(ID_NAMES.index(name), at) for at, name in enumerate(names) if name in ID_NAMES]
    ranked += [(100, at) for at, name in enumerate(names) if name not in ID_NAMES and name.endswith(" id")]
    ranked += [
        (200, at) for at, name in enumerate(names) if name.endswith((" number", " no", " nr")) and name not in ID_NAMES
    ]
    return tuple(at for _, at in sorted(ranked))
