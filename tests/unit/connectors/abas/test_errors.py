"""Every category of abas, and every answer without one, has its fate."""

from __future__ import annotations

import pytest

from connectors.abas import errors
from connectors.abas.errors import error_from_answer, error_without_body
from connectors.abas.wire import ErpError, ErpMessage
from infra.sandboxes.abas.faults import STATUS_OF_CATEGORY
from schemas.failures import ContractBroken, Refused, SaldoError, Transient, Unreadable

FATES: dict[str, type[SaldoError]] = {
    "MISSING_OBJECT": errors.AbasRefused,
    "ACCESS_DENIED": errors.AbasAccessDenied,
    "MISSING_ARGUMENT": errors.AbasRequestRejected,
    "ILLEGAL_ARGUMENT": errors.AbasRequestRejected,
    "UNAVAILABLE": errors.AbasUnavailable,
    "AUTHENTICATION_FAILURE": errors.LoginRejected,
    "RECORD_LOCKED": errors.AbasObjectLocked,
    "INTERNAL_ERROR": errors.AbasInternalError,
    "OTHER": errors.AbasRefused,
}


def erp_error(category: str, *details: ErpMessage, error_code: str | None = None) -> ErpError:
    return ErpError(category, error_code, ErpMessage("Process cancelled", erp_number=2743), details)


@pytest.mark.parametrize(("category", "fate"), FATES.items())
def test_each_category_has_its_fate(category: str, fate: type[SaldoError]) -> None:
    assert type(error_from_answer(erp_error(category))) is fate


def test_every_category_that_the_sandbox_knows_is_listed() -> None:
    assert FATES.keys() == STATUS_OF_CATEGORY.keys()


def test_a_category_nobody_knows_is_a_refusal_with_its_name() -> None:
    error = error_from_answer(erp_error("NEWS"))
    assert isinstance(error, Refused)
    assert error.code == "NEWS/2743"


def test_a_lock_inside_a_commit_is_a_lock() -> None:
    error = error_from_answer(erp_error("OTHER", ErpMessage("in use", sub_type="LOCK")))
    assert isinstance(error, errors.AbasObjectLocked)


@pytest.mark.parametrize("code", ["MISSING_WORKINGSET", "MISSING_WORKINGSET_EDITOR"])
def test_a_lost_session_is_transient(code: str) -> None:
    assert isinstance(error_from_answer(erp_error("MISSING_OBJECT", error_code=code)), errors.AbasSessionLost)


def test_a_refusal_carries_the_details_number_and_field() -> None:
    detail = ErpMessage("Posting period 10/2026 is closed", erp_number=4101, field_names=("valDate",))
    error = error_from_answer(erp_error("OTHER", detail))
    assert isinstance(error, Refused)
    assert (error.code, error.field_name) == ("OTHER/4101", "valDate")
    assert "Posting period 10/2026 is closed" in str(error)


@pytest.mark.parametrize(
    ("status", "wrote", "fate"),
    [
        (200, False, errors.AbasUnavailable),
        (200, True, errors.AbasOutcomeUnknown),
        (302, True, errors.AbasOutcomeUnknown),
        (401, False, errors.LoginRejected),
        (401, True, errors.LoginRejected),
        (403, True, errors.AbasAccessDenied),
        (404, False, errors.AbasAddressWrong),
        (404, True, errors.AbasOutcomeUnknown),
        (429, True, errors.AbasBusy),
        (429, False, errors.AbasBusy),
        (500, False, errors.AbasUnavailable),
        (500, True, errors.AbasOutcomeUnknown),
        (502, True, errors.AbasOutcomeUnknown),
        (503, False, errors.AbasUnavailable),
        (504, True, errors.AbasOutcomeUnknown),
    ],
)
def test_without_an_abas_body_a_write_is_never_called_harmless(
    status: int, wrote: bool, fate: type[SaldoError]
) -> None:
    assert type(error_without_body(status, wrote=wrote, reason="x")) is fate


def test_every_leaf_belongs_to_one_family() -> None:
    leaves = [c for c in vars(errors).values() if isinstance(c, type) and c.__module__ == errors.__name__]
    families = (Transient, Refused, Unreadable, ContractBroken)
    assert leaves
    for leaf in leaves:
        assert sum(issubclass(leaf, family) for family in families) == 1
