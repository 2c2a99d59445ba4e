"""The page in a real browser: it shows what is in the file, and leads on from there."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pandas as pd

from tests.views.browser.conftest import PHONE, Open, Opened
from tests.views.world import FORMULA, XSS, World


def test_the_figures_are_those_of_the_file(open_page: Open, address: str, world: World) -> None:
    opened, table = open_page(address), world.table
    labelled = table[table["label"].notna()]
    fraud, alerts = labelled["label"] == 1, labelled["alert"] == 1
    assert opened.figure("transactions") == f"{len(table):,}"
    assert opened.figure("alerts") == f"{table['alert'].sum():,}"
    assert opened.figure("value") == f"{table[table['alert'] == 1]['amount'].sum():,.0f}"
    assert opened.figure("fraud") == f"{100 * fraud.mean():.1f} %"
    assert opened.figure("precision") == f"{100 * (fraud & alerts).sum() / alerts.sum():.1f} %"
    assert opened.figure("recall") == f"{100 * (fraud & alerts).sum() / fraud.sum():.1f} %"
    shown = {row[0]: row for row in opened.rows("#sources")}
    for source, rows in table.groupby("source"):
        name = "Unknown" if source == "unknown" else source
        assert shown[str(name)][1] == f"{rows['alert'].sum():,}"
    assert opened.texts("#mode") == ["File"]


def test_a_period_is_that_of_the_file_and_is_compared(
    open_page: Open, address: str, world: World
) -> None:
    opened, table = open_page(address), world.table
    opened.page.click("text='7 d'")
    end = table["time"].max().floor("h") + pd.Timedelta(hours=1)
    week = timedelta(days=7)
    now = table[table["time"].between(end - week, end, inclusive="left")]
    past = table[table["time"].between(end - 2 * week, end - week, inclusive="left")]
    opened.until(_SHOWS, ["transactions", f"{len(now):,}"])
    assert f"from {len(past):,}" in opened.texts(".figure-of-transactions")[0]
    assert f"from {past['alert'].sum():,}" in opened.texts(".figure-of-alerts")[0]
    assert parse_qs(urlsplit(opened.page.url).query) == {"range": ["7d"]}
    # Back to everything, and forth again.
    opened.page.go_back()
    opened.until(_SHOWS, ["transactions", f"{len(table):,}"])
    opened.page.go_forward()
    opened.until(_SHOWS, ["transactions", f"{len(now):,}"])


def test_dates_and_a_link_give_the_same_view(open_page: Open, address: str, world: World) -> None:
    table = world.table
    first = table["time"].min().floor("D") + timedelta(days=3)
    last = first + timedelta(days=6)
    opened = open_page(address)
    opened.page.fill("#from-date", f"{first:%Y-%m-%d}")
    opened.page.keyboard.press("Tab")
    opened.page.fill("#to-date", f"{last:%Y-%m-%d}")
    opened.page.keyboard.press("Tab")
    inside = table["time"].between(first, last + timedelta(days=1), inclusive="left")
    count = f"{inside.sum():,}"
    opened.until(_SHOWS, ["transactions", count])
    again = open_page(opened.page.url)
    assert again.figure("transactions") == count
    assert again.page.input_value("#from-date") == f"{first:%Y-%m-%d}"
    assert again.page.input_value("#to-date") == f"{last:%Y-%m-%d}"


def test_dragging_over_the_trend_sets_the_period(open_page: Open, address: str) -> None:
    opened = open_page(address)
    box = opened.page.locator("#trend .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    opened.page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=8)
    opened.page.mouse.up()
    opened.page.wait_for_url("**from=*to=*")
    opened.until("() => document.querySelector('#from-date').value !== ''")


def test_the_bucket_of_the_trend(open_page: Open, address: str, world: World) -> None:
    opened = open_page(address)
    opened.page.click("[aria-label='Bucket of the trend'] >> text=Week")
    opened.until("() => document.querySelector('#trend-note').textContent === 'per week'")
    opened.page.click(".card-trend summary")
    opened.page.wait_for_selector("#trend-table tbody tr")
    weeks = world.table.groupby(world.table["time"].dt.tz_localize(None).dt.to_period("W"))
    expected = [
        [f"week from {week.start_time:%-d %b %Y}", f"{len(rows):,}", f"{rows['alert'].sum():,}"]
        for week, rows in reversed(list(weeks))
    ]
    assert [row[:3] for row in opened.rows("#trend-table")] == expected


def test_a_country_and_a_browser_narrow_the_feed(
    open_page: Open, address: str, world: World
) -> None:
    opened, alerts = open_page(address), world.table[world.table["alert"] == 1]
    opened.page.click("#countries tbody tr:first-child button")
    opened.page.wait_for_url("**country=*")
    country = parse_qs(urlsplit(opened.page.url).query)["country"][0]
    inside = alerts[alerts["country"] == country]
    _feed_shows(opened, inside)
    opened.page.click(".feed-filters > summary", position={"x": 4, "y": 8})
    browser = inside["browser"].mode()[0]
    opened.page.select_option("#select-browser", browser)
    _feed_shows(opened, inside[inside["browser"] == browser])
    assert len(opened.texts("#chips .chip")) == 2
    opened.page.click("#chips .chip >> text=country")
    _feed_shows(opened, alerts[alerts["browser"] == browser])


def test_a_click_on_the_map_narrows_the_feed(open_page: Open, address: str, world: World) -> None:
    opened = open_page(address)
    code = opened.page.evaluate(_LARGEST_COUNTRY)
    opened.page.mouse.click(*opened.page.evaluate(_PLACE_OF, code))
    opened.page.wait_for_url(f"**country={code}")
    alerts = world.table[(world.table["alert"] == 1) & (world.table["country"] == code)]
    _feed_shows(opened, alerts)


def test_an_alert_opens_by_mouse_and_closes_by_key(
    open_page: Open, address: str, world: World
) -> None:
    opened = open_page(address)
    first = opened.page.locator("#feed .feed-item").first
    first.click()
    opened.page.wait_for_selector("#drawer[open] .facts")
    event_id = parse_qs(urlsplit(opened.page.url).query)["alert"][0]
    alert = json.loads(world.events.alerts[event_id])
    shown = opened.page.inner_text("#drawer")
    for reason in alert["reasons"]:
        assert reason["text"][1:] in shown
    for text in (event_id, alert["model"]["digest"], alert["model"]["version"], alert["user_id"]):
        assert text in shown
    assert f"{alert['score']:.4f}" in shown
    assert f"{alert['threshold']:.4f}" in shown
    assert f"All {len(alert['features'])} features" in shown
    opened.page.click("#drawer summary")
    assert set(alert["features"]) <= set(opened.texts("#drawer .features code"))
    opened.page.keyboard.press("Escape")
    opened.page.wait_for_selector("#drawer", state="hidden")
    assert "alert=" not in opened.page.url
    assert opened.page.evaluate("document.activeElement.className") == "feed-item"


def test_the_keyboard_alone_opens_an_alert_and_stays_inside(open_page: Open, address: str) -> None:
    opened = open_page(address)
    keyboard = opened.page.keyboard
    keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    keyboard.press("Enter")
    for _ in range(12):
        keyboard.press("Tab")
        if opened.page.evaluate("document.activeElement.className") == "feed-item":
            break
    keyboard.press("Enter")
    opened.page.wait_for_selector("#drawer[open] .facts")
    for _ in range(12):
        keyboard.press("Tab")
        # Outside of the drawer there is nothing but the browser itself.
        assert opened.page.evaluate(
            "document.activeElement === document.body"
            " || document.querySelector('#drawer').contains(document.activeElement)"
        )
    keyboard.press("Escape")
    opened.page.wait_for_selector("#drawer", state="hidden")
    assert opened.page.evaluate("document.activeElement.className") == "feed-item"


def test_a_link_opens_an_alert(open_page: Open, address: str, world: World) -> None:
    event_id = next(one for one in world.events.alerts if "é" in one)
    opened = open_page(f"{address}/?{urlencode({'alert': event_id})}")
    opened.page.wait_for_selector("#drawer[open] .facts")
    assert event_id in opened.page.inner_text("#drawer .facts >> nth=0")
    opened.page.click("#drawer .close")
    opened.page.wait_for_selector("#drawer", state="hidden")
    gone = open_page(f"{address}/?alert=nobody")
    gone.page.wait_for_selector("#drawer[open] >> text=There is no such alert")


def test_tables_come_as_csv(open_page: Open, address: str, world: World) -> None:
    opened, table = open_page(address), world.table
    rows = _downloaded(opened, "[data-csv=alerts]")
    alerts = table[table["alert"] == 1]
    assert sorted(row["event_id"] for row in rows) == sorted(alerts["event_id"])
    assert {row["browser"] for row in rows} <= {*table["browser"], "", f"'{FORMULA}"}
    for name, column in (("countries", "country"), ("browsers", "browser"), ("sources", "source")):
        shown = _downloaded(opened, f"[data-csv={name}]")
        expected = {
            (f"'{value}" if str(value) == FORMULA else str(value)): str(len(rows))
            for value, rows in table.groupby(column)
        }
        assert {row[column]: row["transactions"] for row in shown} == expected
    trend = _downloaded(opened, "[data-csv=trend]")
    assert sum(int(row["alerts"]) for row in trend) == len(alerts)


def test_charts_come_as_png(open_page: Open, address: str) -> None:
    opened = open_page(address)
    for name in ("trend", "map", "people"):
        with opened.page.expect_download() as waiting:
            opened.page.click(f"[data-png={name}]")
        assert Path(waiting.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert waiting.value.suggested_filename == f"fraudstream-{name}.png"


def test_light_and_dark_follow_the_system_and_the_reader(open_page: Open, address: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    line = "document.querySelector('#trend .js-plotly-plot').data[0].line.color"
    opened = open_page(address, color_scheme="dark")
    dark, dark_line = opened.page.evaluate(ground), opened.page.evaluate(line)
    opened.page.click("text='Light'")
    opened.until(f"before => {line} !== before", dark_line)
    assert opened.page.evaluate(ground) != dark
    opened.page.reload()
    opened.drawn()
    assert opened.page.evaluate(ground) != dark
    opened.page.click("text='System'")
    opened.until(f"before => {line} === before", dark_line)
    assert opened.page.evaluate(ground) == dark


def test_texts_of_events_are_never_markup(open_page: Open, address: str) -> None:
    opened = open_page(f"{address}/?{urlencode({'browser': XSS})}")
    assert XSS in "\n".join(opened.texts("#devices button"))
    assert XSS in "\n".join(opened.texts("#browsers button"))
    assert XSS in "\n".join(opened.texts("#chips"))
    assert opened.page.evaluate("document.querySelectorAll('main script').length") == 0


def test_nothing_is_wider_than_a_phone(open_page: Open, address: str) -> None:
    opened = open_page(address, size=PHONE)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    opened.page.locator("#feed .feed-item").first.click()
    opened.page.wait_for_selector("#drawer[open] .facts")
    assert opened.page.evaluate("document.querySelector('#drawer').clientWidth") <= PHONE["width"]


_SHOWS = "([key, text]) => document.querySelector(`#figure-${key}`).textContent === text"
_LARGEST_COUNTRY = """() => {
  const drawn = document.querySelector('#map .js-plotly-plot').data[2];
  return drawn.locations[drawn.z.indexOf(Math.max(...drawn.z))];
}"""
_PLACE_OF = """code => {
  const at = document.querySelector('#map .js-plotly-plot').data[2].locations.indexOf(code);
  const path = document.querySelectorAll('#map .choroplethlayer > g')[2].children[at];
  path.scrollIntoView({block: 'center'});
  const box = path.getBoundingClientRect();
  const inside = path.getScreenCTM().inverse();
  for (let x = 1; x < 40; x++) for (let y = 1; y < 40; y++) {
    const place = [box.x + box.width * x / 40, box.y + box.height * y / 40];
    if (path.isPointInFill(new DOMPoint(...place).matrixTransform(inside))) return place;
  }
}"""


def _feed_shows(opened: Opened, alerts: pd.DataFrame) -> None:
    """The latest 25 of these, and no others."""
    ordered = alerts.assign(ms=alerts["time"].astype("int64")).sort_values(["ms", "event_id"])
    expected = ordered["event_id"].tolist()[::-1][:25]
    opened.until(
        """expected => JSON.stringify([...document.querySelectorAll('#feed .feed-item')].map(
            one => JSON.parse(one.dataset.set).alert)) === expected""",
        json.dumps(expected, separators=(",", ":"), ensure_ascii=False),
    )


def _downloaded(opened: Opened, selector: str) -> list[dict[str, str]]:
    with opened.page.expect_download() as waiting:
        opened.page.click(selector)
    return list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
