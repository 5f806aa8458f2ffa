"""Keys of an installation: made at the first start, rotated, revoked from an instant on. See docs/security.md.

One private key per role that gives commands (0600, `<role>.pem`), and one ring of all public keys (`public.json`). A
key that was replaced stays in the ring: what it signed stays signed, and a replay proves it again.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.settings.settings import Settings
from schemas import catalog
from schemas.failures import ContractBroken
from schemas.files.private_files import write_private
from streams.log.credentials import ADMIN
from streams.log.signing import PublicKey, RingFile, RoleSigner, parse_ring, public_key_of, render_ring

# A running worker must have read the ring before the first record that the revocation is about.
REVOCATION_LEAD = timedelta(seconds=10)


def signing_roles() -> Sequence[str]:
    """Roles of processes that give commands, by the topic files."""
    names = {name for spec in catalog.topics().values() for givers in spec.commands.values() for name in givers}
    return sorted({catalog.role_of(name) for name in names})


class KeyStore:
    """The keys of one directory, for whoever administers them: processes read one private key and the ring."""

    def __init__(self, private_dir: Path, ring_path: Path) -> None:
        self._private_dir = private_dir
        self._ring_path = ring_path

    def make(self, now: datetime, *, complete_ring: bool = False) -> Sequence[PublicKey]:
        """Make a key for each role that has none; returns what is new in the ring.

        complete_ring  also add the public half of each private key here that the ring lacks

        Raises: ContractBroken when the ring lacks one and complete_ring is not given: nobody would act on what such a
                role signs, and a ring that is gone held replaced keys, which no private key gives back.
        """
        with self._changing(ring_may_be_gone=complete_ring) as keys:
            unknown = self._unknown_to(keys, now)
            if unknown and not complete_ring:
                raise self._ring_lacks([key.role for key in unknown])
            keys.extend(unknown)
            missing = [role for role in signing_roles() if not self._path(role).exists()]
            return [*unknown, *(self._new(role, now, into=keys) for role in missing)]

    def rotate(self, role: str, now: datetime) -> PublicKey:
        """Replace a role's key. The old one stays good for what it signed; its private half is gone.

        Raises: ContractBroken when no such role gives commands.
        """
        if role not in signing_roles():
            raise ContractBroken(f"{role!r} gives no commands; roles with keys are {', '.join(signing_roles())}")
        with self._changing() as keys:
            return self._new(role, now, into=keys)

    def revoke(self, key_id: str, start: datetime, now: datetime) -> PublicKey:
        """Refuse what a key signs, in records that the broker takes from an instant on.

        Raises: ContractBroken when the ring lacks the key, it is revoked already, or the instant is not ahead: what was
                acted on can't be reversed, and a replay that judged it otherwise would not be the same.
        """
        if start < now + REVOCATION_LEAD:
            raise ContractBroken(
                f"a key is revoked from {REVOCATION_LEAD.seconds} s ahead at the earliest, got {start.isoformat()}: "
                "what was acted on before stays; `saldo audit export` lists what this key signed"
            )
        with self._changing() as keys:
            found = next((key for key in keys if key.key_id == key_id), None)
            if found is None:
                raise ContractBroken(f"no key {key_id!r}; `saldo keys list` shows the keys of this installation")
            if found.revoked_from is not None and found.revoked_from <= start:
                raise ContractBroken(f"key {key_id} is revoked from {found.revoked_from.isoformat()} already")
            changed = replace(found, revoked_from=start)
            keys[keys.index(found)] = changed
        return changed

    def all(self) -> Sequence[PublicKey]:
        """Return every key of the ring, the oldest of each role first; empty before the first was made.

        Raises: ContractBroken when the ring is gone: private keys are here and it is not.
        """
        if not self._ring_path.exists() and (roles := self._roles_here()):
            raise self._ring_lacks(roles)
        return self._read()

    def _read(self) -> Sequence[PublicKey]:
        keys = parse_ring(self._ring_path.read_text("utf-8"), str(self._ring_path)) if self._ring_path.exists() else ()
        return sorted(keys, key=lambda key: (key.role, key.made_at, key.key_id))

    def current(self, role: str) -> str | None:
        """Return the id of the key that this role signs with; None when its private half is not here."""
        path = self._path(role)
        return load_signer(path, role).key_id if path.exists() else None

    def _roles_here(self) -> Sequence[str]:
        return [role for role in signing_roles() if self._path(role).exists()]

    def _unknown_to(self, keys: Sequence[PublicKey], now: datetime) -> list[PublicKey]:
        """Return the public halves of the private keys here that these keys lack."""
        known = {key.key_id for key in keys}
        here = ((role, load_signer(self._path(role), role).private) for role in self._roles_here())
        halves = (public_key_of(private, role, now.astimezone(UTC)) for role, private in here)
        return [half for half in halves if half.key_id not in known]

    def _ring_lacks(self, roles: Sequence[str]) -> ContractBroken:
        return ContractBroken(
            f"{self._ring_path} lacks the public key of {', '.join(roles)} (its private half: {self._private_dir}): "
            "nothing signed with it can be proved. Restore the file from a backup or from another machine. If "
            "nobody has it, `saldo keys make --complete-ring` adds the keys that are here; what replaced keys have "
            "signed stays without proof then"
        )

    def _new(self, role: str, now: datetime, *, into: list[PublicKey]) -> PublicKey:
        private = Ed25519PrivateKey.generate()
        public = public_key_of(private, role, now.astimezone(UTC))
        # The ring first: what is signed with a key that nobody knows yet is refused.
        into.append(public)
        self._write(into)
        text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        write_private(self._path(role), text)
        return public

    def _path(self, role: str) -> Path:
        return self._private_dir / f"{role}.pem"

    def _write(self, keys: Sequence[PublicKey]) -> None:
        write_private(self._ring_path, render_ring(keys))
        self._ring_path.chmod(0o644)

    @contextmanager
    def _changing(self, *, ring_may_be_gone: bool = False) -> Iterator[list[PublicKey]]:
        """Hold the ring, to be changed by one command at a time and written at the end."""
        for directory in (self._private_dir, self._ring_path.parent):
            if not directory.exists():
                directory.mkdir(parents=True)
                directory.chmod(0o700)
        with (self._ring_path.parent / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = list(self._read() if ring_may_be_gone else self.all())
            before = list(keys)
            yield keys
            if keys != before:
                self._write(keys)


def load_signer(path: Path, role: str) -> RoleSigner:
    """Return what signs for a role.

    Raises: ContractBroken naming the file and the remedy, never its content.
    """
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ContractBroken(
            f"{path} holds the key that signs the commands of {role} and can't be read ({error.strerror}); "
            "`saldo keys make` makes keys, SALDO_KEYS_PRIVATE_PATH names another place"
        ) from None
    except (ValueError, TypeError):
        raise ContractBroken(f"{path} is no private key; `saldo keys rotate {role}` makes a new one") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ContractBroken(f"{path} is no Ed25519 key; `saldo keys rotate {role}` makes one")
    return RoleSigner(role, private)


def load_known_signer(path: Path, role: str, ring: Path) -> RoleSigner:
    """Return what signs for a role, with a key that the ring knows.

    Raises: ContractBroken as `load_signer` and `load_ring` do, and when the ring lacks the key: what it signed would
            be parked as NotSigned, one record after the other.
    """
    found = load_signer(path, role)
    if load_ring(ring).find(found.key_id) is None:
        raise ContractBroken(
            f"{ring} lacks the public key {found.key_id} of {role}, so nobody would act on what it signs; copy it "
            "from the machine on which `saldo keys list` shows that key (docs/security.md)"
        )
    return found


def load_ring(path: Path) -> RingFile:
    """Return the ring of an installation; raises ContractBroken when there is none."""
    ring = RingFile(path)
    ring.read()
    return ring


def key_store(settings: Settings) -> KeyStore:
    """Return the keys of an installation."""
    private = settings.private_key_path(ADMIN).parent
    return KeyStore(private, settings.public_keys_path)
