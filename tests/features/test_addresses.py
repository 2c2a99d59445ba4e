"""What can be said of an IP address without a table of countries."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.addresses import (
    PRIVATE,
    PRIVATE_KIND,
    PUBLIC_KIND,
    RESERVED,
    RESERVED_KIND,
    address_kinds,
    pack_addresses,
)
from features.declared import IP_CLASSES
from features.known import own_columns
from tests.features.events import START, make_batch

NETWORKS = [ipaddress.ip_network(text) for text in (*PRIVATE, *RESERVED)]
addresses = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    # On both ends of every special network, and one beyond.
    st.builds(
        lambda network, end, step: ipaddress.ip_address(
            type(network.network_address)(
                max(0, min(int(network[end]) + step, 2**network.max_prefixlen - 1))
            )
        ),
        st.sampled_from(NETWORKS),
        st.sampled_from((0, -1)),
        st.sampled_from((-1, 0, 1)),
    ),
).map(str)


def kind_by_the_book(text: str) -> int:
    address = ipaddress.ip_address(text)

    def among(networks: Sequence[str]) -> bool:
        listed = (ipaddress.ip_network(one) for one in networks)
        return any(one.version == address.version and address in one for one in listed)

    if among(PRIVATE):
        return PRIVATE_KIND
    if among(RESERVED):
        return RESERVED_KIND
    if address.version == 6 and address not in ipaddress.ip_network("2000::/3"):
        return RESERVED_KIND
    return PUBLIC_KIND


@given(st.lists(addresses, max_size=20))
def test_kinds_are_those_of_the_networks(texts: list[str]) -> None:
    assert address_kinds(texts).tolist() == [kind_by_the_book(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8.8.8.8", PUBLIC_KIND),
        ("10.1.2.3", PRIVATE_KIND),
        ("100.64.0.1", PRIVATE_KIND),
        ("192.168.255.255", PRIVATE_KIND),
        ("192.169.0.0", PUBLIC_KIND),
        ("224.0.0.1", RESERVED_KIND),
        ("255.255.255.255", RESERVED_KIND),
        ("2a00:1450::1", PUBLIC_KIND),
        ("fd00::1", PRIVATE_KIND),
        ("2001:db8::1", RESERVED_KIND),
        ("4000::1", RESERVED_KIND),
        ("no address", RESERVED_KIND),
    ],
)
def test_well_known_addresses(text: str, kind: int) -> None:
    assert address_kinds([text]).tolist() == [kind]


@given(st.lists(addresses | st.none() | st.just("no address"), max_size=20))
def test_packing_keeps_rows_and_order(texts: list[str | None]) -> None:
    for packed, version in zip(pack_addresses(texts), (4, 6), strict=True):
        mine = [
            (row, int(ipaddress.ip_address(text)))
            for row, text in enumerate(texts)
            if text is not None and (":" in text) == (version == 6) and text != "no address"
        ]
        assert packed.row.tolist() == [row for row, _ in mine]
        order = np.argsort(packed.number, kind="stable").tolist()
        assert order == sorted(range(len(mine)), key=lambda i: mine[i][1])


def test_ip_class_needs_a_country_only_where_an_address_can_have_one() -> None:
    texts = [None, "8.8.8.8", "8.8.4.4", "10.0.0.1", "240.0.0.1", "192.168.1.1"]
    n = len(texts)
    batch = make_batch(
        [f"e{i}" for i in range(n)], [START] * n, [1] * n, ["u"] * n, ["d"] * n, texts
    )
    country = np.array([0, 233, 0, 0, 0, 7], np.int16)
    own = own_columns(batch, country)
    found = [IP_CLASSES[code] for code in own.code["ip_class"].tolist()]
    assert found == ["unknown", "matched", "unmatched", "private", "reserved", "private"]
    assert own.code["country_known"].tolist() == [0, 1, 0, 0, 0, 1]
