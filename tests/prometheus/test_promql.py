"""The reader that the tests of the rules look through misses nothing."""

from __future__ import annotations

import pytest

from tests.prometheus.promql import use_of


@pytest.mark.parametrize(
    ("expression", "matched", "grouped"),
    [
        ("a_total", {"a_total": ()}, ()),
        ('a{x="1", y=~"b(c)", z!="d{e}"} > 5e3', {"a": ("x", "y", "z")}, ()),
        ("sum by (job, le) (rate(a_bucket[5m] offset 1h)) / 2.5", {"a_bucket": ()}, ("job", "le")),
        ("job:a:rate5m and on (job) b >= 1 or absent(c)", {"job:a:rate5m": (), "b": (), "c": ()},
         ("job",)),
        ("time() - max without(x)(a) > bool 90 * 86400", {"a": ()}, ("x",)),
        ("a * on(i) group_left(v) b{v=\"\"} unless c", {"a": (), "b": ("v",), "c": ()}, ("i", "v")),
    ],
)  # fmt: skip
def test_every_series_and_label_is_found(
    expression: str, matched: dict[str, tuple[str, ...]], grouped: tuple[str, ...]
) -> None:
    use = use_of(expression)
    assert {name: set(labels) for name, labels in use.matched} == {
        name: set(labels) for name, labels in matched.items()
    }
    assert use.grouped == set(grouped)
