"""What requests about users hold: proved by pydantic, described in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from app.access.roles import Role

_UserId = Annotated[str, Field(min_length=1, max_length=64)]
_Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
_Password = Annotated[str, Field(max_length=1_000)]


class Body(BaseModel):
    """A request; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AddUser(Body):
    """A new user; without a password a machine, or who logs in by the provider alone."""

    user_id: _UserId
    roles: _Roles
    password: _Password | None = None
    subject: Annotated[str, Field(max_length=255)] = ""


class SetRoles(Body):
    """Other roles in place of the earlier ones."""

    roles: _Roles


class SetSubject(Body):
    """Who the user is at the provider of log-ins."""

    subject: Annotated[str, Field(max_length=255)]


class SetPassword(Body):
    """A new password."""

    password: _Password


class SetDisabled(Body):
    """Whether the user is let in."""

    is_disabled: bool


class AddKey(Body):
    """A key for a machine."""

    role: Role
    days: Annotated[int, Field(ge=1, le=366)] = 90
    scopes: Annotated[list[str], Field(max_length=200)] = []


BODIES: Final[Mapping[str, type[Body]]] = {
    "POST /v1/users": AddUser,
    "PUT /v1/users/{user_id}/roles": SetRoles,
    "PUT /v1/users/{user_id}/subject": SetSubject,
    "PUT /v1/users/{user_id}/password": SetPassword,
    "PUT /v1/users/{user_id}/disabled": SetDisabled,
    "POST /v1/users/{user_id}/keys": AddKey,
}
