"""How far the projector is behind Kafka, topic by topic: for `saldo up`, which waits for zero, and for the console."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from projections.batches.batch import Tally
from projections.batches.positions import Progress
from streams.log.ports import Log, Partition


@dataclass(frozen=True, slots=True)
class Lag:
    """Records that Kafka holds and the store does not, by topic. Units: record counts."""

    by_topic: Mapping[str, int]

    @property
    def total(self) -> int:
        """Records behind, over all topics; 0 is caught up."""
        return sum(self.by_topic.values())


class ProjectorStatus:
    """What the projector has stored so far; written by its loop, read by the endpoint's threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._stored: dict[Partition, int] = {}
        self._partitions: tuple[Partition, ...] = ()
        self._tally = Tally()

    def follow(self, progress: Mapping[Partition, Progress], tally: Tally) -> None:
        """Take up what the store holds at start."""
        self.stored(progress)
        self._tally = tally

    def began(self, partitions: tuple[Partition, ...]) -> None:
        """Note that all topics exist and are being read from now on."""
        with self._lock:
            self._partitions = partitions

    def stored(self, progress: Mapping[Partition, Progress]) -> None:
        """Note that these partitions are stored up to here."""
        with self._lock:
            self._stored.update({partition: known.next_offset for partition, known in progress.items()})

    @property
    def is_reading(self) -> bool:
        """Whether all topics exist and are assigned."""
        with self._lock:
            return bool(self._partitions)

    def tally(self) -> Mapping[str, int]:
        """Add to the counts since start: messages read, rows made, repeats dropped, records unreadable."""
        return asdict(self._tally)

    def lag(self) -> Lag:
        """Ask the broker for its ends and compare; raises Unavailable when it does not answer."""
        with self._lock:
            partitions, stored = self._partitions, dict(self._stored)
        behind: dict[str, int] = {}
        for partition, end in self._log.ends(partitions).items():
            behind[partition[0]] = behind.get(partition[0], 0) + max(0, end - stored.get(partition, 0))
        return Lag(dict(sorted(behind.items())))
