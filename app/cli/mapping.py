"""`saldo mapping`: the accounts of documents: check a file, see what it would change, have it approved, move it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import approvals, identity, operators, rules
from app.cli.approvals import ProposalArgument
from app.cli.connection import BootstrapServers, SchemaRegistryUrl, connect
from app.cli.identity import needs
from app.cli.operators import WAIT_S, WaitOption, WhyOption
from app.output.terminal import hand_over, say, say_json
from schemas.topic import Topic
from schemas.values.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.operators.proposals import Proposal
    from app.proofs.preview import Change, Preview
    from schemas.records.rules import AdoptRules, RulesAccepted
    from schemas.wire.codec import Codec
    from streams.domain.accounts import Account
    from streams.log.ports import Log

NAME = "account-mapping"
_SHOWN = 50
# Documents of each kind that a mapping is tried on, unless another number is named, and at most.
LAST, MOST = 50, 1000

FileArgument = Annotated[Path, typer.Argument(help="The mapping, a YAML file.")]


def _day(text: str) -> date:
    from app.cli.errors import CannotRun

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CannotRun(f"{text[:40]!r} is no day; write it like 2026-11-30") from None


def register(app: typer.Typer) -> None:
    """Hang `mapping check|try|preview|propose|approve|adopt|history|rollback|export|import|schema` below the root."""
    operators.add_group(
        app,
        "mapping",
        "Accounts of documents, and what finance chose.",
        {
            "check": check,
            "try": try_,
            "preview": preview,
            "propose": propose,
            "approve": approve,
            "adopt": adopt,
            "history": history,
            "rollback": rollback,
            "export": export,
            "import": import_,
            "schema": schema,
        },
    )


# -- looking -----------------------------------------------------------------------------------------------------------


@needs("read")
def check(file: FileArgument) -> None:
    """Show what each role gets by a file.

    What is wrong is named with file, line and remedy, exit code 2. Nothing is adopted.
    """
    from app.cli.mapping_rows import of_policies, of_roles
    from streams.rules.mapping import account_mapping, lines_by_role

    text, version = _text_and_version(file)
    by_role = lines_by_role(text, str(file))
    hand_over(of_roles(by_role))
    hand_over(of_policies())
    for role in by_role:
        say(role.role)
        for account, conditions in role.lines:
            say(f"    {_account(account)}" + (f"   when {conditions}" if conditions else ""))
        if not role.is_whole and role.needed_by:
            which = "what fits none of these lines" if role.lines else "every document that needs it"
            say(f"    no account for {which}, which waits then: {', '.join(role.needed_by)}")
    found = account_mapping(text, str(file))
    for merchant_account, company in found.companies.items():
        say(f"merchant account {merchant_account}: company {company}")
    say(f"version {version} can be used; the books are kept in {found.policies.base_currency}")


@needs("read")
def try_(
    file: FileArgument,
    last: Annotated[
        int, typer.Option("--last", min=1, max=MOST, help="How many documents of each kind, the newest.")
    ] = LAST,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Show what a file gives the lines of real documents.

    The last documents of each kind, with the facts that were known of each line. Nothing is written. A process that
    goes on looks for newer documents every ten minutes.
    """
    from app.cli.mapping_rows import of_trial
    from app.proofs.samples import Sample, samples
    from streams.agents import DECIDERS

    async def look(log: Log, codec: Codec) -> Sequence[Sample]:
        from app.composition.keys import load_ring

        ring = load_ring(connect(bootstrap_servers, schema_registry_url).public_keys_path)
        return await samples(DECIDERS, MOST, log, codec, ring)

    def find() -> Sequence[Sample]:
        found: Sequence[Sample] = operators.on_the_log(look, bootstrap_servers, schema_registry_url)
        return found

    tried = of_trial(_text_and_version(file)[0], str(file), last, find)
    for values in tried.rows:
        row = dict(zip(tried.columns, values, strict=True))
        now, wanted = row["account_now"], row["account"] or f"no account: {row['why_not']}"
        said = now if now == wanted else f"{now} -> {wanted}"
        say(f"{row['posting_reference']}  {row['kind']}, {row['role']} {row['amount']} {row['currency']}: {said}")
    hand_over(tried)
    say(f"{counted(len({row[0] for row in tried.rows}), 'document')} tried")


