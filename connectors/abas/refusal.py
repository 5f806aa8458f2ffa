"""What abas says when it says no, as a record carries it."""

from connectors.abas.errors import AbasRefused
from schemas.checks.plausibility import plain_text
from schemas.checks.sensitive import mask_sensitive

_LONGEST_MESSAGE = 2_000


def abas_words(refusal: AbasRefused) -> tuple[str, str, str | None]:
    """Code, message and field of a refusal: none is parked for its wording, and no number leaks by it."""
    field_name = refusal.field_name
    return _words(refusal.code), _words(str(refusal)), None if field_name is None else _words(field_name)


def _words(text: str) -> str:
    return plain_text(mask_sensitive(text))[:_LONGEST_MESSAGE]
