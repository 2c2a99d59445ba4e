"""Messages of all profiles to the read models that they belong to, with the offsets of all.

The topics are shared by the profiles, and each profile's read model has offsets of its own. Where a
fetch has nothing for a profile, its offsets follow later (``settle``): until then, a restart reads
a little again, which its read model knows.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from confluent_kafka import Message

from core.names import PROFILES, Topics
from views.readmodel.incoming import Incoming, LabelSeen, milliseconds, readers
from views.readmodel.intake import MOST, Intake

_log = logging.getLogger(__name__)


class Sorter:
    """Takes fetched messages in.

    Attributes:
        next: (topic, partition) → offset of the message that is to come, of the partitions that
            are read here.
        counted: profile → how many of its messages were applied, repeated and unmatched.
        unreadable: topic → how many messages could not be read.
        trouble: what makes the read model wrong; empty when all is well.

    Args:
        namespace: of the topics.
    """

    def __init__(self, namespace: str) -> None:
        self._readers = readers(namespace)
        self._labels = Topics(namespace).labels.name
        self._intakes: Mapping[str, Intake] = {}
        #: Offsets that a profile has been read up to and that are not noted yet.
        self._owed: dict[str, dict[str, int]] = {}
        #: Partitions whose next message is not the one that was to come.
        self._gaps: set[tuple[str, int]] = set()
        self._told: set[tuple[str, str]] = set()
        self.next: dict[tuple[str, int], int] = {}
        self.counted: dict[str, Counter[str]] = {profile: Counter() for profile in PROFILES}
        self.unreadable: Counter[str] = Counter()
        self.trouble = ""

    def write_to(self, intakes: Mapping[str, Intake]) -> None:
        """Take messages into these from now on, profile → intake."""
        self._intakes = intakes

    def catch_up(self, catching_up: bool) -> None:
        """Note whether messages of some partition may be long behind those of another."""
        for intake in self._intakes.values():
            intake.catching_up = catching_up

    def start(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Read these partitions from where not all read models have their messages.

        Raises:
            GenerationGone, StateError: as ``Intake.take``.
        """
        offsets = [intake.offsets() for intake in self._intakes.values()]
        self._owed = {profile: {} for profile in self._intakes}
        self._gaps.clear()
        self.next = {
            (topic, partition): min(known.get(f"{topic}:{partition}", 0) for known in offsets)
            for topic, partition in partitions
        }

    def take(self, messages: Sequence[Message]) -> None:
        """Take messages in; once more, if that failed.

        Raises:
            GenerationGone, StateError: as ``Intake.take``.
        """
        sorted_: dict[str, list[Incoming]] = {profile: [] for profile in self._intakes}
        positions: dict[str, int] = {}
        following = dict(self.next)
        complete_from: int | None = None
        unreadable: list[tuple[str, str]] = []
        for message in messages:
            topic, offset = str(message.topic()), message.offset() or 0
            at = (topic, message.partition() or 0)
            due = following.get(at)
            if due is None or offset < due:
                self._earlier(at, offset, due)
                continue
            if offset > due:
                self._gaps.add(at)
            following[at] = offset + 1
            where = f"{topic}:{at[1]}"
            positions[where] = offset + 1
            raw = message.value() or b""
            try:
                seen = self._readers[topic](raw)
            except msgspec.MsgspecError as error:
                unreadable.append((topic, str(error)))
                continue
            if at in self._gaps:
                self._gaps.discard(at)
                if not isinstance(seen, LabelSeen):  # that topic keeps the last of each event
                    moment = milliseconds(seen.event_time)
                    complete_from = max(moment, complete_from or 0)
            sorted_[seen.profile].append(Incoming(seen, raw, where, offset))
        for profile, some in sorted_.items():
            self._take_into(profile, some, positions, complete_from)
        self.next = following
        self._tell(unreadable)

    def _take_into(
        self,
        profile: str,
        messages: Sequence[Incoming],
        positions: Mapping[str, int],
        complete_from: int | None,
    ) -> None:
        intake = self._intakes[profile]
        owed = self._owed[profile]
        for begin in range(0, len(messages), MOST):
            part = messages[begin : begin + MOST]
            counted = intake.take(part, {one.where: one.offset + 1 for one in part}, complete_from)
            self.counted[profile].update(counted)
        owed.update(positions)
        if complete_from is not None:
            intake.take((), owed, complete_from)

    def settle(self) -> None:
        """Note all offsets; raises as ``take``."""
        for profile, owed in self._owed.items():
            if owed:
                self._intakes[profile].take((), owed)
                owed.clear()

    def _earlier(self, at: tuple[str, int], offset: int, due: int | None) -> None:
        if due is not None and at in self.next and due == self.next[at] and not self.trouble:
            self.trouble = (
                f"partition {at[1]} of {at[0]} begins anew at {offset}, and {due} messages of it "
                "are counted: it is not the same topic; make the read model anew with "
                "`fraudstream views --rebuild`"
            )
            _log.error("%s", self.trouble)

    def _tell(self, unreadable: Iterable[tuple[str, str]]) -> None:
        for topic, reason in unreadable:
            self.unreadable[topic] += 1
            if (topic, reason) not in self._told and len(self._told) < 1_000:
                self._told.add((topic, reason))
                _log.warning("messages of %s that cannot be read are left out: %s", topic, reason)
