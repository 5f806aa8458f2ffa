"""Bank statements as banks send them: camt.052/053/054, MT940 and BAI2, each as lines of one side.

A booked entry is one line. The references and names of the single transactions inside an entry become part of it, so
that a collective credit can still be explained by its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from streams.domain.matching.lines import Line, Side
from streams.matchfiles.errors import BadRow, FileUnreadable
from streams.matchfiles.tables import decoded
from streams.matchfiles.values import BadValue, DateOrder, amount_minor, precision, read_date

REFERENCES = ("EndToEndId", "InstrId", "TxId", "MndtId", "ChqNb", "AcctSvcrRef", "Ref", "Nb", "UETR", "PmtInfId")
NOT_PROVIDED = frozenset({"NOTPROVIDED", "NONREF", "NOTAVAILABLE", "NULL", ""})


def read_statement(path: Path, kind: str, side: Side) -> tuple[list[Line], list[BadRow]]:
    """Read a bank statement.

    Raises: FileUnreadable when the file as a whole is broken; a broken entry is a bad row.
    """
    reader = {"camt": _camt, "mt940": _mt940, "bai2": _bai2}[kind]
    lines: list[Line] = []
    bad: list[BadRow] = []
    for found in reader(path, side):
        if isinstance(found, Line):
            lines.append(found)
        else:
            bad.append(found)
    if not lines and not bad:
        raise FileUnreadable(path, f"a {kind} file without booked entries", "Check that it is a statement with entries")
    return lines, bad


# -- camt -----------------------------------------------------------------------------------------------------------


def _camt(path: Path, side: Side) -> Iterator[Line | BadRow]:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    count = 0
    seen_camt = False
    try:
        for _, element in iterparse(str(path), events=("end",), forbid_dtd=True):
            tag = _local(element.tag)
            if tag in ("Stmt", "Rpt", "Ntfctn", "BkToCstmrStmt", "BkToCstmrAcctRpt", "BkToCstmrDbtCdtNtfctn"):
                seen_camt = True
            if tag != "Ntry":
                continue
            seen_camt = True
            count += 1
            try:
                line = _entry(element, side, count)
                if line is not None:
                    yield line
            except BadValue as error:
                yield BadRow(path.name, count, f"entry {count}: {error}")
            element.clear()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FileUnreadable(
            path, f"not well-formed XML, or XML with a DTD: {error}", "Ask the bank for the file again"
        ) from error
    if not seen_camt:
        raise FileUnreadable(path, "XML, but no camt.052, camt.053 or camt.054", "Use the bank's camt file")


def _entry(entry: Any, side: Side, count: int) -> Line | None:
    status = _first(entry, "Sts")
    if status is not None:
        code = (_first(status, "Cd").text if _first(status, "Cd") is not None else status.text) or ""
        if code.strip() in ("PDNG", "INFO", "FUTR"):
            return None  # not booked: it may never be
    amount_node = _first(entry, "Amt")
    if amount_node is None:
        raise BadValue("no amount")
    currency = str(amount_node.get("Ccy", "")).upper()
    if len(currency) != 3 or not currency.isalpha():
        raise BadValue("no currency")
    amount = amount_minor((amount_node.text or "").strip(), ".", currency)
    direction = _value(entry, "CdtDbtInd")
    if direction not in ("CRDT", "DBIT"):
        raise BadValue("says neither credit nor debit")
    sign = 1 if direction == "CRDT" else -1
    details = [node for node in entry.iter() if _local(node.tag) == "TxDtls"]
    names = _texts(details or [entry], ("Dbtr", "UltmtDbtr") if sign > 0 else ("Cdtr", "UltmtCdtr"), "Nm")
    texts = _leaves(details or [entry], ("Ustrd", "AddtlTxInf", "AddtlNtryInf"))
    outer = _value(entry, "AddtlNtryInf")
    references = _leaves(details, REFERENCES) + [
        value for tag in ("AcctSvcrRef", "NtryRef") if (value := _value(entry, tag))
    ]
    kept = [ref for ref in dict.fromkeys(references) if ref.upper() not in NOT_PROVIDED]
    batch = [value for value in _leaves([entry], ("PmtInfId", "MsgId")) if value.upper() not in NOT_PROVIDED]
    return Line(
        id=_value(entry, "NtryRef") or _value(entry, "AcctSvcrRef") or f"entry-{count}",
        side=side,
        amount_minor=sign * amount,
        currency=currency,
        on=_camt_date(entry, "BookgDt"),
        value_on=_camt_date(entry, "ValDt"),
        text=" ".join(dict.fromkeys(filter(None, (*texts, outer)))),
        counterparty=" ".join(dict.fromkeys(names)),
        references=tuple(kept),
        batch_key=batch[0] if batch else "",
        extra={"return": "return"}
        if _value(entry, "RvslInd") == "true" or any(True for _ in _all(entry, "RtrInf"))
        else {},
    )


def _local(tag: Any) -> str:
    return str(tag).rsplit("}", 1)[-1]


def _first(node: Any, tag: str) -> Any:
    return next((child for child in node if _local(child.tag) == tag), None)


def _value(node: Any, tag: str) -> str:
    found = _first(node, tag)
    return (found.text or "").strip() if found is not None else ""


def _all(node: Any, tag: str) -> Iterator[Any]:
    return (one for one in node.iter() if _local(one.tag) == tag)


def _leaves(nodes: list[Any], tags: tuple[str, ...]) -> list[str]:
    return [
        text for node in nodes for one in node.iter() if _local(one.tag) in tags and (text := (one.text or "").strip())
    ]


def _texts(nodes: list[Any], parents: tuple[str, ...], tag: str) -> list[str]:
    return [
        text
        for node in nodes
        for parent in node.iter()
        if _local(parent.tag) in parents
        for text in _leaves([parent], (tag,))
    ]


def _camt_date(entry: Any, tag: str) -> date | None:
    node = _first(entry, tag)
    if node is None:
        return None
    text = _value(node, "Dt") or _value(node, "DtTm")
    return read_date(text, DateOrder(True))


# -- MT940 ----------------------------------------------------------------------------------------------------------


def _mt940(path: Path, side: Side) -> Iterator[Line | BadRow]:
    import mt940

    text = decoded(path.read_bytes()).replace("\r\n", "\n")
    if ":61:" not in text:
        raise FileUnreadable(path, "MT940 without :61: lines", "Check that it is a statement with entries")
    # Several statements in one file are read one by one, so that a broken one does not take the others along.
    parts = re.split(r"(?m)(?=^:20:)", text)
    count = 0
    for part in parts:
        if ":61:" not in part:
            continue
        try:
            transactions = list(mt940.parse(part))
        except Exception as error:  # the library lets regex, index and value errors through
            yield BadRow(path.name, text[: text.find(part)].count("\n") + 1, f"statement can't be read: {error}")
            continue
        for transaction in transactions:
            count += 1
            try:
                yield _mt940_line(transaction.data, side, count)
            except (BadValue, KeyError, AttributeError) as error:
                yield BadRow(path.name, count, f"entry {count}: {error}")


def _mt940_line(data: dict[str, Any], side: Side, count: int) -> Line:
    amount = data["amount"]
    if amount is None:
        raise BadValue("no amount")
    currency = str(amount.currency or data.get("currency") or "").upper()
    if len(currency) != 3:
        raise BadValue("no currency")
    on, entry_on = data.get("date"), data.get("entry_date") or data.get("guessed_entry_date")
    name = " ".join(filter(None, (data.get("applicant_name"), data.get("recipient_name"))))
    texts = [
        data.get(key)
        for key in ("purpose", "additional_purpose", "posting_text", "extra_details", "transaction_details")
    ]
    references = [
        data.get(key) for key in ("customer_reference", "bank_reference", "end_to_end_reference", "mandate_reference")
    ]
    kept = [str(ref).strip() for ref in references if ref and str(ref).strip().upper() not in NOT_PROVIDED]
    wording = " ".join(dict.fromkeys(str(text).replace("\n", " ").strip() for text in texts if text))
    return Line(
        id=f"entry-{count}",
        side=side,
        amount_minor=int((Decimal(amount.amount) * 10 ** precision(currency)).to_integral_value()),
        currency=currency,
        on=_plain_date(entry_on) or _plain_date(on),
        value_on=_plain_date(on),
        text=wording,
        counterparty=name.strip(),
        references=tuple(dict.fromkeys(kept)),
    )


def _plain_date(value: Any) -> date | None:
    return date(value.year, value.month, value.day) if value is not None else None


# -- BAI2 -----------------------------------------------------------------------------------------------------------


def _bai2(path: Path, side: Side) -> Iterator[Line | BadRow]:
    from bai2 import bai2  # type: ignore[import-untyped]  # bai2 ships no types
    from bai2.exceptions import (  # type: ignore[import-untyped]  # as above
        IntegrityException,
        NotSupportedYetException,
        ParsingException,
    )

    text = decoded(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    rows = [row for row in text.split("\n") if row.strip()]
    try:
        file = bai2.parse_from_lines(rows, check_integrity=False)
    except (
        ParsingException, NotSupportedYetException, IntegrityException, ValueError, IndexError, KeyError, TypeError,
        AttributeError, InvalidOperation, StopIteration,
    ) as error:  # fmt: skip
        raise FileUnreadable(
            path, f"BAI2 that can't be read: {error or type(error).__name__}", "Ask the bank for the file again"
        ) from error
    count = 0
    for group in file.children:
        on = group.header.as_of_date
        for account in group.children:
            currency = str(account.header.currency or group.header.currency or "USD").upper()
            for transaction in account.children:
                count += 1
                try:
                    yield _bai2_line(transaction, side, currency, on, count)
                except (BadValue, AttributeError, TypeError) as error:
                    yield BadRow(path.name, count, f"transaction {count}: {error}")


def _bai2_line(transaction: Any, side: Side, currency: str, on: Any, count: int) -> Line:
    if transaction.amount is None:
        raise BadValue("no amount")
    code = transaction.type_code
    direction = str(getattr(getattr(code, "transaction", None), "value", "") or "")
    number = int(code.code)
    credit = direction == "credit" or (not direction and 100 <= number < 400)
    amount = int(transaction.amount)  # BAI2 writes no decimal point: minor units as they are
    references = [transaction.bank_reference, transaction.customer_reference]
    kept = [str(ref).strip() for ref in references if ref and str(ref).strip().upper() not in NOT_PROVIDED]
    wording = " ".join(filter(None, (str(transaction.text or "").replace("\n", " "), str(code.description or ""))))
    return Line(
        id=f"entry-{count}",
        side=side,
        amount_minor=abs(amount) if credit else -abs(amount),
        currency=currency,
        on=_plain_date(on),
        text=wording,
        references=tuple(dict.fromkeys(kept)),
    )
