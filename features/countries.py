"""IP address → country: a table of intervals of the user's own, or the registries' allocations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import iptocc
import numpy as np
from numpy.typing import NDArray

from features.declared import COUNTRIES

_CODE = {name: code for code, name in enumerate(COUNTRIES)}


class CountryTable:
    """The default table: what the five regional registries have allocated to which country."""

    source = f"iptocc {version('iptocc')} (data of the regional registries; MIT or Apache-2.0)"
    digest = hashlib.sha256(source.encode()).hexdigest()

    def codes(self, addresses: Sequence[str | None]) -> NDArray[np.int16]:
        """Index into ``declared.COUNTRIES`` of each address, 0 where unknown, shape (n,)."""
        found = iptocc.country_code([one or "" for one in addresses])
        return np.fromiter((_CODE.get(one, 0) for one in found), np.int16, len(addresses))


def load_country_table(path: Path | None) -> CountryTable:
    """The default table."""
    return CountryTable()
