"""What people do on the page: work on alerts, and look at how good alerts were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from core.settings import Settings
from tests.views.browser.conftest import PHONE, Open, Opened, served
from tests.views.browser.test_accessibility import serious
from tests.views.read_model import PROFILE, Message, produce, projecting, wait_for
from tests.views.test_api_labels import published
from tests.views.world import World, world_of
from views.handling.work import work_on
from views.periods import Span
from views.readmodel.redis_store import RedisStore
from views.store import AlertFilter

ALERTS = 3


@dataclass
class Live:
    """The page over a read model with some alerts of the sample."""

    url: str
    ids: list[str]  #: the latest event first
    settings: Settings
    store: RedisStore


@pytest.fixture
def live(settings: Settings, world: World) -> Iterator[Live]:
    alerts = [json.loads(one) for one in world.events.alerts.values()]
    alerts = sorted(alerts, key=lambda one: (one["event_time"], one["event_id"]))[-ALERTS:]
    produce(settings, [Message(topic, one) for one in alerts for topic in ("scores", "alerts")])
    store = RedisStore(settings)
    with projecting(settings):
        wait_for(settings, 2 * ALERTS)
        with served(store, settings, work_on(store, settings)) as url:
            yield Live(url, [one["event_id"] for one in reversed(alerts)], settings, store)
    store.close()


def said(opened: Opened, text: str) -> None:
    opened.page.wait_for_selector(f"#case-said >> text={text}")


def test_an_alert_is_worked_on_from_its_drawer(live: Live, open_page: Open) -> None:
    opened = open_page(live.url)
    page = opened.page
    page.locator("#feed .feed-item").first.click()
    page.wait_for_selector("#drawer[open] .case-form >> text=New")
    page.fill("[data-case-field=who]", "Ada <b>")
    page.fill("[data-case-field=note]", "two lines\nof it")
    # By keyboard alone.
    page.focus("text='Confirm as fraud'")
    page.keyboard.press("Enter")
    said(opened, "Saved: confirmed.")
    page.wait_for_selector("[data-case=confirmed][aria-pressed=true]")
    page.wait_for_selector(".case-form >> text=Confirmed by Ada <b>")
    page.wait_for_selector("#drawer .labels >> text=case")
    page.wait_for_selector("#drawer .drawer-when >> text=labelled as fraud")
    (case,) = live.store.cases.of(PROFILE, [live.ids[0]])
    assert (case.state, case.who, case.note) == ("confirmed", "Ada <b>", "two lines\nof it")
    assert [(one["event_id"], one["label"]) for one in published(live.settings)] == [
        (live.ids[0], 1)
    ]
    page.click("text='Dismiss'")
    said(opened, "Saved: dismissed.")
    page.wait_for_selector("#drawer .labels li:nth-child(2)")
    page.keyboard.press("Escape")
    page.wait_for_selector("#drawer", state="hidden")
    page.wait_for_selector("#feed .case-dismissed")
    # Of another alert nothing was typed or said.
    page.locator("#feed .feed-item").nth(1).click()
    page.wait_for_selector("#drawer[open] .case-form >> text=New")
    assert page.input_value("[data-case-field=note]") == ""
    assert page.text_content("#case-said") == ""
    page.click("text='Take into review'")
    said(opened, "Saved: in review.")


def test_an_alert_that_a_rule_alone_asked_for_says_so(live: Live, open_page: Open) -> None:
    (like,) = live.store.alerts(PROFILE, Span(), AlertFilter(), None, 1).alerts
    rule = {"name": "ring", "action": "block", "shadow": False, "severity": "high", "reason": "a"}
    by_rule = {name: value for name, value in like.items() if name not in {"label", "case"}} | {
        "event_id": "by-a-rule",
        "event_time": "2031-01-01T00:00:00.000Z",
        "score": 0.0125,
        "threshold": None,
        "control": True,
        "rules": [rule, rule | {"name": "night", "shadow": True}],
        "reasons": [
            {"code": "rule", "feature": "ring", "value": None, "contribution": None, "text": "a b"},
            {"code": "shap", "feature": "age", "value": 1.0, "contribution": 0.5, "text": "c d"},
        ],
    }
    produce(live.settings, [Message(topic, by_rule) for topic in ("scores", "alerts")])
    wait_for(live.settings, 2 * ALERTS + 2)
    opened = open_page(live.url)
    opened.page.locator("#feed .feed-item").first.click()
    opened.page.wait_for_selector("#drawer[open] >> text=0.0125")
    said_of_it = opened.page.inner_text("#drawer")
    assert "a rule or a list asks for this alert" in said_of_it
    assert "it is one of the control share" in said_of_it
    assert "ring (block); night (in shadow)" in said_of_it
    assert opened.texts("#drawer .reasons li") == ["A b", "C d\n+0.50"]
    assert opened.page.locator("#drawer .gauge-mark").count() == 0
    assert serious(opened) == []


def test_the_feed_is_narrowed_by_state(live: Live, open_page: Open) -> None:
    opened = open_page(live.url)
    opened.page.click(".feed-filters > summary", position={"x": 4, "y": 8})
    opened.page.select_option("#select-state", "confirmed")
    opened.page.wait_for_selector("#feed >> text=No alert matches these filters")
    assert "confirmed" in opened.texts("#chips .chip")[0]
    opened.page.select_option("#select-state", "new")
    opened.page.wait_for_selector(f"#feed .feed-item >> nth={ALERTS - 1}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_case_can_be_used_by_everybody(live: Live, open_page: Open, scheme: str) -> None:
    opened = open_page(live.url, color_scheme=scheme)
    opened.page.locator("#feed .feed-item").first.click()
    opened.page.wait_for_selector("#drawer[open] .case-form")
    opened.page.click("text='Take into review'")
    said(opened, "Saved: in review.")
    opened.page.wait_for_selector("[data-case=in_review][aria-pressed=true]")
    assert serious(opened) == []


def test_without_labels_it_says_how_to_give_them(live: Live, open_page: Open) -> None:
    opened = open_page(live.url)
    # All of them are as young as the newest one.
    opened.page.wait_for_selector("#performance-versions >> text=Too early to tell")


def test_how_good_alerts_were_is_shown(open_page: Open, address: str, world: World) -> None:
    opened = open_page(address)
    opened.page.wait_for_selector("#performance-versions tbody tr")
    table = world.table
    known = table[table["label"].notna()]
    fraud, alert = known["label"] == 1, known["alert"] == 1
    ((version, alerts, labelled, precision, recall, caught, missed),) = opened.rows(
        "#performance-versions"
    )
    assert version == world.events.version
    assert (alerts, labelled) == (f"{table['alert'].sum():,}", f"{len(known):,}")
    assert precision.startswith(f"{100 * fraud[alert].mean():.0f} % (")
    assert recall.startswith(f"{100 * alert[fraud].mean():.0f} % (")
    assert caught == f"{known[fraud & alert]['amount'].sum():,.0f}"
    assert missed == f"{known[fraud & ~alert]['amount'].sum():,.0f}"
    note = opened.page.text_content("#performance-note") or ""
    assert note == f"{len(table):,} events, {100 * len(known) / len(table):.1f} % labelled"
    opened.page.click(".card-performance summary")
    opened.page.wait_for_selector("#performance-table tbody tr")
    days = table["time"].dt.floor("D").nunique()
    assert len(opened.rows("#performance-table")) == days


def test_a_file_without_labels_says_so(open_page: Open, world: World, tmp_path: Path) -> None:
    path = tmp_path / "unlabelled.csv"
    pd.read_csv(world.path, dtype=str).assign(**{"class": ""}).to_csv(path, index=False)
    bare = world_of(path, tmp_path)
    with served(bare.store, bare.settings) as url:
        opened = open_page(url, size=PHONE)
        opened.page.wait_for_selector("#performance-versions >> text=No labels yet")
        width = opened.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
        opened.close()
