"""Exactly the members are found, however they came to be there."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.coded import Coded
from model.lists.addresses import AddressMembers
from model.lists.members import FOREVER, Members, Span

MILLION = 1_000_000
texts = st.text("abcé", min_size=1, max_size=3)
spans = st.one_of(
    st.just(FOREVER),
    st.tuples(st.integers(0, 5), st.integers(6, 9)),
)
addresses = st.one_of(
    st.integers(0, 40).map(lambda n: str(ip_address("10.0.0.0") + n)),
    st.integers(0, 40).map(lambda n: str(ip_address("2001:db8::") + n)),
)
networks = st.builds(
    lambda address, bits: str(
        ip_network(f"{address}/{(32 if '.' in address else 128) - bits}", strict=False)
    ),
    addresses,
    st.integers(0, 5),
)


def column(values: list[str | None]) -> Coded:
    return Coded(values)


@given(
    st.dictionaries(texts, spans, max_size=8),
    st.lists(st.tuples(texts, st.none() | spans), max_size=8),
    st.lists(st.tuples(st.none() | texts, st.integers(0, 10)), min_size=1, max_size=20),
)
def test_members_are_those_of_a_dictionary(
    begun: dict[str, Span], changes: list[tuple[str, Span | None]], asked: list[tuple[str, int]]
) -> None:
    members, expected = Members.of(begun).with_changes(changes), dict(begun)
    for text, span in changes:
        if span is None:
            expected.pop(text, None)
        else:
            expected[text] = span
    assert len(members) == len(expected)
    assert members.entries() == expected
    found = members.holds(column([text for text, _ in asked]), np.array([at for _, at in asked]))
    assert found.tolist() == [
        text in expected and expected[text][0] <= at < expected[text][1] for text, at in asked
    ]


@given(
    st.lists(st.one_of(addresses, networks), max_size=6),
    st.lists(st.tuples(st.one_of(addresses, networks), st.booleans()), max_size=6),
    st.lists(st.none() | addresses, min_size=1, max_size=20),
)
def test_an_address_is_found_by_itself_and_in_every_range_around_it(
    begun: list[str], changes: list[tuple[str, bool]], asked: list[str | None]
) -> None:
    members = AddressMembers.of(dict.fromkeys(begun, FOREVER))
    members = members.with_changes([(text, FOREVER if there else None) for text, there in changes])
    expected = set(begun)
    for text, there in changes:
        (expected.add if there else expected.discard)(text)
    assert set(members.entries()) == expected
    ranges = [ip_network(text) for text in expected]
    found = members.holds(column(asked), np.zeros(len(asked), np.int64))
    assert found.tolist() == [
        one is not None
        and any(
            range_.version == ip_address(one).version and ip_address(one) in range_
            for range_ in ranges
        )
        for one in asked
    ]


def test_a_million_members_and_changes_to_them() -> None:
    members = Members.of({f"device-{n}": FOREVER for n in range(MILLION)})
    assert len(members) == MILLION
    changed = members.with_changes([("device-7", None), ("new", FOREVER), ("device-8", (0, 10))])
    asked = column(["device-6", "device-7", "device-8", "new", f"device-{MILLION}", None])
    found = changed.holds(asked, np.array([5, 5, 15, 5, 5, 5]))
    assert found.tolist() == [True, False, False, True, False, False]
    assert members.holds(asked, np.full(6, 5)).tolist() == [True, True, True, False, False, False]
    assert len(changed) == MILLION
