"""The ways to post one document into abas: a posting infosystem, or the editor of the payment table. For the sink.

Two writers may want to post the same reference at once: a worker that was paused and its successor. Nothing in
the REST facade stops them (no idempotency key, no transaction over several records), so each way has its fence.

- infosystem: the ERP side looks for the reference and posts within one database transaction and returns the
  document that is there, old or new. Both writers get the same document.
- editor: the payment's editor is opened first, then the lock record (the customer) in the same working set; under the
  lock the reference is looked for, then the payment is saved. While the lock is held, nobody else posts for this
  customer. A paused writer whose set expired has lost the payment's editor with the lock, whenever that was, so its
  late commit fails with AbasSessionLost. The order matters: abas makes an expired set anew when something is opened in
  it, so a payment editor opened after the lock could live without it.
  What remains: this rests on abas dropping all editors of an expired set at once (docs/abas.md lists it for the live
  check). With `lock` left out of the profile the payment goes through /exec in one request, two writers can double a
  document and nothing stops them.
"""

from collections.abc import Awaitable, Callable, Mapping

from connectors.abas.client import AbasClient, Action, commit, press, set_field
from connectors.abas.errors import AbasOutcomeUnknown, AbasRecordUnreadable, ProfileMismatch
from connectors.abas.mapping import PostedDocument, to_posted_document
from connectors.abas.profile import EditorCall, InfosystemCall, Profile, Role
from connectors.abas.working_set import working_set

LookUp = Callable[[], Awaitable[PostedDocument | None]]


async def post_document(
    client: AbasClient, profile: Profile, kind_name: str, values: Mapping[Role, str], *, customer: str, look_up: LookUp
) -> PostedDocument:
    """Post one document in the way that the profile chooses.

    Ensures: returns the document as abas holds it.
    Raises:  AbasRefused for a business refusal; Transient when it may or may not be posted: look up again.
    """
    entry = profile.posting.documents[kind_name]
    if profile.posting.strategy == "infosystem" and entry.infosystem is not None:
        return await _by_infosystem(client, profile, entry.infosystem, values)
    if profile.posting.strategy == "editor" and entry.editor is not None:
        return await _by_editor(client, profile, entry.editor, values, customer=customer, look_up=look_up)
    where = profile.where("posting", "documents", kind_name)
    raise ProfileMismatch([f"{where}: {kind_name} has no entry for strategy {profile.posting.strategy}"])


async def _by_infosystem(
    client: AbasClient, profile: Profile, call: InfosystemCall, values: Mapping[Role, str]
) -> PostedDocument:
    actions = [*_set_all(call.inputs, call.constants, values), press(call.press, profile.posting.dialog_answers)]
    result = await client.run_infosystem(
        call.workspace,
        call.search_word,
        actions,
        head_fields=list(call.outputs.model_dump().values()),
    )
    try:
        return to_posted_document(result, call.outputs, profile.formats)
    except AbasRecordUnreadable as error:
        raise AbasOutcomeUnknown(f"the posting infosystem answered without telling the document: {error}") from error


async def _by_editor(
    client: AbasClient,
    profile: Profile,
    call: EditorCall,
    values: Mapping[Role, str],
    *,
    customer: str,
    look_up: LookUp,
) -> PostedDocument:
    payment = profile.tables.payment.table
    fields = _set_all(call.inputs, call.constants, values)
    saving = commit(profile.posting.dialog_answers)
    if call.lock is None:
        opening = {"_type": "OpenEditor", "tableName": payment, "editAction": call.action}
        await client.execute(opening, fields, close_action=saving)
    else:
        held = customer if call.lock.table == "customer" else values["open_item"]
        locked_table = getattr(profile.tables, call.lock.table).table
        async with working_set(client) as editors:
            editor = await editors.open(payment, call.action)
            await editors.open(locked_table, call.lock.action, record=held)
            found = await look_up()  # under the lock: what a writer before us posted is visible now
            if found is not None:
                return found
            await editors.act(editor, [*fields, saving])
    posted = await look_up()
    if posted is None:
        raise AbasOutcomeUnknown("abas said that it saved the document, and it can't be found yet")
    return posted


def _set_all(inputs: Mapping[Role, str], constants: Mapping[str, str], values: Mapping[Role, str]) -> list[Action]:
    """Write one action per input in the profile's order, constants first."""
    fixed = [set_field(name, value) for name, value in constants.items()]
    return fixed + [set_field(name, values[role]) for role, name in inputs.items() if role in values]
