"""Several companies of abas behind one door: outside of this room, whatever a company numbers carries its label.

`at/70001` is customer 70001 of the company `at`. So two companies may give one number twice, and nothing between source
and sink needs to know that there are several. One that is away holds back its own documents, and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final, Protocol

from connectors.abas.by_profile import DocumentWrite
from connectors.abas.errors import AbasRefused
from connectors.common.several import held_apart
from schemas.failures import Delayed
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import PostDocument, SubjectKind
from schemas.values.companies import BETWEEN, company_of, in_company

MISSING_COMPANY: Final = "MISSING_MAPPING/company"
# What abas numbers, in what is read from it. Numbers of invoices and orders stay as payers know them.
_NUMBERED: Final = (
    *("abas_customer_id", "abas_open_item_id", "payment_request_id", "data_subject", "erp_account"),
    "abas_contract_number",
)


class Sink(Protocol):
    """One company's sink (connectors/abas/sink.py)."""

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """Make abas hold this document or record once."""
        ...

    async def post_checked(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        """Post at the request of a person."""
        ...


async def labelled(
    observations: AsyncIterator[tuple[str, tuple[Any, ...]]], company: str
) -> AsyncIterator[tuple[str, tuple[Any, ...]]]:
    """Yield what a company shows, with its label before what it numbers; as it is where the label is empty."""
    async for subject, records in observations:
        if company:
            yield in_company(company, subject), tuple(_labelled(record, company) for record in records)
        else:
            yield subject, records


class CompanySinks:
    """All companies, as the sink agent sees them (streams.edges.ports.Ledger)."""

    def __init__(self, sinks: Mapping[str, Callable[[], Awaitable[Sink]]]) -> None:
        """`sinks` opens the sink of each company, by its label; the label of the only one is empty."""
        self._sinks = sinks

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """Post in the company that the command's subject names.

        Raises: as AbasSink.post, but Delayed where one of several companies is away, refuses the log-in, or is not in
                the settings any more.
        """
        return await self._in_company(command, lambda sink, own: sink.post(own))

    async def post_checked(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        """Post at the request of a person who looked into abas; `permit` names that request."""
        return await self._in_company(command, lambda sink, own: sink.post_checked(own, permit))

    async def _in_company(
        self, command: ErpCommands, post: Callable[[Sink, ErpCommands], Awaitable[ErpOutcomes]]
    ) -> ErpOutcomes:
        if "" not in self._sinks and isinstance(command, PostDocument):
            unnamed = command.subject_kind is SubjectKind.ACCOUNT and not company_of(command.subject)
            if unnamed:  # the next mapping may say it, so it is an answer to whoever asked
                return DocumentWrite.refusal(command, _of_no_company(command))
        company = self._company_of(command.subject)

        async def posted() -> ErpOutcomes:
            return await post(await self._sinks[company](), _without(command, company))

        outcome = await held_apart(posted(), f"company {company}", alone=len(self._sinks) == 1)
        return _as_asked(outcome, command) if company else outcome

    def _company_of(self, subject: str) -> str:
        if "" in self._sinks:
            return ""
        company = company_of(subject)
        if company not in self._sinks:
            known = ", ".join(sorted(self._sinks))
            raise Delayed(f"subject {subject!r} names none of the companies {known}; put it back into [abas.companies]")
        return company


def _of_no_company(command: PostDocument) -> AbasRefused:
    account = (command.settlement_account or "").rpartition(BETWEEN)[0]
    what = f"there are several companies, and the mapping says of none that merchant account {account} is of it"
    return AbasRefused(f"{what}; add it below companies (docs/mapping.md)", code=MISSING_COMPANY)


def _labelled(record: Any, company: str) -> Any:
    own = {
        name: in_company(company, value)
        for name in _NUMBERED
        if (value := getattr(record, name, None)) is not None and value != ""
    }
    return replace(record, **own)


def _without(command: ErpCommands, company: str) -> ErpCommands:
    """Return the command in the company's own numbers."""
    if not company:
        return command
    label = in_company(company, "")

    def own(value: str) -> str:
        return value.removeprefix(label)

    values = {name: own(value) for name, value in command.values.items()}
    if isinstance(command, PostDocument):
        lines = tuple(
            replace(line, account=own(line.account), open_item=None if line.open_item is None else own(line.open_item))
            for line in command.lines
        )
        return replace(command, subject=own(command.subject), values=values, lines=lines)
    rows = tuple(replace(row, values={name: own(value) for name, value in row.values.items()}) for row in command.rows)
    return replace(command, subject=own(command.subject), values=values, rows=rows)


def _as_asked(outcome: ErpOutcomes, command: ErpCommands) -> ErpOutcomes:
    """Return the outcome with what it repeats of the command in the command's own words."""
    repeated = {field.name for field in fields(outcome)} & {"subject", "values", "lines"}
    return replace(outcome, **{name: getattr(command, name) for name in repeated})