@needs("read")
def preview(
    first: Annotated[str, typer.Option("--from", help="First business day of the period.")],
    last: Annotated[str, typer.Option("--to", help="Last business day of the period.")],
    file: Annotated[Path | None, typer.Argument(help="The mapping, a YAML file.")] = None,
    proposal: Annotated[str | None, typer.Option("--proposal", help="The mapping of this proposal instead.")] = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Show which documents of a period would differ.

    The real records of the period are decided again by the mapping. Nothing is written. Exit code 0 without a
    difference, 3 with one.
    """
    from app.cli.errors import CannotRun
    from app.proofs.preview import Period
    from app.proofs.preview import preview as decided_again
    from app.settings.settings import load_settings
    from streams.agents import DECIDERS

    if (file is None) == (proposal is None):
        raise CannotRun("name a file, or a proposal by --proposal; one of both")
    text = _text_and_version(file)[0] if file else _proposed(proposal or "", bootstrap_servers).text
    period = Period(_day(first), _day(last), load_settings().paytrace.zone)
    if period.last < period.first:
        raise CannotRun(f"the period ends on {last}, before it begins on {first}")

    async def look(log: Log, codec: Codec) -> tuple[Preview, str]:
        from app.composition.keys import load_ring

        ring = load_ring(connect(bootstrap_servers, schema_registry_url).public_keys_path)
        found = await decided_again(DECIDERS, text, period, log, codec, ring)
        return found, await _other_currency(text, log, codec)

    found, note = operators.on_the_log(look, bootstrap_servers, schema_registry_url)
    _say_preview(found)
    if note:
        say(note)
    if not found.is_empty:
        raise typer.Exit(operators.WITH_REMARKS)


@needs("read")
def history(bootstrap_servers: BootstrapServers = None, schema_registry_url: SchemaRegistryUrl = None) -> None:
    """List versions, with who, when, why and what changed."""
    from datetime import UTC, datetime

    from app.cli.mapping_rows import of_history
    from app.operators.proposals import all_proposals
    from app.operators.rules import history as all_of

    async def read(log: Log, codec: Codec) -> tuple[Sequence[object], Sequence[Proposal]]:
        return await all_of(log, codec), await all_proposals(log, codec)

    rules.history(NAME, bootstrap_servers, schema_registry_url)
    events, proposed = operators.on_the_log(read, bootstrap_servers, schema_registry_url)
    for sheet in of_history(events, proposed, datetime.now(UTC)):
        hand_over(sheet)


@needs("read")
def schema() -> None:
    """Print the JSON schema of a mapping, for editors."""
    from streams.rules.mapping import editors_schema

    say_json(editors_schema(), indent=2)


# -- changing ----------------------------------------------------------------------------------------------------------


@needs("AdoptRules")
def propose(
    file: FileArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Propose a mapping to another person.

    Once it is approved it counts.
    """
    from app.cli.errors import CannotRun

    text, _ = _text_and_version(file)
    if identity.actor().is_single_user:
        raise CannotRun(
            "in one-user mode there is nobody who could approve it; `saldo mapping adopt FILE --why ...` adopts it at "
            "once, `saldo user add` adds users"
        )
    _give(text, why, wait_s, bootstrap_servers, schema_registry_url, by_two=True)


@needs("ApproveProposal")
def approve(
    proposal_id: ProposalArgument,
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Approve a mapping that another person proposed.

    It counts from then on.
    """
    command = _proposed(proposal_id, bootstrap_servers)
    rules.say_difference(_in_force(bootstrap_servers, schema_registry_url), command.text)
    approvals.approve(proposal_id, why, wait_s, bootstrap_servers, schema_registry_url)


@needs("AdoptRules")
def adopt(
    file: FileArgument,
    why: WhyOption,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and adopt nothing.")] = False,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Adopt a mapping, or propose it.

    It is adopted at once where the access policy lets one person do that.
    """
    rules.adopt(NAME, why, file, dry_run, wait_s, bootstrap_servers, schema_registry_url)


@needs("AdoptRules")
def rollback(
    version: Annotated[int, typer.Argument(help="The version to go back to, as `saldo mapping history` shows it.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Adopt the text of an older version as a new one.

    What was decided meanwhile stays as it is.
    """
    from app.operators.mapping import version_of
    from app.operators.rules import history as all_of
    from streams.rules.mapping import renumbered

    events = operators.on_the_log(all_of, bootstrap_servers, schema_registry_url)
    text = renumbered(version_of(events, version).text, version_of(events, None).version + 1)
    _give(text, f"{why} (the text of version {version})", wait_s, bootstrap_servers, schema_registry_url)


# -- moving ------------------------------------------------------------------------------------------------------------


@needs("AdoptRules")
def export(
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    version: Annotated[int | None, typer.Option("--version", help="Default: what is in force.")] = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Write a version into a signed file.

    Only one that two people stand for; it is signed with the key of this installation's operators.
    """
    from app.cli.errors import CannotRun
    from app.composition.keys import load_known_signer
    from app.operators.mapping import export as as_file
    from app.operators.mapping import version_of
    from app.operators.rules import history as all_of

    if out.exists():
        raise CannotRun(f"{out} exists; name another file")
    connection = connect(bootstrap_servers, schema_registry_url)
    signer = load_known_signer(connection.private_key_path, connection.role, connection.public_keys_path)
    held = version_of(operators.on_the_log(all_of, bootstrap_servers, schema_registry_url), version)
    out.write_text(as_file(held, signer), "utf-8")
    say(f"version {held.version} ({held.digest}) is in {out}, signed with key {signer.key_id}")
    say(f"    whoever imports it needs {connection.public_keys_path} too, by a way that he trusts")


@needs("AdoptRules")
def import_(
    file: Annotated[Path, typer.Argument(help="A file that `saldo mapping export` wrote elsewhere.")],
    ring: Annotated[Path, typer.Option("--ring", help="The other installation's ring of public keys, public.json.")],
    why: WhyOption,
    wait_s: WaitOption = WAIT_S,
    bootstrap_servers: BootstrapServers = None,
    schema_registry_url: SchemaRegistryUrl = None,
) -> None:
    """Propose what another installation exported.

    The file's signature is proved first. It gets a new version where one as high is in force here.
    """
    from app.composition.keys import load_ring
    from app.operators.mapping import imported
    from schemas.files.owned import text_of
    from streams.rules.mapping import renumbered

    found = imported(text_of(file), load_ring(ring), str(file))
    say(found.origin)
    held = _in_force(bootstrap_servers, schema_registry_url)
    is_behind = held is not None and found.version <= held.version
    text = renumbered(found.text, held.version + 1) if held is not None and is_behind else found.text
    _give(text, f"{why} ({found.origin})", wait_s, bootstrap_servers, schema_registry_url)


def _give(
    text: str, why: str, wait_s: float, servers: str | None, registry: str | None, *, by_two: bool = False
) -> None:
    """Adopt a text, or propose it: where the access policy asks for four eyes, and where two people are wanted."""
    from streams.rules.adoption import why_not
    from streams.rules.catalogue import ACCOUNT_MAPPING

    version = ACCOUNT_MAPPING.version_of(text, NAME)
    held, command = rules.prepared(ACCOUNT_MAPPING, text, version, why, servers, registry)
    if problem := why_not(held, command):
        raise operators.refuse(problem)
    rules.say_difference(held, text)
    if by_two:
        operators.propose(operators.proposal_of(Topic.RULES_INBOX, command), wait_s, servers, registry)
    else:
        rules.give(command, wait_s, servers, registry)


# -- reading and saying ------------------------------------------------------------------------------------------------


def _text_and_version(file: Path) -> tuple[str, int]:
    from app.operators.rules import file_of
    from app.settings.settings import load_settings

    found = file_of(NAME, load_settings().rules, file)
    return found.text, found.version


def _proposed(proposal_id: str, servers: str | None) -> AdoptRules:
    """Return the adoption that a proposal holds; raises CannotRun for a proposal of something else."""
    from app.cli.errors import CannotRun
    from schemas.records.rules import AdoptRules

    command = approvals.find(proposal_id, servers).command
    if not isinstance(command, AdoptRules) or command.rules_name != NAME:
        raise CannotRun(f"{proposal_id} proposes no mapping; `saldo approvals show {proposal_id}` shows what it is")
    return command


def _in_force(servers: str | None, registry: str | None) -> RulesAccepted | None:
    from app.operators import rules as adopted

    found: RulesAccepted | None = operators.on_the_log(adopted.in_force, servers, registry).get(NAME)
    return found


async def _other_currency(text: str, log: Log, codec: Codec) -> str:
    from app.operators import rules as adopted
    from streams.rules.mapping import account_mapping

    held = (await adopted.in_force(log, codec)).get(NAME)
    wanted = account_mapping(text, NAME).policies.base_currency
    if held is None or account_mapping(held.text, NAME).policies.base_currency == wanted:
        return ""
    return f"the books would be kept in {wanted}: how payments are valued then is not part of this preview"


def _account(account: Account) -> str:
    words = [account.number]
    words += [f"cost centre {account.cost_centre}"] if account.cost_centre else []
    words += [f"tax code {account.tax_code}"] if account.tax_code else []
    words += [f"text {account.text!r}"] if account.text else []
    return ", ".join(words)


def _say_preview(found: Preview) -> None:
    from app.cli.mapping_rows import of_preview
    from schemas.values.money import Money

    for sheet in of_preview(found):
        hand_over(sheet)
    for change in found.changes[:_SHOWN]:
        _say_change(change)
    if len(found.changes) > _SHOWN:
        say(f"and {counted(len(found.changes) - _SHOWN, 'document')} more")
    for (account, currency), (before, after) in found.sums().items():
        old, new, more = (Money(minor, currency) for minor in (before, after, after - before))
        say(f"account {account}: {old} -> {new} ({more}), debits less credits of these documents")
    for line in found.undecided:
        say(f"could not be decided: {line}")
    records = counted(found.record_count, "record")
    say(f"{records} of the period decided again; {counted(len(found.changes), 'document')} differ")


def _say_change(change: Change) -> None:
    from app.proofs.preview import line_in_words

    one = change.document
    about = f"{one.posting_reference}  {one.kind} of {one.subject}, {one.values.get('value_on', '')}"
    if change.differences:
        say(f"{about}: changes", *(f"    {line}" for line in change.differences))
        return
    because = f": {change.because}" if change.because else ""
    say(f"{about}: " + ("vanishes" + because if change.after is None else "appears"))
    say(*(f"    {line_in_words(line)}" for line in one.lines))
