"""The page over banking: what its events do not say is not drawn, and it says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.views.banking import Bank, bank
from tests.views.browser.conftest import DESKTOP, PHONE, Open, served


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return bank(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="module")
def banking(shown: Bank) -> Iterator[str]:
    with served(shown.store, shown.settings) as url:
        yield url


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_no_event_says_is_said_in_its_place(
    open_page: Open, banking: str, shown: Bank, size: object, look: str
) -> None:
    opened = open_page(banking, size=size, color_scheme=look)
    assert opened.figure("transactions") == f"{len(shown.batch):,}"
    assert opened.figure("alerts") == f"{len(shown.events.alerts):,}"
    opened.page.wait_for_selector("#people .annotation-text", state="attached")
    assert opened.texts("#browsers") == ["No transaction in this period says its browser."]
    assert opened.texts("#sources") == ["No transaction in this period says its source."]
    assert opened.texts("#devices") == ["No known device with alerts or fraud in this period."]
    for chart, said in {
        "#map": "no transaction in this period has a known country",
        "#people": "no transaction in this period says age or sex",
    }.items():
        drawn = opened.page.locator(f"{chart} .annotation-text").all_text_contents()
        assert drawn == [said], chart
    # A file has what labels there are, however short it is.
    opened.page.wait_for_selector("#performance-versions tbody tr")
    assert len(opened.rows("#performance-versions")) == 1
    assert "Unknown" not in " ".join(opened.texts("#feed"))
    wide = opened.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_the_details_of_an_alert_tell_of_no_device(
    open_page: Open, banking: str, shown: Bank
) -> None:
    assert shown.events.alerts
    opened = open_page(banking)
    opened.page.locator("#feed .feed-item").first.click()
    opened.page.wait_for_selector("#drawer[open] .facts")
    heads = opened.texts("#drawer h3")
    assert "Transaction" in heads
    assert "Earlier on this device" not in heads
