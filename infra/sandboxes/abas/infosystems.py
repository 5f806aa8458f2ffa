"""The sandbox's infosystems: the outstanding items list of the standard, and the posting call of the integration.

An infosystem is a screen: fields are set, a button is pressed, head and rows are read. The posting one is the
ERP-side half of Saldo's posting contract: under one reference it makes one document, and tells which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from infra.sandboxes.abas.faults import Faults
from infra.sandboxes.abas.ledger import post_payment
from infra.sandboxes.abas.store import Record, Store, Stored
from infra.sandboxes.abas.tables import OPEN_ITEM, PAYMENT, Column, Kind

Rows = list[dict[str, Stored]]


@dataclass(frozen=True, slots=True)
class InfosystemDef:
    """One infosystem: its address, class name, fields, and what its button does to head and rows."""

    workspace: str
    search_word: str
    class_name: str
    head: tuple[Column, ...]
    rows: tuple[Column, ...]
    button: str
    run: Callable[[Store, Faults, dict[str, Stored], Rows], Rows]
    saves: bool = False


_LISTED = ("docNo", "customer", "totalAmt", "openAmt", "curr", "dueDate")


def _list_open_items(store: Store, faults: Faults, head: dict[str, Stored], given: Rows) -> Rows:
    low, high = str(head.get("bervon", "")), str(head.get("berbis", ""))
    rows: Rows = []
    total = Decimal(0)
    for item in store.records(OPEN_ITEM.spec):
        customer = store.record(str(item.values["customer"]))
        number = "" if customer is None else str(customer.values["idno"])
        if item.filed or (low and number < low) or (high and number > high):
            continue
        total += Decimal(str(item.values["openAmt"]))
        rows.append({"item": item.id, **{name: item.values[name] for name in _LISTED}})
    head["ofsoll"] = str(total)
    return rows


def _post(store: Store, faults: Faults, head: dict[str, Stored], given: Rows) -> Rows:
    """Look for the reference and post in one go; the sandbox serves one request at a time, as a lock would."""
    reference = str(head.get("yposref", ""))
    document = next(iter(store.matching(PAYMENT.spec, "yposref", reference) or ()), None) if reference else None
    if document is None:
        values: dict[str, Stored] = {
            "yposref": reference,
            "ypaytraceid": head.get("ypaytraceid", ""),
            "customer": head.get("ycustomer", ""),
            "item": head.get("yitem", ""),
            "credit": head.get("ycredit", ""),
            "amount": head.get("yamount", "0"),
            "curr": head.get("ycurr", ""),
            "method": head.get("ymethod", ""),
            "valDate": head.get("yvaldate", ""),
            "postDate": head.get("ypostdate", ""),
            "reverses": head.get("yreverses", ""),
            "yreason": head.get("yreason", ""),
            "ykind": head.get("ykind", ""),
            "counterAcct": head.get("ycounteracct", ""),
            "costCenter": head.get("ycostcenter", ""),
            "taxCode": head.get("ytaxcode", ""),
            "baseAmt": head.get("ybaseamt", ""),
        }
        rows = [{name: row[shown] for name, shown in _ROW_NAMES.items() if shown in row} for row in given]
        document = post_payment(store, faults, values, _POSTING_NAMES, rows)
    _show(store, document, head)
    return []


def _show(store: Store, document: Record, head: dict[str, Stored]) -> None:
    currency = store.record(str(document.values["curr"]))
    head["ydocid"] = document.id
    head["ydocno"] = document.values["idno"]
    head["ydocref"] = document.values["yposref"]
    head["ydocpaytraceid"] = document.values["ypaytraceid"]
    head["ydocamount"] = document.values["amount"]
    head["ydoccurr"] = "" if currency is None else currency.values["swd"]
    head["ydoccreated"] = document.values["erfass"]
    counter = store.record(str(document.values.get("counterAcct") or ""))
    head["ydocaccount"] = "" if counter is None else counter.values["idno"]
    customer = store.record(str(document.values["customer"]))
    head["ydoccustomer"] = "" if customer is None else customer.values["idno"]


_POSTING_NAMES = {
    "customer": "ycustomer",
    "item": "yitem",
    "credit": "ycredit",
    "curr": "ycurr",
    "amount": "yamount",
    "valDate": "yvaldate",
    "postDate": "ypostdate",
    "reverses": "yreverses",
    "ykind": "ykind",
    "counterAcct": "ycounteracct",
}


_ROW_NAMES = {
    "counterAcct": "yrowacct",
    "amount": "yrowamount",
    "costCenter": "yrowcostcenter",
    "taxCode": "yrowtaxcode",
    "rowText": "yrowtext",
    "baseAmt": "yrowbaseamt",
}


def _column(name: str, kind: Kind, target: str | None = None, german: str | None = None) -> Column:
    return Column(name, german or name, kind, target)


OUTSTANDING_ITEMS = InfosystemDef(
    "op",
    "OPLISTE",
    "OutstandingItems",
    head=(
        _column("bervon", Kind.STRING),
        _column("berbis", Kind.STRING),
        _column("start", Kind.BUTTON, german="bstart"),
        _column("ofsoll", Kind.DOUBLE),
    ),
    rows=(
        _column("item", Kind.REFERENCE, "900:1", german="op"),
        _column("docNo", Kind.STRING, german="belnum"),
        _column("customer", Kind.REFERENCE, "0:1", german="kunde"),
        _column("totalAmt", Kind.DOUBLE, german="betrag"),
        _column("openAmt", Kind.DOUBLE, german="offen"),
        _column("curr", Kind.REFERENCE, "900:5", german="waehr"),
        _column("dueDate", Kind.DATE, german="faellig"),
    ),
    button="start",
    run=_list_open_items,
)
POSTING = InfosystemDef(
    "ow1",
    "PAYTRACEPOST",
    "PayTracePosting",
    head=(
        _column("yposref", Kind.STRING),
        _column("ypaytraceid", Kind.STRING),
        _column("ycustomer", Kind.REFERENCE, "0:1"),
        _column("yitem", Kind.REFERENCE, "900:1"),
        _column("ycredit", Kind.REFERENCE, "900:1"),
        _column("yamount", Kind.DOUBLE),
        _column("ycurr", Kind.REFERENCE, "900:5"),
        _column("ymethod", Kind.ENUMERATION),
        _column("yvaldate", Kind.DATE),
        _column("ypostdate", Kind.DATE),
        _column("yreverses", Kind.REFERENCE, "900:2"),
        _column("yreason", Kind.STRING),
        _column("ykind", Kind.STRING),
        _column("ycounteracct", Kind.REFERENCE, "5:1"),
        _column("ycostcenter", Kind.REFERENCE, "5:2"),
        _column("ytaxcode", Kind.STRING),
        _column("ybaseamt", Kind.DOUBLE),
        _column("ypost", Kind.BUTTON),
        _column("ydocid", Kind.STRING),
        _column("ydocno", Kind.STRING),
        _column("ydocref", Kind.STRING),
        _column("ydocpaytraceid", Kind.STRING),
        _column("ydocamount", Kind.DOUBLE),
        _column("ydoccurr", Kind.STRING),
        _column("ydoccreated", Kind.DATETIME),
        _column("ydoccustomer", Kind.STRING),
        _column("ydocaccount", Kind.STRING),
    ),
    rows=(
        _column("yrowacct", Kind.REFERENCE, "5:1"),
        _column("yrowamount", Kind.DOUBLE),
        _column("yrowcostcenter", Kind.REFERENCE, "5:2"),
        _column("yrowtaxcode", Kind.STRING),
        _column("yrowtext", Kind.STRING),
        _column("yrowbaseamt", Kind.DOUBLE),
    ),
    button="ypost",
    run=_post,
    saves=True,
)
INFOSYSTEMS = {(i.workspace, i.search_word): i for i in (OUTSTANDING_ITEMS, POSTING)}
