"""All lists in use, asked of micro-batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.names import Severity
from features.batch import EventBatch
from features.declared import COUNTRIES
from model.lists.addresses import AddressMembers
from model.lists.members import Members
from model.rules.rule import Hit

#: The lists, each with what it does; the order in which hits are named.
DENY, ALLOW, SUPPRESS = "deny", "allow", "suppress"
LISTS = (DENY, ALLOW, SUPPRESS)
#: Kind of member → the column of the event that is looked up.
COLUMN = {"user": "user_id", "card": "card_id", "device": "device_id", "ip": "ip_address"}
COUNTRY = "country"
KINDS = (*COLUMN, COUNTRY)

_ACTION = {DENY: "block", ALLOW: "allow", SUPPRESS: SUPPRESS}
_REASON = {
    DENY: "the {} is on the deny list",
    ALLOW: "the {} is on the allow list",
    SUPPRESS: "alerts of the {} are suppressed for a while",
}
_NAME = {DENY: "list:deny:{}", ALLOW: "list:allow:{}", SUPPRESS: "suppressed:{}"}


@dataclass(frozen=True, slots=True)
class Lists:
    """Members by list and kind.

    Attributes:
        members: (list, kind) → members; those without any are left out.
    """

    members: Mapping[tuple[str, str], Members | AddressMembers] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many members there are in all."""
        return sum(len(one) for one in self.members.values())

    def met(
        self, batch: EventBatch, country: NDArray[np.int16]
    ) -> list[tuple[Hit, NDArray[np.bool_]]]:
        """Which lists the events are on, and which of them, shape (n,); only what is met at all."""
        found = []
        for which in LISTS:
            for kind in KINDS:
                members = self.members.get((which, kind))
                if members is None or (kind in COLUMN and COLUMN[kind] not in batch.text):
                    continue
                if kind == COUNTRY:
                    where = _of_country(members, country, batch.time_ms)
                else:
                    where = members.holds(batch.coded(COLUMN[kind]), batch.time_ms)
                if where.any():
                    found.append((hit_of(which, kind), where))
        return found


NO_LISTS = Lists()


def hit_of(which: str, kind: str) -> Hit:
    """What an event gets that is on a list."""
    what = "IP address" if kind == "ip" else kind
    severity = Severity.HIGH if which == DENY else Severity.LOW
    return Hit(
        _NAME[which].format(kind), _ACTION[which], False, severity, _REASON[which].format(what)
    )


def _of_country(
    members: Members | AddressMembers, country: NDArray[np.int16], time_ms: NDArray[np.int64]
) -> NDArray[np.bool_]:
    where = np.zeros(len(country), np.bool_)
    for code in np.unique(country).tolist():
        span = members.span(COUNTRIES[code])
        if span is not None:
            where |= (country == code) & (time_ms >= span[0]) & (time_ms < span[1])
    return where
