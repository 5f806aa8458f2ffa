"""Users, roles and keys over HTTP and on one page: what `saldo user` does, by the same keeper and the same history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.access.errors import AccessDenied
from app.access.keeper import UserKeeper
from app.access.policy import ACTIONS
from app.access.roles import Role
from app.access.users import User
from app.api.app import Asked, Way, json_response, read_object
from app.api.bodies import BODIES, AddKey, AddUser, Body, SetDisabled, SetPassword, SetRoles, SetSubject
from app.api.commands import ValuesInvalid
from app.api.log_in import ENVIRONMENT, read_form
from app.api.people import CSRF_FIELD, People
from app.api.settings import ApiSettings
from schemas.operator_commands import operator_commands

NEEDS: Final = "manage-users"


class UsersWays:
    """What an admin changes about users; a machine's key changes nothing (UserKeeper)."""

    def __init__(self, people: People, settings: ApiSettings, now: Callable[[], datetime]) -> None:
        """Take who knows people, what a body may be, and the clock."""
        self._people = people
        self._settings = settings
        self._now = now

    def ways(self) -> tuple[Way, ...]:
        """Return the routes."""
        return (
            Way("GET", "/v1/users", NEEDS, self._list),
            *(Way(*name.partition(" ")[::2], NEEDS, self._changing(name)) for name in BODIES),
            Way("DELETE", "/v1/keys/{key_id}", NEEDS, self._revoke),
            Way("GET", "/users", NEEDS, self._page),
            Way("POST", "/users", NEEDS, self._change_by_form, is_form=True),
        )

    async def _list(self, _: Asked) -> Response:
        found = await asyncio.to_thread(self._people.access.store.read)
        return json_response({"users": [_shown(user) for user in found.users]})

    def _changing(self, name: str) -> Callable[[Asked], Any]:
        async def answer(asked: Asked) -> Response:
            body = _valid(BODIES[name], await read_object(asked.request, self._settings))
            return await asyncio.to_thread(self._changed, asked, body)

        return answer

    def _changed(self, asked: Asked, body: Body) -> Response:
        user_id = asked.path.get("user_id", "")
        secret = self._apply(asked, user_id, body)
        found = self._people.access.store.read().find(user_id or getattr(body, "user_id", ""))
        shown = {} if found is None else _shown(found)
        is_new = isinstance(body, AddUser | AddKey)
        return json_response({"user": shown, **({"key": secret} if secret else {})}, 201 if is_new else 200)

    def _apply(self, asked: Asked, user_id: str, body: Body) -> str:
        """Change users; returns a new key, which is shown once."""
        keeper = self._keeper(asked)
        match body:
            case AddUser():
                keeper.add_user(body.user_id, body.roles, body.password)
                if body.subject:
                    keeper.set_subject(body.user_id, body.subject)
            case SetRoles():
                keeper.set_roles(user_id, body.roles)
            case SetSubject():
                keeper.set_subject(user_id, body.subject)
            case SetPassword():
                keeper.set_password(user_id, body.password)
            case SetDisabled():
                keeper.set_disabled(user_id, is_disabled=body.is_disabled)
            case AddKey():
                return keeper.add_key(user_id, body.role, lasts=timedelta(days=body.days), scopes=body.scopes)
        return ""

    async def _revoke(self, asked: Asked) -> Response:
        await asyncio.to_thread(lambda: self._keeper(asked).revoke_key(asked.path["key_id"]))
        return Response(status_code=204)

    def _keeper(self, asked: Asked) -> UserKeeper:
        return self._people.access.keeper(asked.actor, now=self._now())

    # -- the page --------------------------------------------------------------------------------------------------

    async def _page(self, asked: Asked) -> Response:
        return await asyncio.to_thread(self._rendered, asked)

    def _rendered(self, asked: Asked, *, problem: str = "", key: str = "", status: int = 200) -> Response:
        access = self._people.access
        page = ENVIRONMENT.get_template("users.html").render(
            users=access.store.read().users,
            roles=list(Role),
            commands=sorted(operator_commands()),
            actions=sorted(ACTIONS),
            policy=access.policy,
            now=self._now(),
            me=asked.actor.user_id,
            csrf_token=self._people.csrf(asked.request),
            problem=problem,
            key=key,
            notice=access.notice(),
        )
        return HTMLResponse(page, status)

    async def _change_by_form(self, asked: Asked) -> Response:
        """Do what one of the page's forms asks, and show the page again."""
        form = await read_form(asked.request)
        self._people.prove_form(asked.request, form.pop(CSRF_FIELD, [""])[0])
        what = form.pop("what", [""])[0]
        user_id = form.pop("user", [""])[0]
        return await asyncio.to_thread(self._by_form, asked, what, user_id, form)

    def _by_form(self, asked: Asked, what: str, user_id: str, form: dict[str, list[str]]) -> Response:
        plain: dict[str, Any] = {name: values[0] for name, values in form.items() if values[0]}
        many = {name: form.get(name, []) for name in ("roles", "scopes")}
        try:
            match what:
                case "revoke-key":
                    self._keeper(asked).revoke_key(str(plain.get("key_id", "")))
                    key = ""
                case "add":
                    key = self._apply(asked, "", _valid(AddUser, {**plain, "roles": many["roles"]}))
                case "roles":
                    key = self._apply(asked, user_id, _valid(SetRoles, {"roles": many["roles"]}))
                case "subject":
                    key = self._apply(asked, user_id, _valid(SetSubject, {"subject": plain.get("subject", "")}))
                case "password":
                    key = self._apply(asked, user_id, _valid(SetPassword, plain))
                case "disabled":
                    key = self._apply(asked, user_id, _valid(SetDisabled, plain))
                case "key":
                    key = self._apply(asked, user_id, _valid(AddKey, {**plain, "scopes": many["scopes"]}))
                case _:
                    raise ValuesInvalid({"what": "is none of this page's forms"})
        except (AccessDenied, ValuesInvalid) as error:
            return self._rendered(asked, problem=str(error), status=422)
        if key:
            return self._rendered(asked, key=key)
        return RedirectResponse("/users", 303)


def _valid(kind: type[Body], values: Mapping[str, Any]) -> Body:
    """Return a body that fits. Raises: ValuesInvalid naming each field; no value is repeated."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            problems.setdefault(str(one["loc"][0]) if one["loc"] else "", one["msg"])
        unknown = set(problems) - set(kind.model_fields)
        raise ValuesInvalid({("" if name in unknown else name): what for name, what in problems.items()}) from None


def _shown(user: User) -> dict[str, Any]:
    """Return a user as others see it: no hash and no digest."""
    return {
        "user_id": user.user_id,
        "roles": list(user.roles),
        "has_password": user.password_hash is not None,
        "subject": user.subject,
        "is_disabled": user.is_disabled,
        "keys": [
            {
                "key_id": key.key_id,
                "role": key.role,
                "scopes": list(key.scopes),
                "created_at": key.created_at.isoformat(),
                "expires_at": key.expires_at.isoformat(),
                "is_revoked": key.is_revoked,
            }
            for key in user.keys
        ],
    }
