"""Who may log in to Kafka: one user per role of a process, each with a file of its own that only its owner reads.

The embedded broker makes the files at its first start; for a cluster of your own, an administrator writes the same.
A process reads the file of its own role and no other.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from schemas.failures import ContractBroken
from schemas.files.private_files import write_private

ADMIN = "admin"
WORKER = "worker"
SOURCE_PAYTRACE = "source-paytrace"
SOURCE_ABAS = "source-abas"
SOURCE_RATES = "source-rates"
SOURCE_REPORTS = "source-reports"
SOURCE_SHOP = "source-shop"
INGRESS = "ingress"
IMPORT = "import"
PROJECTOR = "projector"
WATCH = "watch"
SCHEDULES = "schedules"
OPERATORS = "operators"
VIEWER = "viewer"
# The admin makes topics and permissions; a worker runs every agent; the watch reads all and tells of what may raise an
# alert; operators write commands; a viewer reads.
ROLES = (
    *(ADMIN, WORKER, SOURCE_PAYTRACE, SOURCE_ABAS, SOURCE_RATES, SOURCE_REPORTS, SOURCE_SHOP, INGRESS, IMPORT),
    *(PROJECTOR, WATCH, SCHEDULES, OPERATORS, VIEWER),
)
_USER_PREFIX = "saldo-"
_PASSWORD_BYTES = 32
# What stands between quotation marks in the broker's configuration as it is.
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9._@+=/-]+")


def user_of(role: str) -> str:
    """Return the Kafka user of a role: saldo-worker."""
    return f"{_USER_PREFIX}{role}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How one role logs in, as librdkafka names protocol and mechanism."""

    username: str
    password: str
    security_protocol: str = "SASL_PLAINTEXT"
    sasl_mechanism: str = "PLAIN"

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, password='**********')"

    def options(self) -> dict[str, str]:
        """Return the log-in for confluent-kafka clients."""
        return {
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.username,
            "sasl.password": self.password,
        }


def credentials_file(place: Path, role: str) -> Path:
    """Return the file of a role: `place` itself, or <role>.json when it is a directory."""
    return place / f"{role}.json" if place.is_dir() else place


def read_credentials(path: Path) -> Credentials:
    """Read one file.

    Raises: ContractBroken naming the file, when it is missing, not readable by this user, or not of this form.
    """
    try:
        found = Credentials(**json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ContractBroken(
            f"{path} holds the Kafka log-in of this process and can't be read ({error.strerror}); "
            "set SALDO_KAFKA_CREDENTIALS_PATH to the file of its role, or SALDO_KAFKA_SASL_USERNAME and _PASSWORD"
        ) from None
    except (ValueError, TypeError):
        # The reason of a JSON error would quote the file, and the file holds a password.
        raise ContractBroken(
            f'{path} is no Kafka log-in; write {{"username": ..., "password": ...}}, with "security_protocol" and '
            '"sasl_mechanism" when they are not SASL_PLAINTEXT and PLAIN'
        ) from None
    if not all(isinstance(value, str) and value for value in asdict(found).values()):
        raise ContractBroken(f"{path}: every value must be a text that is not empty")
    return found


def provide_credentials(directory: Path) -> Mapping[str, Credentials]:
    """Return the log-in of every role, made at the first call and kept, and of systems whose files lie beside.

    Ensures: the directory is 0700 and each file 0600, whatever the umask.
    Raises:  ContractBroken naming a file that is no log-in, or takes the name of one of our users.
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    found: dict[str, Credentials] = {}
    for role in ROLES:
        path = directory / f"{role}.json"
        if not path.exists():
            made = Credentials(user_of(role), secrets.token_urlsafe(_PASSWORD_BYTES))
            write_private(path, json.dumps(asdict(made)))
        found[role] = read_credentials(path)
    for path in sorted(directory.glob("*.json")):
        if path.stem not in ROLES:
            path.chmod(0o600)
            found[path.stem] = _of_another_system(path)
    return found


def _of_another_system(path: Path) -> Credentials:
    found = read_credentials(path)
    refuse_our_user(found.username)
    if not all(_PLAIN_TEXT.fullmatch(text) for text in (found.username, found.password)):
        raise ContractBroken(f"{path}: username and password may have letters, digits and . _ @ + = / - only")
    return found


def refuse_our_user(user: str) -> None:
    """Raise ContractBroken for a name that only Saldo's own users have."""
    if user.startswith(_USER_PREFIX):
        raise ContractBroken(
            f"{user} begins with {_USER_PREFIX}, as Saldo's own users do; give the other system another name"
        )
