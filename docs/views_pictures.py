"""``python -m docs.views_pictures URL FOLDER``: the page of the views as it looks, in Chromium.

Start the page first, as ``fraudstream views --csv CSV`` does.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

_PATIENCE_MS = 90_000


@dataclass(frozen=True, slots=True)
class View:
    """One picture.

    Attributes:
        name: of the file, without its ending.
        width, height: of the window, in CSS pixels.
        look: light or dark.
        opened: whether the details of the latest alert are.
        whole: whether all of the page is in it, and not only what the window shows.
    """

    name: str
    width: int
    height: int
    look: Literal["light", "dark"]
    opened: bool = False
    whole: bool = False


VIEWS = (
    View("views-page", 1440, 900, "light", whole=True),
    View("views-dark", 1440, 900, "dark"),
    View("views-alert", 1440, 900, "light", opened=True),
    View("views-alert-dark", 1440, 900, "dark", opened=True),
    View("views-phone", 390, 844, "light"),
    View("views-phone-dark", 390, 844, "dark"),
    View("views-phone-alert", 390, 844, "light", opened=True),
)


def take(browser: Browser, url: str, view: View, folder: Path) -> Path:
    """Open the page at ``url`` and write ``NAME.png``."""
    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=1 if view.width > 600 else 2,
        color_scheme=view.look,
        reduced_motion="reduce",
    )
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#main[data-state=ready] #figure-transactions")
    for chart in ("#trend .scatterlayer .trace", "#map .choroplethlayer path", "#people .bars"):
        page.wait_for_selector(chart, state="attached")
    page.wait_for_function("() => document.querySelector('#mode').textContent !== '…'")
    if view.opened:
        page.locator("#feed .feed-item").first.click()
        page.wait_for_selector("#drawer[open] .facts")
    path = folder / f"{view.name}.png"
    page.screenshot(path=path, full_page=view.whole, animations="disabled")
    context.close()
    return path


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description="Pictures of the page.")
    parser.add_argument("url", help="of the page, such as http://127.0.0.1:8050/?range=30d")
    parser.add_argument("folder", type=Path, help="where they are written")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for view in VIEWS:
            print(take(browser, given.url, view, given.folder))  # noqa: T201 - its result
        browser.close()


if __name__ == "__main__":
    main()
