"""The page while events come, while there are none, and while the store is away."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.views.browser.conftest import Open, served
from tests.views.browser.growing import GrowingStore
from tests.views.world import World, world_of
from views.file.frame import FrameStore

_IDS = "() => [...document.querySelectorAll('#feed .feed-item')].map(one => one.dataset.set)"


@pytest.fixture
def growing(world: World) -> GrowingStore:
    return GrowingStore(world.events, 900)


@pytest.fixture
def live(growing: GrowingStore, world: World) -> Iterator[str]:
    with served(growing, world.settings) as url:
        yield url


def test_new_alerts_come_without_a_reload_and_nothing_flickers(
    live: str, growing: GrowingStore, open_page: Open, world: World
) -> None:
    opened = open_page(live)
    opened.until("() => document.querySelector('#mode').textContent === 'Live'")
    before = opened.page.evaluate(_IDS)
    opened.page.evaluate(
        """() => {
          window.kept = [...document.querySelectorAll(
            '#feed .feed-item, #trend .js-plotly-plot, #map .js-plotly-plot, #figures dd')];
          document.querySelector('#feed .feed-item').focus();
          window.focused = document.activeElement;
        }"""
    )
    ids = world.events.event_id
    second = [row for row in range(900, len(ids)) if ids[row] in world.events.alerts][1]
    growing.show(second + 1)
    opened.until("count => document.querySelector('#figure-transactions').textContent === count",
                 f"{second + 1:,}")  # fmt: skip
    fresh = [one for one in ids[900 : second + 1] if one in world.events.alerts]
    opened.until(
        "ids => ids.every(id => [...document.querySelectorAll('#feed .feed-item')]"
        ".some(one => JSON.parse(one.dataset.set).alert === id))",
        fresh,
    )
    after = opened.page.evaluate(_IDS)
    assert after[len(fresh) :] == before[: len(after) - len(fresh)]
    # What was there is still there, and not there again.
    assert opened.page.evaluate(
        """fresh => {
          const feed = kept.filter(one => one.className === 'feed-item');
          const stay = feed.slice(0, feed.length - fresh);
          const rest = kept.filter(one => one.className !== 'feed-item');
          return [...stay, ...rest].every(one => one.isConnected)
            && document.activeElement === focused;
        }""",
        len(fresh),
    )
    opened.until("() => document.querySelector('#announcer').textContent.includes('ew alert')")
    assert opened.page.evaluate("document.querySelector('#announcer').ariaLive") == "polite"


def test_a_store_that_is_away_is_said_and_what_was_shown_stays(
    live: str, growing: GrowingStore, open_page: Open
) -> None:
    opened = open_page(live)
    figure = opened.figure("transactions")
    growing.away = True
    opened.until("() => !document.querySelector('#banner').hidden")
    assert "Redis does not answer" in opened.page.inner_text("#banner")
    assert opened.texts("#mode") == ["Unavailable"]
    opened.page.click("text='7 d'")
    assert opened.figure("transactions") == figure
    growing.away = False
    growing.show(growing.known + 1)
    opened.until("() => document.querySelector('#banner').hidden")
    opened.until("before => document.querySelector('#figure-transactions').textContent !== before",
                 figure)  # fmt: skip


def test_before_the_first_event(live: str, growing: GrowingStore, open_page: Open) -> None:
    growing.show(0)
    opened = open_page(live, drawn=False)
    opened.page.wait_for_selector("text=No transactions yet")
    growing.show(30)
    opened.drawn()
    assert opened.figure("transactions") == "30"


def test_a_period_without_events(open_page: Open, address: str) -> None:
    opened = open_page(f"{address}/?from=1999-01-01&to=1999-02-01", drawn=False)
    opened.page.wait_for_selector("text=no transactions in this period")
    opened.page.wait_for_selector("text=No alerts in this period")
    assert opened.figure("transactions") == "0"
    assert opened.figure("fraud") == "–"


def test_what_the_address_holds_wrongly_is_said(open_page: Open, address: str) -> None:
    opened = open_page(f"{address}/?from=yesterday&bucket=century&profile=nobody")
    said = opened.page.inner_text("#notice")
    assert "from='yesterday' is no date" in said
    assert "bucket='century' is not known" in said
    assert "profile='nobody' is not known" in said


def test_without_a_model_there_are_labels_and_no_alerts(
    open_page: Open, world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("no-model")
    plain = world_of(world.path, folder, with_model=False)
    with served(plain.store, plain.settings) as url:
        opened = open_page(url, drawn=False)
        opened.page.wait_for_selector("text=No model, no alerts")
        assert opened.figure("alerts") == opened.figure("recall") == "–"
        assert opened.figure("transactions") == f"{len(plain.table):,}"
        opened.page.wait_for_selector("#map .choroplethlayer path", state="attached")
        # The server is still there when the page is looked at for errors.
        opened.close()


def test_ids_are_masked_and_a_masked_device_can_be_chosen(open_page: Open, world: World) -> None:
    settings = world.settings.model_copy(update={"mask_ids": True})
    store = FrameStore(world.events, "masked")
    with served(store, settings) as url:
        opened = open_page(url)
        device = opened.page.locator("#devices tbody button").nth(2)
        masked = device.inner_text()
        assert masked not in set(world.table["device_id"])
        device.click()
        opened.page.wait_for_selector("#chips .chip >> text=device")
        opened.page.locator("#feed .feed-item").first.click()
        opened.page.wait_for_selector("#drawer[open] .facts")
        shown = opened.page.inner_text("#drawer")
        assert masked in shown
        alert = json.loads(opened.page.evaluate(_IDS)[0])["alert"]
        row = world.table[world.table["event_id"] == alert].iloc[0]
        assert row["device_id"] not in shown
        opened.close()
