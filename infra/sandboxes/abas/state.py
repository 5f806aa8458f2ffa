"""One running sandbox, one call to it, and the reply: what the route functions take and give."""

import secrets
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.sandboxes.abas.chart import open_accounts
from infra.sandboxes.abas.editors import Editor, Sessions, editor_paths
from infra.sandboxes.abas.faults import ErpFault, Faults, no_licence
from infra.sandboxes.abas.ledger import currency_record
from infra.sandboxes.abas.render import PROTOCOL_VERSION, Renderer, View, dialect_of
from infra.sandboxes.abas.selection import follow
from infra.sandboxes.abas.store import Store
from infra.sandboxes.abas.tables import TABLES, TableDef
from schemas.values.clock import monotonic_s

DEFAULT_PASSWORD = "abas-sandbox"  # noqa: S105 - guards invented books on the loopback only
DEFAULT_LIMIT = 20
SESSION_COOKIE = "abas-session"  # invented: the reference knows none by name


class Sandbox:
    """The books, the sessions and the switches of one sandbox."""

    def __init__(self, state_dir: Path | None, *, password: str, client: str, session_idle_s: float) -> None:
        if state_dir is not None:
            state_dir.mkdir(parents=True, exist_ok=True)
        self.store = Store(None if state_dir is None else state_dir / "abas.sqlite")
        self.faults = Faults.model_validate_json(self.store.fact("faults") or "{}")
        self.sessions = Sessions(self.store, self.faults, idle_s=session_idle_s)
        self.password = password
        self.client = client
        self.uploads = None if state_dir is None else state_dir / "uploads"
        self.running = 0
        self._begin()
        self._tokens: dict[str, float] = {}
        self._logins: dict[str, float] = {}
        self._session_idle_s = session_idle_s

    def take(self, name: str) -> bool:
        """Use up one of a counted switch; how many are left is durable, so a restart doesn't bring them back."""
        left = int(getattr(self.faults, name))
        if left:
            self.set_faults({name: left - 1})
            self.store.strike(name)
        return left > 0

    def new_token(self) -> str:
        """Give out a bearer token, known until it ends or the process does."""
        now = monotonic_s()
        self._tokens = {token: end for token, end in self._tokens.items() if end > now}
        token = secrets.token_urlsafe(24)
        self._tokens[token] = now + self.faults.token_lifetime_s
        return token

    def knows_token(self, token: str) -> bool:
        """Return whether the token was given out and lives."""
        return self._tokens.get(token, 0.0) > monotonic_s()

    def take_licence(self) -> None:
        """Let a call run.

        Raises: ErpFault UNAVAILABLE when calls and working sets use up the licences.
        """
        if self.faults.licences and self.running + len(self.sessions.working_sets()) > self.faults.licences:
            self.store.strike("licences")
            raise no_licence()

    def login_session(self, cookie: str | None) -> str | None:
        """Return the session of a call, new for one that brings none; None where sessions are not counted.

        Raises: ErpFault UNAVAILABLE when as many are open as may be.
        """
        if not self.faults.sessions:
            return None
        now = monotonic_s()
        self._logins = {session: end for session, end in self._logins.items() if end > now}
        if cookie not in self._logins:
            if len(self._logins) >= self.faults.sessions:
                self.store.strike("sessions")
                raise no_licence()
            cookie = secrets.token_urlsafe(12)
        assert cookie is not None
        self._logins[cookie] = now + self._session_idle_s
        return cookie

    def log_out(self, cookie: str | None) -> None:
        """End a session."""
        self._logins.pop(cookie or "", None)

    def reset(self) -> None:
        """Begin anew: empty books, no sessions, no switches."""
        for working_set in self.sessions.working_sets():
            self.sessions.close_set(working_set)
        self.store.clear()
        self.set_faults(Faults().model_dump())
        self._begin()

    def _begin(self) -> None:
        """Put in what no abas is without.

        A currency, which everybody may hold who has no other record to hold, accounts and a cost centre.
        """
        with self.store.transaction():
            currency_record(self.store, "USD")
            open_accounts(self.store)

    def set_faults(self, switches: dict[str, Any]) -> None:
        """Change some switches; they are durable like the books.

        Raises: ValueError, one line that names each switch that is not known or has no such value.
        """
        unknown = [name for name in switches if name not in Faults.model_fields]
        if unknown:
            raise ValueError(f"no such fault: {', '.join(unknown)}; known are {', '.join(Faults.model_fields)}")
        try:
            checked = Faults.model_validate({**self.faults.model_dump(), **switches})
        except ValidationError as error:
            # One switch may be wrong in several ways or places: each of its parts is named.
            wrong = [f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()]
            raise ValueError("; ".join(wrong)) from error
        for name in Faults.model_fields:
            setattr(self.faults, name, getattr(checked, name))
        if "locked_s" in switches:
            self.sessions.lock_for(self.faults.locked_s)
        self.store.set_fact("faults", self.faults.model_dump_json())


