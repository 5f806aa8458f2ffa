"""Words that say whether money came in or went out, in the languages and scripts of banks.

A word counts alone, in a phrase ("Incoming transfer"), or only beside its opposite: "Sale" alone says nothing, but in a
column of "Sale" and "Refund" it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconcile.engine.text import plain, word_set

CREDIT_WORDS = word_set(
    "c cr credit crdt h haben gutschrift deposit in incoming received receipt income inflow bij credito + ein "
    "eingang einzahlung payin kredit k ma zugang einnahme einnahmen zahlungseingang credits deposits inbound credited "
    "+1 positive pos plus entrata avere haber abono ingreso entrada recebido receita entree recette encaissement "
    "accredito uznanie wplyw wplata przychod prijem uplata ontvangen inn ind innbetaling indbetaling innskudd "
    "insaettning insattning inkomst pano tulo hyvitys jovairas bevetel giris alacak gelir incasare πιστωση "
    "收入 收 入金 入 贷 贷方 转入 存入 приход кредит зачисление поступление надходження"
)
DEBIT_WORDS = word_set(
    "d dr debit dbit s soll lastschrift belastung withdrawal out outgoing sent expense outflow af debito - aus "
    "ausgang auszahlung payout debet wn abgang ausgabe ausgaben zahlungsausgang debits withdrawals outbound debited "
    "-1 negative neg minus uscita dare debe cargo gasto egreso salida saida enviado despesa sortie depense "
    "decaissement addebito obciazenie wydatek wyplata rozchod vydej vydaj isplata verzonden uitgave ut ud utbetaling "
    "udbetaling uttak uttag utgift otto meno veloitus terheles kiadas cikis borc gider plata χρεωση "
    "支出 支 出金 出 借 借方 转出 取出 расход дебет списание видаток"
)
# A word of a longer phrase that tells its direction ("Incoming transfer"); "credit card" tells none.
_CREDIT_IN_PHRASE = word_set(
    "incoming received receipt deposit gutschrift eingang einzahlung credited inbound inflow credit "
    "income recu entrante ricevuto accredito ontvangen haben"
)
_DEBIT_IN_PHRASE = word_set(
    "outgoing sent withdrawal lastschrift belastung ausgang auszahlung debited outbound outflow debit "
    "expense emis envoye saliente inviato addebito soll"
)
# German writes a phrase as one word ("Zahlungseingang", "Kartenbelastung", "Lastschrifteinzug").
_CREDIT_AT_END = ("eingang", "gutschrift", "einzahlung", "einnahme", "einnahmen")
_DEBIT_AT_END = ("ausgang", "belastung", "auszahlung", "abbuchung", "ausgabe", "ausgaben", "abhebung", "lastschrift",
                 "lastschrifteinzug")  # fmt: skip
_NO_DIRECTION = re.compile(r"credit card|debit card|credit transfer|direct debit|credit note|credit memo|ruecklast\w*")
_IN_OR_OUT = re.compile(r"(?:\w+ ){0,2}(?:money|paid|pay|payment|cash|transfer|funds) ?(in|out)")
# Debit and credit that say it only beside each other.
_OPPOSITES = (
    ("payment", "receipt"), ("payments", "receipts"), ("pay", "receive"), ("pay", "rec"), ("pmt", "rct"),
    ("spend", "receive"), ("send", "receive"), ("purchase", "sale"), ("purchase", "refund"), ("refund", "sale"),
    ("refund", "charge"), ("refund", "capture"), ("expense", "revenue"), ("cost", "revenue"), ("pago", "cobro"),
    ("pagamento", "incasso"), ("pagamento", "recebimento"), ("paiement", "encaissement"), ("betaling", "ontvangst"),
    ("ausgabe", "umsatz"), ("kauf", "verkauf"), ("erstattung", "verkauf"), ("platba", "prijem"),
)  # fmt: skip


def sign_of(value: Any) -> int:
    """Return +1 for a word that means credit, -1 for debit, 0 for any other."""
    word = plain(str(value or "")).strip(" .")
    return 1 if word in CREDIT_WORDS else -1 if word in DEBIT_WORDS else 0


def direction_of(value: Any) -> int:
    """Return the sign, for phrases too ("Incoming transfer", "Money out"); 0 where a phrase names none or both."""
    if sign := sign_of(value):
        return sign
    text = _NO_DIRECTION.sub(" ", plain(str(value or "")).replace("_", " ").replace("-", " "))
    if found := _IN_OR_OUT.fullmatch(text.strip()):
        return 1 if found[1] == "in" else -1
    named = set(text.split())
    credit = bool(named & _CREDIT_IN_PHRASE) or any(word.endswith(_CREDIT_AT_END) for word in named)
    debit = bool(named & _DEBIT_IN_PHRASE) or any(word.endswith(_DEBIT_AT_END) for word in named)
    return credit - debit


def opposites(values: Iterable[str]) -> Mapping[str, int]:
    """Return the sign of each of two words that a column holds, if one is the opposite of the other; else nothing."""
    words = {plain(value).strip(" .") for value in values if value}
    for debit, credit in _OPPOSITES:
        if words == {debit, credit}:
            return {debit: -1, credit: 1}
    return {}
