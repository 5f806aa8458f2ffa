"""A watched folder: dispute reports and deposit reports that somebody puts there, each read once.

    <folder>/disputes/report.csv            where there is one merchant account, or the file names its accounts itself
    <folder>/disputes/<account>/report.csv  where there are several
    <folder>/deposits/...                   likewise

What was read is remembered by digest and by the profiles it was read with, in sources.cursors.v1: neither a restart nor
another name reads it again. A file is on its topic before its facts are. Files are read in a thread, so that no other
poll waits for a large one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

from app.files.reading import FileReader, Understood
from app.files.register import FileRegister
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.received import GivenFile
from schemas.failures import Unreadable
from streams.edges.ports import Observation

NAME = "files"
FOLDER = "folder"
_SHOWN: Final = 5
_HIDDEN: Final = (".", "~")  # a file that another program is still writing, by the usual names

Watched = Literal["disputes", "deposits"]
_WATCHED: Final[tuple[Watched, ...]] = get_args(Watched)


class RemembersWhatItPublished(Protocol):
    """What the folder needs of the publisher of its source."""

    async def publish(self, observations: AsyncIterator[Observation]) -> int:
        """Write what changed; on return it is durable."""
        ...

    def has_published(self, name: str) -> bool:
        """Return whether something was published under this name, by this process or one before it."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """A file in the folder. Shapes: merchant is None where its folder names none; stamp changes with its content."""

    path: Path
    purpose: Watched
    merchant: str | None
    stamp: tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What became of a file: the name under which its facts are published, None where it can't be read; for people."""

    name: str | None
    left_out: str = ""


class WatchedFolder:
    """Polls a folder."""

    def __init__(
        self, folder: Path, reader: FileReader, register: FileRegister, publisher: RemembersWhatItPublished
    ) -> None:
        self._folder = folder
        self._reader = reader
        self._register = register
        self._publisher = publisher
        # By what a look at the directory shows of a file, so that nothing is read again as long as that stays.
        self._seen: dict[tuple[str, int, int], _Seen] = {}
        self._left_out: tuple[str, ...] = ()

    @property
    def not_read(self) -> tuple[str, ...]:
        """What of the folder was left out, one text for each file."""
        return self._left_out

    async def poll(self) -> AsyncIterator[Observation]:
        """Yield the facts of each file that is new.

        Raises: Unreadable naming a folder that is none.
        """
        found, misplaced = await asyncio.to_thread(self._look)
        for file in found:
            if not self._is_done(file):
                async for observation in self._of_file(file):
                    yield observation
        self._seen = {file.stamp: self._seen[file.stamp] for file in found}
        self._left_out = (*misplaced, *(seen.left_out for seen in self._seen.values() if seen.left_out))

    def _is_done(self, file: _Found) -> bool:
        seen = self._seen.get(file.stamp)
        return seen is not None and (seen.name is None or self._publisher.has_published(seen.name))

    async def _of_file(self, file: _Found) -> AsyncIterator[Observation]:
        shown = str(file.path.relative_to(self._folder))
        try:
            given = await asyncio.to_thread(self._reader.take, file.path, file.merchant, origin=FOLDER)
            name = f"{file.purpose}/{file.merchant or ''}/{given.digest}/{self._reader.profiles_digest}"
            if self._publisher.has_published(f"facts/{name}"):
                self._seen[file.stamp] = _Seen(None)
                return
            understood = await asyncio.to_thread(self._understood, file.purpose, given)
        except FileUnreadable as error:
            self._seen[file.stamp] = _Seen(None, f"{shown}: {error.reason}. {error.remedy}")
            return
        understood = understood.first_read_at(await self._register.first_read_at(given.digest))
        await self._publisher.publish(_one((f"file/{name}", understood.received)))
        # A file of which rows were left out is read again after a restart, so that it stays in sight.
        subject = f"{'partly' if understood.bad else 'facts'}/{name}"
        self._seen[file.stamp] = _Seen(subject, _left_out(shown, understood.bad))
        yield subject, understood.facts

    def _understood(self, purpose: Watched, given: GivenFile) -> Understood:
        read: Callable[[GivenFile], Understood] = (
            self._reader.disputes if purpose == "disputes" else self._reader.deposits
        )
        return read(given)

    def _look(self) -> tuple[list[_Found], list[str]]:
        """Return the files of every folder, and what lies where nothing is read."""
        if not self._folder.is_dir():
            raise Unreadable(f"{self._folder} is no folder; correct SALDO_FILES_FOLDER, or make it")
        found: list[_Found] = []
        misplaced: list[str] = []
        for path in _visible(self._folder):
            if path.name not in _WATCHED or not path.is_dir():
                misplaced.append(f"{path.name}: is read in no such place; move it into {' or '.join(_WATCHED)}")
        for purpose in _WATCHED:
            for path in _visible(self._folder / purpose):
                if path.is_file():
                    found.append(_found(path, purpose, None))
                elif path.name in self._reader.labels:
                    found += [_found(one, purpose, path.name) for one in _visible(path) if one.is_file()]
                else:
                    known = ", ".join(self._reader.labels)
                    misplaced.append(f"{purpose}/{path.name}: is no merchant account; there are {known}")
        return found, misplaced


def _found(path: Path, purpose: Watched, merchant: str | None) -> _Found:
    stat = path.stat()
    return _Found(path, purpose, merchant, (str(path), stat.st_size, stat.st_mtime_ns))


def _visible(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if not path.name.startswith(_HIDDEN))


async def _one(observation: Observation) -> AsyncIterator[Observation]:
    yield observation


def _left_out(shown: str, bad: Sequence[BadRow]) -> str:
    if not bad:
        return ""
    rows = "; ".join(f"line {row.line}: {row.reason}" for row in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{shown}: {rows}{more}"
