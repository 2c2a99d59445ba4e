"""An alert's case: how far people are with it, and what they found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.names import CaseState
from features.iso_times import iso_time

#: Longest texts, in characters.
MOST_WHO, MOST_NOTE = 64, 1_000
#: States that say what the event turned out to be, and its label.
LABELS: Mapping[CaseState, int] = {CaseState.CONFIRMED: 1, CaseState.DISMISSED: 0}


class Case(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One case.

    Attributes:
        state: of it.
        revision: how often it was changed; 0: never.
        at_ms: when last, milliseconds since 1970; 0: never.
        who: changed it, or "".
        note: on it, or "".
        label_due: whether the label that the state stands for may not have been sent yet.
    """

    state: CaseState = CaseState.NEW
    revision: int = 0
    at_ms: int = 0
    who: str = ""
    note: str = ""
    label_due: bool = False

    def says(self, state: CaseState, who: str, note: str) -> bool:
        """Whether this is what it says already."""
        return (self.state, self.who, self.note) == (state, who, note)

    def changed(self, state: CaseState, who: str, note: str, at_ms: int) -> Case:
        """The case after a change."""
        return Case(
            state=state,
            revision=self.revision + 1,
            # Later than the one before, whatever the clock says: the later label is to count.
            at_ms=max(at_ms, self.at_ms + 1),
            who=who,
            note=note,
            label_due=state in LABELS,
        )

    def fields(self) -> dict[str, Any]:
        """As answers have it."""
        return {
            "state": self.state.value,
            "revision": self.revision,
            "changed_at": iso_time(self.at_ms) if self.revision else None,
            "who": self.who or None,
            "note": self.note or None,
            "label_sent": not self.label_due if self.state in LABELS else None,
        }


#: That of an alert that nobody has looked at.
UNTOUCHED = Case()
pack_case = msgspec.msgpack.Encoder().encode
unpack_case = msgspec.msgpack.Decoder(Case).decode
