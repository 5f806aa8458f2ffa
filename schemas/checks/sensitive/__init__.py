"""The one detector of card numbers, security codes and bank numbers, and how they are masked (docs/security.md).

numbers    which digits are a card number, a routing number, an IBAN
spans      where in a text such a number, track data or a security code stands
scanning   the same in values of any shape: nested, split, encoded
identity   what stands for a number once it is masked, and the key for it
masking    texts without them

What is done to which field of a record is decided by the field's class: schemas/checks/guard.py.
"""

from schemas.checks.sensitive.identity import (
    MASK,
    SHORTEST_KEY,
    GuardKeyMissing,
    guard_key,
    has_guard_key,
    install_guard_key,
    install_guard_key_source,
    keyed_digest,
    same_length_number,
)
from schemas.checks.sensitive.masking import known_clean, mask_card_numbers, mask_reference, mask_sensitive
from schemas.checks.sensitive.numbers import has_luhn_digit, is_card_number, is_routing_number
from schemas.checks.sensitive.scanning import Finding, find_sensitive, scan
from schemas.checks.sensitive.spans import SensitiveKind

__all__ = [
    "MASK",
    "SHORTEST_KEY",
    "Finding",
    "GuardKeyMissing",
    "SensitiveKind",
    "find_sensitive",
    "guard_key",
    "has_guard_key",
    "has_luhn_digit",
    "install_guard_key",
    "install_guard_key_source",
    "is_card_number",
    "is_routing_number",
    "keyed_digest",
    "known_clean",
    "mask_card_numbers",
    "mask_reference",
    "mask_sensitive",
    "same_length_number",
    "scan",
]
