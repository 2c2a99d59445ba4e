"""Stacks in folders of their own, taken down again whatever the test did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.local import LocalStack

MakeStack = Callable[[str], LocalStack]


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    made: list[LocalStack] = []

    def make(name: str) -> LocalStack:
        stack = LocalStack(tmp_path / name, prometheus=False)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.down(wipe=True)
