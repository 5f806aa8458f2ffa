"""The abas REST facade, typed: queries, metadata, infosystems, one-shot editors, working sets. For source and sink.

Raises only what errors.py draws. Reads are repeated with jitter here; a call that may write is sent exactly once,
and when its answer doesn't come the caller gets AbasOutcomeUnknown and must look before it acts again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from weakref import WeakValueDictionary

import httpx2

from connectors.abas.answers import entries_of, judge, plain_fields, read_shape, written_shape
from connectors.abas.auth import login_for
from connectors.abas.criteria import Selection
from connectors.abas.errors import (
    AbasAddressWrong,
    AbasBusy,
    AbasOutcomeUnknown,
    AbasQueryRefused,
    AbasRefused,
    AbasRequestRejected,
    AbasSessionLost,
    AbasUnavailable,
    LoginRejected,
)
from connectors.abas.settings import AbasSettings
from connectors.abas.wire import (
    Answer,
    ErpDialog,
    ErpField,
    ErpObject,
    parse_object,
    parse_objects,
    parse_single_value,
)
from connectors.common.reach import NEVER_SENT, PROXY_LOGIN_WANTED, Way, left_alone
from schemas.failures import SaldoError, Transient
from schemas.failures.retries import retry_context
from schemas.failures.waiting import IN_PLACE_S, Pause

# Where an answer comes from something before abas, or abas is overwhelmed: here a Retry-After is taken up.
_TOO_MANY_REQUESTS = 429

# How long the end of a session is waited for; one that isn't ended expires by itself.
_LOGOUT_S = 2.0

Action = Mapping[str, Any]

# What we ask for. gzip unpacks a piece to a thousand times its size at most; others know no such bound.
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip"})


def set_field(name: str, value: str, *, row: str | None = None) -> Action:
    """Build the action that sets a field of the head or of a row; values travel as strings, as the schema types them.

    Shapes: row is a number from 1, or "." for the row that was inserted last.
    """
    action = {"_type": "SetFieldValue", "fieldName": name, "value": value}
    return action if row is None else {**action, "rowSpec": row}


def insert_row() -> Action:
    """Build the action that adds a row at the end."""
    return {"_type": "InsertRow"}


def press(button: str) -> Action:
    """Build the action that presses a button: a SetFieldValue without a value."""
    return {"_type": "SetFieldValue", "fieldName": button}


def commit() -> Action:
    """Build the action that saves."""
    return {"_type": "Commit"}


def answering(action: Action, dialog: ErpDialog, values: Sequence[str]) -> Action:
    """Build the action again with the answer to the question that it raised, in the property that abas named."""
    given = action.get(dialog.answers_property, [])
    return {**action, dialog.answers_property: [*given, {"id": dialog.id, "values": list(values)}]}


class AbasClient:
    """One login to one abas client. Use as an async context manager; safe for concurrent calls.

    Ensures: at most settings.concurrency requests run at once, because each takes an ERP licence.
    """

    def __init__(self, settings: AbasSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._login = login_for(settings)
        self._way = Way("abas", settings.base_url, settings, section="abas", setting="base_url")
        self._pause = Pause(settings.longest_wait_s)
        self._http = httpx2.AsyncClient(
            **self._way.client_options(transport),
            auth=self._login,
            timeout=httpx2.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s, pool=None),
            headers={
                "Accept": settings.dialect,
                "Accept-Encoding": "gzip",
                "Accept-Language": settings.accept_language,
                "X-abas-mw-ws-label": settings.working_set_label,
            },
        )
        self._root = f"{settings.base_url.rstrip('/')}/r"
        self._base = f"{self._root}/{quote(settings.client, safe='@')}"
        self._language = {"variableLanguage": settings.variable_language}
        self._editing = {**self._language, "maxWaitOnLock": str(settings.lock_wait_s)}
        self.label = settings.working_set_label
        self.sets_in_use: set[str] = set()  # working sets that somebody here has open
        self.left_one_open = False  # whether one could not be closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the login session, if there is one, and the connections; a working set is closed where it was opened."""
        if self._http.cookies:
            with contextlib.suppress(httpx2.TransportError, TimeoutError, SaldoError):
                async with asyncio.timeout(_LOGOUT_S):
                    await self._http.get(f"{self._base}/logout")
        await self._http.aclose()

    @contextlib.asynccontextmanager
    async def turn_at(self, table: str, record: str) -> AsyncIterator[None]:
        """Let the writers of this client hold a record one after the other.

        abas makes whoever waits for a lock keep an ERP licence: as many waiters as there are licences would leave none
        to the one that holds the lock, until their wait is over.
        """
        turn = self._turns.setdefault((table, record), asyncio.Lock())
        async with turn:
            yield

    async def about(self) -> Mapping[str, str]:
        """Tell version, time zone and clock of the ERP, by the names that abas gives them.

        Raises: Transient, LoginRejected, AbasAccessDenied.
        """
        return plain_fields(await self._read("GET", f"{self._base}/about"))

    async def query(
        self,
        table: str,
        selection: Selection,
        head_fields: Sequence[str],
        *,
        order_option: str,
        table_fields: Sequence[str] = (),
    ) -> AsyncIterator[ErpObject]:
        """Read all records of a selection, page by page in the selection's order.

        Ensures: ends at the first page without a record, because abas tells no total, and a page that isn't full may
                 have been cut by a limit of the server's own.
        Raises:  Transient after bounded retries; AbasAddressWrong when full pages don't move; ContractBroken families.
        """
        offset = 0
        before: tuple[str, ...] = ()
        while True:
            page = await self.query_page(
                table, selection, head_fields, order_option=order_option, table_fields=table_fields, offset=offset
            )
            if not page:
                return
            shown = tuple(record.id for record in page)
            if shown == before:
                if len(page) != self._settings.page_size:
                    return  # a server without pages, which has shown all that it has
                raise AbasAddressWrong(f"/obj/data/{table}/query shows the same page for another offset")
            for record in page:
                yield record
            before = shown
            offset += len(page)

    async def query_page(
        self,
        table: str,
        selection: Selection,
        head_fields: Sequence[str],
        *,
        order_option: str,
        table_fields: Sequence[str] = (),
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[ErpObject, ...]:
        """Read one page of a selection.

        Shapes: the result is (n,), n <= limit, which is the page size when None.
        """
        # One text, as in a URL: what several texts mean together is said nowhere.
        criteria = ";".join(selection.parts(order_option))
        fields = {"headFields": ",".join(head_fields), "tableFields": ",".join(table_fields) or "-"}
        part = {"offset": offset, "limit": limit or self._settings.page_size}
        if self._settings.query_method == "GET":
            params = {"criteria": criteria, **fields, **{name: str(number) for name, number in part.items()}}
            answer = await self._ask("GET", f"/obj/data/{table}", params=params)
        else:
            body = {"criteria": [criteria], **fields, **part}
            answer = await self._ask("POST", f"/obj/data/{table}/query", body=body)
        return read_shape(parse_objects, answer)

    async def read_record(
        self, table: str, record: str, head_fields: Sequence[str], table_fields: Sequence[str] = ()
    ) -> ErpObject:
        """Read one record by id, number or search word.

        Raises: AbasRefused with category MISSING_OBJECT when there is none.
        """
        shown = {"headFields": ",".join(head_fields), "tableFields": ",".join(table_fields) or "-"}
        params = {**self._language, **shown}
        path = f"{self._base}/obj/data/{table}/{quote(record, safe='')}"
        return read_shape(parse_object, await self._read("GET", path, params=params))

    async def tables(self) -> tuple[Mapping[str, Any], ...]:
        """List every table: name, dbId, tableSpec."""
        answer = await self._read("GET", f"{self._base}/obj/meta", params=self._language)
        return entries_of(answer, "tableSpec", key="erpDbGroups")

    async def table_fields(self, table: str) -> tuple[Mapping[str, Any], ...]:
        """List a table's fields: name, germanName, englishName, type, tableColumn."""
        params = {**self._language, "selHeadFields": "*", "selTableFields": "*"}
        answer = await self._read("GET", f"{self._base}/obj/meta/{table}", params=params)
        return entries_of(answer, "name", key="fields")

    async def table_commands(self, table: str) -> tuple[Mapping[str, Any], ...]:
        """List the edit actions that a table allows."""
        answer = await self._read("GET", f"{self._base}/obj/meta/{table}/commands", params=self._language)
        return entries_of(answer, "editAction", key="commands")

    async def type_command(self, command: str) -> Mapping[str, str]:
        """Tell what a type command, named by number or name, opens.

        Raises: AbasRefused with category MISSING_OBJECT when there is none.
        """
        answer = await self._read("GET", f"{self._base}/sys/typeCmd/{quote(command, safe='')}", params=self._language)
        return plain_fields(answer)

    async def infosystems(self, workspace: str) -> tuple[Mapping[str, Any], ...]:
        """List a workspace's infosystems: className, searchWord."""
        path = f"{self._base}/infosys/meta/{quote(workspace, safe='')}"
        return entries_of(await self._read("GET", path, params=self._language), "searchWord", key="erpInfosystems")

    async def all_infosystems(self) -> tuple[Mapping[str, Any], ...]:
        """List the infosystems of every workspace: className, workspace, searchWord."""
        answer = await self._read("GET", f"{self._base}/infosys/meta", params=self._language)
        return entries_of(answer, "searchWord", key="erpInfosystems")

    async def infosystem_fields(self, workspace: str, search_word: str) -> tuple[Mapping[str, Any], ...]:
        """List an infosystem's fields."""
        path = f"{self._base}/infosys/meta/{quote(workspace, safe='')}/{quote(search_word, safe='')}"
        return entries_of(await self._read("GET", path, params=self._language), "name", key="fields")

    async def list_infosystem(
        self, workspace: str, search_word: str, actions: Sequence[Action], *, table_fields: Sequence[str]
    ) -> ErpObject:
        """Run an infosystem that only shows, and read its rows.

        Raises: AbasQueryRefused when abas refuses; Transient after bounded retries.
        """
        body = {"actions": list(actions), "headFields": "-", "tableFields": ",".join(table_fields)}
        return read_shape(parse_object, await self._ask("POST", _infosystem_path(workspace, search_word), body=body))

    async def run_infosystem(
        self, workspace: str, search_word: str, actions: Sequence[Action], *, head_fields: Sequence[str]
    ) -> ErpObject:
        """Run an infosystem that may write, in one request: set fields, press, read the head.

        Ensures: the request is sent exactly once.
        Raises:  AbasOutcomeUnknown when it may have run and no answer came; AbasRefused for a business refusal;
                 AbasAsked for a question.
        """
        body = {"actions": list(actions), "headFields": ",".join(head_fields), "tableFields": "-"}
        path = f"{self._base}{_infosystem_path(workspace, search_word)}"
        return written_shape(await self._write("POST", path, params=self._editing, body=body))

    async def format_value(self, table: str, field_name: str, value: str) -> ErpField:
        """Ask how abas reads a value for a field, without saving anything.

        Raises: AbasRefused or AbasRequestRejected when abas can't read it or doesn't offer this.
        """
        params = {**self._language, "tableName": table, "fieldName": field_name, "tableField": "false", "value": value}
        answer = await self._read("GET", f"{self._base}/methods/formatDbFieldValue", params=params)
        return read_shape(parse_single_value, answer)

    async def working_sets(self) -> tuple[Mapping[str, Any], ...]:
        """List the working sets under our label that the server still holds."""
        answer = await self._read("GET", f"{self._base}/workspace", params=self._language)
        return entries_of(answer, "label", key="workingSets")

    async def open_editor(
        self, table: str, action: str, *, record: str | None, working_set_id: str | None
    ) -> tuple[str, str]:
        """Open an editor for a new or an existing record; use WorkingSet, which also closes it.

        A working set that is gone is made anew under the same id, so the id alone proves nothing.
        Shapes: the ids of working set and editor; empty where abas tells none.
        """
        target = f"/{quote(record, safe='')}" if record else ""
        return await self._open(f"/obj/data/{table}{target}/commands/{quote(action, safe='')}", working_set_id)

    async def open_type_command(self, command: str) -> tuple[str, str]:
        """Open the editor that a type command stands for; as open_editor."""
        return await self._open(f"/sys/typeCmd/{quote(command, safe='')}", None)

    async def _open(self, path: str, working_set_id: str | None) -> tuple[str, str]:
        params = {**self._editing, "filterHeadFields": "id", "filterTableFields": "-"}
        if working_set_id:
            params["workingSetId"] = working_set_id
        answer = await self._write("POST", f"{self._base}{path}", params=params, body={})
        return answer.working_set_id, answer.editor_id

    async def act(self, working_set_id: str, editor_id: str, actions: Sequence[Action]) -> None:
        """Apply actions to an open editor, in order; a Commit may be the last.

        Raises: AbasAsked for a question: the actions before it took effect, the editor waits. AbasSessionLost when
                the editor is missing, also where abas says no more than that something is.
        """
        path = f"{self._base}/workspace/{quote(working_set_id)}/wip/{quote(editor_id)}"
        try:
            await self._write("POST", path, params=self._editing, body={"actions": list(actions)})
        except AbasRefused as refusal:
            if refusal.code.startswith("MISSING_OBJECT/") and not refusal.in_editor:
                raise AbasSessionLost(str(refusal)) from refusal
            raise

    async def execute(self, init_action: Action, actions: Sequence[Action]) -> None:
        """Open an editor, act and close it by the last action, in one request.

        Without a closeAction abas would save nothing.
        """
        body = {
            "initAction": init_action,
            "actions": list(actions[:-1]),
            "closeAction": actions[-1],
            "headFields": "id",
            "tableFields": "-",
        }
        await self._write("POST", f"{self._base}/exec", params=self._editing, body=body)

    async def command_working_set(self, working_set_id: str, command: str) -> None:
        """Send CLOSE or CANCEL to a working set."""
        path = f"{self._base}/workspace/{quote(working_set_id)}/commands/{command}"
        await self._write("POST", path, params=self._language, body={})

    async def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Send a call that selects; a refusal is nobody's record's fault.

        Raises: AbasQueryRefused.
        """
        try:
            return await self._read(
                method, f"{self._base}{path}", params={**self._language, **(params or {})}, body=body
            )
        except (AbasRefused, AbasRequestRejected) as error:
            raise AbasQueryRefused(f"{path}: {error}") from error

    async def _read(
        self, method: str, url: str, *, params: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Send a call that changes nothing, again and again while that may help."""
        async for attempt in retry_context(
            on=_wait_before_repeat,
            attempts=self._settings.read_attempts,
            timeout=None,
            wait_initial=self._settings.retry_initial_s,
            wait_max=self._settings.retry_max_s,
            wait_jitter=self._settings.retry_initial_s,
        ):
            with attempt:
                return await self._send(method, url, params=params, body=body, wrote=False)
        raise AssertionError("unreachable: the retry loop returns or raises")

    async def _write(self, method: str, url: str, *, params: Mapping[str, str], body: Any) -> Answer:
        """Send a call that may change something: exactly once."""
        return await self._send(method, url, params=params, body=body, wrote=True)

    async def _send(self, method: str, url: str, *, params: Mapping[str, str] | None, body: Any, wrote: bool) -> Answer:
        """Send, and when abas no longer takes the login send once more: a rejected call had no effect."""
        try:
            return await self._send_once(method, url, params=params, body=body, wrote=wrote)
        except LoginRejected:
            self._login.forget()
            self._http.cookies.clear()
            return await self._send_once(method, url, params=params, body=body, wrote=wrote)

    async def _send_once(
        self, method: str, url: str, *, params: Mapping[str, str] | None, body: Any, wrote: bool
    ) -> Answer:
        await left_alone(self._pause, self._way, AbasUnavailable)
        async with self._slots:
            try:
                async with (
                    asyncio.timeout(self._settings.answer_timeout_s),
                    self._http.stream(method, url, params=params, json=body, follow_redirects=not wrote) as response,
                ):
                    received = await self._body_of(response)
            except NEVER_SENT as error:
                raise AbasUnavailable(self._way.why(error)) from error
            except (httpx2.TransportError, httpx2.DecodingError, httpx2.TooManyRedirects, TimeoutError) as error:
                text = self._way.why(error)
                raise (AbasOutcomeUnknown(text) if wrote else AbasUnavailable(text)) from error
        return self._judge(response, received, wrote=wrote)

    def _judge(self, response: httpx2.Response, received: bytes, *, wrote: bool) -> Answer:
        """Decide what an answer means, and take up what it asks for."""
        status = response.status_code
        if status == PROXY_LOGIN_WANTED and self._way.proxy is not None:
            # A proxy that refuses passes nothing on.
            raise AbasUnavailable(self._way.proxy_refuses())
        asks = status == _TOO_MANY_REQUESTS or status >= 500
        ask = self._pause.ask(response.headers.get("retry-after"), date=response.headers.get("date")) if asks else None
        try:
            return judge(response, received, wrote=wrote)
        except Transient as failure:
            if asks:
                failure.args = (self._way.says(str(failure) + (f"; {ask.in_words()}" if ask is not None else "")),)
            if ask is None:
                raise
            if isinstance(failure, AbasBusy) and ask.granted_s > IN_PLACE_S:
                # Nothing goes out for that long, so no document is to blame and none may be parked for it.
                raise AbasUnavailable(str(failure), retry_after_s=ask.granted_s, asked_s=ask.asked_s) from failure
            failure.retry_after_s, failure.asked_s = ask.granted_s, ask.asked_s
            raise

    async def _body_of(self, response: httpx2.Response) -> bytes:
        """Collect the body, up to the bound that keeps a hostile or broken server from filling our memory."""
        packed = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in _ENCODINGS:
            raise httpx2.DecodingError(f"Content-Encoding {packed[:20]} was not asked for", request=response.request)
        received = bytearray()
        async for chunk in response.aiter_bytes():
            received += chunk
            if len(received) > self._settings.max_answer_bytes:
                raise httpx2.DecodingError("answer is larger than max_answer_bytes", request=response.request)
        return bytes(received)


def _wait_before_repeat(error: Exception) -> bool | float:
    if not isinstance(error, Transient):
        return False
    if error.retry_after_s is None:
        return True
    # A longer wait is the caller's, who shows it.
    return error.retry_after_s if error.retry_after_s <= IN_PLACE_S else False


def _infosystem_path(workspace: str, search_word: str) -> str:
    return f"/infosys/data/{quote(workspace, safe='')}/{quote(search_word, safe='')}"
