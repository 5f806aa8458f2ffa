"""The mapping as a file that moves between installations: a version that two people stand for, signed by one of them.

For `saldo mapping export` and `import`. The content is one JSON object as text; the signature is over that very text,
so that nothing of it can be read otherwise than it was signed (docs/adr/0096-the-life-of-a-mapping.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from schemas.failures import ContractBroken, Unreadable
from schemas.records.rules import RulesAccepted
from streams.log.signing import Ring, RoleSigner, prove_file
from streams.rules import adoption
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping

_KIND = "account-mapping"
_SIGNED_BY = "operators"


@dataclass(frozen=True, slots=True)
class Exported:
    """A version of the mapping that was in force in another installation, and who stands for it."""

    version: int
    digest: str
    text: str
    proposed_by: str
    approved_by: str
    reason: str
    adopted_at: str

    @property
    def origin(self) -> str:
        """Return where it comes from, in words, for the reason of its adoption."""
        who = f"proposed by {self.proposed_by}, approved by {self.approved_by}"
        return f"imported: version {self.version} ({self.digest}) of {self.adopted_at[:10]}, {who}"


def version_of(accepted: Sequence[Any], version: int | None) -> RulesAccepted:
    """Return the adoption of a version of the mapping, the last of them; without one, what is in force.

    Raises: LookupError naming the versions that there are.
    """
    found = [one for one in accepted if isinstance(one, RulesAccepted) and one.rules_name == ACCOUNT_MAPPING.name]
    found.sort(key=lambda one: one.number)
    wanted = [one for one in found if version in (None, one.version)]
    if not wanted:
        known = ", ".join(str(one.version) for one in found) or "none"
        raise LookupError(f"no version {version} of the mapping was adopted; there is {known}")
    return wanted[-1]


def export(held: RulesAccepted, signer: RoleSigner) -> str:
    """Return the file of an adopted version, signed.

    Raises: ContractBroken when nobody approved it.
    """
    if not held.approved_by:
        raise ContractBroken(
            f"version {held.version} of the mapping was approved by no second person, and only what two people stand "
            "for goes to another installation; `saldo mapping propose FILE` and have it approved"
        )
    content = json.dumps(
        asdict(
            Exported(
                version=held.version,
                digest=held.digest,
                text=held.text,
                proposed_by=held.requested_by,
                approved_by=held.approved_by,
                reason=held.reason,
                adopted_at=held.occurred_at.isoformat(),
            )
        ),
        ensure_ascii=False,
    )
    signature = signer.file_signature(_KIND, content.encode())
    file = {"kind": _KIND, "key_id": signer.key_id, "signature": signature, "content": content}
    return json.dumps(file, ensure_ascii=False, indent=1) + "\n"


def imported(text: str, ring: Ring, where: str) -> Exported:
    """Return what another installation exported, once its signature is proved by that installation's ring.

    Raises: Unreadable for what is no such file, was changed, or says something else than its digest; FileInvalid for a
            mapping that can't be used here.
    """
    try:
        file = json.loads(text)
        content = file["content"]
        is_ours = file["kind"] == _KIND and all(
            isinstance(file[name], str) for name in ("key_id", "signature", "content")
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        is_ours = False
    if not is_ours:
        raise Unreadable(f"{where} is no exported mapping; `saldo mapping export` writes one")
    try:
        prove_file(ring, _KIND, content.encode(), key_id=file["key_id"], signature=file["signature"], role=_SIGNED_BY)
        found = _exported(json.loads(content))
    except Unreadable as error:
        raise Unreadable(f"{where}: {error}") from None
    stated = account_mapping(found.text, where).version
    if adoption.digest_of(found.text) != found.digest or stated != found.version:
        raise Unreadable(
            f"{where} names version {found.version} ({found.digest}), and its text is another; export it again"
        )
    return found


def _exported(content: Mapping[str, Any]) -> Exported:
    try:
        return Exported(**content)
    except TypeError:
        raise Unreadable("it was exported by another version of Saldo; export it with the same version") from None
