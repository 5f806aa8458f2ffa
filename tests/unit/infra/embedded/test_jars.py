"""No byte runs that our lock does not name: a changed, missing or extra file stops the start.

A small repository served on loopback stands for the public one, so that every way to be wrong can be made.
"""

from __future__ import annotations

import gc
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded import jars
from infra.embedded.errors import FetchFailed, FilesNotAsLocked, LockUnreadable

POM = """<project><modelVersion>4.0.0</modelVersion><groupId>{g}</groupId><artifactId>{a}</artifactId>
<version>{v}</version><packaging>jar</packaging>{dependencies}</project>"""
NEEDS_PART = """<dependencies><dependency><groupId>org.example</groupId><artifactId>part</artifactId>
<version>2.0</version><scope>runtime</scope></dependency></dependencies>"""
ROOTS = {"demo": ("org.example:whole:1.0",), "packed": ("org.example:app:3.1:all:tar.gz",)}


class Repository:
    """What the loopback repository serves, and what it was asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[str] = []
        self.failures_left = 0
        self.cuts_left = 0

    def put(self, artifact: str, version: str, content: bytes, suffix: str = "jar", dependencies: str = "") -> None:
        folder = self.root / "org" / "example" / artifact / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{artifact}-{version}{suffix if suffix.startswith('-') else '.' + suffix}").write_bytes(content)
        pom = POM.format(g="org.example", a=artifact, v=version, dependencies=dependencies)
        (folder / f"{artifact}-{version}.pom").write_text(pom)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    store = Repository(tmp_path / "served")
    store.put("whole", "1.0", b"whole" * 1000, dependencies=NEEDS_PART)
    store.put("part", "2.0", b"part" * 1000)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in (("run.jar", b"run"), ("lib/a.jar", b"a")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    store.put("app", "3.1", packed.getvalue(), suffix="-all.tar.gz")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(store.root))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            store.requests.append(self.path)
            if store.failures_left and self.path.endswith(".jar"):
                store.failures_left -= 1
                self.send_error(503)
                return
            if store.cuts_left and self.path.endswith(".jar"):
                store.cuts_left -= 1
                self.send_response(200)
                self.send_header("Content-Length", "4000")
                self.end_headers()
                self.wfile.write(b"part")
                return
            super().do_GET()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv(jars.REPOSITORY_VARIABLE, f"http://127.0.0.1:{server.server_port}")
        yield store
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(repository: Repository, tmp_path: Path) -> Path:
    path = tmp_path / "jars.lock"
    jars.write_lock(path, ROOTS)
    repository.requests.clear()
    return path


def provide(lock: Path, name: str = "demo") -> Path:
    return jars.provide(name, cache_dir=lock.parent / "cache", lock_path=lock)


def test_the_lock_names_everything_a_root_needs_with_its_digest(lock: Path) -> None:
    assert jars.read_lock(lock)["demo"].artifacts == (
        jars.Artifact(hashlib.sha256(b"part" * 1000).hexdigest(), 4000, "org.example:part:2.0"),
        jars.Artifact(hashlib.sha256(b"whole" * 1000).hexdigest(), 5000, "org.example:whole:1.0"),
    )


def test_a_fetch_brings_exactly_the_locked_files_and_a_second_start_asks_nobody(
    lock: Path, repository: Repository
) -> None:
    directory = provide(lock)
    assert sorted(path.name for path in directory.iterdir()) == ["part-2.0.jar", "whole-1.0.jar"]
    assert (directory / "part-2.0.jar").read_bytes() == b"part" * 1000
    assert list(directory.parent.iterdir()) == [directory], "the fetch left its scratch behind"
    assert repository.requests
    repository.requests.clear()
    assert provide(lock) == directory
    assert repository.requests == []


def test_progress_counts_up_to_the_size_of_the_set(lock: Path) -> None:
    seen: list[jars.Progress] = []
    jars.provide("demo", cache_dir=lock.parent / "cache", lock_path=lock, on_progress=seen.append)
    assert [p.done_bytes for p in seen] == sorted(p.done_bytes for p in seen)
    assert seen[-1].done_bytes == seen[-1].total_bytes == 9000
    assert {p.file for p in seen} == {"part-2.0.jar", "whole-1.0.jar"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_passing_failure_of_the_repository_is_tried_again(lock: Path, repository: Repository) -> None:
    repository.failures_left = 2
    assert provide(lock).is_dir()
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_transfer_that_breaks_off_is_begun_anew(lock: Path, repository: Repository) -> None:
    repository.cuts_left = 1
    assert (provide(lock) / "part-2.0.jar").stat().st_size == 4000
    gc.collect()


# jgo leaves the connection of a refused request to the garbage collector, which complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_is_not_there_is_a_clear_failure(
    lock: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "_FETCH_ATTEMPTS", 2)
    (repository.root / "org/example/part/2.0/part-2.0.jar").unlink()
    with pytest.raises(FetchFailed, match=r"org\.example:part:2\.0"):
        provide(lock)
    assert not list((lock.parent / "cache" / "jars").iterdir()), "a failed fetch left something behind"
    gc.collect()


@pytest.mark.parametrize("forged", [b"forg" * 1000, b"part" * 1001])
def test_a_repository_that_serves_other_bytes_is_refused(lock: Path, repository: Repository, forged: bytes) -> None:
    repository.put("part", "2.0", forged)
    with pytest.raises(FilesNotAsLocked, match=r"part-2\.0\.jar with sha256 " + hashlib.sha256(forged).hexdigest()):
        provide(lock)
    assert not list((lock.parent / "cache" / "jars").iterdir())


def test_a_changed_file_on_disk_is_refused(lock: Path) -> None:
    jar = provide(lock) / "whole-1.0.jar"
    jar.write_bytes(jar.read_bytes()[:-1] + b"x")  # same size, one bit of difference
    with pytest.raises(FilesNotAsLocked, match=r"whole-1\.0\.jar has sha256"):
        provide(lock)


def test_a_missing_and_an_extra_file_are_both_named(lock: Path) -> None:
    directory = provide(lock)
    (directory / "whole-1.0.jar").rename(directory / "evil-1.0.jar")
    with pytest.raises(FilesNotAsLocked) as refusal:
        provide(lock)
    assert refusal.value.findings == ("whole-1.0.jar is missing", "evil-1.0.jar is not in the lock")


def test_an_archive_is_unpacked_and_its_tree_proved(lock: Path, repository: Repository) -> None:
    directory = provide(lock, "packed")
    assert (directory / "run.jar").read_bytes() == b"run"
    assert (directory / "lib" / "a.jar").read_bytes() == b"a"
    (directory / "lib" / "b.jar").write_bytes(b"b")
    with pytest.raises(FilesNotAsLocked, match="unpacked tree"):
        provide(lock, "packed")


def test_another_lock_uses_another_directory(lock: Path, repository: Repository) -> None:
    first = provide(lock)
    repository.put("part", "2.0", b"newer")
    jars.write_lock(lock, ROOTS)
    second = provide(lock)
    assert second != first
    assert (second / "part-2.0.jar").read_bytes() == b"newer"


@pytest.mark.parametrize(
    "line", ["nonsense", "00 5 org.example:part:2.0", "[demo] x", f"{'0' * 64} five a:b:1", f"{'0' * 64} 5 a:b"]
)
def test_a_line_that_cannot_be_read_stops_the_start(tmp_path: Path, line: str) -> None:
    path = tmp_path / "jars.lock"
    path.write_text(f"[demo]\n{line}\n")
    with pytest.raises(LockUnreadable):
        jars.read_lock(path)


def test_an_unknown_set_is_a_clear_failure(tmp_path: Path) -> None:
    path = tmp_path / "jars.lock"
    path.write_text("[demo]\n")
    with pytest.raises(LockUnreadable, match="other"):
        jars.provide("other", cache_dir=tmp_path, lock_path=path)


def test_our_own_lock_holds_one_version_of_each_part_and_all_of_kafka_in_one() -> None:
    locked = jars.read_lock()
    coordinates = [artifact.coordinate.split(":") for artifact in locked["kafka"].artifacts]
    assert {c[2] for c in coordinates if c[0] == "org.apache.kafka"} == {"4.4.0"}
    assert {c[2] for c in coordinates if c[0] == "org.apache.logging.log4j"} == {"2.25.5"}
    assert len({(c[0], c[1]) for c in coordinates}) == len(coordinates)
    for name, roots in jars.ROOTS.items():
        assert set(roots) <= {artifact.coordinate for artifact in locked[name].artifacts}
    assert locked["registry"].unpacked is not None


def test_the_cache_directory_is_the_one_that_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(jars.CACHE_DIR_VARIABLE, str(tmp_path / "x"))
    assert jars.cache_directory() == tmp_path / "x"
    monkeypatch.delenv(jars.CACHE_DIR_VARIABLE)
    assert jars.cache_directory() == Path.home() / ".cache" / "saldo"
