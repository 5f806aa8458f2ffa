"""The keys of data subjects as one process uses them: read from their topic, made where a person has none, destroyed.

For whoever seals (sources, the ingress), opens (sinks, readers) or destroys (erase-subjects). Keys are held in memory,
some 400 bytes each. Of two keys that two processes made for one person at the same moment, all use the elder from then
on; texts name their key, so both can be opened. What is sealed how: schemas/checks/sealing.py, docs/adr/0107.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas import catalog
from schemas.checks.sealing import SubjectKey, new_key, sealed_record, subjects_of, unwrapped, wrapped, wrapping_key
from schemas.failures import ContractBroken, Unreadable
from schemas.records import Record
from schemas.records.privacy import SubjectKeyStored
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from schemas.wire.envelope import content_event_id
from streams.log.outbound import Outbound
from streams.log.ports import Log

KEYS = Topic.PRIVACY_KEYS
# Compaction leaves the newest segment of a partition alone, and a broker begins a new one only with an append, once the
# newest is as old as the topic's segment.ms. So a destroyed key is written twice more: the first append closes the
# segment that holds the key, the second one the segment that holds the record which takes its place.
COPIES = 2


@dataclass(slots=True)
class _Destroyed:
    """The key of a partition that was destroyed last, and how often it was written again since this process knows."""

    stored: SubjectKeyStored
    written_at: datetime
    copies: int = 0


def _is_later(one: SubjectKeyStored, other: SubjectKeyStored) -> bool:
    assert one.destroyed_at is not None
    return other.destroyed_at is None or one.destroyed_at > other.destroyed_at


class SubjectKeys:
    """Keys by person and by key id. One per process, inside the loop that uses it."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        secret: Callable[[], bytes],
        *,
        source: str,
        now: Callable[[], datetime] = utc_now,
        segment: timedelta | None = None,
        make: Callable[[], SubjectKey] = new_key,
    ) -> None:
        """Bind the topic.

        Shapes: secret gives the installation's privacy key, and is asked when the first key is used; source is the name
                under which this process writes: source-paytrace; segment is how old the broker lets a segment get, as
                the catalogue has it; make makes a new key.
        """
        self._segment = segment or timedelta(milliseconds=int(catalog.topic(KEYS).config["segment.ms"]))
        self._log = log
        self._codec = codec
        self._secret = secret
        self._source = source
        self._now = now
        self._make = make
        self._by: bytes | None = None
        self._read_to: dict[int, int] = {}
        self._of: dict[str, dict[str, SubjectKeyStored]] = {}
        self._by_id: dict[str, SubjectKeyStored] = {}
        self._usable: dict[str, bytes] = {}
        self._destroyed: dict[int, _Destroyed] = {}
        self._turn = asyncio.Lock()

    async def seal(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """Return records with their personal values sealed; a person without a key gets one, which is durable then.

        Ensures: records without personal values cost nothing, and ask nothing of the broker.
        Raises:  DeliveryFailed when a new key is not acknowledged; Unavailable when keys can't be read; ContractBroken
                 when one makes no sense or this process has no privacy key.
        """
        subjects = subjects_of(records)
        if not subjects:
            return tuple(records)
        async with self._turn:
            await self._read_on()  # who was erased or readmitted meanwhile, and keys that others made
            await self._make_missing(subjects)
            await self._close_segments()
            keys = {subject: self._elder(subject) if self._knows(subject) else None for subject in subjects}
        return tuple(sealed_record(record, keys) for record in records)

    async def refresh(self) -> None:
        """Read on to the end of the topic: who opens does so first, that a destroyed key opens nothing."""
        async with self._turn:
            await self._read_on()

    def key_of(self, key_id: str) -> bytes | None:
        """Return a key as read so far; None where it is destroyed or not there."""
        stored = self._by_id.get(key_id)
        return None if stored is None or not stored.wrapped_key else self._unwrapped(stored)

    def subjects(self) -> dict[str, bool]:
        """Return everybody who ever had a key, as read so far, and whether the person is erased."""
        return {subject: self._is_erased(subject) for subject in self._of}

    async def destroy(self, subject: str, at: datetime) -> int:
        """Destroy every key of a person; on return no process that reads on can use one.

        Shapes: the result is the number of keys that were destroyed at this instant, by this call or by one before it
                that a crash cut off; 0 when they all were before.
        Raises: LookupError when the person has none and never had; else as `seal`.
        """
        async with self._turn:
            await self._read_on()
            stored = self._of.get(subject)
            if not stored:
                raise LookupError(subject)
            await self._append(
                [
                    replace(
                        one,
                        wrapped_key="",
                        destroyed_at=at if one.wrapped_key else one.destroyed_at,
                        is_readmitted=False,
                    )
                    for one in stored.values()
                    if one.wrapped_key or one.is_readmitted
                ]
            )
            await self._read_on()
            return sum(one.destroyed_at == at for one in self._of[subject].values())

    async def readmit(self, subject: str) -> bool:
        """Let a person whose keys are destroyed get a new one.

        Shapes: False when nothing had to change: there is a usable key, or the person is readmitted already.
        Raises: LookupError when the person never had a key; else as `seal`.
        """
        async with self._turn:
            await self._read_on()
            stored = self._of.get(subject)
            if not stored:
                raise LookupError(subject)
            if not self._is_erased(subject):
                return False
            await self._append([replace(one, is_readmitted=True) for one in stored.values()])
            return True

    def _knows(self, subject: str) -> bool:
        return any(one.wrapped_key for one in self._of.get(subject, {}).values())

    def _is_erased(self, subject: str) -> bool:
        stored = self._of.get(subject, {}).values()
        return bool(stored) and all(not one.wrapped_key and not one.is_readmitted for one in stored)

    def _elder(self, subject: str) -> SubjectKey:
        usable = [one for one in self._of[subject].values() if one.wrapped_key]
        elder = min(usable, key=lambda one: (one.created_at, one.key_id))
        return SubjectKey(elder.key_id, self._unwrapped(elder))

    def _unwrapped(self, stored: SubjectKeyStored) -> bytes:
        if stored.key_id not in self._usable:
            self._usable[stored.key_id] = unwrapped(stored.wrapped_key, self._wrapping())
        return self._usable[stored.key_id]

    async def _make_missing(self, subjects: Collection[str]) -> None:
        made = [
            SubjectKeyStored(
                key_id=key.key_id,
                data_subject=subject,
                wrapped_key=wrapped(key.key, self._wrapping()),
                created_at=self._now(),
                destroyed_at=None,
                is_readmitted=False,
            )
            for subject in sorted(subjects)
            if not self._knows(subject) and not self._is_erased(subject)
            for key in (self._make(),)
        ]
        if made:
            await self._append(made)
            await self._read_on()  # another process may have made one in the same moment: the elder one counts

    async def _append(self, stored: Sequence[SubjectKeyStored]) -> None:
        await self._log.append(
            [
                Outbound.of(
                    one,
                    topic=KEYS,
                    source=f"saldo/{self._source}",
                    at=one.destroyed_at or one.created_at,
                    codec=self._codec,
                    log=self._log,
                    event_id=content_event_id(
                        "SubjectKeyStored", f"{one.key_id}/{one.destroyed_at}/{one.is_readmitted}".encode()
                    ),
                )
                for one in stored
            ]
        )

    async def _read_on(self) -> None:
        for partition in range(self._log.partition_count(KEYS)):
            start, end = await self._log.watermarks(KEYS, partition)
            async for batch in self._log.read(KEYS, partition, self._read_to.get(partition, start), end):
                for record in batch:
                    self._take(self._decoded(record.value), partition)
                    self._read_to[partition] = record.offset + 1

    async def _close_segments(self) -> None:
        """Write what is due of the copies that let compaction reach a destroyed key."""
        now = self._now()
        for known in self._destroyed.values():
            if known.copies < COPIES and now - known.written_at >= self._segment:
                await self._append([known.stored])
                known.copies, known.written_at = known.copies + 1, now

    def _take(self, stored: SubjectKeyStored, partition: int) -> None:
        known = self._destroyed.get(partition)
        if stored.destroyed_at is not None and (known is None or _is_later(stored, known.stored)):
            self._destroyed[partition] = _Destroyed(stored, self._now())
        elif known is not None and stored.key_id == known.stored.key_id:
            known.stored = stored
        self._of.setdefault(stored.data_subject, {})[stored.key_id] = stored
        self._by_id[stored.key_id] = stored
        if not stored.wrapped_key:
            self._usable.pop(stored.key_id, None)

    def _decoded(self, value: bytes | None) -> SubjectKeyStored:
        try:
            stored = self._codec.decode_as_written(value)
        except Unreadable as error:
            raise ContractBroken(f"{KEYS} holds something that is no key, so nothing is sealed: {error}") from error
        if not isinstance(stored, SubjectKeyStored):
            raise ContractBroken(f"{KEYS} holds a {type(stored).__name__}, and only keys belong there")
        return stored

    def _wrapping(self) -> bytes:
        if self._by is None:
            self._by = wrapping_key(self._secret())
        return self._by
