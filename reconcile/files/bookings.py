"""Which rows of a table moved money: what a status says, and which columns hold one.

What is pending, reverted, denied or only authorised is no money. A column that says so is found by its header or, under
any header, by values that say nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.engine.text import plain, word_set
from reconcile.files.columns import beside, normal

_BOOKED = word_set(
    "completed complete booked posted settled settledbulk cleared paid succeeded success successful ok done executed "
    "processed finished approved available captured refunded received final reconciled transferred deposited gebucht "
    "verbucht ausgefuehrt abgeschlossen erledigt erfolgreich freigegeben comptabilise execute effectue termine "
    "completado realizado contabilizado ejecutado eseguito eseguita contabilizzato completato verwerkt uitgevoerd "
    "geboekt zrealizowana zrealizowany wykonana zaksiegowana bokford gennemfoert suoritettu konverteret zauctovano "
    "sent исполнено исполнен проведено 成功 交易成功 已完成"
)
_NOT_BOOKED = word_set(
    "pending reverted denied declined failed failure cancelled canceled authorised authorized authorisation blocked "
    "authorization preauthorised preauthorized preauthorization processing rejected refused expired voided "
    "void hold held uncleared removed unclaimed scheduled planned draft initiated created abandoned "
    "unposted unbooked unsettled unpaid uncaptured incomplete reserved provisional memo pdng vorgemerkt vorgemerkte "
    "ausstehend ausstehende wartend wartet reserviert vorlaeufig zurueckgewiesen rueckgaengig bearbeitung "
    "schwebend storniert abgelehnt fehlgeschlagen abgebrochen geplant terminiert autorisiert attente refuse annule "
    "echoue rejete pendiente rechazado cancelado denegado fallido retenido attesa sospeso rifiutato annullato "
    "autorizzato pendente recusado estornado afwachting behandeling geweigerd geannuleerd oczekujaca odrzucona "
    "odrzucone anulowana reserverat reserveret avvist vantande venter odottaa ceka nezauctovano rezervovano fuggoben "
    "beklemede обработке отклонено отменено 处理中 失败 已撤销"
)
_NEGATIONS = word_set("not nicht noch non no nie niet ikke inte ne pas ej не 未")
_AUTHORISATION = re.compile(r"\bauth(?:ori[sz]ation)?\b|\bpre ?auth|\bautorisi?erung\b|\bauth only\b")
# Words that may stand beside one of a status without saying anything of their own.
_FILLERS = word_set(
    "wc in on by to at the bank banks yet still item items umsatz umsaetze zahlung zahlungen buchung buchungen posten "
    "transaction transactions payment payments transfer order operation operacion operations entry entries status en a"
)
_STATUS_WORDS = word_set("status state statut etat estado stato zustand stav tila tilstand статус состояние 状态")
# Whose status it may be instead: it says nothing of whether this row moved money.
_OF_ANOTHER_THING = word_set(
    "fulfillment fulfilment shipping shipment delivery versand lieferung refund payout dispute card avs csc cvc kyc "
    "risk reconciliation match matching invoice rechnung dunning export sync email claim tax fraud 3ds customer account"
)
_OF_ORDERS = word_set("order orders bestellung bestell commande pedido ordine")
_ASKS = word_set("posted booked gebucht verbucht comptabilise contabilizado pending vorgemerkt ausstehend completed")
_YES, _NO = word_set("yes y true ja wahr oui si 1 x"), word_set("no n false nein falsch non 0")
_SECTIONS = re.compile(r"\b(?:vorgemerkte?n?|pending|ausstehende?n?|en attente|pendientes?)\b")
MOST_STATUSES = 12  # different values of one column; more are prose


def _words(text: Any) -> set[str]:
    return set(re.split(r"[\W\d_]+", plain(str(text or "")))) - {""}


def booked(status: Any) -> bool | None:
    """Return whether a status says that money moved; None for one that is empty, unknown, or says both."""
    named = _words(status)
    yes, no = bool(named & _BOOKED), bool(named & _NOT_BOOKED)
    if yes and not no and named & _NEGATIONS:
        return False
    return None if yes == no else yes


def is_authorisation(kind: Any) -> bool:
    """Return whether a kind of transaction only reserves money."""
    return _AUTHORISATION.search(plain(str(kind or "")).replace("_", " ")) is not None


def says_nothing_else(text: Any) -> bool:
    """Return whether a text is a status and no more: "Umsatz vorgemerkt", not "cancelled flight to Rome"."""
    return booked(text) is not None and _words(text) <= _BOOKED | _NOT_BOOKED | _NEGATIONS | _FILLERS


def names_a_section(text: str) -> bool:
    """Return whether a text above rows says that they are not booked yet ("Vorgemerkte Umsätze")."""
    return _SECTIONS.search(plain(text)) is not None


@dataclass(frozen=True, slots=True)
class StatusColumn:
    """A column that says whether a row is booked.

    Shapes: yes_means is set where the header asks ("Posted?") and the cells say yes or no. Of an order, "processing"
            comes after the payment.
    """

    at: int
    yes_means: bool | None = None
    of_orders: bool = False

    def says(self, cell: str) -> bool | None:
        """Return whether the row is booked; None where its cell does not say."""
        word = plain(cell)
        if self.yes_means is not None:
            return self.yes_means if word in _YES else not self.yes_means if word in _NO else None
        if self.of_orders and "processing" in word:
            return True
        return booked(cell)


def status_columns(
    headers: Sequence[Any], rows: Sequence[Sequence[Any]], free: Iterable[int]
) -> tuple[list[StatusColumn], list[str]]:
    """Return the free columns that hold a status, and what to say of those that may and were not taken."""
    found: list[StatusColumn] = []
    notes: list[str] = []
    known = set(beside(headers, "status"))
    for at in free:
        said = Counter(text for row in rows if (text := str(row[at] if row[at] is not None else "").strip()))
        if not said or (len(said) > MOST_STATUSES and at not in known):
            continue
        words = set(normal(headers[at]).split())
        named = at in known or bool(words & _STATUS_WORDS) or any(word.endswith("status") for word in words)
        column = StatusColumn(at, of_orders=bool(words & _OF_ORDERS))
        if words & _ASKS and {plain(text) for text in said} <= _YES | _NO:
            found.append(StatusColumn(at, yes_means=booked(" ".join(words))))
            continue
        senses = {text: column.says(text) for text in said}
        if named and words & _OF_ANOTHER_THING:
            if rows_not := sum(said[text] for text, sense in senses.items() if sense is False):
                notes.append(f"{_name(headers, at)} was not taken for whether a row is booked; not final: {rows_not:,}")
        elif named:
            if any(sense is not None for sense in senses.values()):
                found.append(column)
        elif all(map(says_nothing_else, said)) and (
            set(senses.values()) == {True, False} or (words == {"info"} and False in senses.values())
        ):
            found.append(column)
    return found, notes


def _name(headers: Sequence[Any], at: int) -> str:
    return repr(str(headers[at]).strip())
