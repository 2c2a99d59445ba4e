"""One entry of a list, checked: what may stand there, in the form in which it is compared."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import msgspec

from core.errors import RulesError
from features.declared import COUNTRIES, UNKNOWN
from features.profiles import profile_spec
from model.lists.lists import COLUMN, COUNTRY, KINDS, LISTS, SUPPRESS
from model.lists.members import FOREVER, Span
from model.rules.rule import ALWAYS_MS, NEVER_MS

_MOST_TEXT = 256
_MOST_NOTE = 256


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who or what is on a list, and since when for how long.

    Attributes:
        list: ``deny``, ``allow`` or ``suppress``.
        kind: ``user``, ``card``, ``device``, ``ip`` or ``country``.
        value: canonical: an address, or a range of them, as ``ipaddress`` writes it.
        from_ms, until_ms: event times between which it counts, milliseconds since 1970 UTC.
        who: put it there; free text.
        at_ms: when that was.
        why: free text.
    """

    list: str
    kind: str
    value: str
    from_ms: int = ALWAYS_MS
    until_ms: int = NEVER_MS
    who: str = ""
    at_ms: int = 0
    why: str = ""

    @property
    def span(self) -> Span:
        """When it counts."""
        return self.from_ms, self.until_ms


def canonical(entry: Entry, profile: str) -> Entry:
    """The same with its value in the form in which it stands on a list; times are not looked at.

    Raises:
        RulesError: it can be on no such list; names the value and the remedy.
    """
    which(entry.list)
    kind(entry.kind, profile)
    value = _canonical(entry.kind, entry.value.strip())
    return msgspec.structs.replace(entry, value=value)


def checked(entry: Entry, profile: str) -> Entry:
    """The same, fit to be put on its list.

    Raises:
        RulesError: it can be on no such list; names the value and the remedy.
    """
    entry = canonical(entry, profile)
    value = entry.value
    if entry.from_ms >= entry.until_ms:
        raise RulesError(
            f"{entry.value!r:.80}: its end is not after its beginning: give a later one"
        )
    if "/" in value and entry.kind == "ip" and entry.span != FOREVER:
        raise RulesError(
            f"ip range {value}: ranges count for ever: leave out the time, or list the addresses"
        )
    if entry.list == SUPPRESS and entry.until_ms == NEVER_MS:
        raise RulesError(
            f"{entry.kind} {value!r:.80}: alerts are suppressed for a while only: say until when, "
            "or use the allow list"
        )
    return msgspec.structs.replace(entry, who=entry.who[:_MOST_NOTE], why=entry.why[:_MOST_NOTE])


def which(name: str) -> str:
    """The name of a list.

    Raises:
        RulesError: there is none of that name.
    """
    if name not in LISTS:
        raise RulesError(f"list {name!r:.80} is unknown: use {', '.join(LISTS)}")
    return name


def kind(name: str, profile: str) -> str:
    """A kind of entry that the events of a profile can have.

    Raises:
        RulesError: there is none of that name.
    """
    text = profile_spec(profile).text
    known = [one for one in KINDS if COLUMN.get(one, "ip_address") in text]
    if name not in known:
        raise RulesError(f"kind {name!r:.80}: {profile} events have {', '.join(known)}")
    return name


def _canonical(kind_: str, value: str) -> str:
    if kind_ == "ip":
        try:
            if "/" in value:
                return str(ip_network(value))
            return str(ip_address(value))
        except ValueError as error:
            raise RulesError(
                f"ip {value!r:.80} is no address or range ({error}): write 203.0.113.7 or "
                "203.0.113.0/24"
            ) from None
    if kind_ == COUNTRY:
        code = value if value == UNKNOWN else value.upper()
        if code not in COUNTRIES:
            raise RulesError(
                f"country {value!r:.80} is unknown: use ISO 3166-1 alpha-2, such as US, or unknown"
            )
        return code
    if not value or len(value) > _MOST_TEXT or not value.isprintable():
        raise RulesError(
            f"{kind_} {value!r:.80} is no id: use 1 to {_MOST_TEXT} printable characters"
        )
    return value
