"""The ways to save one document or record in abas: a posting infosystem, or an editor. For by_profile.py.

Two writers may want to post the same reference at once: a worker that was paused and its successor. Nothing in
the REST facade stops them (no idempotency key, no transaction over several records), so each way has its fence.

- infosystem: the ERP side looks for the reference and posts within one database transaction and returns the
  document that is there, old or new. Both writers get the same document.
- editor: the document's editor is opened first, then the lock record (the customer, say) in the same working set; under
  the lock the reference is looked for, then the document is saved. While the lock is held, nobody else posts for this
  customer. A paused writer whose set expired has lost the document's editor with the lock, whenever that was, so its
  late commit fails with AbasSessionLost. The order matters: abas makes an expired set anew when something is opened in
  it, so an editor opened after the lock could live without it.
  What remains: this rests on abas dropping all editors of an expired set at once (docs/abas.md lists it for the live
  check). With `lock` left out of the profile the document goes through /exec in one request, two writers can double it
  and nothing stops them.
  The look-up under the lock fences only where a search shows at once what was saved. Where it lags, a document that the
  writer before us saved a moment ago is not seen, so a document in doubt is not sent again (`Write.is_fenced`).
- typecommand: as editor, but the editor is opened by a type command instead of an edit action.

Directly before the one call that saves, and under the lock where there is one, `saving` is asked: it writes down that
the document may be there from now on (connectors/abas/rights.py).

A question that abas asks on the way is answered when the profile has the answer, each question once per attempt. Any
other is a refusal in abas' words, and what was open is dropped.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connectors.abas.client import AbasClient, Action, answering, press
from connectors.abas.errors import AbasAsked, AbasSavedUnseen
from connectors.abas.profile import DialogAnswers, Infosystem
from connectors.abas.wire import ErpDialog, ErpObject
from connectors.abas.working_set import WorkingSet, discard, working_set

ResultT = TypeVar("ResultT")
FoundT = TypeVar("FoundT")
LookUp = Callable[[], Awaitable[FoundT | None]]


@dataclass(frozen=True, slots=True)
class Opening:
    """The editor that saves a new record: of a table by an edit action, or of a type command."""

    table: str
    action: str
    type_command: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """The record that is held open in the same working set while we look up and save."""

    table: str
    action: str
    record: str


class Saving(Protocol):
    """Runs the call that saves, between what has to be written down before and after."""

    async def __call__(self, send: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Send, once; raises what `send` raises, or Delayed when it may not be sent now."""


async def save_by_infosystem(
    client: AbasClient, answers: DialogAnswers, call: Infosystem, inputs: Sequence[Action], *, saving: Saving
) -> ErpObject:
    """Post one document by one call of a posting infosystem, and return what it tells of it.

    Raises: AbasRefused for a business refusal; Transient when it may or may not be posted: look up again.
    """

    async def run(actions: Sequence[Action]) -> ErpObject:
        return await client.run_infosystem(
            call.workspace, call.search_word, actions, head_fields=list(call.outputs.values())
        )

    actions = [*inputs, press(call.press)]
    return await saving(lambda: _in_one_request(client, answers, actions, run))


async def save_by_editor(
    client: AbasClient,
    answers: DialogAnswers,
    opening: Opening,
    actions: Sequence[Action],
    *,
    lock: Lock | None,
    look_up: LookUp[FoundT],
    saving: Saving,
) -> FoundT:
    """Save by an editor, under a lock where there is one: look up under it, act, look up again.

    Ensures: what a writer before us saved is found under the lock, and nothing is saved then.
    Raises:  AbasRefused for a business refusal; Transient when it may or may not be saved: look up again;
             AbasSavedUnseen when abas said yes and shows nothing: it must not be saved again.
    """
    if lock is None and opening.type_command is None:
        init = {"_type": "OpenEditor", "tableName": opening.table, "editAction": opening.action}

        async def run(answered: Sequence[Action]) -> None:
            await client.execute(init, answered)

        await saving(lambda: _in_one_request(client, answers, actions, run))
    else:
        turn = contextlib.nullcontext() if lock is None else client.turn_at(lock.table, lock.record)
        async with turn, working_set(client) as editors:
            if opening.type_command is None:
                editor = await editors.open(opening.table, opening.action)
            else:
                editor = await editors.open_type_command(opening.type_command)
            if lock is not None:
                await editors.open(lock.table, lock.action, record=lock.record)
                found = await look_up()  # under the lock: what a writer before us saved is visible now
                if found is not None:
                    return found
            await saving(lambda: act(editors, editor, answers, actions))
    saved = await look_up()
    if saved is None:
        raise AbasSavedUnseen("abas said that it saved the document, and it can't be found under our reference")
    return saved


async def _in_one_request(
    client: AbasClient,
    answers: DialogAnswers,
    actions: Sequence[Action],
    send: Callable[[Sequence[Action]], Awaitable[ResultT]],
) -> ResultT:
    """Send all actions at once; after a question send all again, with the answer at the action that asked.

    Raises: AbasAsked for a question without an answer, with nothing of it left open.
    """
    answered: set[str] = set()
    while True:
        try:
            return await send(actions)
        except AbasAsked as asked:
            if asked.working_set_id:
                await discard(client, asked.working_set_id)
            actions = _answered(actions, asked, answers, answered)


async def act(editors: WorkingSet, editor: str, answers: DialogAnswers, actions: Sequence[Action]) -> None:
    """Apply actions to an open editor; after a question go on with the action that asked, its answer added.

    Raises: AbasAsked for a question without an answer; the caller's working set drops the editor.
    """
    answered: set[str] = set()
    while True:
        try:
            return await editors.act(editor, actions)
        except AbasAsked as asked:
            actions = _answered(actions, asked, answers, answered)[
                min(asked.dialog.stopped_at or 0, len(actions) - 1) :
            ]


def _answered(actions: Sequence[Action], asked: AbasAsked, answers: DialogAnswers, answered: set[str]) -> list[Action]:
    """Add the profile's answer to the action that raised a question, the last one when abas doesn't say which."""
    dialog = asked.dialog
    values = _decided(answers, dialog)
    if values is None or dialog.id in answered:
        raise asked
    answered.add(dialog.id)
    changed = list(actions)
    at = len(changed) - 1 if dialog.stopped_at is None else min(dialog.stopped_at, len(changed) - 1)
    changed[at] = answering(changed[at], dialog, values)
    return changed


def _decided(answers: DialogAnswers, dialog: ErpDialog) -> Sequence[str] | None:
    """Look for the answer that somebody decided on, by id, title or prompt."""
    reported = (dialog.id, dialog.title, dialog.prompt)
    return next((answers[word] for word in reported if word in answers), None)
