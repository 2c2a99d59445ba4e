"""axe finds nothing serious, in light and dark, on desktop and phone, with the drawer open."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from tests.views.browser.conftest import DESKTOP, PHONE, Open, Opened

SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Open, address: str, look: Any, size: Any) -> None:
    opened = open_page(address, color_scheme=look, size=size)
    opened.page.click(".feed-filters > summary")
    opened.page.click(".card-trend summary")
    assert serious(opened) == []
    opened.page.locator("#feed .feed-item").first.click()
    opened.page.wait_for_selector("#drawer[open] .facts")
    opened.page.click("#drawer summary")
    assert serious(opened) == []


def test_landmarks_and_headings(open_page: Open, address: str) -> None:
    opened = open_page(address)
    for landmark in ("header", "nav[aria-label]", "main", "footer:not(.scripts)"):
        assert opened.page.locator(landmark).count() == 1, landmark
    assert opened.texts("h1") == ["Fraud overview"]
    assert opened.page.evaluate("document.documentElement.lang") == "en"


def serious(opened: Opened) -> list[str]:
    """What axe finds of that kind."""
    found = Axe().run(opened.page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