@dataclass(slots=True)
class Call:
    """One request, read."""

    sandbox: Sandbox
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    user: str

    @property
    def language(self) -> str:
        """Variable language; German unless the request says otherwise."""
        return "en" if self.query.get("variableLanguage", "de").lower() == "en" else "de"

    @property
    def session(self) -> str | None:
        """The login session that the call brought along."""
        cookies = SimpleCookie(self.headers.get("cookie", ""))
        return cookies[SESSION_COOKIE].value if SESSION_COOKIE in cookies else None

    @property
    def base(self) -> str:
        """Path under which this client's resources stand."""
        return f"/mw/r/{self.sandbox.client}"

    @property
    def renderer(self) -> Renderer:
        """The writer for this request's dialect and languages."""
        return Renderer(
            self.sandbox.store,
            dialect_of(self.headers.get("accept", "*/*")),
            self.headers.get("accept-language", "en"),
            self.base,
        )

    @property
    def table(self) -> TableDef:
        """The table in the path; leading zeros are tolerated.

        Raises: ErpFault MISSING_OBJECT.
        """
        parts = self.path["table"].split(":")
        spec = ":".join(str(int(part)) if part.isdecimal() else part for part in parts)
        table = TABLES.get(spec)
        if table is None:
            raise ErpFault("MISSING_OBJECT", f"Table {spec[:20]} does not exist")
        return table

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object.

        Raises: ErpFault ILLEGAL_ARGUMENT.
        """
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise ErpFault("ILLEGAL_ARGUMENT", "Body is no object")
        return self.body

    def number(self, name: str, default: int) -> int:
        """Return a whole number from body or query.

        Raises: ErpFault ILLEGAL_ARGUMENT.
        """
        raw = self.fields.get(name, self.query.get(name, default))
        if isinstance(raw, bool) or not str(raw).isdecimal() or len(str(raw)) > 9:
            raise ErpFault("ILLEGAL_ARGUMENT", f"{name} is no number")
        return int(raw)

    def text(self, name: str, default: str) -> str:
        """Return a text from body or query."""
        body = self.body if isinstance(self.body, dict) else {}
        return str(body.get(name, self.query.get(name, default)))

    def actions(self) -> list[Any]:
        """Return the actions in the body.

        Raises: ErpFault ILLEGAL_ARGUMENT.
        """
        actions = self.fields.get("actions") or []
        if not isinstance(actions, list):
            raise ErpFault("ILLEGAL_ARGUMENT", "actions is no array")
        return actions

    def show_editor(self, editor: Editor, head: str, rows: str) -> dict[str, Any]:
        """Write an editor's state with the asked fields."""
        paths = editor_paths(editor, head, self.language)
        row_paths = editor_paths(editor, rows, self.language, rows=True)
        store = self.sandbox.store
        shown_rows = [
            {name: (follow(store, row, path), path.last) for name, path in row_paths.items()}
            for row in (editor.rows if row_paths else [])
        ]
        view = View(
            self._editor_meta(editor),
            {name: (follow(store, editor.values, path), path.last) for name, path in paths.items()},
            shown_rows,
            self._editor_links(editor),
        )
        return self.renderer.object(view)

    def _editor_meta(self, editor: Editor) -> dict[str, Any]:
        record_id = editor.record.id if editor.record is not None else "(0,0,0)"
        meta: dict[str, Any] = {
            "_type": "ErpEditorObjectMeta",
            "sourceType": "EDITOR",
            "client": self.sandbox.client,
            "id": record_id,
            "state": editor.state,
            "action": editor.action,
            "modified": editor.modifications > 0,
            "modifications": editor.modifications,
            "workingSetId": editor.working_set.id,
            "workingSetEditorId": editor.id,
            "tag": f"{editor.id}#{editor.modifications}",
            "rowCount": len(editor.rows),
        }
        if editor.table is not None:
            meta["objectGroup"] = editor.table.spec
            meta["identNumber"] = str(editor.values.get("idno", ""))
        return meta

    def _editor_links(self, editor: Editor) -> dict[str, str]:
        here = f"{self.base}/workspace/{editor.working_set.id}"
        links = {
            "self": f"{here}/wip/{editor.id}",
            "urn:abas:rel:workingSet:CLOSE": f"{here}/commands/CLOSE",
            "urn:abas:rel:workingSet:CANCEL": f"{here}/commands/CANCEL",
        }
        if editor.state == "ACTIVE":
            links["urn:abas:rel:editor:COMMIT"] = f"{here}/wip/{editor.id}/commands/COMMIT"
            links["urn:abas:rel:editor:CANCEL"] = f"{here}/wip/{editor.id}/commands/CANCEL"
        elif editor.table is not None and editor.record is not None:
            links["latest-version"] = self.renderer.record_href(editor.table.spec, editor.record.id)
        return links


@dataclass(slots=True)
class Reply:
    """What goes back: data or a whole content inside abas' envelope, or no body at all."""

    data: Any = None
    content: Any = None
    status: int = 200
    content_type: str = "ErpResponse"
    kind: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    empty: bool = False

    def envelope(self) -> dict[str, Any]:
        """Wrap the data as abas does."""
        content = self.content
        if content is None:
            content = {**({} if self.kind is None else {"_type": self.kind}), "messages": [], "data": self.data}
        return {
            "meta": {"contentType": self.content_type},
            "content": content,
            "protocolVersion": PROTOCOL_VERSION,
        }
