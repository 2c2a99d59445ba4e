"""Dead letters back to where they came from, with proof of delivery.

Promise: when ``resend`` returns with ``ended``, the broker has acknowledged every letter counted
in ``sent``: key and value byte for byte as the letter has them, in the topic that the original was
read from, those of one partition of the dead-letter topic in their order. A letter that is cut,
or that does not come from an input topic of this namespace, is counted and never sent.

1. ``survey`` reads the stretch once: what is chosen, what of it can be sent, where it goes. A
   letter that was sent before and came back is a later letter too; only the latest is sent.
2. ``sendable`` reads the same stretch again and yields what is to be sent; ``resend`` sends it.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cli.dlq_feed import Stretch, letters, no_letter
from core.errors import BrokerError
from core.kafka_admin import KafkaAdmin
from core.names import PROFILES, REPLAYED_FROM, Topics
from core.settings import Settings
from producer.sender import Failure, Sender
from stream.dead_letters import DeadLetter, LetterFilter, Place

#: What came in compressed may be larger than the topic's limit until it is compressed again.
_MAX_MESSAGE_BYTES = 2_097_152
_PATIENCE_S = 120.0
_LAST_WORDS_S = 10.0
_TELL_EVERY = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant.

    Attributes:
        filter: what they have in common.
        places: if not empty, only those at these places.
    """

    filter: LetterFilter
    places: frozenset[Place] = frozenset()

    def has(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant."""
        if self.places and letter.place not in self.places:
            return False
        return self.filter.of_topic(letter) and self.filter.fits(letter)


@dataclass(frozen=True, slots=True)
class _Later:
    """What must hold of an earlier letter for a later one to stand for it.

    The header alone is not believed, for anybody may write it: the letters must hold the same, and
    one of them must be the later one, so that some letter of each event is always sent.
    """

    rank: tuple[int, Place]
    content: bytes

    @classmethod
    def of(cls, letter: DeadLetter) -> _Later:
        parts = (letter.source_topic, letter.key, letter.value)
        return cls(
            (letter.stored_ms, letter.place),
            hashlib.blake2b(repr(parts).encode(), digest_size=16).digest(),
        )

    def stands_for(self, earlier: DeadLetter) -> bool:
        other = _Later.of(earlier)
        return other.content == self.content and other.rank < self.rank


@dataclass(slots=True)
class Survey:
    """What a choice comes to.

    Attributes:
        chosen: letters that are meant.
        truncated: of those, cut ones.
        homeless: of those, letters that come from no input topic of this namespace.
        homes: input topics → how many of the others came from them.
        elsewhere: letters of other topics that the choice leaves out.
        replaced: places of letters that were sent before → the chosen letter that came of it.
    """

    chosen: int = 0
    truncated: int = 0
    homeless: int = 0
    homes: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    replaced: dict[Place, _Later] = field(default_factory=dict)

    @property
    def candidates(self) -> int:
        """Letters that can be sent, earlier ones of the same event included."""
        return self.homes.total()


@dataclass(slots=True)
class Resent:
    """How far a replay came.

    Attributes:
        total: letters to be gone through.
        passed: of those, how many are handed over or skipped.
        skipped: earlier letters of events of which a later one is sent.
        handed_over: letters given to the client.
        unsettled: of those, neither acknowledged nor refused.
        failed: of those, refused by the broker.
        failures: the first of them.
        ended: whether everything was gone through and is settled.
        seconds: how long it took.
    """

    total: int
    passed: int = 0
    skipped: int = 0
    handed_over: int = 0
    unsettled: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    ended: bool = False
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Letters that the broker has acknowledged."""
        return self.handed_over - self.unsettled - self.failed


def survey(
    settings: Settings, stretch: Stretch, choice: Choice, stopping: Callable[[], bool]
) -> Survey | None:
    """What the choice comes to; None when ``stopping`` said so.

    Raises:
        BrokerError: the topic cannot be read, or an input topic is gone.
        DataError: there is no letter at one of the places.
    """
    homes = _input_topics(settings)
    found = Survey()
    missing = set(choice.places)
    for letter in letters(settings, stretch):
        if stopping():
            return None
        missing.discard(letter.place)
        if not choice.has(letter):
            found.elsewhere += not choice.places and not choice.filter.of_topic(letter)
            continue
        found.chosen += 1
        if letter.truncated:
            found.truncated += 1
        elif letter.source_topic not in homes:
            found.homeless += 1
        else:
            found.homes[letter.source_topic] += 1
            earlier = letter.came_back_from
            if earlier is not None and not choice.places:
                found.replaced[earlier] = _Later.of(letter)
    for place in sorted(missing):
        raise no_letter(stretch.topic, place, "nothing lies at that offset")
    gone = found.homes.keys() - KafkaAdmin(settings).partitions().keys()
    if gone:
        raise BrokerError(
            f"dead letters came from topic {min(gone)}, which is no longer there: create it by "
            "starting a worker of that profile, then repeat the command"
        )
    return found


def sendable(
    settings: Settings, stretch: Stretch, choice: Choice, found: Survey
) -> Iterator[tuple[DeadLetter, str | None]]:
    """Each candidate of the survey with the topic it goes to; None where a later letter goes."""
    homes = _input_topics(settings)
    for letter in letters(settings, stretch):
        home = letter.source_topic
        if choice.has(letter) and not letter.truncated and home in homes:
            later = found.replaced.get(letter.place)
            yield letter, None if later is not None and later.stands_for(letter) else home


def resend(
    settings: Settings,
    candidates: Iterator[tuple[DeadLetter, str | None]],
    total: int,
    *,
    show: Callable[[Resent], None],
    notice: Callable[[str], None],
    stopping: Callable[[], bool],
) -> Resent:
    """Send what ``sendable`` yields and wait until all of it is settled.

    When ``stopping`` says so, no more is handed over; what was, is still waited for.

    Raises:
        BrokerError: the broker is away for too long; the message says how far it came.
    """
    done = Resent(total)
    started = time.monotonic()
    sender = Sender(
        settings,
        stopping=stopping,
        notice=notice,
        patience_s=_PATIENCE_S,
        max_message_bytes=_MAX_MESSAGE_BYTES,
        keep_ids=True,
    )

    def look() -> None:
        done.failed, done.failures = sender.failed, sender.failures
        done.unsettled = sender.unsettled
        done.seconds = time.monotonic() - started
        show(done)

    try:
        for letter, home in candidates:
            if stopping():
                break
            if home is None:
                done.skipped += 1
            elif _hand_over(sender, letter, home):
                done.handed_over += 1
            else:
                break
            done.passed += 1
            if done.passed % _TELL_EVERY == 0:
                sender.wait(0)
                look()
        settled = sender.confirm() or sender.confirm(_LAST_WORDS_S)
        look()
        done.ended = settled and done.passed == done.total
    except BrokerError as error:
        look()
        raise BrokerError(
            f"{error}; {done.sent:,} of {done.total:,} letters were sent: repeat the command, "
            "sending one again does no harm"
        ) from None
    finally:
        sender.close()
    return done


def _hand_over(sender: Sender, letter: DeadLetter, home: str) -> bool:
    mark = (REPLAYED_FROM, letter.mark.encode())
    return sender.send(home, letter.key, letter.value, str(letter.place), [mark])


def _input_topics(settings: Settings) -> frozenset[str]:
    topics = Topics(settings.namespace)
    return frozenset(topics.transactions(profile).name for profile in PROFILES)
